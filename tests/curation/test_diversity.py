"""k-center and k-means against plain versions of them: whatever is done in blocks or left for later changes nothing."""

from functools import partial

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jepascore_core.embeddings import selection as diversity
from jepascore_core.embeddings.index import unit
from jepascore_core.embeddings.selection import LENGTH, clusters, k_center, rounded
from jepascore_core.errors import RunCancelled


def clumps(n, k, num_clumps, seed=0, spread=0.3):
    """Embeddings around some directions, a tenth of them twice."""
    generator = np.random.default_rng(seed)
    centres = generator.standard_normal((num_clumps, k))
    found = centres[generator.integers(0, num_clumps, n)] + spread * generator.standard_normal((n, k))
    found[: n // 10] = found[n - n // 10 :]
    return unit(found)


def plain_k_center(vectors, k, first):
    """Every similarity, in whole numbers."""
    points = rounded(vectors).astype(np.int64)
    similarity = points @ points.T
    chosen = list(first) or [int(np.argmax(points @ points.sum(axis=0)))]
    while len(chosen) < k:
        nearest = similarity[:, chosen].max(axis=1)
        nearest[chosen] = np.iinfo(np.int64).max
        chosen.append(int(np.argmin(nearest)))
    return chosen[:k]


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 120), st.integers(1, 40), st.integers(1, 30), st.integers(0, 6), st.integers(1, 20))
def test_k_center_is_the_plain_one(n, k, num_clumps, num_first, pool):
    seed, k = n, min(k, n - 1)
    vectors = clumps(n, 5, num_clumps, seed)
    first = np.random.default_rng(seed).permutation(n)[:num_first]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diversity, "POOL", pool)
        patch.setattr(diversity, "ROWS_AT_ONCE", 7)
        patch.setattr(diversity, "CENTRES_AT_ONCE", 3)
        patch.setattr(diversity, "BLOCK", 16)
        found = k_center(vectors, k, first)
    assert found.tolist() == plain_k_center(vectors, k, first.tolist()) == k_center(vectors, k, first).tolist()


@pytest.mark.parametrize("dimension", [1, 3, 384, 4096])
def test_products_of_rounded_embeddings_have_no_error(dimension):
    vectors = clumps(300, dimension, 5, spread=0.05)
    points = rounded(vectors)
    exact = points.astype(np.int64) @ points.astype(np.int64).T
    assert (points.astype(np.float32) @ points.astype(np.float32).T == exact).all()
    assert exact.max() < 2**24
    cosine = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    assert np.abs(exact / LENGTH**2 - cosine).max() < 1e-3
    assert rounded(np.array([[0.0, 0.0], [np.nan, 1.0]])).tolist() == [[0, 0], [0, 0]]


def test_clusters_are_as_tight_as_those_of_faiss():
    vectors = clumps(4000, 16, 30)
    means = faiss.Kmeans(16, 20, niter=12, seed=1, spherical=True)
    means.train(vectors)
    theirs = means.index.search(vectors, 1)[1].ravel()

    def tightness(labels):
        centres = unit(np.stack([vectors[labels == label].mean(axis=0) for label in np.unique(labels)]))
        return float((vectors @ centres.T).max(axis=1).mean())

    ours = clusters(vectors, 20)
    assert len(np.unique(ours)) == 20
    assert tightness(ours) > tightness(theirs) - 0.01


def test_blocks_change_no_cluster(monkeypatch):
    vectors = clumps(700, 8, 9)
    whole = clusters(vectors, 12, seed=3)
    assert (clusters(vectors, 12, seed=4) != whole).any()
    for name, value in {"BLOCK": 50, "SIMILARITIES": 12 * 20, "POOL": 10}.items():
        monkeypatch.setattr(diversity, name, value)
    assert clusters(vectors, 12, seed=3).tolist() == whole.tolist()


def test_fewer_different_embeddings_than_clusters():
    vectors = np.repeat(np.eye(3, dtype=np.float32), 30, axis=0)
    found = clusters(vectors, 10)
    assert [len(set(part)) for part in np.split(found, 3)] == [1, 1, 1]
    assert len(set(found.tolist())) == 3
    assert clusters(vectors[:4], 10).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("name", ["k_center", "clusters"])
def test_both_tell_how_far_they_are_and_can_be_ended(name, monkeypatch):
    monkeypatch.setattr(diversity, "BLOCK", 100)
    monkeypatch.setattr(diversity, "POOL", 50)
    work = getattr(diversity, name)
    vectors, shares = clumps(1000, 8, 200), []
    work(vectors, 60, progress=shares.append)
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert len(set(shares)) >= 50

    def stop(limit, share):
        if share >= limit:
            raise RunCancelled

    for limit in shares[::20]:
        with pytest.raises(RunCancelled):
            work(vectors, 60, progress=partial(stop, limit))
