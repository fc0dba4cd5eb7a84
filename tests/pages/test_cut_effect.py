"""Curate says what the cut does: nothing dropped, better, no better, no labels, by the worker, and the curve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from jepascore_core.curation.cut_effect.results import SAME_ENCODER
from jepascore_core.curation.precompute import step
from jepascore_core.curation.precompute.requests import precompute_requests
from jepascore_core.jobs.queue import JobKind
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.storage.store import Store
from jepascore_core.worker.loop import Worker
from pages.ui.curate import texts
from tests.conftest import SPEC, add_backbone, add_dataset, add_run, make_measurement, make_sample
from tests.pages.reading import said

PAGE = "pages/curate.py"
CUT, CURVE = "cut-effect", "cut-curve"


def put_noisy(store: Store, labelled: bool = True, num_backbones: int = 1) -> DatasetRecord:
    """240 images of two classes, the last 80 of them a test split; scores below 5 have the wrong labels."""
    rng = np.random.default_rng(0)
    truth = np.arange(240) % 2
    is_wrong = (rng.random(240) < 0.35) & (np.arange(240) < 160)
    samples = [
        make_sample(
            f"{n:03d}.png", "ab"[truth[n] ^ is_wrong[n]] if labelled else None, "train" if n < 160 else "test", str(n)
        )
        for n in range(240)
    ]
    dataset = add_dataset(store, "noisy", samples)
    for name in ("timm:vit_tiny_patch16_224.test", "timm:vit_small_patch16_224.test")[:num_backbones]:
        backbone = add_backbone(store, name)
        embeddings = (1.2 * np.eye(2, 40)[truth] + 0.6 * rng.standard_normal((240, 40))).astype(np.float16)
        rows = [
            replace(make_measurement(sample.content_id, 0.0 if wrong else 9.0), embedding=embedding)
            for sample, wrong, embedding in zip(samples, is_wrong, embeddings, strict=True)
        ]
        store.write_measurements(backbone.backbone_id, SPEC, rows)
        add_run(store, dataset, backbone)
    return dataset


def test_it_is_computed_only_while_it_is_open(open_page: Callable[..., AppTest], home_store: Store) -> None:
    dataset = put_noisy(home_store)
    app = open_page(PAGE, dataset=dataset.dataset_id, rules="score >= 5")
    assert not app.exception
    assert texts.CUT_EFFECT_ABOUT not in said(app)
    assert not list(home_store.home.glob("datasets/*/cut-effect/**/*.json"))


def test_a_cut_that_helps_is_green(open_page: Callable[..., AppTest], home_store: Store) -> None:
    dataset = put_noisy(home_store)
    app = open_page(PAGE, dataset=dataset.dataset_id, rules="score >= 5", open=CUT)
    assert not app.exception
    assert "does better than a random one of the same size per class" in app.success[0].value
    shown = {item.label: item.value for item in app.metric}
    assert {texts.ACCURACY_KEPT, texts.ACCURACY_RANDOM, texts.ACCURACY_ALL} <= set(shown)
    assert "80 held-out images of the split test" in said(app)
    assert SAME_ENCODER in said(app)
    assert any(code.value.startswith("jepascore cut-effect noisy --rules 'score >= 5' -b ") for code in app.code)


def test_a_cut_at_random_is_called_that(open_page: Callable[..., AppTest], home_store: Store) -> None:
    dataset = put_noisy(home_store)
    app = open_page(PAGE, dataset=dataset.dataset_id, rules="all | budget 180 balanced", open=CUT)
    assert not app.exception
    assert "does no better than a random one" in app.warning[0].value
    assert texts.NO_CLASS_CHANGED in said(app)


@pytest.mark.parametrize(("rules", "labelled", "message"), [
    ("", True, texts.NOTHING_CUT),
    ("score >= 5", False, "cannot be said without labels"),
])  # fmt: skip
def test_what_is_missing_is_said(
    open_page: Callable[..., AppTest], home_store: Store, rules: str, labelled: bool, message: str
) -> None:
    dataset = put_noisy(home_store, labelled)
    app = open_page(PAGE, dataset=dataset.dataset_id, rules=rules, open=CUT)
    assert not app.exception
    assert any(message in item.value for item in app.info)


def test_another_encoder_may_judge(open_page: Callable[..., AppTest], home_store: Store) -> None:
    dataset = put_noisy(home_store, num_backbones=2)
    app = open_page(PAGE, dataset=dataset.dataset_id, rules="score >= 5", open=CUT)
    assert SAME_ENCODER in said(app)
    box = next(item for item in app.selectbox if item.label == texts.JUDGE)
    other = next(option for option in box.options if option != box.options[box.index or 0])
    box.select(other).run()
    assert not app.exception
    assert SAME_ENCODER not in said(app)
    assert any(" -e " in code.value for code in app.code)


def test_the_worker_does_what_is_slow(
    open_page: Callable[..., AppTest], home_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = put_noisy(home_store)
    monkeypatch.setattr(step, "QUICK_SECONDS", 0.0)
    monkeypatch.setattr("jepascore_core.curation.precompute.requests.start_worker", lambda home: None)
    app = open_page(PAGE, dataset=dataset.dataset_id, rules="score >= 5", open=[CUT, CURVE])
    assert not app.exception
    assert not app.success
    for _ in range(2):  # one button for each
        next(button for button in app.button if button.label == "Compute").click().run()
    worker = Worker(home_store)
    for item in precompute_requests(home_store):
        assert item.state == "waiting"
        worker.handle(JobKind.PRECOMPUTE, item.identifier)
    app.run()
    assert "does better" in app.success[0].value
    assert "JEPA-SCORE, lowest first beats random cuts" in said(app)


def test_the_curve_has_a_sentence_for_each_order(open_page: Callable[..., AppTest], home_store: Store) -> None:
    dataset = put_noisy(home_store)
    app = open_page(PAGE, dataset=dataset.dataset_id, open=CURVE)
    assert not app.exception
    assert "JEPA-SCORE, lowest first beats random cuts, most where" in said(app)
    assert "Embedding norm, lowest first does no better than random at any share." in said(app)
    assert any("--curve" in code.value for code in app.code)
