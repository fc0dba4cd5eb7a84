"""Baseline scores in rules: by value and percentile, cached on disk, computed again when more is measured."""

import numpy as np
import pytest

from jepascore_core.curation import evaluate, parse
from jepascore_core.curation.columns.baselines import baseline_column, baseline_values, is_known
from jepascore_core.curation.columns.measured import count_measured
from jepascore_core.curation.precompute.step import QUICK_IMAGES, PrecomputeStep
from jepascore_core.curation.precompute.steps import pending_work, precompute
from jepascore_core.curation.recipes import from_yaml, make_recipe, to_yaml
from jepascore_core.embeddings.baselines import baseline_scores, norm
from jepascore_core.errors import TooFewImagesError
from jepascore_core.scores.score_set import ScoreSet
from tests.conftest import SPEC, add_backbone, add_dataset, make_measurement, make_sample
from tests.curation.embedded import measure_embedded

#: The last two samples have the same bytes as others; number 7 is far from everything.
CONTENTS = [*map(str, range(40)), "7", "8"]


@pytest.fixture
def embeddings():
    vectors = 3 + np.random.default_rng(0).standard_normal((40, 8))
    vectors[7] = [9, -9, 9, -9, 9, -9, 9, -9]
    return vectors.astype(np.float16)


@pytest.fixture
def samples():
    return [
        make_sample(f"{n:02d}.png", "ab"[n % 2], "test" if n % 4 == 3 else "train", content)
        for n, content in enumerate(CONTENTS)
    ]


@pytest.fixture
def scores(store, samples, embeddings):
    dataset, backbone = add_dataset(store, "d", samples), add_backbone(store)
    measure_embedded(store, backbone.backbone_id, samples[:38], embeddings)
    return ScoreSet(dataset.dataset_id, SPEC.key(backbone.backbone_id))


def verdicts(store, scores, text):
    found = evaluate(store, scores, parse(text))
    return store.query(f"SELECT verdict FROM {found.relation} ORDER BY row_id")["verdict"].to_pylist()


def column(store, scores, baseline):
    name = baseline_column(store, scores, baseline)
    return store.query(f'SELECT "{name}" AS value FROM {name}')["value"].to_pylist()


@pytest.mark.parametrize("baseline", ["knn", "mahalanobis"])
def test_a_column_is_the_baseline_of_the_measured_images(store, scores, samples, embeddings, baseline):
    found = column(store, scores, baseline)
    names = np.array([sample.content_id for sample in samples[:38]])
    assert found[:38] == baseline_scores(baseline, names, embeddings[:38]).tolist()
    # Not measured, and the second ones of two.
    assert found[38:] == [None, None, found[7], found[8]]


@pytest.mark.parametrize("baseline", ["knn", "mahalanobis"])
def test_value_and_percentiles_within_dataset_class_and_split(store, scores, baseline):
    values = np.array(column(store, scores, baseline), float)
    known = np.isfinite(values)
    label, split = np.arange(42) % 2, np.arange(42) % 4 == 3

    def wanted(part):
        """Mid-rank percentiles, one by one."""
        among = [values[known & (part == part[n])] for n in range(42)]
        ranks = [100 * (np.mean(a < v) + np.mean(a == v) / 2) for a, v in zip(among, values, strict=True)]
        return ["unscored" if not k else "keep" if r >= 30 else "drop" for k, r in zip(known, ranks, strict=True)]

    assert verdicts(store, scores, f"percentile[{baseline}] >= 30") == wanted(np.zeros(42))
    assert verdicts(store, scores, f"class_percentile[{baseline}] >= 30") == wanted(label)
    assert verdicts(store, scores, f"split_percentile[{baseline}] >= 30") == wanted(split)
    limit = float(np.nanmedian(values))
    by_value = ["unscored" if not k else "keep" if v >= limit else "drop" for k, v in zip(known, values, strict=True)]
    assert verdicts(store, scores, f"score[{baseline}] >= {limit!r}") == by_value


def test_the_outlier_goes_under_every_baseline(store, scores):
    found = verdicts(store, scores, "at least 2 of (percentile[knn] >= 6, percentile[mahalanobis] >= 6)")
    assert found[7] == found[40] == "drop"


def test_a_named_backbone(store, scores, samples, embeddings):
    other = add_backbone(store, "timm:vit_tiny_patch16_224.other")
    measure_embedded(store, other.backbone_id, samples[:30], embeddings[::-1])
    there = ScoreSet(scores.dataset_id, SPEC.key(other.backbone_id))
    text = f'score["{other.backbone_id}", knn] >= -10'
    assert [work.size for work in pending_work(store, scores, parse(text))] == [30]
    assert verdicts(store, scores, text)[:31] == ["keep"] * 30 + ["unscored"]
    assert is_known(store, there, "knn")
    assert not is_known(store, scores, "knn")


