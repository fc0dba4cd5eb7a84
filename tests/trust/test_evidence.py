"""What is gathered from files: nothing is computed; what was computed is found, and stale when images change."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from jepascore_core.curation.cut_effect.stored import cut_curve
from jepascore_core.storage.store import Store
from jepascore_core.trust import confounds, encoders, gaussianity
from jepascore_core.trust.evidence import compute_checks, stored_evidence, trust_verdict
from jepascore_core.trust.planted import evaluate
from tests.conftest import add_measurements, make_samples
from tests.trust.conftest import put_embeddings
from tests.trust.test_confounds import put_measured


@pytest.fixture
def nothing_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (
        (confounds, "_confounds"),
        (gaussianity, "gaussianity"),
        (encoders, "_compare"),
        (evaluate, "_evaluate"),
    ):
        monkeypatch.setattr(module, name, lambda *_, name=name: pytest.fail(f"{name} was computed"))


def test_a_verdict_opens_the_catalogue_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    scores, *_ = put_measured(store)
    compute_checks(store, scores)
    connect, opened = sqlite3.connect, []
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **options: opened.append(args) or connect(*args, **options))
    trust_verdict(store, scores)
    assert len(opened) == 1


@pytest.mark.usefixtures("nothing_is_computed")
def test_of_new_scores_only_the_theory_is_known(store: Store) -> None:
    scores, *_ = put_measured(store)
    found = stored_evidence(store, scores)
    assert (found.planted, found.confounds, found.gaussianity, found.agreements) == (None, None, None, ())
    assert found.theory is not None
    assert trust_verdict(store, scores).colour == "grey"


def test_checks_are_kept_for_other_processes_and_become_stale(store: Store, request: pytest.FixtureRequest) -> None:
    scores, *_ = put_measured(store)
    compute_checks(store, scores)
    request.getfixturevalue("nothing_is_computed")
    found = stored_evidence(Store(store.home), scores)
    assert found.confounds is not None and found.confounds.is_current
    assert found.gaussianity is None, "all embeddings of this dataset are the same"
    assert stored_evidence(store, replace(scores, definition="paper")).confounds is None, "another score"

    more = make_samples(["a"] * 201)
    info = store.catalogue.backbones()[scores.backbone_id]
    add_measurements(store, store.catalogue.dataset("toy"), info, {more[200].sample_key: 0.0}, samples=more)
    assert stored_evidence(store, scores).confounds == found.confounds, "an image of another dataset"
    version = store.catalogue.dataset("toy").version
    folder = store.dataset_folder(scores.dataset_id)
    (folder / f"{version}").rename(folder / "index-other")
    store.catalogue.update_dataset(scores.dataset_id, version="index-other")
    stale = stored_evidence(store, scores)
    assert stale.confounds is not None and not stale.confounds.is_current
    assert trust_verdict(store, scores).checks[2].is_stale


def test_the_shape_of_embeddings_is_kept_once_for_all_definitions(store: Store, request: pytest.FixtureRequest) -> None:
    scores, _ = put_embeddings(store, ["a"] * 100)
    compute_checks(store, scores)
    request.getfixturevalue("nothing_is_computed")
    found = stored_evidence(Store(store.home), replace(scores, definition="paper"))
    assert found.gaussianity is not None and found.gaussianity.is_current
    assert found.gaussianity.found == gaussianity.dataset_gaussianity(store, scores)


def test_too_few_images_are_no_error(store: Store) -> None:
    scores, *_ = put_measured(store, count=20)
    compute_checks(store, scores)
    assert stored_evidence(store, scores).confounds is None


def test_the_effect_of_a_cut_is_read_where_it_was_traced(store: Store) -> None:
    scores, embeddings = put_embeddings(store, ["a", "b"] * 60)
    assert stored_evidence(store, scores).cut is None
    curve = cut_curve(store, scores, scores)
    point = next(line for line in curve.lines if line.name == "score").points[0]
    found = stored_evidence(Store(store.home), scores)
    assert found.cut is not None
    assert (found.cut.rule, found.cut.gain, found.cut.upper) == (
        "class_percentile >= 5", point.difference.value, point.difference.upper,
    )  # fmt: skip
    assert dict(found.commands)["cut"].endswith(" --curve")
    assert stored_evidence(store, replace(scores, definition="paper")).cut is None
    assert len(embeddings) == 120
