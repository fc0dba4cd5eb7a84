"""Labels: the most suspicious first, by pair of classes, the way to Curate; and what there is to say else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from jepascore_core.curation.columns import label_issues
from jepascore_core.curation.precompute import step
from jepascore_core.curation.precompute.requests import precompute_requests
from jepascore_core.jobs.queue import JobKind
from jepascore_core.records.runs import RunState
from jepascore_core.storage.store import Store
from jepascore_core.worker.loop import Worker
from pages.ui.labels import texts as labels_texts
from pages.ui.widgets import texts as widget_texts
from tests.conftest import add_run
from tests.embeddings.clumps import flipped, measure_clumps, put_clumps
from tests.pages.reading import gallery_data, keys_of, labels, links, one, said, sections, table

PAGE = "pages/labels.py"
WRONG = (7, 12, 20)


def test_the_suspicious_first_and_the_way_to_curate(open_page: Callable[..., AppTest], home_store: Store) -> None:
    scores = put_clumps(home_store, [*flipped(WRONG), None])
    app = open_page(PAGE, cut="0.7", rules="percentile >= 5 and label_issue < 0.6", who="ada")
    assert labels_texts.found(3, 60, 61) in said(app)
    (section,) = sections(app, "labels")
    assert set(keys_of(section)) == {f"{number:02d}.png" for number in WRONG}
    values = [float(tile["badge"]) for tile in section["tiles"]]
    assert values == sorted(values, reverse=True)
    of_seven = next(tile for tile in section["tiles"] if tile["sample_key"] == "07.png")
    assert (of_seven["caption"], of_seven["note"]) == ("cat", "→ dog")
    assert gallery_data(app, "labels")["can_decide"]
    assert table(app) == [
        {"Labelled": "dog", "Looks like": "cat", "Samples": "2", "Of the class": "6.4 %"},
        {"Labelled": "cat", "Looks like": "dog", "Samples": "1", "Of the class": "3.4 %"},
    ]
    query = dict(links(app))[labels_texts.RULE]
    assert "rules=percentile+%3E%3D+5+and+label_issue+%3C+0.7" in query
    assert labels_texts.command("toy", scores.key.text, 0.7) in [code.value for code in app.code]

    one(app, "selectbox", labels_texts.PAIR).select("cat → dog").run()
    assert [keys_of(item) for item in sections(app, "labels")] == [["07.png"]]
    assert app.query_params["pair"] == "cat → dog"


def test_no_label_looks_wrong(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put_clumps(home_store, flipped(()))
    assert labels_texts.NONE_FOUND in said(open_page(PAGE))


@pytest.mark.parametrize("given", [[None] * 20, ["cat"] * 20])
def test_nothing_to_compare_is_said(open_page: Callable[..., AppTest], home_store: Store, given: list[None]) -> None:
    put_clumps(home_store, given)
    assert "Label issues need at least two classes" in said(open_page(PAGE))


@pytest.mark.usefixtures("no_worker")
def test_long_work_goes_to_the_worker(
    open_page: Callable[..., AppTest], home_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_clumps(home_store, flipped(WRONG))
    monkeypatch.setattr(step, "QUICK_SECONDS", 0.0)
    app = open_page(PAGE, cut="0.7")
    assert "Judging the labels of 60 images of 2 classes" in said(app)
    one(app, "button", widget_texts.COMPUTE).click().run()
    assert "Cancel" in labels(app, "button")
    (asked,) = precompute_requests(home_store)
    Worker(home_store).handle(JobKind.PRECOMPUTE, asked.identifier)
    assert labels_texts.found(3, 60, 60) in said(open_page(PAGE, cut="0.7"))


def test_while_measuring_goes_on_the_list_stays_until_it_is_asked_for(
    open_page: Callable[..., AppTest], home_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = flipped(WRONG)
    scores = put_clumps(home_store, given, num_measured=40)
    backbone = home_store.catalogue.backbones()[scores.backbone_id]
    run = add_run(home_store, home_store.catalogue.dataset(scores.dataset_id), backbone, RunState.RUNNING)
    app = open_page(PAGE, cut="0.7")
    assert labels_texts.found(3, 40, 60) in said(app), "the first list is made of what there is"
    measure_clumps(home_store, scores.backbone_id, given, rows=slice(40, 50))
    with monkeypatch.context() as refused:
        refused.setattr(label_issues, "find_label_issues", lambda *_: pytest.fail("judged again"))
        app.run()
    assert labels_texts.found(3, 40, 60) in said(app)
    assert labels_texts.so_far(40, 50) in said(app)
    one(app, "button", labels_texts.REFRESH).click().run()
    assert labels_texts.found(3, 50, 60) in said(app)
    assert labels_texts.REFRESH not in labels(app, "button")
    measure_clumps(home_store, scores.backbone_id, given, rows=slice(50, 60))
    assert labels_texts.found(3, 50, 60) in said(app.run())
    home_store.catalogue.update_run(run.run_id, state=RunState.FINISHED)
    assert labels_texts.found(3, 60, 60) in said(app.run()), "at the end it is made again"
