"""Images are found in score tables by an index, whatever their number."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jepascore_core.scores import row_index as content_rows
from jepascore_core.scores import tables as score_tables
from jepascore_core.scores.row_index import content_rows_sql
from jepascore_core.scores.tables import table_sql
from jepascore_core.storage.store import Store
from jepascore_core.views import detail
from jepascore_core.views.detail import find_sample, sample_detail
from tests.conftest import add_backbone, add_dataset, add_measurements, make_sample

COPIES = (4, 11, 23)


@pytest.fixture
def laid_out(store: Store, monkeypatch: pytest.MonkeyPatch):
    """Forty samples, four of one image, laid out for looking."""
    samples = [make_sample(f"{n:02}.png", "ab"[n % 2]) for n in range(40)]
    for place in COPIES:
        samples[place] = replace(samples[place], content_id=samples[1].content_id)
    dataset = add_dataset(store, "d", samples)
    values = {sample.sample_key: 1.0 for sample in samples}
    scores = add_measurements(store, dataset, add_backbone(store), values, samples=samples)
    monkeypatch.setattr(score_tables, "MIN_SAMPLES", 1)
    table = score_tables.build_score_table(store, dataset, scores.key)
    return store, store.catalogue.dataset(dataset.dataset_id), table, samples, scores


@pytest.mark.parametrize("most", [2, 1000])
def test_the_condition_lets_all_of_them_pass(laid_out, monkeypatch, most):
    store, dataset, table, samples, _ = laid_out
    monkeypatch.setattr(content_rows, "MAX_ROWS", most)
    wanted = [samples[1].content_id, samples[30].content_id, "unknown"]
    condition = content_rows_sql(store, dataset, table, wanted)
    assert (condition == "true") is (most == 2)
    found = store.query(f"SELECT sample_key FROM ({table_sql(table, 'rank')}) WHERE {condition}")["sample_key"]
    expected = {samples[place].sample_key for place in (1, 30, *COPIES)}
    assert set(found.to_pylist()) == (expected if most > 2 else {sample.sample_key for sample in samples})


def test_nothing_is_read_for_images_that_are_not_there(laid_out):
    store, dataset, table, _, _ = laid_out
    assert content_rows_sql(store, dataset, table, ["unknown"]) == "false"
    assert content_rows_sql(store, dataset, table, []) == "false"


def test_duplicates_are_the_other_samples_with_the_same_bytes(laid_out, monkeypatch):
    store, dataset, _, samples, scores = laid_out
    found = sample_detail(store, scores, samples[COPIES[0]].sample_key)
    assert ([item.sample_key for item in found.duplicates], found.num_duplicates) == (["01.png", "11.png", "23.png"], 3)
    monkeypatch.setattr(detail, "MAX_DUPLICATES", 2)
    found = sample_detail(store, scores, samples[1].sample_key)
    assert ([item.sample_key for item in found.duplicates], found.num_duplicates) == (["04.png", "11.png"], 3)
    assert find_sample(store, dataset.dataset_id, samples[1].content_id).sample_key == "01.png"
