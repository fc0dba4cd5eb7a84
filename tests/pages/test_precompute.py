"""What has to be worked out first, on Curate, Duplicates and Trust: not asked for, waiting, running, failed, done."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from jepascore_core.curation.precompute.requests import precompute_requests
from jepascore_core.jobs.process import start_worker
from jepascore_core.jobs.queue import JobKind
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from jepascore_core.views.choices import shown_first
from jepascore_core.worker.loop import Worker
from pages.ui.app import lifespan
from pages.ui.curate import texts as curate_texts
from pages.ui.widgets import texts as widget_texts
from tests.pages.reading import figure, labels, said
from tests.pages.situations import put
from tests.trust.conftest import put_embeddings

CURATE, TRUST = "pages/curate.py", "pages/trust.py"
RULES = "all | one per near 0.1 keep first"
#: Of the card; the sidebar says the same with fewer words.
TITLE = "**Finding near duplicates among 36 images (flat index)**"


@pytest.fixture(autouse=True)
def slow(monkeypatch: pytest.MonkeyPatch, no_worker: None) -> None:
    """The datasets of these tests take longer than a moment."""
    monkeypatch.setattr("jepascore_core.curation.precompute.step.QUICK_IMAGES", 5)


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.main.get("button") if button.label == label).click().run()


def work(store: Store) -> None:
    """What a worker does with all that was asked for."""
    for item in precompute_requests(store):
        Worker(store).handle(JobKind.PRECOMPUTE, item.identifier)


def test_every_state_and_every_tab(open_page: Callable[..., AppTest], home_store: Store) -> None:
    dataset_id = put(home_store, "finished").dataset.dataset_id
    app = open_page(CURATE, dataset=dataset_id, rules=RULES)
    assert widget_texts.must_be_computed("Finding near duplicates among 36 images (flat index)") in app.info[0].value
    assert (TITLE in said(app), "Kept" in said(app)) == (False, False)
    press(app, widget_texts.COMPUTE)
    assert f"{TITLE} · Waiting" in said(app)
    assert not app.info
    # As after a reload, and in the sidebar of another page.
    app = open_page(CURATE, dataset=dataset_id, rules=RULES)
    assert (f"{TITLE} · Waiting" in said(app), widget_texts.COMPUTE in labels(app, "button")) == (True, False)
    assert "near duplicates within 0.1 · Waiting for the worker" in said(open_page(TRUST, dataset=dataset_id))
    (item,) = precompute_requests(home_store)
    folder = home_store.dataset_folder(dataset_id) / "preparations"
    progress = folder / f"{item.identifier.partition('/')[2]}.progress.json"
    progress.write_text(json.dumps({"share": 0.75, "seconds": 60.0}))
    app.run()
    assert f"{TITLE} · Running" in said(app)
    assert [caption.value for caption in app.main.get("caption")].count("75\\.0\u00a0\\% · 20 s left") == 1
    assert [bar.proto.value for bar in app.main.get("progress")] == [75]
    work(home_store)
    app.run()
    # Every embedding of these tests is the same.
    assert [metric.value for metric in app.metric if metric.label == "Kept"] == ["1"]
    assert TITLE not in said(app)


def test_taken_back(open_page: Callable[..., AppTest], home_store: Store) -> None:
    dataset_id = put(home_store, "finished").dataset.dataset_id
    app = open_page("pages/duplicates.py", dataset=dataset_id, radius="0.05")
    press(app, widget_texts.COMPUTE)
    press(app, "Cancel")
    assert precompute_requests(home_store) == ()
    assert not list((home_store.dataset_folder(dataset_id) / "preparations").iterdir())
    assert widget_texts.COMPUTE in labels(app.run(), "button")


def test_a_failure_says_why_and_is_tried_again(open_page: Callable[..., AppTest], home_store: Store) -> None:
    dataset_id = put(home_store, "finished").dataset.dataset_id
    app = open_page(CURATE, dataset=dataset_id, rules="percentile[knn] >= 5 and near_duplicate(0.1)")
    press(app, widget_texts.COMPUTE)
    obstacle = home_store.dataset_folder(dataset_id) / "neighbours"
    obstacle.write_text("")
    work(home_store)
    app.run()
    assert f"{TITLE} · Failed" in said(app)
    assert "is not writable: Not a directory" in app.error[0].value.replace("\\", "")
    obstacle.unlink()
    press(app, "Try again")
    assert f"{TITLE} · Waiting" in said(app.run())
    work(home_store)
    assert [metric.value for metric in app.run().metric if metric.label == "Kept"] == ["36"]


def test_recipes_wait_for_it_too(
    open_page: Callable[..., AppTest], home_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset_id = put(home_store, "finished").dataset.dataset_id
    app = open_page(CURATE, dataset=dataset_id, rules=RULES)
    name = next(item for item in app.text_input if item.label == curate_texts.SAVE_AS)
    name.set_value("mine").run()
    press(app, "Save")
    assert widget_texts.must_be_computed("") in app.warning[0].value
    press(app, widget_texts.RUN_IN_BACKGROUND)
    assert [item.state for item in precompute_requests(home_store)] == ["waiting"]
    work(home_store)
    press(app.run(), "Save")
    for added in ("Duplicate", curate_texts.WHAT_CHANGED, curate_texts.SHOW_DIFFERENCES):
        press(app, added)
        assert not app.warning
    # As after more was measured: what was found belongs to what there was.
    for path in home_store.dataset_folder(dataset_id).glob("neighbours/*/*.parquet"):
        path.unlink()
    for asked in (curate_texts.WHAT_CHANGED, curate_texts.SHOW_DIFFERENCES):
        press(app, asked)
        assert widget_texts.must_be_computed("") in app.warning[0].value
        assert widget_texts.RUN_IN_BACKGROUND in labels(app, "button")
    assert not app.exception


@pytest.mark.parametrize(
    ("rules", "title"),
    [
        ("all | budget 9 clusters 7", "**Finding 7 clusters of 36 images**"),
        ("all | budget 9 diverse", "**Choosing 9 of 36 images far from each other (up to 0.0 s on two cores)**"),
    ],
)
def test_what_is_drawn_by_embeddings(
    open_page: Callable[..., AppTest], home_store: Store, rules: str, title: str
) -> None:
    dataset_id = put(home_store, "finished").dataset.dataset_id
    app = open_page(CURATE, dataset=dataset_id, rules=rules)
    press(app, widget_texts.COMPUTE)
    assert f"{title} · Waiting" in said(app)
    # Another browser sees the same request.
    assert f"{title} · Waiting" in said(open_page(CURATE, dataset=dataset_id, rules=rules))
    work(home_store)
    assert [metric.value for metric in app.run().metric if metric.label == "Kept"] == ["9"]
    assert precompute_requests(home_store) == ()
    assert not app.exception


def test_what_is_not_wanted_any_more_can_be_taken_back(open_page: Callable[..., AppTest], home_store: Store) -> None:
    dataset_id = put(home_store, "finished").dataset.dataset_id
    for number in (8, 9):
        app = open_page(CURATE, dataset=dataset_id, rules=f"all | budget {number} diverse")
        press(app, widget_texts.COMPUTE)
    assert ["Choosing 8 of" in said(app), "Choosing 9 of" in said(app)] == [True, True]
    (former, _) = precompute_requests(home_store)
    next(button for button in app.main.get("button") if button.key == f"cancel-{former.identifier}").click().run()
    assert [item.work.number for item in precompute_requests(home_store)] == [9]
    assert "Choosing 8 of" not in said(app)


def test_a_diverse_choice_comes_after_the_rest(open_page: Callable[..., AppTest], home_store: Store) -> None:
    dataset_id = put(home_store, "finished").dataset.dataset_id
    app = open_page(CURATE, dataset=dataset_id, rules='near_duplicate(0.1) and label != "a" | budget 3 diverse')
    assert "near duplicates" in app.info[0].value
    assert "far from each other" not in said(app)
    press(app, widget_texts.COMPUTE)
    work(home_store)
    assert "images far from each other" in app.run().info[0].value
    press(app, widget_texts.COMPUTE)
    work(home_store)
    assert [metric.value for metric in app.run().metric if metric.label == "Kept"] == ["3"]


def test_baselines_on_trust(open_page: Callable[..., AppTest], home_store: Store) -> None:
    scores, _ = put_embeddings(home_store, ["a", "b"] * 60)
    app = open_page(TRUST, dataset=scores.dataset_id)
    assert figure(app, "baselines")["data"][0]["y"] == ["norm"]
    assert "nearest neighbours of 120 images" in said(app)
    press(app, widget_texts.COMPUTE)
    assert [item.work.baseline for item in precompute_requests(home_store)] == ["knn", "mahalanobis"]
    assert len([button for button in labels(app, "button") if button == "Cancel"]) == 2
    work(home_store)
    app.run()
    assert figure(app, "baselines")["data"][0]["y"] == ["k-NN", "Mahalanobis", "norm"]
    assert (precompute_requests(home_store), widget_texts.COMPUTE in labels(app, "button")) == ((), False)


def test_the_app_starts_with_the_scores_that_a_first_visit_shows(
    home_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[ScoreSet] = []
    monkeypatch.setattr(lifespan, "prefetch", lambda *views: [view() for view in views])
    monkeypatch.setattr(lifespan, "load_columns", lambda _, scores: read.append(scores))
    lifespan.preload()
    assert read == []
    found = put(home_store, "finished")
    lifespan.preload()
    assert read == [found.scores] == [shown_first(home_store)]


def test_one_that_waits_when_the_app_starts_gets_a_worker(
    open_page: Callable[..., AppTest], home_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[object] = []
    monkeypatch.setattr(lifespan, "start_worker", started.append)
    lifespan.resume_work(home_store)
    assert started == []
    dataset_id = put(home_store, "finished").dataset.dataset_id
    press(open_page(CURATE, dataset=dataset_id, rules=RULES), widget_texts.COMPUTE)
    lifespan.resume_work(home_store)
    assert started == [home_store.home]
    assert start_worker(home_store.home) is False
