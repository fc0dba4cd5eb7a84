"""Groups by perceptual hash, against all pairs."""

from dataclasses import replace
from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jepascore_core.curation.columns.perceptual_duplicates import MAX_BITS, group_hashes, near_pairs
from jepascore_core.records.quality import ImageQuality
from tests.conftest import make_samples
from tests.curation.test_evaluation import measured, rows_of

FLIPS = st.lists(st.integers(0, 63), max_size=6)


@given(st.integers(0, 2**64 - 1), st.lists(FLIPS, max_size=30), st.lists(st.integers(0, 2**64 - 1), max_size=10))
def test_pairs_are_those_of_all_comparisons(origin, flips, others):
    copies = [origin ^ sum(1 << bit for bit in set(bits)) for bits in flips]
    hashes = np.unique(np.array([*copies, *others], np.uint64))
    expected = [
        [i, j]
        for i, j in combinations(range(len(hashes)), 2)
        if (int(hashes[i]) ^ int(hashes[j])).bit_count() <= MAX_BITS
    ]
    assert near_pairs(hashes).tolist() == expected


def test_groups_join_equal_and_near_hashes():
    hashes = np.array([0, 7, 2**60, 2**60, 63, 2**40 + 2**41 + 2**42 + 2**43], np.uint64)
    labels = group_hashes(hashes)
    assert labels[0] == labels[1] == labels[4] >= 0
    assert labels[2] == labels[3] == labels[0]  # one bit from the first
    assert labels[5] == -1
    assert len(group_hashes(np.zeros(0, np.uint64))) == 0


@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1)), max_size=6), FLIPS)
def test_mirrored_groups_are_those_of_all_comparisons(images, bits):
    """The last image is a near mirror image of the first."""
    if images:
        images = [*images, (images[0][1] ^ sum(1 << bit for bit in set(bits)), images[0][0])]
    labels = group_hashes(*(np.array([image[side] for image in images], np.uint64) for side in (0, 1)))
    parents = list(range(len(images)))
    near = [
        (i, j)
        for i, j in combinations(range(len(images)), 2)
        if min((one ^ other).bit_count() for one in images[i] for other in images[j]) <= MAX_BITS
    ]
    for i, j in near:
        low, high = sorted((parents[i], parents[j]))
        parents = [low if parent == high else parent for parent in parents]
    assert labels.tolist() == [parent if parents.count(parent) > 1 else -1 for parent in parents]


def test_a_rule_about_images_that_look_alike(store):
    usual = ImageQuality(0.5, 0.1, 0.9, 0.2, 7.0, 40.0, 500.0, 0.1, 0.0, 0)
    hashes = [0b111, 0, 2**64 - 1, None]
    samples = [
        replace(sample, quality=None if phash is None else replace(usual, phash=phash))
        for sample, phash in zip(make_samples(["a"] * 4), hashes, strict=True)
    ]
    scores = measured(store, samples, range(4))
    found = [row["verdict"] for row in rows_of(store, scores, "not perceptual_duplicate")]
    assert found == ["drop", "drop", "keep", "unscored"]
