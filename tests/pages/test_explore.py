"""Explore: the extremes of every class, as far as they are measured, and all about one sample."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from jepascore_core.records import RunState
from jepascore_core.store import Store
from tests.conftest import add_dataset, add_measurements, make_samples
from tests.pages.reading import keys_of, links, one, said, sections
from tests.pages.situations import measure_again, put, score_of

PAGE = "pages/explore.py"


def test_nothing_yet(open_page: Callable[..., AppTest]) -> None:
    app = open_page(PAGE)
    assert "There is no dataset yet. Add images on the Runs page" in said(app)
    assert links(app) == [("Go to Runs", "")]
    assert not app.get("bidi_component")


def test_indexing(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "indexing")
    assert "digits is being indexed. The Runs page shows how far it is." in said(open_page(PAGE))


def test_an_index_that_failed(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "index failed")
    assert "digits has no index (failed). Resume it on the Runs page." in said(open_page(PAGE))


def test_a_run_that_waits_fills_the_page_when_its_first_scores_come(
    open_page: Callable[..., AppTest], home_store: Store
) -> None:
    found = put(home_store, "waiting")
    app = open_page(PAGE)
    assert "digits has no scores yet. A run is under way; this page fills as it goes on." in said(app)
    add_measurements(home_store, found.dataset, found.backbone, score_of(found.samples), samples=found.samples)
    assert len(sections(app.run(), "extremes")) == 3


def test_running(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "running")
    app = open_page(PAGE)
    assert one(app, "selectbox", "Backbone").options == ["ViT-Ti/16 (timm) · 75.0 % scored"]
    shown = sections(app, "extremes")
    assert [section["title"] for section in shown] == ["cat", "dog", "emu"]
    assert shown[0]["subtitle"].startswith("12 samples, 9 scored · median 4.0 nats")


def test_failed(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "failed")
    app = open_page(PAGE)
    assert "digits has no scores yet. Start a run on the Runs page" in said(app)
    assert links(app) == [("Go to Runs", "")]


def test_finished(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    cats = [sample.sample_key for sample in found.samples[:12]]
    app = open_page(PAGE)
    shown = sections(app, "extremes")
    assert [section["title"] for section in shown] == ["cat", "dog", "emu"]
    assert keys_of(shown[0], "least") == cats[:6]
    assert keys_of(shown[0], "most") == cats[:5:-1]
    assert len(keys_of(shown[0], "random")) == 6
    first = shown[0]["tiles"][0]
    assert (first["caption"], first["badge"]) == ("0.0", "4.2 %")
    assert first["tooltip"] == "cat/0000.png\nscore 0.0 nats, higher is more likely\n4.2 % of its class score lower"
    assert "higher is more likely" in said(app)
    assert not app.warning


def test_choosing_one_class_and_how_many(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    app = open_page(PAGE)
    assert one(app, "selectbox", "Class").options == ["All 3 classes", "cat", "dog", "emu"]
    one(app, "selectbox", "Class").set_value("class dog").run()
    one(app, "slider", "Samples in each group").set_value(2).run()
    (shown,) = sections(app, "extremes")
    assert shown["title"] == "dog"
    dogs = [sample.sample_key for sample in found.samples[12:24]]
    assert keys_of(shown, "least") == dogs[:2]
    assert keys_of(shown, "most") == dogs[:-3:-1]
    assert (app.query_params["class"], app.query_params["n"]) == ("class dog", "2")


def test_classes_in_another_order(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    measured = measure_again(home_store, found)
    app = open_page(PAGE, backbone=f"{measured.backbone_id}@{found.measured.partition('@')[2]}")
    assert one(app, "selectbox", "Backbone").value.startswith("timm-resnet18")
    one(app, "selectbox", "Order of classes").set_value("median").run()
    assert [section["title"] for section in sections(app, "extremes")] == ["emu", "dog", "cat"]


def test_other_random_samples(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "finished")
    app = open_page(PAGE)
    before = [keys_of(section, "random") for section in sections(app, "extremes")]
    assert [keys_of(section, "random") for section in sections(app.run(), "extremes")] == before
    one(app, "button", "Other random ones").click().run()
    assert app.query_params["seed"] == "1"
    assert [keys_of(section, "random") for section in sections(app, "extremes")] != before


def test_the_papers_definition(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "finished")
    app = open_page(PAGE)
    one(app, "button_group", "Definition").set_value("paper").run()
    assert app.query_params["definition"] == "paper"
    # Two of eight singular values are null: the listing clips them to 1e-6, which adds 2 log 1e-6.
    assert sections(app, "extremes")[0]["tiles"][0]["caption"] == "−27.6"


def test_ranks_that_differ_are_said(open_page: Callable[..., AppTest], home_store: Store) -> None:
    samples = make_samples("aaab")
    found = put(home_store, "finished")
    dataset = add_dataset(home_store, "uneven", samples)
    scores = {sample.sample_key: 1.0 for sample in samples}
    add_measurements(home_store, dataset, found.backbone, scores, samples=samples, ranks={samples[0].sample_key: 5})
    app = open_page(PAGE, dataset=dataset.dataset_id)
    assert "The numerical rank is not the same for all samples" in said(app)
    one(app, "button_group", "Definition").set_value("paper").run()
    assert not app.warning


def test_many_classes_have_pages(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    samples = make_samples([f"class {number}" for number in range(30)])
    dataset = add_dataset(home_store, "many", samples)
    add_measurements(home_store, dataset, found.backbone, score_of(samples), samples=samples)
    app = open_page(PAGE, dataset=dataset.dataset_id)
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
    app = open_page(PAGE, dataset=dataset.dataset_id)
    (shown,) = sections(app, "extremes")
    assert (shown["title"], len(keys_of(shown, "least"))) == ("(all)", 5)


def test_all_about_one_sample(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    measure_again(home_store, found)
    app = open_page(PAGE, backbone=found.measured, sample="cat/0003.png")
    assert "**cat/0003.png**" in said(app)
    assert "**3.0** nats under ViT-Ti/16 (timm)" in said(app)
    assert "**−3.0** nats under ResNet-18 (timm)" in said(app)
    assert "Counted from the least likely: 4 of 12 in its class (29.2 %), 4 of 36 in the dataset; rank 6" in said(app)
    assert "64 × 48 pixels, 1.0 kB" in said(app)
    assert "/images/cat/0003.png" in said(app)
    assert [chart.key for chart in app.get("plotly_chart")] == ["detail-spectrum", "detail-place"]
    (dialog,) = app.get("dialog")
    assert "images/view/" in dialog.get("html")[0].proto.body


def test_a_sample_that_failed_has_no_scores(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "running")
    app = open_page(PAGE, sample="cat/0011.png")
    assert "This sample was not measured under the chosen backbone." in said(app)
    assert not app.get("plotly_chart")


def test_a_sample_that_is_not_there(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "finished")
    app = open_page(PAGE, sample="![x](http://evil.example)")
    assert "has no sample" in said(app)
    assert not any("![x](" in item.value for item in app.error)


def test_a_link_to_what_is_gone_shows_what_is_there(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "finished")
    parameters = {"dataset": "01gone", "backbone": "gone@gone", "class": "class zebra", "definition": "magic", "n": "x"}
    app = open_page(PAGE, **parameters)
    assert len(sections(app, "extremes")) == 3
    assert one(app, "button_group", "Definition").value == "rank"


def test_a_run_in_another_tab_is_seen(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    app = open_page(PAGE)
    assert "Under way" not in said(app)
    assert found.run is not None
    home_store.catalogue.update_run(found.run.run_id, state=RunState.RUNNING)
    assert "Under way" in said(app.run())
