"""Write the planted images, for the worker: PNG files in the folder of a hidden dataset, and its manifest.

Clean images are not copied and keep their content ids, so that existing scores are not measured again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from jepascore_core.atomic import atomic_path
from jepascore_core.datasets.content import content_id
from jepascore_core.datasets.decoding import decode
from jepascore_core.datasets.demo import load_digit_images
from jepascore_core.datasets.manifest import write_empty_part, write_part
from jepascore_core.datasets.reading import read_bytes, read_content
from jepascore_core.datasets.thumbnails import ensure_thumbnail
from jepascore_core.datasets.uris import path_to_uri
from jepascore_core.errors import SampleError, SourceError
from jepascore_core.records.datasets import DatasetRecord, Sample, SampleFailure
from jepascore_core.storage.catalogue import new_id
from jepascore_core.storage.store import Store
from jepascore_core.trust.planted.kinds import NUM_OTHERS, Kind
from jepascore_core.trust.planted.plan import (
    Drawn,
    PlantOptions,
    PlantPlan,
    generator,
    kinds_of,
    make_plan,
    options_of,
    other_label,
)

#: User columns of the hidden dataset: the kind of defect ("" for a clean image), and the content id of the original.
DEFECT, ORIGIN = "defect", "origin"
#: Counters are written at most this often, in seconds.
REPORT_SECONDS = 0.25

_TYPES = {DEFECT: pa.string(), ORIGIN: pa.string()}


def build_planted(store: Store, planted: DatasetRecord, check: Callable[[], None]) -> str:
    """Create the missing images of a hidden dataset, and its index. Return a status message.

    Raises:
        UnknownNameError: if the dataset that it belongs to was removed.
        TooFewImagesError: as `make_plan`.
        SourceError: if no image could be created.
        RunCancelled, WorkerStopped: from `check`.
    """
    options, parent = options_of(planted), store.catalogue.dataset(str(planted.parent_id))
    plan = make_plan(store, parent, options)
    kinds = kinds_of(len(plan.labels) > 1, options)
    folder = store.dataset_folder(planted.dataset_id)
    total = len(plan.clean) + len(kinds) * options.per_kind
    samples, failures = [_clean(item) for item in plan.clean], list[SampleFailure]()
    maker, reported = _Maker(store, parent, plan, options, folder / "images"), 0.0
    for item in maker.make(kinds):
        check()
        if isinstance(item, Sample):
            samples.append(item)
        else:
            failures.append(item)
        if time.monotonic() - reported >= REPORT_SECONDS:
            reported = time.monotonic()
            counts = {"num_total": total, "num_indexed": len(samples), "num_failed": len(failures)}
            store.catalogue.update_dataset(planted.dataset_id, message=making(options), **counts)
    if len(samples) == len(plan.clean):
        raise SourceError("No altered image could be created: none of the originals can be read.")
    version = f"index-{new_id()}"
    write_part(folder / version, samples, failures, _TYPES)
    if not samples:
        write_empty_part(folder / version, _TYPES)
    counts = {"num_total": total, "num_indexed": len(samples), "num_failed": len(failures)}
    store.catalogue.update_dataset(planted.dataset_id, version=version, **counts)
    made = len(samples) - len(plan.clean)
    what = f"{made} defects beside {len(plan.clean)} clean images" if options.plants_defects else f"{made} copies saved"
    return f"{what}, {len(failures)} failed"


def making(options: PlantOptions) -> str:
    """Return the status message while the images are created."""
    return "Planting defects" if options.plants_defects else "Saving copies as PNG and JPEG"


@dataclass(frozen=True)
class _Maker:
    """Creates the defective images of a plan."""

    store: Store
    parent: DatasetRecord
    plan: PlantPlan
    options: PlantOptions
    folder: Path

    def make(self, kinds: tuple[Kind, ...]) -> Iterator[Sample | SampleFailure]:
        """Yield each defective image of each kind, or why it could not be created."""
        for kind in kinds:
            for index, original in enumerate(self.plan.copied if kind.keeps_original else self.plan.originals):
                key, path = f"{kind.name}/{index:04d}.png", self.folder / kind.name / f"{index:04d}.png"
                try:
                    yield self._sample(kind, index, original, key, path)
                except SampleError as error:
                    uri = path_to_uri(str(path))
                    yield SampleFailure(key, uri, error.stage, type(error).__name__, f"{original.sample_key}: {error}")

    def _sample(self, kind: Kind, index: int, original: Drawn, key: str, path: Path) -> Sample:
        rng = generator(self.options, kind.name, index)
        label = other_label(original.label, self.plan.labels, rng) if kind.swaps_label else original.label
        facts = {DEFECT: kind.name, ORIGIN: original.content_id}
        if kind.swaps_label:
            return _sample_of(original, key, label, facts)
        if not path.is_file():
            made = kind.apply(decode(read_bytes(original.uri)), rng, self._others(kind, index))
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(path, is_durable=False) as temporary:
                made.save(temporary, "PNG")
        uri = path_to_uri(str(path))
        data, state = read_content(uri)
        image = decode(data)
        ensure_thumbnail(self.store.thumbs_folder, content_id(data), image)
        size = image.width, image.height, state.num_bytes, state.modified_ns
        return Sample(key, uri, label, original.split, content_id(data), *size, facts)

    def _others(self, kind: Kind, index: int) -> list[Image.Image]:
        if kind.needs == "foreign":
            return [self._foreign(kind, index)]
        if kind.needs == "same":
            others = [self.plan.others[(index + step) % len(self.plan.others)] for step in range(NUM_OTHERS)]
            return [decode(read_bytes(item.uri)) for item in others]
        return []

    def _foreign(self, kind: Kind, index: int) -> Image.Image:
        folder = dict(self.options.folders).get(kind.name)
        if folder is not None:
            files = self._files(folder)
            if not files:
                raise SourceError(f"The folder of the kind {kind.name} contains no file: {folder}. Check the path.")
            return decode(read_bytes(path_to_uri(str(files[index % len(files)]))))
        if self._foreign_uris:
            return decode(read_bytes(self._foreign_uris[index % len(self._foreign_uris)]))
        digits, _ = self._digits
        digit = digits[int(generator(self.options, "digit", index).integers(len(digits)))]
        return Image.fromarray(digit).convert("RGB")

    def _files(self, folder: str) -> list[Path]:
        """List the files of a folder, shuffled by the seed."""
        found = sorted(path for path in Path(folder).rglob("*") if path.is_file() and not path.name.startswith("."))
        order = np.random.default_rng(self.options.seed).permutation(len(found))
        return [found[position] for position in order]

    @cached_property
    def _foreign_uris(self) -> list[str]:
        """Return the images of the largest other dataset that this one lacks; [] if there is no other."""
        others = [item for item in self.store.catalogue.datasets() if item.version and item != self.parent]
        others = [item for item in others if item.dataset_id != self.parent.dataset_id]
        if not others:
            return []
        other = max(others, key=lambda item: (item.num_indexed, item.dataset_id))
        sql = f"""SELECT content_id, any_value(uri) AS uri FROM ({self.store.manifest_sql(other)})
            WHERE content_id NOT IN (SELECT content_id FROM ({self.store.manifest_sql(self.parent)}))
            GROUP BY content_id ORDER BY content_id"""
        uris = self.store.query(sql)["uri"].to_pylist()
        chosen = np.random.default_rng(self.options.seed).permutation(len(uris))[: self.options.per_kind]
        return [uris[position] for position in chosen]

    @cached_property
    def _digits(self) -> tuple[np.ndarray, np.ndarray]:
        return load_digit_images()


def _clean(item: Drawn) -> Sample:
    return _sample_of(item, f"clean/{item.sample_key}", item.label, {DEFECT: "", ORIGIN: item.content_id})


def _sample_of(item: Drawn, key: str, label: str | None, facts: dict[str, str]) -> Sample:
    size = item.width, item.height, item.num_bytes, item.modified_ns
    return Sample(key, item.uri, label, item.split, item.content_id, *size, facts)