def test_the_norm_in_rules_is_the_norm(store, scores, embeddings):
    limit = float(np.median(norm(embeddings[:38])))
    found = verdicts(store, scores, f"score[norm] >= {limit!r}")[:38]
    assert found == ["keep" if value >= limit else "drop" for value in norm(embeddings[:38])]
    assert pending_work(store, scores, parse("score[norm] >= 1")) == ()


def test_work_is_done_once_until_more_is_measured(store, scores, samples, embeddings):
    rules = parse("percentile[knn] >= 5 and class_percentile[knn] >= 5 and score[mahalanobis] >= -1000")
    work = pending_work(store, scores, rules)
    assert [(item.kind, item.baseline, item.size, item.is_quick) for item in work] == [
        ("baseline", "knn", 38, True), ("baseline", "mahalanobis", 38, True),
    ]  # fmt: skip
    assert "nearest neighbours of 38 images (flat index)" in work[0].title
    assert "38 images" in work[1].title
    shares = []
    for item in work:
        precompute(store, scores, item, shares.append)
    assert shares[-1] == 1.0
    assert pending_work(store, scores, rules) == ()
    before = column(store, scores, "knn")
    # What is measured for another dataset is not this one's concern.
    stranger = make_sample("elsewhere.png")
    store.write_measurements(scores.backbone_id, SPEC, [make_measurement(stranger.content_id, 1.0)])
    assert (count_measured(store, scores), pending_work(store, scores, rules)) == (38, ())
    measure_embedded(store, scores.backbone_id, samples[38:40], embeddings)
    assert count_measured(store, scores) == 40
    assert len(pending_work(store, scores, rules)) == 2
    after = column(store, scores, "knn")
    assert before[38] is None
    assert after[38] is not None


def test_what_is_on_disk_is_what_was_worked_out(store, scores):
    first = baseline_values(store, scores, "mahalanobis")
    (path,) = kept_files(store, scores)
    assert baseline_values(store, scores, "mahalanobis", _refuse).equals(first)
    path.unlink()
    assert baseline_values(store, scores, "mahalanobis").equals(first)


def kept_files(store, scores):
    return sorted(store.dataset_folder(scores.dataset_id).glob("companions/*/*.parquet"))


def test_what_nobody_asks_for_again_is_deleted(store, scores, samples, embeddings):
    for baseline in ("knn", "mahalanobis"):
        baseline_values(store, scores, baseline)
    before = kept_files(store, scores)
    measure_embedded(store, scores.backbone_id, samples[38:40], embeddings)
    baseline_values(store, scores, "knn")
    after = kept_files(store, scores)
    assert len(before) == len(after) == 2
    assert len(set(before) & set(after)) == 1, "the file of the other baseline stays"
    store.remove_dataset(store.catalogue.dataset(scores.dataset_id))
    assert kept_files(store, scores) == []


def _refuse(_share):
    raise AssertionError("worked out again")


def test_large_sets_are_asked_about_first():
    assert PrecomputeStep("baseline", QUICK_IMAGES, baseline="knn").is_quick
    assert not PrecomputeStep("baseline", QUICK_IMAGES + 1, baseline="knn").is_quick
    assert PrecomputeStep("near", QUICK_IMAGES, 0.1).is_quick
    assert not PrecomputeStep("near", QUICK_IMAGES + 1, 0.1).is_quick
    assert not PrecomputeStep("colours", 1).is_quick
    assert "(ivf index)" in PrecomputeStep("baseline", 1_000_000, baseline="knn").title


def test_too_few_images_say_so(store, samples, embeddings):
    dataset, backbone = add_dataset(store, "few", samples), add_backbone(store)
    measure_embedded(store, backbone.backbone_id, samples[:5], embeddings)
    few = ScoreSet(dataset.dataset_id, SPEC.key(backbone.backbone_id))
    assert verdicts(store, few, "score[knn] >= -2")[:6] == ["keep"] * 5 + ["unscored"]
    with pytest.raises(TooFewImagesError, match="mahalanobis needs at least 20"):
        verdicts(store, few, "score[mahalanobis] >= -2")


def test_an_embedding_that_overflowed_is_unscored(store, samples, embeddings):
    embeddings[3, 0] = np.inf
    dataset, backbone = add_dataset(store, "d", samples), add_backbone(store)
    measure_embedded(store, backbone.backbone_id, samples[:40], embeddings)
    scores = ScoreSet(dataset.dataset_id, SPEC.key(backbone.backbone_id))
    assert [n for n, verdict in enumerate(verdicts(store, scores, "score[knn] >= -2")) if verdict != "keep"] == [3]


def test_a_recipe_with_baselines_comes_back_as_it_was(store, scores):
    rules = parse("percentile[knn] >= 10 and class_percentile[mahalanobis] >= 5 and score[norm] >= 1")
    text = to_yaml(make_recipe(store, evaluate(store, scores, rules), "typical"))
    assert "percentile[knn] >= 10" in text
    assert to_yaml(from_yaml(text)) == text
    assert to_yaml(make_recipe(store, evaluate(store, scores, rules), "typical")) == text
