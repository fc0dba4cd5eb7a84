"""A half-measured run beside a complete one: what pages show unasked, and what they say of a part."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from jepascore_core.records.runs import RunState
from jepascore_core.storage.store import Store
from pages.ui.runs import texts as runs_texts
from tests.conftest import SPEC, add_backbone, add_measurements, add_run
from tests.pages.reading import one, said
from tests.pages.situations import put, score_of

PAGES = ("compare", "curate", "distributions", "duplicates", "explore", "review", "trust")
PART = "**4 of 36 images scored**"


def put_half(store: Store) -> tuple[str, str]:
    """A complete run, and a later one that was cancelled after 4 of 36; that one's measured id and run id."""
    found = put(store, "finished")
    backbone = add_backbone(store, "timm:resnet18.half")
    some = dict(list(score_of(found.samples).items())[:4])
    add_measurements(store, found.dataset, backbone, some, samples=found.samples)
    run = add_run(store, found.dataset, backbone, RunState.CANCELLED, num_total=36, num_measured=4)
    return SPEC.key(backbone.backbone_id).text, run.run_id


@pytest.mark.parametrize("page", PAGES)
def test_a_part_is_shown_to_who_chooses_it_and_said(
    open_page: Callable[..., AppTest], home_store: Store, page: str
) -> None:
    half, _ = put_half(home_store)
    assert "images scored**" not in said(open_page(f"pages/{page}.py")), "nobody chose it"
    several = page in ("compare", "distributions", "explore")
    if page == "compare":
        whole = next(run for run in home_store.catalogue.runs() if run.state is RunState.FINISHED)
        app = open_page("pages/compare.py", backbones=[SPEC.key(whole.backbone_id).text, half])
    else:
        app = open_page(f"pages/{page}.py", **{"backbones" if several else "backbone": half})
    assert PART in said(app)
    assert not app.exception


@pytest.mark.usefixtures("no_worker")
def test_resume_in_the_banner_resumes_the_run(open_page: Callable[..., AppTest], home_store: Store) -> None:
    half, run_id = put_half(home_store)
    app = open_page("pages/curate.py", backbone=half)
    assert [item.value for item in app.metric if item.label in ("Kept", "Not measured")] == ["36", "32"]
    one(app, "button", "Resume").click().run()
    assert home_store.catalogue.run(run_id).state is RunState.QUEUED
    assert PART in said(app) and "Resume" not in [item.label for item in app.button]


def test_search_says_of_how_many(open_page: Callable[..., AppTest], home_store: Store) -> None:
    half, _ = put_half(home_store)
    assert "4 of 36 samples found; 32 not scored yet." in said(
        open_page("pages/explore.py", view="search", backbones=half)
    )


def test_the_run_card_deletes_the_scores_after_saying_what_goes(
    open_page: Callable[..., AppTest], home_store: Store
) -> None:
    half, run_id = put_half(home_store)
    app = open_page("pages/runs.py")
    app.session_state[f"delete-{run_id}"] = True
    app.run()
    assert "This deletes 4 measurements of digits." in said(app)
    one(app, "button", runs_texts.DELETE_SCORES).click().run()
    assert [run.run_id for run in home_store.catalogue.runs()] and run_id not in [
        run.run_id for run in home_store.catalogue.runs()
    ]
    assert half not in [key.text for key in home_store.measured_keys()]
