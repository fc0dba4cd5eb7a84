"""Distributions: histograms of the datasets that one backbone measured, and their medians as a table."""

from __future__ import annotations

import base64
from collections.abc import Callable

import numpy as np
from streamlit.testing.v1 import AppTest

from jepascore_core.storage.store import Store
from jepascore_core.views.readiness import HEADLINES
from pages.ui.distributions import texts as distributions_texts
from pages.ui.widgets import texts as widget_texts
from tests.conftest import SPEC, add_backbone, add_dataset, add_measurements, make_samples
from tests.pages.reading import figure, gallery_data, links, one, said, sections, table
from tests.pages.situations import Found, estimate, measure_again, put, score_of

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
    assert widget_texts.NO_DATASET in said(app)
    assert links(app) == [("Go to Runs", ""), ("Go to Home", "")]


def test_indexing(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "indexing")
    app = open_page(PAGE)
    assert distributions_texts.NOTHING_MEASURED in said(app)
    assert links(app) == [("Go to Runs", "")]


def test_failed(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "failed")
    assert distributions_texts.NOTHING_MEASURED in said(open_page(PAGE))


def test_the_dataset_of_other_pages_is_shown_whatever_backbone_they_show(
    open_page: Callable[..., AppTest], home_store: Store
) -> None:
    found = put(home_store, "finished")
    samples = make_samples(["fox"] * 8)
    dataset = add_dataset(home_store, "birds", samples)
    other = add_backbone(home_store, "timm:resnet18.test")
    add_measurements(home_store, dataset, other, score_of(samples), samples=samples)
    app = open_page(PAGE, dataset=dataset.dataset_id, backbone=found.measured)
    assert [row["Scores"] for row in table(app)] == ["birds"]
    app = open_page(PAGE, dataset=found.dataset.dataset_id, backbone=found.measured)
    assert [row["Scores"] for row in table(app)] == ["digits"]


def test_the_dataset_of_other_pages_is_among_the_first_of_many(
    open_page: Callable[..., AppTest], home_store: Store
) -> None:
    backbone = add_backbone(home_store, "timm:resnet18.test")
    for name in "abcdefgh":
        samples = make_samples([name] * 8)
        dataset = add_dataset(home_store, name, samples)
        add_measurements(home_store, dataset, backbone, score_of(samples), samples=samples)
    shown = [row["Scores"] for row in table(open_page(PAGE, dataset=dataset.dataset_id))]
    assert len(shown) == 6
    assert "h" in shown


def test_a_run_that_waits_fills_the_page_when_its_first_scores_come(
    open_page: Callable[..., AppTest], home_store: Store
) -> None:
    found = put(home_store, "waiting")
    app = open_page(PAGE)
    assert distributions_texts.NOTHING_MEASURED in said(app)
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
    assert [(row["Scores"], row["Samples"], row["Median"]) for row in table(app)] == [
        ("digits", "36", "17.5"),
        ("more digits", "8", "35.0"),
    ]
    assert table(app)[1] | {"Least likely": "0.0", "Most likely": "70.0"} == table(app)[1]
    assert names(app) == ["digits (n = 36, median 17.5)", "more digits (n = 8, median 35.0)"]
    assert distributions_texts.CLICK_A_BAR in said(app)


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
    identifier = SPEC.key(measured.backbone_id).text
    one(app, "multiselect", "Backbones").set_value([identifier]).run()
    assert [(row["Scores"], row["Median"]) for row in table(app)] == [("digits", "−17.5")]
    one(app, "button_group", widget_texts.SCORE_VARIANT).set_value("paper").run()
    assert table(app)[0]["Median"] == "−45.1"


def test_splitting_up_by_class(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "finished")
    app = open_page(PAGE)
    one(app, "button_group", distributions_texts.GROUP_BY).set_value("label").run()
    assert [(row["Scores"], row["Median"]) for row in table(app)] == [
        ("cat", "5.5"),
        ("dog", "17.5"),
        ("emu", "29.5"),
    ]
    one(app, "button_group", distributions_texts.GROUP_BY).set_value("split").run()
    assert [(row["Scores"], row["Samples"]) for row in table(app)] == [("test", "9"), ("train", "27")]


def test_counts_instead_of_shares(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "finished")
    app = open_page(PAGE)
    assert round(total_height(app)) == 100
    one(app, "button_group", distributions_texts.Y_AXIS).set_value("count").run()
    assert total_height(app) == 36


