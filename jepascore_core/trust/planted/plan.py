"""Draw images for planted defects: clean ones, and originals that become defective, all from one seed."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, Self

import numpy as np

from jepascore_core.errors import TooFewImagesError, UnknownNameError, one_of
from jepascore_core.records.canonical import JsonRecord, short_hash
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.storage.store import Store
from jepascore_core.trust.planted.kinds import KINDS, RESAVED, Kind, folder_kind

#: Purpose of the hidden datasets with planted defects.
PLANTED = "planted"

#: Incremented when the same options yield different images.
RECIPE_VERSION = 1
#: Baseline scores are fitted on at least this many images: what Mahalanobis needs in each fold.
MIN_REFERENCE = 25
#: With these the 95 % interval of an AUROC of 0.8 is about 0.73 to 0.87 (Hanley and McNeil 1982).
PER_KIND, CLEAN = 40, 200
#: With fewer an interval is too wide to be useful.
MIN_PER_KIND, MIN_CLEAN = 5, 20

_KNOWN = {**KINDS, **RESAVED}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class PlantOptions(JsonRecord):
    """What is planted: `per_kind` defects of each of the `kinds`, beside `clean` images.

    `folders` are custom kinds, pairs of a name and a folder with defective images.
    """

    kinds: tuple[str, ...] = tuple(KINDS)
    per_kind: int = PER_KIND
    clean: int = CLEAN
    seed: int = 0
    folders: tuple[tuple[str, str], ...] = ()
    recipe_version: int = RECIPE_VERSION

    def __post_init__(self) -> None:
        for name in self.kinds:
            one_of(name, _KNOWN, "kind of defect")
        for name, folder in self.folders:
            if name in _KNOWN or not _NAME.fullmatch(name):
                raise UnknownNameError(
                    f"{name!r} is not a valid name for a kind of defect. Choose a name of letters, digits, - and _ "
                    "that no built-in kind has."
                )
            if not Path(folder).is_dir():
                raise UnknownNameError(f"The folder of the kind {name} does not exist: {folder}. Check the path.")
        if self.per_kind < MIN_PER_KIND or self.clean < MIN_CLEAN:
            raise TooFewImagesError(
                f"{self.per_kind} defects of a kind beside {self.clean} clean images are too few: choose at least "
                f"{MIN_PER_KIND} and {MIN_CLEAN}."
            )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Invert `to_dict`, also after JSON."""
        folders = tuple((str(name), str(folder)) for name, folder in values["folders"])
        return cls(**{**values, "kinds": tuple(values["kinds"]), "folders": folders})

    @property
    def plants_defects(self) -> bool:
        """Whether any of the kinds is a defect, and not only another file format."""
        return bool(self.folders or set(self.kinds) - set(RESAVED))

    @property
    def all_kinds(self) -> tuple[Kind, ...]:
        """Built-in kinds and those of folders."""
        return (*(_KNOWN[name] for name in self.kinds), *(folder_kind(name) for name, _ in self.folders))


@dataclass(frozen=True, slots=True)
class Drawn:
    """One image of a dataset: the first by key of all samples with its bytes."""

    content_id: str
    sample_key: str
    uri: str
    label: str | None
    split: str | None
    width: int
    height: int
    num_bytes: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class PlantPlan:
    """Images of a dataset by role; no image has two roles.

    Attributes:
        clean: unchanged, for comparison.
        originals: become defective, one per kind, and baseline scores are not fitted on them.
        copied: get near duplicates and stay in the dataset.
        others: parts of collages.
        labels: all classes, sorted.
    """

    clean: tuple[Drawn, ...]
    originals: tuple[Drawn, ...]
    copied: tuple[Drawn, ...]
    others: tuple[Drawn, ...]
    labels: tuple[str, ...]


def fitting_options(num_images: int) -> PlantOptions:
    """Return the default options, reduced for small datasets: at most half of the images are drawn.

    Raises:
        TooFewImagesError: if it has too few images even for the smallest options.
    """
    drawn = CLEAN + 3 * PER_KIND
    needed = ceil(2 * drawn * max(MIN_PER_KIND / PER_KIND, MIN_CLEAN / CLEAN))
    if num_images < needed:
        raise TooFewImagesError(
            f"{num_images} images are too few to plant defects: at least {needed} are needed. Review a dataset this "
            "small image by image."
        )
    share = min(1.0, num_images / 2 / drawn)
    return PlantOptions(per_kind=int(PER_KIND * share), clean=int(CLEAN * share))


