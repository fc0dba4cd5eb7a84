"""Planted defects from request to result, on real digits under a bundled encoder."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from sklearn.metrics import roc_auc_score

from jepascore_core.datasets.thumbnails import thumbnail_path
from jepascore_core.errors import TooFewImagesError, UnknownNameError
from jepascore_core.jobs.queue import JobKind
from jepascore_core.records.datasets import DatasetState
from jepascore_core.scores.measured import dataset_choices, measured_choices
from jepascore_core.scores.score_set import ScoreSet, scored_sql
from jepascore_core.storage.store import Store
from jepascore_core.trust.planted import evaluate
from jepascore_core.trust.planted.evaluate import planted_result
from jepascore_core.trust.planted.plan import PLANTED, PlantOptions, fitting_options, make_plan
from jepascore_core.trust.planted.requests import (
    cancel_planted,
    find_planted,
    latest_planted,
    predict_planted,
    request_planted,
)
from jepascore_core.views.overview import overview
from jepascore_core.worker.loop import Worker
from tests.trust.planted.conftest import FEW, work


def plant(store: Store, scores: ScoreSet, options: PlantOptions = FEW):
    request_planted(store, scores, options)
    work(store)
    return find_planted(store, scores, options)


def test_from_request_to_result(store: Store, scores: ScoreSet, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(path for path in Path(store.catalogue.dataset("digits").source).rglob("*"))
    cost = predict_planted(store, scores, FEW)
    assert (cost.num_clean, cost.num_defects, cost.num_kinds) == (24, 18, 4)
    assert cost.seconds == pytest.approx(18 * cost.seconds_per_image)
    assert cost.seconds > 0
    assert find_planted(store, scores, FEW).state == "none"
    assert latest_planted(store, scores) is None

    planted = plant(store, scores)
    assert planted.state == "finished"
    assert planted.share == 1.0
    # Clean images and those with a swapped label are measured already.
    assert planted.run is not None
    assert planted.run.num_measured - planted.run.num_reused == 18
    result = planted_result(store, scores, planted)
    assert (result.num_clean, result.num_failed) == (24, 0)
    assert [(kind.name, kind.num_defects) for kind in result.kinds] == [(name, 6) for name in FEW.kinds]
    assert [score.name for score in result.scores] == [
        "rank", "paper", "tail", "top", "class", "knn", "mahalanobis", "norm",
    ]  # fmt: skip
    assert len(result.cells) == 4 * 8
    # Inverted digits are far from digits in the embedding, whatever the score says; a near duplicate is not.
    assert result.cell("inverted", "knn").finds
    assert not result.cell("near_duplicate", "knn").finds
    assert {"Inverted colours"} <= set(result.found_by(result.best.name))
    assert result.best.title in result.summary
    assert result.rule == result.best.rule
    for kind in result.kinds:
        assert kind.examples
        assert all(thumbnail_path(store.thumbs_folder, content_id).is_file() for content_id in kind.examples)
    assert sorted(path for path in Path(store.catalogue.dataset("digits").source).rglob("*")) == before

    # Asked for again, nothing is made, measured or computed.
    assert request_planted(store, scores, FEW).state == "finished"
    monkeypatch.setattr(evaluate, "_evaluate", None)
    assert planted_result(Store(store.home), scores, find_planted(store, scores, FEW)) == result
    assert latest_planted(store, scores) == find_planted(store, scores, FEW)


def test_numbers_are_those_of_the_stored_scores(store: Store, scores: ScoreSet) -> None:
    planted = plant(store, scores)
    result = planted_result(store, scores, planted)
    assert planted.dataset is not None
    hidden = ScoreSet(planted.dataset.dataset_id, scores.key)
    rows = store.query(scored_sql(store, hidden)).to_pylist()
    shown = [row for row in rows if row["meta.defect"] in ("", "inverted")]
    truth = roc_auc_score([row["meta.defect"] == "inverted" for row in shown], [-row["score"] for row in shown])
    assert result.cell("inverted", "rank").auroc == pytest.approx(truth)


def test_no_image_has_two_roles_and_the_seed_decides(store: Store, scores: ScoreSet) -> None:
    dataset = store.catalogue.dataset("digits")
    plan = make_plan(store, dataset, FEW)
    ids = [item.content_id for part in (plan.clean, plan.originals, plan.copied, plan.others) for item in part]
    assert len(ids) == len(set(ids)) == 24 + 3 * 6
    assert make_plan(store, dataset, FEW) == plan
    assert make_plan(store, dataset, replace(FEW, seed=1)) != plan
    assert plan.labels == ("0", "1")


def test_swapped_labels_are_other_labels_of_the_same_bytes(store: Store, scores: ScoreSet) -> None:
    planted = plant(store, scores)
    assert planted.dataset is not None
    sql = f"""SELECT planted.label AS given, known.label AS real FROM ({store.manifest_sql(planted.dataset)}) AS planted
        JOIN ({store.manifest_sql(store.catalogue.dataset("digits"))}) AS known USING (content_id)
        WHERE planted."meta.defect" = 'swapped_label'"""
    rows = store.query(sql).to_pylist()
    assert len(rows) == 6
    assert all(row["given"] != row["real"] for row in rows)


def test_the_planted_images_show_nowhere_and_go_with_the_dataset(store: Store, scores: ScoreSet) -> None:
    counts = dataset_choices(store), measured_choices(store, scores.dataset_id), len(store.catalogue.runs())
    planted = plant(store, scores)
    assert planted.dataset is not None
    assert (dataset_choices(store), measured_choices(store, scores.dataset_id), len(store.catalogue.runs())) == counts
    seen = overview(store)
    assert [item.choice.name for item in seen.datasets] == ["digits"]
    assert len(seen.runs) == 1
    assert store.catalogue.find_dataset(planted.dataset.name) is None
    assert store.query(f"SELECT count(*) AS n FROM ({scored_sql(store, scores)})")["n"][0].as_py() == 90
    folder = store.dataset_folder(planted.dataset.dataset_id)
    assert folder.is_dir()
    store.remove_dataset(store.catalogue.dataset("digits"))
    assert not folder.exists()
    assert store.catalogue.datasets(hidden=True) == store.catalogue.runs(hidden=True) == []


def test_kinds_that_the_code_has_never_seen(store: Store, scores: ScoreSet, tmp_path: Path) -> None:
    """Two made by hand: inverted digits, which the encoder tells apart, and copies of digits, which it cannot."""
    sources = sorted((tmp_path / "digits").rglob("*.png"))
    for name, change in (("negatives", ImageOps.invert), ("copies", lambda image: image.convert("RGB"))):
        (tmp_path / name).mkdir()
        for number, path in enumerate(sources[:8]):
            change(Image.open(path)).save(tmp_path / name / f"{number}.png")
    folders = tuple((name, str(tmp_path / name)) for name in ("negatives", "copies"))
    result = planted_result(store, scores, plant(store, scores, replace(FEW, kinds=(), folders=folders)))
    assert [kind.name for kind in result.kinds] == ["negatives", "copies"]
    assert result.cell("negatives", "knn").auroc > 0.9 > result.cell("copies", "knn").auroc
    # Other files in the folder are other defects.
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "copies" / "more.png")
    assert find_planted(store, scores, replace(FEW, kinds=(), folders=folders)).state == "none"


def test_a_damaged_image_is_a_failure_and_no_end(store: Store, scores: ScoreSet, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.png").write_bytes(b"no image")
    for number in range(2):
        Image.new("RGB", (32, 32), (200, 10, 10 * number)).save(tmp_path / "mine" / f"b{number}.png")
    options = replace(FEW, kinds=(), folders=(("mine", str(tmp_path / "mine")),))
    planted = plant(store, scores, options)
    assert planted.dataset is not None
    assert (planted.dataset.num_indexed, planted.dataset.num_failed, planted.dataset.num_total) == (28, 2, 30)
    result = planted_result(store, scores, planted)
    assert (result.num_failed, result.kinds[0].num_defects) == (2, 4)


def test_cancelled_and_resumed(store: Store, scores: ScoreSet) -> None:
    planted = request_planted(store, scores, FEW)
    assert planted.state == "active"
    cancel_planted(store, planted)
    work(store)
    planted = find_planted(store, scores, FEW)
    assert planted.state == "cancelled"
    assert planted.dataset is not None
    assert planted.dataset.state is DatasetState.CANCELLED
    assert plant(store, scores).state == "finished"


def test_images_that_were_made_are_not_made_twice(store: Store, scores: ScoreSet) -> None:
    planted = request_planted(store, scores, FEW)
    assert planted.dataset is not None
    worker, folder = Worker(store), store.dataset_folder(planted.dataset.dataset_id) / "images"
    worker.stop = stop = threading.Event()
    stop.set()  # a worker that is to end leaves the rest to the next one
    worker.handle(JobKind.INDEX, planted.dataset.dataset_id)
    assert store.catalogue.dataset(planted.dataset.dataset_id).state is DatasetState.INDEXING
    work(store)
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*.png")}
    store.catalogue.update_dataset(planted.dataset.dataset_id, state=DatasetState.INDEXING, version=None)
    work(store)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.png")} == times
    assert len(times) == 18


def test_options_that_make_no_sense_are_refused(store: Store, scores: ScoreSet, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r'Unknown kind of defect "blurr". Did you mean "blur"'):
        PlantOptions(kinds=("blurr",))
    with pytest.raises(UnknownNameError, match="not a valid name for a kind"):
        PlantOptions(folders=(("noise", str(tmp_path)),))
    with pytest.raises(UnknownNameError, match="does not exist"):
        PlantOptions(folders=(("mine", str(tmp_path / "missing")),))
    with pytest.raises(TooFewImagesError, match="too few"):
        PlantOptions(per_kind=1)
    with pytest.raises(TooFewImagesError, match=r"digits has 90 different images.*--clean 40 --per-kind 8"):
        request_planted(store, scores, PlantOptions())
    assert store.catalogue.hidden_datasets(scores.dataset_id, PLANTED) == []
    assert fitting_options(10_000) == PlantOptions()
    fitting = fitting_options(90 * 2)
    assert 2 * (fitting.clean + 3 * fitting.per_kind) <= 180
