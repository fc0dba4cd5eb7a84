"""Label issues against known flips, by laws, and at the edges: rare classes, copies, missing labels."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jepascore_core.embeddings import label_issues as module
from jepascore_core.embeddings.label_issues import NO_LABELS, find_label_issues, label_issue_seconds
from jepascore_core.errors import TooFewImagesError

FLIPS = [3, 50, 77]


def ids(n, seed=0):
    """Names in an order that has nothing to do with that of the rows."""
    return np.array([f"{value:08x}" for value in np.random.default_rng(seed).permutation(10 * n)[:n]])


def blobs(n=120, num_classes=2, distance=5.0, dimension=8, seed=0):
    """Labels [n] and embeddings [n, dimension]: a ball of variance 1 around a corner for each class."""
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % num_classes
    centres = distance * np.eye(num_classes, dimension)
    return np.array(list("abcdefgh"))[codes].tolist(), centres[codes] + rng.standard_normal((n, dimension))


def flipped(labels, rows=FLIPS, to=None):
    """The same labels, wrong in some rows."""
    return [(to or {"a": "b", "b": "a"}[label]) if n in rows else label for n, label in enumerate(labels)]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_exactly_the_flips_of_separated_blobs_come_first(dtype):
    labels, vectors = blobs()
    found = find_label_issues(ids(120), flipped(labels), vectors.astype(dtype))
    assert sorted(np.argsort(-found.label_issue)[:3]) == FLIPS
    assert np.flatnonzero(found.label_issue > 0.5).tolist() == FLIPS
    assert (found.label_issue[FLIPS] > 0.9).all()
    assert found.likely_label[FLIPS].tolist() == [labels[row] for row in FLIPS]
    for margin in (found.knn_margin, found.probe_margin):
        assert np.flatnonzero(margin < 0).tolist() == FLIPS
        assert (np.abs(margin) <= 1).all()


def test_the_likely_label_is_the_likeliest_of_several():
    labels, vectors = blobs(num_classes=4)
    found = find_label_issues(ids(120), flipped(labels, [4, 8], to="d"), vectors)
    assert np.flatnonzero(found.label_issue > 0.5).tolist() == [4, 8]
    assert found.likely_label[[4, 8]].tolist() == ["a", "a"]
    assert all(other != label for other, label in zip(found.likely_label, labels, strict=True) if label != "a")


def test_random_labels_are_no_evidence():
    _, vectors = blobs(200, distance=0.0)
    labels = np.random.default_rng(1).choice(["a", "b"], 200).tolist()
    found = find_label_issues(ids(200), labels, vectors)
    assert np.isfinite(found.label_issue).all()
    assert found.label_issue.max() < 0.9


def same(found, expected):
    for name in ("label_issue", "knn_margin", "probe_margin"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert found.likely_label.tolist() == expected.likely_label.tolist()


LABELS, VECTORS = blobs(60, distance=2.0)
ONCE = {}


@given(st.permutations(range(60)))
@settings(max_examples=5)
def test_the_order_of_the_samples_changes_nothing(order):
    if not ONCE:
        ONCE["found"] = find_label_issues(ids(60), LABELS, VECTORS)
    found = find_label_issues(ids(60)[order], [LABELS[row] for row in order], VECTORS[order])
    for name in ("label_issue", "knn_margin", "probe_margin", "likely_label"):
        np.testing.assert_array_equal(getattr(found, name), getattr(ONCE["found"], name)[order])


def test_copies_with_the_same_label_change_nothing():
    rows = [*range(60), 5, 5, 17, 59]
    found = find_label_issues(ids(60)[rows], [LABELS[row] for row in rows], VECTORS[rows])
    once = find_label_issues(ids(60), LABELS, VECTORS)
    np.testing.assert_array_equal(found.label_issue, once.label_issue[rows])


pairs = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4)), min_size=1, max_size=80, unique=True)


@given(pairs)
def test_copies_are_never_in_two_folds_and_classes_are_spread(drawn):
    contents, codes = np.array(sorted(drawn)).T
    contents = np.unique(contents, return_inverse=True)[1]
    folds = module.stratified_folds(contents, codes)
    for content in np.unique(contents):
        assert len(set(folds[contents == content])) == 1
    sizes = np.bincount(folds[np.unique(contents, return_index=True)[1]], minlength=module.NUM_FOLDS)
    assert sizes.max() - sizes.min() <= 1


def test_a_copy_with_another_label_is_not_its_own_witness():
    labels, vectors = blobs()
    rows = [*range(120), 10]
    found = find_label_issues(ids(120)[rows], [*labels, "b"], vectors[rows])
    assert labels[10] == "a"
    assert found.label_issue[10] < 0.1
    assert found.label_issue[120] > 0.9
    assert found.likely_label[120] == "a"


def test_classes_with_fewer_images_than_folds():
    labels, vectors = blobs()
    far = np.zeros((3, 8))
    far[:, 5] = 30.0
    names = [*labels, "pair", "pair", "alone"]
    vectors = np.concatenate([vectors, far + 0.1 * np.arange(3)[:, None]])
    found = find_label_issues(ids(123), names, vectors)
    assert np.isfinite(found.label_issue[:122]).all()
    assert np.isnan([found.label_issue[122], found.knn_margin[122], found.probe_margin[122]]).all()
    assert found.likely_label[122] is None
    assert (found.label_issue[120:122] < 0.5).all(), "they have each other"
    assert "alone" not in found.likely_label.tolist()


def test_samples_without_a_label_or_a_finite_embedding_are_left_out():
    labels, vectors = blobs(124)
    vectors[[120, 121], 0] = [np.inf, np.nan]
    partly = [*labels[:122], None, None]
    found = find_label_issues(ids(124), partly, vectors.astype(np.float16))
    assert np.flatnonzero(np.isnan(found.label_issue)).tolist() == [120, 121, 122, 123]
    assert found.likely_label[120:].tolist() == [None] * 4
    alone = find_label_issues(ids(124)[:120], labels[:120], vectors[:120].astype(np.float16))
    np.testing.assert_array_equal(found.label_issue[:120], alone.label_issue)


@pytest.mark.parametrize("labels", [["a"] * 20, [None] * 20, ["a"] * 19 + ["b"]])
def test_one_class_is_refused(labels):
    with pytest.raises(TooFewImagesError, match="at least two classes of two different measured images"):
        find_label_issues(ids(20), labels, np.ones((20, 3)))


def test_samples_without_labels_are_refused():
    for number in (0, 20):
        with pytest.raises(TooFewImagesError, match=re.escape(NO_LABELS)):
            find_label_issues(ids(number), [None] * number, np.ones((number, 3), np.float16))


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_equal_embeddings_say_nothing(value):
    found = find_label_issues(ids(40), ["a", "b"] * 20, np.full((40, 4), value))
    assert found.label_issue == pytest.approx(0.5, abs=0.1)


def test_four_samples_are_enough():
    found = find_label_issues(ids(4), ["a", "a", "b", "b"], np.array([[0.0, 1], [0, 2], [1, 0], [2, 0]]))
    assert np.isfinite(found.label_issue).all()


def test_rotation_and_scale_change_little():
    labels, vectors = blobs(distance=2.0)
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((8, 8)))[0]
    before, scaled = (find_label_issues(ids(120), labels, vectors * factor) for factor in (1.0, 8.0))
    same(scaled, before)
    turned = find_label_issues(ids(120), labels, vectors @ turn)
    assert turned.knn_margin == pytest.approx(before.knn_margin, abs=0.01)


def test_small_blocks_and_fits_give_the_same(monkeypatch):
    labels, vectors = blobs()
    before = find_label_issues(ids(120), flipped(labels), vectors)
    shares = []
    monkeypatch.setattr(module, "BLOCK", 7)
    found = find_label_issues(ids(120), flipped(labels), vectors, shares.append)
    assert found.label_issue == pytest.approx(before.label_issue, abs=2e-4)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    # A probe that has seen no image of a class leaves it to the votes.
    monkeypatch.setattr(module, "MAX_FITTED", 4)
    few = find_label_issues(ids(120), flipped(labels), vectors)
    assert np.isfinite(few.label_issue).all()


def test_what_is_raised_while_it_is_followed_ends_it():
    labels, vectors = blobs(40)

    def stop(_share):
        raise KeyError

    with pytest.raises(KeyError):
        find_label_issues(ids(40), labels, vectors, stop)


def test_the_predicted_cost_grows_with_everything():
    least = label_issue_seconds(1000, 64, 10)
    assert 0 < least < 30
    assert all(label_issue_seconds(*more) > least for more in [(2000, 64, 10), (1000, 128, 10), (1000, 64, 20)])