def kinds_of(dataset_has_classes: bool, options: PlantOptions) -> tuple[Kind, ...]:
    """Return the applicable kinds: labels can only be swapped if there are two classes."""
    return tuple(kind for kind in options.all_kinds if dataset_has_classes or not kind.swaps_label)


def make_plan(store: Store, dataset: DatasetRecord, options: PlantOptions) -> PlantPlan:
    """Draw the images of a dataset; equal options and an equal index yield the same images.

    Raises:
        DatasetNotReadyError: if it has no index.
        TooFewImagesError: if it has too few images; states how many are enough.
    """
    manifest = store.manifest_sql(dataset)
    ids = np.array(
        store.query(f"SELECT DISTINCT content_id FROM ({manifest}) ORDER BY content_id")["content_id"].to_pylist()
    )
    check_enough(dataset.name, len(ids), options)
    sizes = (options.clean, options.per_kind, options.per_kind, options.per_kind)
    chosen = np.random.default_rng(options.seed).permutation(ids)[: sum(sizes)].tolist()
    columns = ", ".join(f"arg_min({name}, sample_key) AS {name}" for name in Drawn.__slots__[2:])
    sql = f"""SELECT content_id, min(sample_key) AS sample_key, {columns} FROM ({manifest})
        WHERE content_id IN (SELECT unnest($1::VARCHAR[])) GROUP BY content_id"""
    drawn = {row["content_id"]: Drawn(**row) for row in store.query(sql, [chosen]).to_pylist()}
    ends = np.cumsum(sizes).tolist()
    clean, originals, copied, others = (
        tuple(drawn[item] for item in chosen[end - size : end]) for size, end in zip(sizes, ends, strict=True)
    )
    found = store.query(f"SELECT DISTINCT label FROM ({manifest}) WHERE label IS NOT NULL ORDER BY label")
    return PlantPlan(clean, originals, copied, others, tuple(found["label"].to_pylist()))


def check_enough(name: str, num_images: int, options: PlantOptions) -> None:
    """Check that there are enough images, including those that baseline scores are fitted on.

    Raises:
        TooFewImagesError: states how many are enough.
    """
    needed = options.clean + 3 * options.per_kind + MIN_REFERENCE
    if num_images >= needed:
        return
    share = max(0.0, (num_images - MIN_REFERENCE) / (needed - MIN_REFERENCE))
    per_kind, clean = int(options.per_kind * share), int(options.clean * share)
    advice = (
        f"Choose fewer, for example `--clean {clean} --per-kind {per_kind}`."
        if per_kind >= MIN_PER_KIND and clean >= MIN_CLEAN
        else "A dataset this small is better reviewed image by image."
    )
    raise TooFewImagesError(
        f"{name} has {num_images:,} different images; {options.clean} clean ones and three times {options.per_kind} "
        f"for defects need {needed:,}. {advice}"
    )


def generator(options: PlantOptions, kind: str, index: int) -> np.random.Generator:
    """Return the random generator of one defective image, which does not depend on the other planted kinds."""
    return np.random.default_rng([options.seed, zlib.crc32(kind.encode()), index])


def other_label(label: str | None, labels: Sequence[str], rng: np.random.Generator) -> str:
    """Draw the label of another class at random."""
    rest = [item for item in labels if item != label]
    return rest[int(rng.integers(len(rest)))]


def identity(dataset: DatasetRecord, options: PlantOptions) -> dict[str, Any]:
    """Return what identifies planted defects of a dataset in the catalogue: options, index, files of folders."""
    files = [_files_of(folder) for _, folder in options.folders]
    facts = {"options": options.to_dict(), "version": dataset.version, "files": short_hash(files)}
    values: dict[str, Any] = json.loads(json.dumps(facts))
    return values


def options_of(planted: DatasetRecord) -> PlantOptions:
    """Return the options in the identity of planted defects."""
    return PlantOptions.from_dict(planted.options["options"])


def _files_of(folder: str) -> list[list[str | int]]:
    return sorted([str(p), p.stat().st_size, p.stat().st_mtime_ns] for p in Path(folder).rglob("*") if p.is_file())
