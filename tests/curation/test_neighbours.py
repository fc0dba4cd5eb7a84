"""Near duplicates against brute force, groups as rows, and diverse draws."""

import os
from dataclasses import replace
from functools import partial

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jepascore_core.curation import evaluate, parse
from jepascore_core.curation.columns import near_duplicates as neighbours_module
from jepascore_core.curation.columns.greyscale import is_grey, look_at_colours
from jepascore_core.curation.columns.near_duplicates import (
    choose_index,
    find_groups,
    known_near_groups,
    near_groups,
    unit,
)
from jepascore_core.curation.decisions import decisions_of
from jepascore_core.curation.groups import accept_all, choose_keeper, duplicate_groups
from jepascore_core.curation.journal import undo
from jepascore_core.curation.precompute.steps import pending_work, precompute
from jepascore_core.curation.rules.model import Deduplicate
from jepascore_core.datasets.thumbnails import ensure_thumbnail
from jepascore_core.embeddings import index as vectors_module
from jepascore_core.embeddings.index import build_index
from jepascore_core.embeddings.selection import clusters, k_center
from jepascore_core.errors import RuleError, RunCancelled
from jepascore_core.scores.score_set import ScoreSet
from tests.conftest import SPEC, add_backbone, add_dataset, make_measurement, make_sample


def names(n):
    return np.array([f"{i:032x}" for i in range(n)])