def test_many_backbones_are_small_multiples(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put_two(home_store)
    measured = measure_again(home_store, found)
    app = open_page(PAGE)
    one(app, "multiselect", "Backbones").set_value([found.measured, SPEC.key(measured.backbone_id).text]).run()
    assert "**ViT-Ti/16 (timm)**" in said(app)
    assert names(app) == ["digits (n = 36, median 17.5)", "more digits (n = 8, median 35.0)"]
    assert [trace["name"] for trace in figure(app, "histograms-1")["data"]] == ["digits (n = 36, median −17.5)"]
    assert [row["Backbone"].replace("\\", "") for row in table(app)] == ["ViT-Ti/16 (timm)"] * 2 + ["ResNet-18 (timm)"]


def test_on_the_scale_of_a_reference_backbones_share_an_axis(
    open_page: Callable[..., AppTest], home_store: Store
) -> None:
    found = put_two(home_store)
    measured = measure_again(home_store, found)
    both = [found.measured, SPEC.key(measured.backbone_id).text]
    app = open_page(PAGE, backbones=both, scale="reference")
    titles = [figure(app, key)["layout"]["xaxis"]["title"]["text"] for key in ("histograms", "histograms-1")]
    assert titles == ["JEPA-SCORE (robust z against digits), higher = more likely"] * 2
    assert figure(app, "histograms")["data"][0]["x"] == figure(app, "histograms-1")["data"][0]["x"]
    assert [row["Median"] for row in table(app)] == ["0.00", "1.35", "0.00"]


def test_densities_and_cumulative_shares(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put_two(home_store)
    app = open_page(PAGE)
    one(app, "button_group", "Shape").set_value("density").run()
    assert figure(app, "histograms")["layout"]["yaxis"]["title"]["text"] == "Density (% of samples per nat)"
    one(app, "button_group", "Shape").set_value("ecdf").run()
    assert figure(app, "histograms")["layout"]["yaxis"]["title"]["text"] == "Samples with at most this score (%)"
    assert app.query_params["shape"] == "ecdf"


def test_readiness_in_words(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put_two(home_store)
    samples = make_samples(["gnu"] * 40)
    far = add_dataset(home_store, "far", samples)
    add_measurements(
        home_store, far, found.backbone, {s.sample_key: -50.0 - n for n, s in enumerate(samples)}, samples=samples
    )
    app = open_page(PAGE, reference=found.dataset.dataset_id)
    text = said(app)
    assert f"**{HEADLINES['foreign']}** · far" in text
    assert "100 % of its samples score below the 5th percentile of digits; the histograms share 0.0 %" in text
    assert "AUROC 1.00 (95 %: 0.95 to 1.00) · shared area 0.0 % · n = 40" in text
    assert f"**{HEADLINES['unclear']}** · more digits" in text
    assert "8 samples of more digits and 36 of digits are scored under this encoder" in text
    assert not app.dataframe
    app.query_params["open"] = "readiness-numbers"
    app.run()
    assert list(app.dataframe[0].value["Verdict"]) == [
        HEADLINES[level] for level in ("reference", "foreign", "unclear")
    ]


def test_readiness_asks_for_a_second_dataset(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "finished")
    assert distributions_texts.SECOND_DATASET in said(open_page(PAGE))


def test_downloads_are_made_when_they_are_opened(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "finished")
    app = open_page(PAGE)
    assert [button.label for button in app.get("download_button")] == []
    app.session_state["histograms-downloads"] = True
    app.run()
    html, data = app.get("download_button")
    assert (html.label, data.label) == (widget_texts.FIGURE_AS_HTML, widget_texts.DATA_AS_CSV)
    assert widget_texts.camera_hint("jepascore-Scores-under-ViT-Ti-16-timm.png") in said(app)
    one(app, "button_group", widget_texts.CAMERA_FORMAT).set_value("svg").run()
    (found,) = [item for item in app.get("plotly_chart") if item.key == "histograms"]
    assert '"format": "svg"' in found.proto.config.replace('":"', '": "')


def test_estimates_show_their_intervals(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    scores = estimate(home_store, found)
    calibrated = scores.key.text
    app = open_page(PAGE)
    assert distributions_texts.INTERVAL not in table(app)[0]
    one(app, "multiselect", "Backbones").set_value([found.measured, calibrated]).run()
    assert "36 of 36 scores are estimates. The exact score is expected within ± 2.0 nats" in said(app)
    assert [row[distributions_texts.INTERVAL] for row in table(app)] == ["exact", "± 2.0"]
    assert [shape["y0"] for shape in figure(app, "histograms-1")["layout"]["shapes"]][-1] == 0.97


def test_what_is_scored_in_part_is_said(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "running")
    assert "**27 of 36 images scored**" in said(open_page(PAGE))


def test_a_link_shows_the_samples_of_bars(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put_two(home_store)
    app = open_page(PAGE, bars=["0-0-0-11", "0-1-11-11", "0-9-0-1", "7-0-0-1", "0-0-3-1", "0-0-0-999", "x"])
    first, second = home_store.catalogue.datasets()
    (shown,) = sections(app, f"bar-samples-{first.dataset_id}")
    assert (shown["title"], shown["subtitle"]) == ("digits", distributions_texts.bar_samples(24, 36, "0.0 to 35.0"))
    (shown,) = sections(app, f"bar-samples-{second.dataset_id}")
    assert (shown["title"], len(shown["tiles"])) == ("more digits", 1)
    assert gallery_data(app, f"bar-samples-{second.dataset_id}")["can_decide"]
    one(app, "button_group", "Shape").set_value("density").run()
    assert "bars" not in app.query_params, "another figure has other bars"
    assert not app.get("bidi_component")


def test_a_part_without_samples_says_so(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put_two(home_store)
    app = open_page(PAGE, bars="0-1-2-2")
    assert distributions_texts.EMPTY_BARS in said(app)
    one(app, "button", widget_texts.CLEAR_SELECTION).click().run()
    assert "bars" not in app.query_params


def test_the_reference_is_the_encoders_own_data_else_the_largest(
    open_page: Callable[..., AppTest], home_store: Store
) -> None:
    few, many = make_samples(["cat"] * 8), make_samples(["dog"] * 40)
    backbone, bundled = add_backbone(home_store), add_backbone(home_store, "bundled:digits-vit")
    made = {}
    for name, samples in (("a few", few), ("digits-demo", few), ("z many", many)):
        made[name] = add_dataset(home_store, name, samples)
        values = {sample.sample_key: float(number) for number, sample in enumerate(samples)}
        for encoder in (backbone, bundled):
            add_measurements(home_store, made[name], encoder, values, samples=samples)
    for encoder, wanted in ((backbone, "z many"), (bundled, "digits-demo")):
        app = open_page(PAGE, backbones=SPEC.key(encoder.backbone_id).text)
        assert one(app, "selectbox", "Reference").value == made[wanted].dataset_id
