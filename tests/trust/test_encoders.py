"""Rank correlation with other encoders of a dataset: against scipy, kept for both, stale when scores are added."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from jepascore_core.trust import encoders
from jepascore_core.trust.encoders import compare_encoders, stored_agreements
from tests.conftest import add_backbone, add_dataset, add_measurements, make_samples


def put_two(store: Store, number: int = 40) -> tuple[ScoreSet, ScoreSet, float]:
    """Two backbones on a dataset of which one has not scored the last two images, and their correlation."""
    samples = make_samples(["a"] * number)
    dataset, rng = add_dataset(store, "toy", samples), np.random.default_rng(0)
    values = rng.standard_normal((2, number)) + np.linspace(0, 3, number)
    names, keys = ("timm:resnet18.one", "timm:vit_tiny_patch16_224.two"), [sample.sample_key for sample in samples]
    made = []
    for name, scores in zip(names, values, strict=True):
        known = dict(list(zip(keys, scores.tolist(), strict=True))[: number - 2 if name == names[1] else number])
        made.append(add_measurements(store, dataset, add_backbone(store, name), known, samples=samples))
    first, second = made
    return first, second, float(spearmanr(values[0][: number - 2], values[1][: number - 2]).statistic)


def test_both_backbones_read_the_one_correlation(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, truth = put_two(store)
    assert stored_agreements(store, first) == ()
    compare_encoders(store, first)
    (found,) = stored_agreements(store, first)
    assert found.spearman == pytest.approx(truth)
    assert (found.num_common, found.is_current) == (38, True)
    (other,) = stored_agreements(store, second)
    assert other.spearman == found.spearman
    assert found.title != other.title
    monkeypatch.setattr(encoders, "_compare", lambda *_: pytest.fail("computed again"))
    compare_encoders(store, second)


def test_more_scores_make_it_stale(store: Store) -> None:
    first, second, _ = put_two(store)
    compare_encoders(store, first)
    samples = make_samples(["a"] * 40)
    dataset = store.catalogue.dataset("toy")
    info = store.catalogue.backbones()[second.backbone_id]
    add_measurements(store, dataset, info, {samples[-1].sample_key: 5.0}, samples=samples)
    assert [item.is_current for item in stored_agreements(store, first)] == [False]
    compare_encoders(store, first)
    assert [(item.is_current, item.num_common) for item in stored_agreements(store, first)] == [(True, 39)]


def test_too_few_common_images_say_nothing(store: Store) -> None:
    first, _, _ = put_two(store, number=20)
    compare_encoders(store, first)
    assert stored_agreements(store, first) == ()
