"""The sample window, and small classes on Explore: what the page gives its scripts, and what they report to it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from streamlit.testing.v1 import AppTest

from jepascore_core.curation.decisions import current_decisions
from jepascore_core.storage.store import Store
from pages.ui.explore import texts
from tests.conftest import add_dataset, add_measurements, make_samples
from tests.pages.reading import gallery_data, keys_of, report, sections
from tests.pages.situations import put

PAGE = "pages/explore.py"


def test_a_small_class_is_one_sorted_row(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    samples = make_samples("aaaaabbbbbbbb")
    dataset = add_dataset(home_store, "small", samples)
    scores = {sample.sample_key: -float(number) for number, sample in enumerate(samples)}
    add_measurements(home_store, dataset, found.backbone, scores, samples=samples)
    for view, key in (("extremes", "extremes"), ("classes", "class-list")):
        app = open_page(PAGE, view=view, dataset=dataset.dataset_id, n="4")
        small, large = sections(app, key)
        assert keys_of(small) == [sample.sample_key for sample in reversed(samples[:5])], "none of them twice"
        assert {tile["tone"] for tile in small["tiles"]} == {None}
        assert small["subtitle"].endswith(texts.ALL_SHOWN)
        assert len(set(keys_of(large))) == 8
    app = open_page(PAGE, view="extremes", dataset=dataset.dataset_id, n="4")
    assert len(keys_of(sections(app, "extremes")[1], "least")) == 4


def test_decisions_about_one_sample(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    app = open_page(PAGE, view="extremes", sample="cat/0003.png", who="ada")
    decide_in_window(app, "drop")
    card = gallery_data(app, "sample-stage")["card"]
    assert (card["verdict"], card["decided_by"]) == ("drop", "ada")
    (decision,) = current_decisions(home_store, found.dataset.dataset_id)
    assert (decision.sample_key, decision.verdict, decision.who) == ("cat/0003.png", "drop", "ada")
    decide_in_window(app, "undo")
    assert current_decisions(home_store, found.dataset.dataset_id) == ()


def decide_in_window(app: AppTest, kind: str) -> AppTest:
    card = gallery_data(app, "sample-stage")["card"]
    samples = [] if kind == "undo" else [[card["sample_key"], card["content_id"]]]
    action = {"token": uuid4().hex, "kind": kind, "samples": samples, "who": "ada"}
    return report(app, "sample-stage", "acted", {"actions": [action]})


def test_the_window_goes_where_its_script_went(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "finished")
    app = open_page(PAGE, view="extremes", sample="cat/0003.png")
    report(app, "sample-stage", "moved", "dog/0013.png")
    assert app.query_params["sample"] == "dog/0013.png"
    assert gallery_data(app, "sample-stage")["card"]["sample_key"] == "dog/0013.png"
    assert app.code[0].value.endswith("sample=dog%2F0013.png")
    report(app, "sample-stage", "moved", {"not": "a key"})
    assert app.query_params["sample"] == "dog/0013.png"
