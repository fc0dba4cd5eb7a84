"""Images to recognise a dataset by: of different classes first, the same ones every time."""

from jepascore_core.storage.store import Store
from jepascore_core.views.examples import examples
from tests.conftest import add_dataset, make_samples


def test_examples_are_of_different_classes(store):
    dataset = add_dataset(store, "letters", make_samples("aaaaabbc"))
    found = examples(store, dataset.dataset_id, 4)
    assert sorted(item.label for item in found[:3]) == ["a", "b", "c"]
    assert len({item.sample_key for item in found}) == 4
    assert examples(store, dataset.dataset_id, 4) == found
    assert len(examples(store, dataset.dataset_id, 99)) == 8


def test_the_manifest_is_read_once_for_a_version(store):
    dataset = add_dataset(store, "letters", make_samples("abc"))
    found = examples(store, dataset.dataset_id, 3)
    for part in store.index_folder(dataset).glob("manifest-*.parquet"):
        part.unlink()
    assert examples(Store(store.home), dataset.dataset_id, 3) == found


def test_without_labels_any_will_do(store):
    dataset = add_dataset(store, "plain", make_samples([None] * 3))
    assert len(examples(store, dataset.dataset_id)) == 3
    assert examples(store, add_dataset(store, "none", []).dataset_id) == ()
