"""Datasets of real image files, indexed by the program itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from jepascore_core import open_dataset
from jepascore_core.curation import parse
from jepascore_core.datasets.sources import SourceOptions
from jepascore_core.exporters import ExportOptions
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from tests.conftest import SPEC, add_backbone, make_measurement

#: All but the three least likely; and everything, with a verdict.
KEPT, ALL = parse("score >= 3"), ExportOptions("all")

#: Files of a source: hostile names, a name that means a split to some reader, names that differ in case only.
NAMES = (
    "cat/a.png", "cat/A.png", "cat/test.jpg", "cat-big/b.png", "dog/ünï 日本.png", "dog/x;=1.png", "dog/deep/c.png",
    "test/d.png", "test/%s.png", "test/e'e\".png",
)  # fmt: skip


def make_source(folder: Path, names: tuple[str, ...] = NAMES, shape: tuple[int, int] = (8, 12)) -> Path:
    """An image folder whose images of this height and width all differ."""
    generator = np.random.default_rng(0)
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (*shape, 3), np.uint8)).save(path)
    return folder


def index(store: Store, source: Path, monkeypatch, options: SourceOptions | None = None) -> ScoreSet:
    """Index a source in the store's home folder and score its images 0, 1, 2, ... in order of their keys."""
    monkeypatch.setenv("JEPASCORE_HOME", str(store.home))
    opened = open_dataset(source, options)
    backbone = add_backbone(store)
    rows = sorted(opened, key=lambda sample: sample.sample_key.encode())
    distinct = {sample.content_id: make_measurement(sample.content_id, float(n)) for n, sample in enumerate(rows)}
    store.write_measurements(backbone.backbone_id, SPEC, list(distinct.values()))
    dataset = store.catalogue.datasets()[-1]
    return ScoreSet(dataset.dataset_id, SPEC.key(backbone.backbone_id))


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes and times of every file, to see that nothing touched them."""
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}
