"""An index as a version of a dataset: how often the catalogue hears of it."""

from pathlib import Path

import pytest

from jepascore_core import open_dataset
from jepascore_core.datasets.sources import SourceOptions
from jepascore_core.errors import SourceError
from jepascore_core.jobs import indexing
from jepascore_core.jobs.indexing import build_dataset_index
from jepascore_core.records.datasets import DatasetState
from jepascore_core.storage.store import Store
from tests.cli.sources import write_noise

COUNT = 400


@pytest.mark.parametrize(("seconds", "is_often"), [(0.0, True), (3600.0, False)])
def test_counters_are_written_now_and_then_and_true_at_the_end(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, is_often: bool
):
    monkeypatch.setattr(indexing, "REPORT_SECONDS", seconds)
    folder = write_noise(tmp_path / "images", COUNT)
    dataset = store.catalogue.add_dataset("toy", str(folder), "imagefolder", {})
    writes, write = [], store.catalogue.update_dataset
    monkeypatch.setattr(
        store.catalogue, "update_dataset", lambda *who, **what: (writes.append(what), write(*who, **what))
    )
    checks: list[None] = []
    build_dataset_index(store, dataset, lambda: checks.append(None))
    assert len(checks) >= COUNT / 16, "somebody who cancels is heard after every chunk"
    assert (len(writes) > len(checks)) == is_often
    found = store.catalogue.dataset("toy")
    assert (found.num_total, found.num_indexed, found.num_failed, found.num_pending) == (COUNT, COUNT, 0, 0)


def test_a_source_that_cannot_be_opened_again_stays_what_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JEPASCORE_HOME", str(tmp_path / "home"))
    folder, options = write_noise(tmp_path / "images", 4), SourceOptions(kind="imagefolder")
    assert len(open_dataset(folder, options)) == 4
    for path in folder.rglob("*.png"):
        path.rename(tmp_path / path.name)
    with pytest.raises(SourceError, match="contains no image"):
        open_dataset(folder, options)
    (record,) = Store().catalogue.datasets()
    assert (record.state, record.num_total, record.num_indexed) == (DatasetState.READY, 4, 4)
    assert "contains no image" in (record.error or "")
    for path in tmp_path.glob("*.png"):
        path.rename(folder / path.name)
    assert len(open_dataset(folder, options)) == 4
    (record,) = Store().catalogue.datasets()
    assert record.error is None
