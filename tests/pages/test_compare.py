"""Compare: the same class under several backbones, and how far they agree."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from jepascore_core.curation.decisions import decide
from jepascore_core.storage.store import Store
from pages.ui.compare import texts as compare_texts
from pages.ui.explore import texts as explore_texts
from pages.ui.widgets import texts as widget_texts
from tests.conftest import SPEC, add_backbone, add_measurements
from tests.pages.reading import figure, gallery_data, keys_of, links, one, said, sections, table
from tests.pages.situations import Situation, estimate, measure_again, put, score_of

PAGE = "pages/compare.py"


@pytest.mark.parametrize(
    ("situation", "sentence"),
    [
        (None, widget_texts.NO_DATASET),
        ("indexing", "digits is being indexed."),
        ("index failed", widget_texts.not_indexed("digits", "failed")),
        ("waiting", widget_texts.no_scores_yet("digits", is_running=True)),
        ("failed", "digits has no scores yet. Start a run on the Runs page"),
        ("running", widget_texts.too_few_measured("digits", 1, 2)),
        ("finished", widget_texts.too_few_measured("digits", 1, 2)),
    ],
)
def test_nothing_to_compare_yet(
    open_page: Callable[..., AppTest], home_store: Store, situation: Situation | None, sentence: str
) -> None:
    if situation is not None:
        put(home_store, situation)
    app = open_page(PAGE)
    assert sentence in said(app)
    assert links(app) == [("Go to Runs", ""), *([("Go to Home", "")] if situation is None else [])]
    assert not app.get("bidi_component")


def test_a_second_backbone_fills_the_page(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "running")
    app = open_page(PAGE)
    second = measure_again(home_store, found)
    assert "Choose at least 2 backbones above" in said(app.run()), "what is scored in part is not chosen for anybody"
    app = open_page(PAGE, backbones=[found.measured, SPEC.key(second.backbone_id).text])
    assert [section["title"] for section in sections(app, "backbone-rows")] == ["ViT-Ti/16 (timm)", "ResNet-18 (timm)"]
    assert "**27 of 36 images scored**" in said(app)
    assert "(27 so far)" in said(app)


def test_finished(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    measure_again(home_store, found)
    app = open_page(PAGE)
    cats = [sample.sample_key for sample in found.samples[:12]]
    vit, resnet = sections(app, "backbone-rows")
    assert (vit["title"], resnet["title"]) == ("ViT-Ti/16 (timm)", "ResNet-18 (timm)")
    assert keys_of(vit, "least") == keys_of(resnet, "most") == cats[:8]
    assert keys_of(vit, "most") == keys_of(resnet, "least") == cats[:3:-1]
    assert figure(app, "agreement")["data"][0]["text"] == [["1.00", "−1.00"], ["−1.00", "1.00"]]
    # Eight of twelve from either end have at least four in common.
    assert table(app) == [
        {
            "Pair": r"ViT\-Ti\/16 \(timm\) and ResNet\-18 \(timm\)",
            "Shared among the 8 least likely": "50.0 %",
            compare_texts.shared_most(8): "50.0 %",
            "By chance": "66.6 %",
        }
    ]
    assert len(figure(app, "scatter")["data"][0]["customdata"]) == 36
    (pairs,) = sections(app, "pairs")
    assert (pairs["title"], len(pairs["tiles"])) == (compare_texts.LARGEST, 24)
    assert pairs["subtitle"] == "percentile under ViT-Ti/16 (timm) on the left, ResNet-18 (timm) on the right"
    first = pairs["tiles"][0]
    assert (first["sample_key"], first["caption"], first["badge"]) == ("cat/0000.png", "1.4 %", "98.6 %")


def test_choosing_a_class_and_how_many(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    measure_again(home_store, found)
    app = open_page(PAGE)
    assert one(app, "selectbox", "Class").options == ["cat", "dog", "emu"]
    one(app, "selectbox", "Class").set_value("class emu").run()
    one(app, "slider", explore_texts.PER_GROUP).set_value(1).run()
    emus = [sample.sample_key for sample in found.samples[24:]]
    assert keys_of(sections(app, "backbone-rows")[0], "least") == emus[:1]
    assert table(app)[0]["Shared among the 1 least likely"] == "0.0 %"


def test_taking_one_backbone_away_asks_for_another(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    measure_again(home_store, found)
    app = open_page(PAGE)
    one(app, "multiselect", "Backbones").set_value([found.measured]).run()
    assert "Choose at least 2 backbones above, or measure another on the Runs page." in said(app)


def test_three_backbones(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    second, third = measure_again(home_store, found), measure_again(home_store, found, "timm:resnet50.test")
    app = open_page(PAGE)
    assert len(sections(app, "backbone-rows")) == 2
    chosen = [found.measured, SPEC.key(second.backbone_id).text, SPEC.key(third.backbone_id).text]
    one(app, "multiselect", "Backbones").set_value(chosen).run()
    assert [section["title"] for section in sections(app, "backbone-rows")] == [
        "ViT-Ti/16 (timm)",
        "ResNet-18 (timm)",
        "ResNet-50 (timm)",
    ]
    assert len(table(app)) == 3
    one(app, "selectbox", compare_texts.X_AXIS).set_value(chosen[2]).run()
    one(app, "selectbox", compare_texts.Y_AXIS).set_value(chosen[1]).run()
    titles = [figure(app, "scatter")["layout"][axis]["title"]["text"] for axis in ("xaxis", "yaxis")]
    assert titles[0].startswith("Percentile under ResNet-50")
    assert titles[1].startswith("Percentile under ResNet-18")


def test_classes_that_are_not_measured_by_both(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    backbone = add_backbone(home_store, "timm:resnet18.test")
    some = {key: score for key, score in score_of(found.samples).items() if key.startswith("emu")}
    add_measurements(home_store, found.dataset, backbone, some, samples=found.samples)
    app = open_page(PAGE, backbones=[found.measured, SPEC.key(backbone.backbone_id).text])
    assert "(12 so far)" in said(app)


def test_all_about_one_sample(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    measure_again(home_store, found)
    app = open_page(PAGE, backbone=found.measured, sample="dog/0012.png")
    assert said(app).index("nats under ViT-Ti/16") < said(app).index("nats under ResNet-18")


def test_the_claim_that_they_pick_the_same_extremes_in_numbers(
    open_page: Callable[..., AppTest], home_store: Store
) -> None:
    found = put(home_store, "finished")
    measure_again(home_store, found)
    app = open_page(PAGE)
    # In opposite order, the ten of either end of twelve share eight.
    assert "They share 80.0 % of the 10 least likely and 80.0 % of the 10 most likely samples of a class" in said(app)
    assert "(mean of 3 classes); unrelated scores would share 83.3 %." in said(app)
    names = [trace["name"] for trace in figure(app, "overlap")["data"]]
    assert [name.rpartition(": ")[2] for name in names] == ["least likely", "most likely", "by chance"]
    assert figure(app, "overlap")["data"][0]["x"] == [1, 2, 5, 10]


def test_kendall_instead_of_spearman(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    measure_again(home_store, found)
    app = open_page(PAGE)
    one(app, "button_group", compare_texts.CORRELATION).set_value("kendall").run()
    assert figure(app, "agreement")["data"][0]["colorbar"]["title"]["text"] == "Kendall's τ"
    assert app.query_params["correlation"] == "kendall"
    assert "Kendall's τ uses 36 drawn at random" in said(app)


def test_percentiles_within_the_class(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    measure_again(home_store, found)
    app = open_page(PAGE, within="class")
    (pairs,) = sections(app, "pairs")
    first = pairs["tiles"][0]
    # The least likely of twelve under one, the most likely under the other.
    assert (first["caption"], first["badge"]) == ("4.2 %", "95.8 %")


def test_every_class_is_listed_where_they_agree_least_first(
    open_page: Callable[..., AppTest], home_store: Store
) -> None:
    found = put(home_store, "finished")
    measure_again(home_store, found)
    app = open_page(PAGE)
    assert not app.dataframe
    app.query_params["open"] = "every-overlap"
    app.run()
    rows = app.dataframe[0].value.to_dict("records")
    assert [(row["Class"], row["n"], row[compare_texts.LEAST_IN_COMMON]) for row in rows] == [
        ("cat", 8, 50.0),
        ("dog", 8, 50.0),
        ("emu", 8, 50.0),
    ]


def test_estimates_show_their_intervals(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    estimate(home_store, found)
    app = open_page(PAGE)
    assert "36 of 36 scores are estimates. The exact score is expected within ± 2.0 nats" in said(app)
    tiny, small = sections(app, "backbone-rows")
    assert small["title"] == "ViT-S/16 (timm) calibrated"
    assert (small["tiles"][0]["caption"], small["tiles"][0]["note"]) == ("≈−11.0", "−13.0 to −9.0")
    assert tiny["tiles"][0]["note"] == ""
    assert figure(app, "scatter")["data"][1]["error_x"]["value"] == 0
    assert figure(app, "scatter")["data"][1]["error_y"]["value"] > 0
    (pairs,) = sections(app, "pairs")
    assert "percentile 1.4 under the first, 98.6 (exact: 92 to 100) under the second" in pairs["tiles"][0]["tooltip"]
    assert pairs["tiles"][0]["note"] == ""


def test_what_lies_within_the_error_is_said(open_page: Callable[..., AppTest], home_store: Store) -> None:
    estimate(home_store, put(home_store, "finished"), half_width=100.0)
    (pairs,) = sections(open_page(PAGE), "pairs")
    assert {tile["note"] for tile in pairs["tiles"]} == {compare_texts.WITHIN_THE_ERROR}


def test_every_gallery_takes_decisions(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    measure_again(home_store, found)
    decide(home_store, found.dataset.dataset_id, [("cat/0000.png", found.samples[0].content_id)], "drop", "ada")
    app = open_page(PAGE)
    for key in ("backbone-rows", "pairs"):
        data = gallery_data(app, key)
        assert data["can_decide"]
        assert data["marks"] == {"cat/0000.png": "drop"}


def test_a_link_selects_a_part_of_the_scatter(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    measure_again(home_store, found)
    app = open_page(PAGE, area="89:-1_101:-1_101:11_89:11")
    (pairs,) = sections(app, "pairs")
    assert pairs["title"] == "4 selected"
    assert keys_of(pairs) == ["emu/0035.png", "emu/0034.png", "emu/0033.png", "emu/0032.png"]
    one(app, "button", widget_texts.CLEAR_SELECTION).click().run()
    assert "area" not in app.query_params
    assert sections(app, "pairs")[0]["title"] == compare_texts.LARGEST
    app.query_params["area"] = "89:-1_101:-1_101:11_89:11"
    one(app.run(), "button_group", compare_texts.WITHIN).set_value("class").run()
    assert "area" not in app.query_params, "other axes have other points"
