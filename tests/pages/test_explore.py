"""Explore: the extremes of every class, as far as they are measured, and all about one sample."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from jepascore_core.curation.decisions import decide
from jepascore_core.formatting import PERCENT
from jepascore_core.jobs import process
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.records.runs import RunState
from jepascore_core.scores import tables as score_tables
from jepascore_core.sensitivity import requests as closeups
from jepascore_core.storage.measurement_sql import CALIBRATED_SCHEMA
from jepascore_core.storage.store import Store
from pages.ui.app import texts as app_texts
from pages.ui.app.text import plain
from pages.ui.explore import texts as explore_texts
from pages.ui.sample import texts as sample_texts
from pages.ui.widgets import texts as widget_texts
from tests.conftest import SPEC, add_backbone, add_dataset, add_measurements, make_samples
from tests.pages.reading import gallery_data, keys_of, links, one, said, sections, table
from tests.pages.situations import measure_again, put, score_of

PAGE = "pages/explore.py"


def test_nothing_yet(open_page: Callable[..., AppTest]) -> None:
    app = open_page(PAGE, view="extremes")
    assert widget_texts.NO_DATASET in said(app)
    assert links(app) == [("Go to Runs", ""), ("Go to Home", "")]
    assert not app.get("bidi_component")


def test_a_first_index_is_looked_at_while_it_is_made(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "indexing")
    app = open_page(PAGE)
    record = home_store.catalogue.dataset(found.dataset.dataset_id)
    assert explore_texts.indexed_so_far(record.num_indexed, record.num_total) in said(app)
    data = gallery_data(app, "whole")
    assert (data["is_final"], data["can_decide"]) == (False, False)


def test_an_index_that_failed(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "index failed")
    assert widget_texts.not_indexed("digits", "failed") in said(open_page(PAGE, view="extremes"))


def test_a_run_that_waits_fills_the_page_when_its_first_scores_come(
    open_page: Callable[..., AppTest], home_store: Store
) -> None:
    found = put(home_store, "waiting")
    app = open_page(PAGE, view="extremes")
    assert widget_texts.no_scores_yet("digits", is_running=True) in said(app)
    add_measurements(home_store, found.dataset, found.backbone, score_of(found.samples), samples=found.samples)
    assert len(sections(app.run(), "extremes")) == 3


def test_running(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "running")
    app = open_page(PAGE, view="extremes")
    assert one(app, "multiselect", "Backbones").options == [f"ViT-Ti/16 (timm) · 75.0{PERCENT} scored"]
    shown = sections(app, "extremes")
    assert [section["title"] for section in shown] == ["cat", "dog", "emu"]
    assert shown[0]["subtitle"].startswith("12 samples, 9 scored · median 4.0, middle half spans 4.0 nats")


def test_a_first_visit_sees_a_dataset_that_can_be_looked_at(
    open_page: Callable[..., AppTest], home_store: Store
) -> None:
    put(home_store, "index failed", "a broken folder")
    put(home_store, "finished")
    app = open_page(PAGE)
    assert one(app, "selectbox", "Dataset").value == home_store.catalogue.dataset("digits").dataset_id


def test_failed(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "failed")
    app = open_page(PAGE, view="extremes")
    assert "digits has no scores yet. Start a run on the Runs page" in said(app)
    assert links(app) == [("Go to Runs", "")]


def test_finished(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    cats = [sample.sample_key for sample in found.samples[:12]]
    app = open_page(PAGE, view="extremes")
    shown = sections(app, "extremes")
    assert [section["title"] for section in shown] == ["cat", "dog", "emu"]
    assert keys_of(shown[0], "least") == cats[:6]
    assert keys_of(shown[0], "most") == cats[:5:-1]
    assert len(keys_of(shown[0], "random")) == 6
    first = shown[0]["tiles"][0]
    assert (first["caption"], first["badge"]) == ("0.0", "4.2 %")
    assert first["tooltip"] == "cat/0000.png\nscore 0.0 nats, higher is more likely\npercentile 4.2 % within its class"
    assert "higher is more likely" in said(app)
    assert not app.warning


def test_choosing_one_class_and_how_many(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    app = open_page(PAGE, view="extremes")
    assert one(app, "selectbox", "Class").options == ["All 3 classes", "cat", "dog", "emu"]
    one(app, "selectbox", "Class").set_value("class dog").run()
    one(app, "slider", explore_texts.PER_GROUP).set_value(2).run()
    (shown,) = sections(app, "extremes")
    assert shown["title"] == "dog"
    dogs = [sample.sample_key for sample in found.samples[12:24]]
    assert keys_of(shown, "least") == dogs[:2]
    assert keys_of(shown, "most") == dogs[:-3:-1]
    assert (app.query_params["class"], app.query_params["n"]) == ("class dog", "2")


def test_classes_in_another_order(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    measured = measure_again(home_store, found)
    app = open_page(PAGE, view="extremes", backbone=SPEC.key(measured.backbone_id).text)
    assert one(app, "multiselect", "Backbones").value == [SPEC.key(measured.backbone_id).text]
    one(app, "selectbox", explore_texts.CLASS_ORDER).set_value("median").run()
    assert [section["title"] for section in sections(app, "extremes")] == ["emu", "dog", "cat"]


def test_other_random_samples(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "finished")
    app = open_page(PAGE, view="extremes")
    before = [keys_of(section, "random") for section in sections(app, "extremes")]
    assert [keys_of(section, "random") for section in sections(app.run(), "extremes")] == before
    one(app, "button", explore_texts.SHUFFLE).click().run()
    assert app.query_params["seed"] == "1"
    assert [keys_of(section, "random") for section in sections(app, "extremes")] != before


def test_the_papers_definition(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "finished")
    app = open_page(PAGE, view="extremes")
    one(app, "button_group", widget_texts.SCORE_VARIANT).set_value("paper").run()
    assert app.query_params["definition"] == "paper"
    # Two of eight singular values are null: the listing clips them to 1e-6, which adds 2 log 1e-6.
    assert sections(app, "extremes")[0]["tiles"][0]["caption"] == "−27.6"


def test_ranks_that_differ_are_said(open_page: Callable[..., AppTest], home_store: Store) -> None:
    samples = make_samples("aaab")
    found = put(home_store, "finished")
    dataset = add_dataset(home_store, "uneven", samples)
    scores = {sample.sample_key: 1.0 for sample in samples}
    add_measurements(home_store, dataset, found.backbone, scores, samples=samples, ranks={samples[0].sample_key: 5})
    app = open_page(PAGE, view="extremes", dataset=dataset.dataset_id)
    assert "numerical rank" in said(app)
    one(app, "button_group", widget_texts.SCORE_VARIANT).set_value("paper").run()
    assert not app.warning


def test_many_classes_have_pages(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    samples = make_samples([f"class {number}" for number in range(30)])
    dataset = add_dataset(home_store, "many", samples)
    add_measurements(home_store, dataset, found.backbone, score_of(samples), samples=samples)
    app = open_page(PAGE, view="extremes", dataset=dataset.dataset_id)
    assert [section["title"] for section in sections(app, "extremes")] == [f"class {n}" for n in range(12)]
    one(app, "number_input", "Page of 3").set_value(3).run()
    assert [section["title"] for section in sections(app, "extremes")] == [f"class {n}" for n in range(24, 30)]
    one(app, "selectbox", "Dataset").set_value(found.dataset.dataset_id).run()
    assert "page" not in app.query_params
    assert len(sections(app, "extremes")) == 3


def test_a_dataset_without_labels(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "failed")
    samples = make_samples([None] * 5)
    dataset = add_dataset(home_store, "flat", samples)
    add_measurements(home_store, dataset, found.backbone, score_of(samples), samples=samples)
    app = open_page(PAGE, view="extremes", dataset=dataset.dataset_id)
    (shown,) = sections(app, "extremes")
    assert (shown["title"], len(keys_of(shown))) == ("(all)", 5)


def test_all_about_one_sample(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    measure_again(home_store, found)
    app = open_page(PAGE, view="extremes", backbone=found.measured, sample="cat/0003.png")
    card = gallery_data(app, "sample-stage")["card"]
    assert (card["sample_key"], card["width"], card["height"]) == ("cat/0003.png", 64, 48)
    assert card["lines"] == ["class cat · train", "64 × 48 pixels, 1.0 kB"]
    assert "**3.0** nats under ViT-Ti/16 (timm)" in said(app)
    assert "**−3.0** nats under ResNet-18 (timm)" in said(app)
    assert "4th lowest of 12 in its class (percentile 29.2 %), 4th lowest of 36 in the dataset; rank 6" in said(app)
    assert "/images/cat/0003.png" in said(app)
    assert [chart.key for chart in app.get("plotly_chart")] == ["detail-spectrum", "detail-place"]


def test_a_sample_that_failed_has_no_scores(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "running")
    app = open_page(PAGE, view="extremes", sample="cat/0011.png")
    assert sample_texts.NO_SCORE in said(app)
    assert not app.get("plotly_chart")


def test_a_sample_that_is_not_there(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "finished")
    app = open_page(PAGE, view="extremes", sample="![x](http://evil.example)")
    assert "has no sample" in said(app)
    assert not any("![x](" in item.value for item in app.error)


def test_a_link_to_what_is_gone_shows_what_is_there(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "finished")
    parameters = {"dataset": "01gone", "backbone": "gone@gone", "class": "class zebra", "definition": "magic", "n": "x"}
    app = open_page(PAGE, **{"view": "extremes"} | parameters)
    assert len(sections(app, "extremes")) == 3
    assert one(app, "button_group", widget_texts.SCORE_VARIANT).value == "rank"


def test_a_run_in_another_tab_is_seen(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    app = open_page(PAGE, view="extremes")
    assert app_texts.IN_PROGRESS not in said(app)
    assert found.run is not None
    home_store.catalogue.update_run(found.run.run_id, state=RunState.RUNNING)
    assert app_texts.IN_PROGRESS in said(app.run())


def test_a_row_a_backbone(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    second = SPEC.key(measure_again(home_store, found).backbone_id).text
    app = open_page(PAGE, view="extremes", backbone=found.measured, **{"class": "class cat"})
    one(app, "multiselect", "Backbones").set_value([found.measured, second]).run()
    assert app.query_params["backbones"] == [found.measured, second]
    rows = sections(app, "extremes")
    assert [(row["title"], row["row"]) for row in rows] == [
        ("cat", "ViT-Ti/16 (timm)"), ("", "ResNet-18 (timm)"), ("", "At random")
    ]  # fmt: skip
    cats = [sample.sample_key for sample in found.samples[:12]]
    assert keys_of(rows[0], "least") == keys_of(rows[1], "most") == cats[:6]
    assert len(keys_of(rows[2], "random")) == 6
    assert (rows[2]["subtitle"], rows[2]["box"]) == ("scores under ViT-Ti/16 (timm)", None)


def test_boxes_share_an_axis(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "finished")
    boxes = [section["box"] for section in sections(open_page(PAGE, view="extremes"), "extremes")]
    assert (boxes[0]["low"], boxes[-1]["high"]) == (0, 100)
    assert boxes[0]["high"] < boxes[1]["low"]
    assert boxes[0]["text"].startswith("Least likely 0.0, middle half")


def test_all_classes_closely(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "finished")
    app = open_page(PAGE, view="extremes")
    one(app, "button_group", "View").set_value("classes").run()
    shown = sections(app, "class-list")
    assert [section["title"] for section in shown] == ["cat", "dog", "emu"]
    assert [len(section["tiles"]) for section in shown] == [10, 10, 10]
    assert "from 0.0 to 35.0 nats" in said(app)


def search(app: AppTest) -> list[str]:
    return keys_of(sections(app, "found")[0])


def test_search(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    keys = [sample.sample_key for sample in found.samples]
    app = open_page(PAGE, view="search")
    assert search(app) == keys
    assert "36 samples found." in said(app)
    one(app, "text_input", explore_texts.SEARCH_TEXT).set_value("DOG/").run()
    assert search(app) == keys[12:24]
    one(app, "slider", "Percentile (%)").set_range(0, 50).run()
    assert search(app) == keys[12:18]
    assert (app.query_params["q"], app.query_params["span"]) == ("DOG/", "0:50")
    one(app, "text_input", explore_texts.SEARCH_TEXT).set_value("nobody").run()
    assert explore_texts.NOTHING_FOUND in said(app)


def test_search_by_decision(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    sample = found.samples[7]
    decide(home_store, found.dataset.dataset_id, [(sample.sample_key, sample.content_id)], "drop", "ada")
    app = open_page(PAGE, view="search", decided="drop")
    assert search(app) == [sample.sample_key]
    assert gallery_data(app, "found")["marks"] == {sample.sample_key: "drop"}
    one(app, "selectbox", "Decision").set_value("open").run()
    assert len(search(app)) == 35
    one(app, "selectbox", "Decision").set_value("keep").run()
    assert "0 of 36 samples found." in said(app)


def test_found_samples_have_pages(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    app = open_page(PAGE, view="search", per="24", across="most")
    one(app, "number_input", "Page of 2").set_value(2).run()
    assert search(app) == [sample.sample_key for sample in reversed(found.samples)][24:]
    one(app, "selectbox", "Decision").set_value("open").run()
    assert "page" not in app.query_params


def test_intervals_of_estimates(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    estimated = add_backbone(home_store, "timm:vit_small_patch16_224.test")
    spec = MeasurementSpec(estimator="calibrated", probes=4)
    row = {"content_id": found.samples[0].content_id, "rank": 6, "score": 5.0, "lower": 4.25, "upper": 6.0}
    row |= {"score_paper": 5.0, "lower_paper": 4.0, "upper_paper": 6.0}
    table = pa.Table.from_pylist([row], CALIBRATED_SCHEMA)
    home_store.write_shard(estimated.backbone_id, spec, table)
    app = open_page(PAGE, backbone=spec.key(estimated.backbone_id).text, view="search")
    (tile,) = sections(app, "found")[0]["tiles"]
    assert (tile["caption"], tile["note"]) == ("≈5.0", "4.2 to 6.0")


def in_dialog(app: AppTest, label: str) -> Any:
    (found,) = [item for item in app.get("button") if item.label == label]
    return found


def test_scores_under_every_definition_and_a_link(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    measure_again(home_store, found)
    app = open_page(PAGE, view="extremes", backbone=found.measured, sample="cat/0003.png")
    rows = table(app)
    assert [row["Backbone"] for row in rows] == [plain("ViT-Ti/16 (timm)"), plain("ResNet-18 (timm)")]
    assert rows[0]["Rank (our default)"] == "3.0 nats · 29.2 %"
    (alike,) = [link for link in app.get("page_link") if link.value == sample_texts.MORE_LIKE_THIS]
    assert alike.proto.query_string.endswith("like=cat%2F0003.png")
    assert app.code[0].value.endswith("definition=rank&sample=cat%2F0003.png")


def test_a_closeup_is_asked_for_once_and_shown(
    open_page: Callable[..., AppTest], home_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closeups, "start_worker", lambda *_: False)
    found = put(home_store, "finished")
    app = open_page(PAGE, view="extremes", sample="cat/0003.png")
    in_dialog(app, widget_texts.COMPUTE).click().run()
    assert sample_texts.STARTING in said(app)
    (identifier,) = closeups.unfinished_closeups(home_store)
    wanted = closeups.wanted_closeup(home_store, identifier)
    assert wanted is not None
    assert wanted.content_id == found.samples[3].content_id
    failed = closeups.Closeup("failed", message="The file is gone.")
    closeups.write_closeup(home_store, wanted, failed, {})
    assert "The file is gone." in said(app.run())
    assert in_dialog(app, "Try again")
    closeups.write_closeup(home_store, wanted, closeups.Closeup("done", (9.0, 8.0), (0.1,)), {})
    app.run()
    bodies = " ".join(item.proto.body for item in app.get("html"))
    assert "leading-2-over.png" in bodies
    assert "trailing-1-over.png" in bodies


def test_a_closeup_that_waits_without_a_worker_gets_one(
    open_page: Callable[..., AppTest], home_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = put(home_store, "finished")
    assert found.scores is not None
    monkeypatch.setattr(closeups, "start_worker", lambda *_: False)
    sample = found.samples[3]
    closeups.request_closeup(home_store, found.dataset.dataset_id, found.scores.backbone_id, sample.content_id)
    started: list[Path] = []
    monkeypatch.setattr(process, "start_worker", started.append)
    monkeypatch.setattr(process, "START_INTERVAL", -1.0)
    open_page(PAGE, view="extremes", sample=sample.sample_key)
    assert home_store.home in started


def test_scores_that_are_not_laid_out_yet_say_why_the_page_is_slow(
    open_page: Callable[..., AppTest], home_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score_tables, "MIN_SAMPLES", 10)
    monkeypatch.setattr(score_tables, "_build_in_background", lambda *_: None)
    found = put(home_store, "finished")
    assert found.scores is not None
    app = open_page(PAGE, view="extremes")
    assert "Preparing the score table for digits under ViT-Ti/16 (timm) (36 samples); starting" in said(app)
    assert len(sections(app, "extremes")) == 3
    score_tables.build_score_table(home_store, found.dataset, found.scores.key)
    assert "score table" not in said(app.run())
