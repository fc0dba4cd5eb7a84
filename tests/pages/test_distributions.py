"""Distributions: histograms of the datasets that one backbone measured, and their medians as a table."""

from __future__ import annotations

import base64
from collections.abc import Callable

import numpy as np
from streamlit.testing.v1 import AppTest

from jepascore_core.store import Store
from tests.conftest import add_dataset, add_measurements, make_samples
from tests.pages.reading import figure, links, one, said, table
from tests.pages.situations import Found, measure_again, put, score_of

PAGE = "pages/distributions.py"


def names(app: AppTest) -> list[str]:
    return [trace["name"] for trace in figure(app, "histograms")["data"]]


def total_height(app: AppTest) -> float:
    bars = figure(app, "histograms")["data"][0]["y"]
    return float(np.frombuffer(base64.b64decode(bars["bdata"]), bars["dtype"]).sum())


def put_two(store: Store) -> Found:
    """A second dataset, half of whose 8 samples lie above all of the first one's."""
    found = put(store, "finished")
    samples = make_samples(["fox"] * 8)
    dataset = add_dataset(store, "more digits", samples)
    scores = {key: 10 * score for key, score in score_of(samples).items()}
    add_measurements(store, dataset, found.backbone, scores, samples=samples)
    return found


def test_nothing_yet(open_page: Callable[..., AppTest]) -> None:
    app = open_page(PAGE)
    assert "Nothing is measured yet. Start a run on the Runs page" in said(app)
    assert links(app) == [("Go to Runs", "")]


def test_indexing(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "indexing")
    assert "Nothing is measured yet." in said(open_page(PAGE))


def test_failed(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "failed")
    assert "Nothing is measured yet." in said(open_page(PAGE))


def test_a_run_that_waits_fills_the_page_when_its_first_scores_come(
    open_page: Callable[..., AppTest], home_store: Store
) -> None:
    found = put(home_store, "waiting")
    app = open_page(PAGE)
    assert "Nothing is measured yet." in said(app)
    add_measurements(home_store, found.dataset, found.backbone, score_of(found.samples), samples=found.samples)
    assert table(app.run())[0]["Samples"] == "36"


def test_running(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "running")
    app = open_page(PAGE)
    assert [row["Samples"] for row in table(app)] == ["27"]
    assert names(app) == ["digits (n = 27, median 16.0)"]


def test_finished(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put_two(home_store)
    app = open_page(PAGE)
    assert [(row["Scores"], row["Samples"], row["Median (nats)"]) for row in table(app)] == [
        ("digits", "36", "17.5"),
        ("more digits", "8", "35.0"),
    ]
    assert table(app)[1] | {"Least likely": "0.0", "Most likely": "70.0"} == table(app)[1]
    assert names(app) == ["digits (n = 36, median 17.5)", "more digits (n = 8, median 35.0)"]
    assert "Drag across bars to see the samples in them." in said(app)


def test_choosing_datasets(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put_two(home_store)
    app = open_page(PAGE)
    one(app, "multiselect", "Datasets").set_value([found.dataset.dataset_id]).run()
    assert [row["Scores"] for row in table(app)] == ["digits"]
    assert app.query_params["datasets"] == found.dataset.dataset_id
    one(app, "multiselect", "Datasets").set_value([]).run()
    assert [row["Scores"] for row in table(app)] == ["digits", "more digits"], "none chosen means all"


def test_choosing_a_backbone_and_a_definition(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put_two(home_store)
    measured = measure_again(home_store, found)
    app = open_page(PAGE)
    identifier = f"{measured.backbone_id}@{found.measured.partition('@')[2]}"
    one(app, "selectbox", "Backbone").set_value(identifier).run()
    assert [(row["Scores"], row["Median (nats)"]) for row in table(app)] == [("digits", "−17.5")]
    one(app, "button_group", "Definition").set_value("paper").run()
    assert table(app)[0]["Median (nats)"] == "−45.1"


def test_splitting_up_by_class(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "finished")
    app = open_page(PAGE)
    one(app, "button_group", "Split up").set_value("label").run()
    assert [(row["Scores"], row["Median (nats)"]) for row in table(app)] == [
        ("cat", "5.5"),
        ("dog", "17.5"),
        ("emu", "29.5"),
    ]
    one(app, "button_group", "Split up").set_value("split").run()
    assert [(row["Scores"], row["Samples"]) for row in table(app)] == [("test", "9"), ("train", "27")]


def test_counts_instead_of_shares(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "finished")
    app = open_page(PAGE)
    assert round(total_height(app)) == 100
    one(app, "button_group", "Height of a bar").set_value("count").run()
    assert total_height(app) == 36
