"""Regions that people mark on a map, kept by name with the dataset, and as columns for rules.

A region is the images that were inside when it was marked: another map, or more images, never change what it means.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.layouts import KeptLayout, read_places
from jepascore_core.curation.rules.marked import Corner, RegionShape
from jepascore_core.errors import RuleError, UnknownNameError, unknown
from jepascore_core.formatting import natural_key
from jepascore_core.records.canonical import short_hash
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.parquet import write_parquet
from jepascore_core.storage.store import Store

MAX_NAME = 60
MAX_CORNERS = 64
DECIMALS = 4
#: How far from the middle of the map a corner may lie, whose images are within 1.
FARTHEST = 100.0
#: What a region is called until a person names it, before the hash of its shape.
UNNAMED = "region "
_FACTS = b"region"


@dataclass(frozen=True, slots=True)
class Region:
    """A region by its name, with its shape and the number of different images in it."""

    name: str
    shape: RegionShape
    num_images: int

    @property
    def is_named(self) -> bool:
        """Whether a person named it."""
        return self.name != unnamed(self.shape)


def unnamed(shape: RegionShape) -> str:
    """Return what a region is called that nobody named."""
    return f"{UNNAMED}{short_hash([shape.layout, shape.corners], 8)}"


def mark_region(store: Store, scores: ScoreSet, layout: KeptLayout, corners: Sequence[Corner]) -> Region:
    """Keep the images of a map within a polygon as a region, which is the same for the same polygon.

    Raises:
        RuleError: for fewer than three corners, too many, or impossible ones.
        StoreError: if the map is no longer there.
    """
    if not 3 <= len(corners) <= MAX_CORNERS or not np.all(np.abs(np.asarray(corners, np.float64)) <= FARTHEST):
        raise RuleError(f"A region needs 3 to {MAX_CORNERS} corners on the map. Draw around some images.")
    rounded = tuple((round(float(x), DECIMALS), round(float(y), DECIMALS)) for x, y in corners)
    shape = RegionShape(layout.kind, layout.identity, scores.key.text, rounded)
    places = read_places(store, scores, layout)
    points = np.stack([places["x"].to_numpy(), places["y"].to_numpy()], axis=1).astype(np.float64)
    inside = places.filter(pa.array(is_inside(points, rounded))).select(["content_id"])
    region = Region(unnamed(shape), shape, inside.num_rows)
    _write(store, scores.dataset_id, region, inside)
    return region


def is_inside(points: npt.NDArray[np.float64], corners: Sequence[Corner]) -> npt.NDArray[np.bool_]:
    """Return which points [N, 2] see an odd number of crossings of the outline to their right, [N]."""
    inside = np.zeros(len(points), dtype=bool)
    x, y = points.T
    outline = np.asarray(corners, np.float64)
    for (x1, y1), (x2, y2) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        if y1 != y2:
            crosses = (y1 > y) != (y2 > y)
            inside ^= crosses & (x < x1 + (y - y1) * (x2 - x1) / (y2 - y1))
    return inside


def region_list(store: Store, dataset_id: str) -> tuple[Region, ...]:
    """Return the regions of a dataset that a person named, by name."""
    found = [_read(path) for path in _folder(store, dataset_id).glob("*.parquet")]
    return tuple(sorted((region for region in found if region.is_named), key=lambda region: natural_key(region.name)))


def known_region(store: Store, dataset_id: str, name: str) -> Region:
    """Return a region by its name.

    Raises:
        UnknownNameError: if there is none; similar ones are suggested.
    """
    path = _path(store, dataset_id, name)
    if not path.is_file():
        names = [region.name for region in region_list(store, dataset_id)]
        raise unknown("region", name, names, where=store.catalogue.dataset(dataset_id).name)
    return _read(path)


def find_region(store: Store, dataset_id: str, name: str) -> Region | None:
    """Return a region by its name, None if there is none."""
    try:
        return known_region(store, dataset_id, name)
    except UnknownNameError:
        return None


def name_region(store: Store, dataset_id: str, name: str, new: str) -> Region:
    """Keep a region under another name, too: rules and links go on with the one that they have.

    Raises:
        UnknownNameError: if there is no such region.
        RuleError: for an invalid name, or that of another region.
    """
    region, wanted = known_region(store, dataset_id, name), new.strip()
    if not 0 < len(wanted) <= MAX_NAME or not wanted.isprintable() or wanted.startswith(UNNAMED):
        raise RuleError(
            f'A region needs a name of 1 to {MAX_NAME} characters that does not begin with "{UNNAMED}", not {new!r}.'
        )
    there = find_region(store, dataset_id, wanted)
    if there is not None and there.shape != region.shape:
        raise RuleError(f"There is another region {wanted} already. Choose another name.")
    named = Region(wanted, region.shape, region.num_images)
    _write(store, dataset_id, named, pq.read_table(_path(store, dataset_id, name)))
    return named


def delete_region(store: Store, dataset_id: str, name: str) -> None:
    """Remove a region; recipes keep what they recorded of it.

    Raises:
        UnknownNameError: if there is no such region.
    """
    known_region(store, dataset_id, name)
    _path(store, dataset_id, name).unlink(missing_ok=True)


def region_column(store: Store, dataset: DatasetRecord, name: str) -> str:
    """Return the cached column of whether each sample is in a region; NULL where it has no embedding yet.

    Raises:
        UnknownNameError: if there is no such region.
        DatasetNotReadyError: if the dataset has no index yet.
    """
    region, cache = known_region(store, dataset.dataset_id, name), columns(store)
    key = ["region", dataset.dataset_id, asdict(region.shape)]
    table = cache.cache_computed(key, lambda: pq.read_table(_path(store, dataset.dataset_id, name)))
    measured = ScoreSet(dataset.dataset_id, MeasurementKey.parse(region.shape.scores))
    base, embedded = cache.base(dataset), cache.embedded(dataset, measured)
    sql = f"""SELECT (CASE WHEN inside THEN true WHEN "{embedded}" THEN false END) AS "{{name}}"
        FROM ({base} POSITIONAL JOIN {embedded}) AS sample
        LEFT JOIN (SELECT DISTINCT content_id, true AS inside FROM {table}) USING (content_id) ORDER BY row_id"""
    return cache.cache_query(["region column", base, embedded, table], sql)


def _write(store: Store, dataset_id: str, region: Region, images: pa.Table) -> None:
    path = _path(store, dataset_id, region.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_parquet(path, images.replace_schema_metadata({_FACTS: json.dumps(asdict(region)).encode()}))


def _read(path: Path) -> Region:
    facts = json.loads(pq.read_schema(path).metadata[_FACTS])
    return Region(facts["name"], RegionShape.from_dict(facts["shape"]), facts["num_images"])


def _folder(store: Store, dataset_id: str) -> Path:
    return store.dataset_folder(dataset_id) / "regions"


def _path(store: Store, dataset_id: str, name: str) -> Path:
    return _folder(store, dataset_id) / f"{short_hash([name], 20)}.parquet"
