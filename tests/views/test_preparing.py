"""What a page says while the scores of a large dataset are not laid out yet."""

import pytest

from jepascore_core.views import score_tables
from jepascore_core.views.preparing import preparing
from tests.conftest import add_backbone, add_dataset, add_measurements, make_samples


@pytest.fixture
def scores(store, monkeypatch):
    monkeypatch.setattr(score_tables, "MIN_SAMPLES", 10)
    # No thread: the work is done here when the test wants it.
    monkeypatch.setattr(score_tables, "_make_aside", lambda *_: None)
    samples = make_samples("ab" * 6)
    dataset = add_dataset(store, "large", samples)
    return add_measurements(store, dataset, add_backbone(store), {s.sample_key: 1.0 for s in samples}, samples=samples)


def test_a_small_dataset_needs_nothing(store, scores, monkeypatch):
    monkeypatch.setattr(score_tables, "MIN_SAMPLES", 13)
    assert preparing(store, scores) is None


def test_what_has_not_begun_is_said(store, scores):
    found = preparing(store, scores)
    assert (found.num_samples, found.seconds) == (12, None)
    assert found.text.startswith("The scores of large (12 samples) are not laid out for looking yet.")


def test_what_is_being_made_says_for_how_long(store, scores):
    dataset = store.catalogue.dataset(scores.dataset_id)
    name = f"{scores.backbone_id}@{scores.spec_id}"
    folder = store.dataset_folder(dataset.dataset_id) / "scores" / dataset.version / name
    (folder / ".sorting-abc").mkdir(parents=True)
    began = folder.stat().st_mtime
    (folder / ".sorting-abc" / "spilled.tmp").touch()
    assert preparing(store, scores, began + 12).seconds == pytest.approx(12)
    assert "are being laid out for looking, 12 s so far." in preparing(store, scores, began + 12).text


def test_a_table_ends_it(store, scores):
    dataset = store.catalogue.dataset(scores.dataset_id)
    score_tables.prepare_score_table(store, dataset, scores.backbone_id, scores.spec_id)
    assert preparing(store, scores) is None