def clumps(n, k=16, size=3, spread=0.02, seed=0):
    """Unit vectors in clumps of `size`, far from each other."""
    generator = np.random.default_rng(seed)
    centres = generator.standard_normal((n // size, k))
    return unit(np.repeat(centres, size, axis=0) + spread * generator.standard_normal((n // size * size, k)))


def groups_of(found):
    by_group: dict = {}
    for row in found.groups.to_pylist():
        by_group.setdefault(row["group_id"], set()).add(row["content_id"])
    return sorted(map(sorted, by_group.values()))


def brute_force(vectors, radius):
    """Components of the graph of all pairs, by repeated merging."""
    n = len(vectors)
    near = 1 - vectors.astype(np.float64) @ vectors.T.astype(np.float64) <= radius
    labels = np.arange(n)
    for _ in range(n):
        merged = np.array([labels[near[i]].min() for i in range(n)])
        if np.array_equal(merged, labels):
            break
        labels = merged
    found = [sorted(f"{i:032x}" for i in np.flatnonzero(labels == label)) for label in np.unique(labels)]
    return sorted(group for group in found if len(group) > 1)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(0, 5), st.floats(0.005, 0.3))
def test_a_flat_index_finds_every_pair(n, seed, radius):
    generator = np.random.default_rng(seed)
    vectors = unit(generator.standard_normal((n, 3)))
    found = find_groups(names(n), vectors, radius)
    assert groups_of(found) == brute_force(vectors, radius)
    assert (found.index, found.recall, found.num_images) == ("flat", 1.0, n)


@pytest.mark.parametrize("kind", ["hnsw", "ivf"])
def test_approximate_indexes_report_the_recall_that_they_have(kind):
    vectors = clumps(3000)
    truth = find_groups(names(3000), vectors, 0.05, index="flat")
    found = find_groups(names(3000), vectors, 0.05, index=kind)
    assert found.index == kind
    assert found.num_pairs <= truth.num_pairs
    real = found.num_pairs / truth.num_pairs
    assert real > 0.9
    assert found.recall == pytest.approx(real, abs=0.05)
    # What is found is true.
    assert {tuple(group) for group in groups_of(found)} <= {
        tuple(part) for group in groups_of(truth) for part in (group, group[:2], group[1:], [group[0], group[-1]])
    }


@pytest.mark.parametrize(("kind", "steps_of_building"), [("flat", 0), ("hnsw", 8), ("ivf", 16)])
def test_every_index_can_be_followed_and_ended_while_it_is_built_and_searched(kind, steps_of_building, monkeypatch):
    monkeypatch.setattr(vectors_module, "ADDED_AT_ONCE", 100)
    monkeypatch.setattr(neighbours_module, "BLOCK", 100)
    vectors, shares = clumps(750), []
    find_groups(names(750), vectors, 0.05, index=kind, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len({share for share in shares if 0 < share <= 0.5}) >= steps_of_building
    assert len({share for share in shares if 0.5 < share <= 1}) >= 4

    def stop(limit, share):
        if share >= limit:
            raise RunCancelled

    for limit in shares:
        with pytest.raises(RunCancelled):
            find_groups(names(750), vectors, 0.05, index=kind, progress=partial(stop, limit))


def test_lists_filled_step_by_step_are_those_that_faiss_fills_at_once(monkeypatch):
    vectors = clumps(750, size=1)
    monkeypatch.setattr(vectors_module, "ADDED_AT_ONCE", 100)
    ours = build_index(vectors, "ivf")
    whole = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(16), 16, ours.nlist, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )
    whole.cp.seed, whole.cp.niter, whole.cp.max_points_per_centroid = 1, 8, 64
    whole.train(vectors[np.random.default_rng(0).permutation(750)])
    whole.add(vectors)
    whole.nprobe = ours.nprobe
    assert ours.search(vectors, 5)[1].tolist() == whole.search(vectors, 5)[1].tolist()


def test_the_index_depends_on_the_number_of_images():
    assert [choose_index(n) for n in (0, 50_000, 50_001, 200_000, 200_001)] == ["flat", "flat", "hnsw", "hnsw", "ivf"]


def test_nothing_to_compare():
    assert find_groups(names(0), np.zeros((0, 1), np.float32), 0.1).num_groups == 0
    assert find_groups(names(1), unit(np.ones((1, 4))), 0.1).num_groups == 0
    assert unit(np.zeros((1, 3))).tolist() == [[0, 0, 0]]


@pytest.fixture
def near(store):
    """Six images: 0 and 1 near, 2 and 3 near (and of two splits and labels), 4 alone twice, 5 alone."""
    vectors = np.array([[1, 0, 0], [1, 0.05, 0], [0, 1, 0], [0, 1, 0.05], [0, 0, 1], [1, 1, 1]])
    contents = ["0", "1", "2", "3", "4", "4", "5"]
    samples = [
        make_sample(f"{n}.png", "x" if n != 3 else "y", "test" if n == 2 else "train", content)
        for n, content in enumerate(contents)
    ]
    samples[1] = replace(samples[1], width=100)
    dataset = add_dataset(store, "d", samples)
    backbone = add_backbone(store, dimension=8)
    rows = {
        s.content_id: replace(make_measurement(s.content_id, float(n)), embedding=vectors[int(c)].astype(np.float16))
        for n, (s, c) in enumerate(zip(samples, contents, strict=True))
    }
    store.write_measurements(backbone.backbone_id, SPEC, list(rows.values()))
    return ScoreSet(dataset.dataset_id, SPEC.key(backbone.backbone_id))


def kept(store, scores, text, decisions=None):
    found = evaluate(store, scores, parse(text), decisions)
    sql = f"SELECT sample_key FROM {found.relation} WHERE verdict = 'keep' ORDER BY row_id"
    return [key.removesuffix(".png") for key in store.query(sql)["sample_key"].to_pylist()]


def test_near_duplicates_in_rules(store, near):
    assert kept(store, near, "near_duplicate(0.01)") == ["0", "1", "2", "3", "4", "5"]
    assert kept(store, near, "near_duplicate(0.0001)") == ["4", "5"]
    assert kept(store, near, "leak(0.01)") == ["2", "3"]
    assert kept(store, near, "label_conflict(0.01)") == ["2", "3"]
    assert kept(store, near, "all | one per near 0.01 keep largest") == ["1", "2", "4", "6"]
    assert kept(store, near, "all | one per near 0.01 keep most_likely") == ["1", "3", "4", "6"]


def test_groups_are_kept_for_the_next_time(store, near):
    work = pending_work(store, near, parse("near_duplicate(0.01) | one per near 0.01"))
    assert [(item.kind, item.size, item.radius) for item in work] == [("near", 6, 0.01)]
    shares = []
    precompute(store, near, work[0], shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert pending_work(store, near, parse("near_duplicate(0.01)")) == ()
    known = known_near_groups(store, near, 0.01)
    assert known == near_groups(store, near, 0.01)
    assert (known.num_groups, known.num_pairs) == (2, 2)
    store.write_measurements(near.backbone_id, SPEC, [make_measurement("f" * 32, 1.0)])
    assert known_near_groups(store, near, 0.01) is None


def test_the_oldest_groups_are_deleted(store, near, monkeypatch):
    monkeypatch.setattr("jepascore_core.curation.columns.near_duplicates.MAX_KEPT", 3)
    folder = store.dataset_folder(near.dataset_id) / "neighbours"
    for number in range(1, 6):
        near_groups(store, near, number / 100)
        for path in folder.rglob("*.parquet"):
            os.utime(path, (path.stat().st_mtime - 10, path.stat().st_mtime - 10))
    assert len(list(folder.rglob("*.parquet"))) == 3
    found = [known_near_groups(store, near, number / 100) is not None for number in range(1, 6)]
    assert found == [False, False, True, True, True]
    store.remove_dataset(store.catalogue.dataset(near.dataset_id))
    assert not folder.exists()


def test_groups_as_rows(store, near):
    page = duplicate_groups(store, near, Deduplicate(0.01))
    assert (page.num_groups, page.num_samples, page.num_surplus) == (3, 6, 3)
    assert [[s.sample_key[0] for s in group.samples] for group in page.groups] == [["1", "0"], ["3", "2"], ["4", "5"]]
    assert [group.keeper[0] for group in page.groups] == ["1", "3", "4"]
    assert [(group.num_labels, group.num_splits) for group in page.groups] == [(1, 1), (2, 2), (1, 1)]
    assert len(duplicate_groups(store, near, Deduplicate(0.01, "first"), first=1, limit=1).groups) == 1
    assert duplicate_groups(store, near, Deduplicate(None, "first")).num_groups == 1


def test_keepers_are_chosen_and_the_rest_accepted(store, near):
    group = duplicate_groups(store, near, Deduplicate(0.01)).groups[0]
    choose_keeper(store, near, Deduplicate(0.01), group.group_id, "0.png", "ada")
    again = duplicate_groups(store, near, Deduplicate(0.01)).groups[0]
    assert (again.keeper, again.is_decided) == ("0.png", True)
    assert accept_all(store, near, Deduplicate(0.01), "ada") == 4
    decisions = decisions_of(store, near.dataset_id)
    assert kept(store, near, "all", decisions) == ["0", "3", "4", "6"]
    assert accept_all(store, near, Deduplicate(0.01), "ada") == 0
    undo(store, near.dataset_id, "ada")
    assert len(decisions_of(store, near.dataset_id)) == 2
    with pytest.raises(RuleError, match="no longer contains the sample"):
        choose_keeper(store, near, Deduplicate(0.01), group.group_id, "6.png", "ada")


def test_k_center_covers_better_than_chance():
    vectors = clumps(300, size=30, spread=0.05)
    chosen = k_center(vectors, 10)
    assert len({int(i) // 30 for i in chosen}) == 10
    assert k_center(vectors, 10).tolist() == chosen.tolist()
    assert k_center(vectors, 3, np.array([7, 8])).tolist()[:2] == [7, 8]
    assert k_center(vectors, 1000).tolist() == list(range(300))


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 40), st.integers(1, 12), st.integers(0, 9))
def test_k_center_is_a_two_approximation(n, k, seed):
    vectors = unit(np.random.default_rng(seed).standard_normal((n, 3)))
    chosen = k_center(vectors, k)
    assert len(set(chosen.tolist())) == min(n, k)
    distance = np.sqrt(np.maximum(2 - 2 * vectors.astype(np.float64) @ vectors.T, 0))
    radius = distance[:, chosen].min(axis=1).max()
    if k < n:
        # k + 1 points with pairwise distances of at least the radius: no k centres cover them within less than half.
        farthest = int(distance[:, chosen].min(axis=1).argmax())
        points = [*chosen.tolist(), farthest]
        apart = min(distance[i, j] for i in points for j in points if i != j)
        assert apart >= radius - 1e-3


def test_clusters_are_drawn_from_evenly(store):
    sizes = [40, 10, 4]
    generator = np.random.default_rng(0)
    vectors = np.repeat(np.eye(3, 8), sizes, axis=0) + 0.01 * generator.standard_normal((54, 8))
    found = clusters(unit(vectors), 3)
    assert [len(set(part)) for part in np.split(found, [40, 50])] == [1, 1, 1]
    samples = [make_sample(f"{n:02d}.png") for n in range(54)]
    dataset, backbone = add_dataset(store, "d", samples), add_backbone(store)
    rows = [
        replace(make_measurement(s.content_id, 1.0), embedding=v.astype(np.float16))
        for s, v in zip(samples, vectors, strict=True)
    ]
    store.write_measurements(backbone.backbone_id, SPEC, rows)
    scores = ScoreSet(dataset.dataset_id, SPEC.key(backbone.backbone_id))
    chosen = [int(key) for key in kept(store, scores, "all | budget 12 clusters 3")]
    assert [sum(low <= n < high for n in chosen) for low, high in ((0, 40), (40, 50), (50, 54))] == [4, 4, 4]
    diverse = [int(key) for key in kept(store, scores, "all | budget 3 diverse")]
    assert [sum(low <= n < high for n in diverse) for low, high in ((0, 40), (40, 50), (50, 54))] == [1, 1, 1]
    forced = {("00.png", samples[0].content_id): "keep", ("01.png", samples[1].content_id): "keep"}
    assert kept(store, scores, "all | budget 3 diverse", forced)[:2] == ["00", "01"]


def test_colours(store):
    samples = [make_sample("grey.png"), make_sample("red.png"), make_sample("gone.png")]
    dataset, backbone = add_dataset(store, "d", samples), add_backbone(store)
    scores = ScoreSet(dataset.dataset_id, SPEC.key(backbone.backbone_id))
    ramp = Image.linear_gradient("L").convert("RGB")
    red = ramp.copy()
    red.paste((200, 30, 30), (0, 0, 60, 60))
    for sample, image in zip(samples[:2], (ramp, red), strict=True):
        ensure_thumbnail(store.thumbs_folder, sample.content_id, image)
    assert is_grey(ramp)
    assert not is_grey(red)
    curation = parse("not grey")
    (work,) = pending_work(store, scores, curation)
    assert (work.kind, work.size) == ("colours", 3)
    found = evaluate(store, scores, curation)
    assert set(store.query(f"SELECT verdict FROM {found.table}")["verdict"].to_pylist()) == {"unscored"}
    assert look_at_colours(store, dataset) == 3
    assert look_at_colours(store, dataset) == 0
    found = evaluate(store, scores, curation)
    rows = store.query(f"SELECT sample_key, verdict FROM {found.relation}").to_pylist()
    assert {row["sample_key"]: row["verdict"] for row in rows} == {
        "grey.png": "drop", "red.png": "keep", "gone.png": "unscored",
    }  # fmt: skip
