"""Runs: asking for a run, following it, and what is offered when it ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from jepascore_core.measuring.specs import resolve_spec
from jepascore_core.records.approximation import ApproximationPlan
from jepascore_core.records.augmentation import CropViews
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.requests import ResolvedRequest
from jepascore_core.records.runs import ProbeResult, ProbeState, RunState
from jepascore_core.storage.store import Store
from pages.ui.runs import texts as runs_texts
from pages.ui.widgets import texts as widget_texts
from tests.conftest import add_run
from tests.pages.reading import gallery_data, labels, links, one, report, said
from tests.pages.situations import MESSAGE, failure_of, put

PAGE = "pages/runs.py"
BUNDLED = "bundled:digits-vit"

pytestmark = pytest.mark.usefixtures("no_worker")


def choose_backbone(app: AppTest, name: str = BUNDLED) -> AppTest:
    return one(app, "multiselect", "Backbones").set_value([name]).run()


def open_failures(app: AppTest, key: str) -> AppTest:
    """Open the list of failures with this key, as a click on its title does."""
    app.query_params["open"] = f"failures-{key}"
    return app.run()


# A new run


def test_a_run_is_started(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "index failed", "another")
    found = put(home_store, "waiting")
    app = open_page(PAGE)
    assert one(app, "button", "Start").disabled
    assert one(app, "button", "Predict cost").disabled
    assert one(app, "number_input", "Image size").value is None
    assert "With image size" not in said(app)
    one(app, "selectbox", "Dataset").set_value(found.dataset.dataset_id).run()
    choose_backbone(app)
    one(app, "button", "Start").click().run()
    run = home_store.catalogue.runs(found.dataset.dataset_id)[0]
    assert (run.state, run.backbone, run.device) == (RunState.QUEUED, BackboneRef(BUNDLED), "auto")
    assert "**digits, digits-vit (bundled)** · Waiting" in said(app)


def test_a_cascade_is_asked_for(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "waiting")
    app = open_page(PAGE)
    choose_backbone(app)
    one(app, "button_group", "Estimator").set_value("cascade").run()
    assert runs_texts.MEANINGS["cascade"] in said(app)
    one(app, "number_input", runs_texts.TOP).set_value(7).run()
    one(app, "number_input", "Target fidelity").set_value(0.97).run()
    one(app, "button", "Start").click().run()
    run = home_store.catalogue.runs(found.dataset.dataset_id)[0]
    assert run.spec.estimator == "cascade"
    assert run.plan == ApproximationPlan(target_fidelity=0.97, top=7)


def test_a_sketch_is_asked_for(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "waiting")
    app = open_page(PAGE)
    choose_backbone(app)
    one(app, "button_group", "Estimator").set_value("sketch").run()
    one(app, "number_input", "Passes").set_value(5).run()
    one(app, "button", "Start").click().run()
    run = home_store.catalogue.runs(found.dataset.dataset_id)[0]
    assert (run.spec.estimator, run.spec.probes, run.plan) == ("sketch", 5, None)


def test_views_are_asked_for(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "waiting")
    app = open_page(PAGE)
    choose_backbone(app)
    assert one(app, "number_input", runs_texts.VIEWS).value == 1
    assert "views" not in said(app)
    one(app, "number_input", runs_texts.VIEWS).set_value(8).run()
    assert "With views 8" in said(app)
    one(app, "text_input", runs_texts.AUGMENTATION).set_value("crops:flip=2").run()
    assert "Parameter flip of crops must be from 0 to 1" in said(app)
    assert one(app, "button", "Start").disabled
    one(app, "text_input", runs_texts.AUGMENTATION).set_value("crops:flip=0").run()
    one(app, "button", "Start").click().run()
    run = home_store.catalogue.runs(found.dataset.dataset_id)[0]
    assert (run.spec.views, run.spec.augmentation) == (8, CropViews(flip=0).text)
    assert "8 views" in said(app)


def test_views_of_a_prediction_are_refused(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "waiting")
    app = open_page(PAGE)
    choose_backbone(app)
    one(app, "number_input", runs_texts.VIEWS).set_value(2).run()
    one(app, "button_group", "Estimator").set_value("cascade").run()
    one(app, "button", "Start").click().run()
    assert "Use exact or sketch" in said(app)


def test_what_a_calibrated_run_found_stays_readable(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    run = home_store.catalogue.add_run(
        ResolvedRequest(
            found.dataset.dataset_id, BackboneRef(BUNDLED), resolve_spec("calibrated"), "cpu", ApproximationPlan()
        )
    )
    home_store.catalogue.update_run(run.run_id, state=RunState.FINISHED, message="rank agreement 0.993")
    assert "rank agreement 0.993" in said(open_page(PAGE))


def test_a_run_with_own_weights(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    app = choose_backbone(open_page(PAGE), "timm:test_vit")
    one(app, "text_input", "Checkpoint").set_value(" /weights/mine.safetensors ")
    one(app, "number_input", "Image size").set_value(32)
    one(app, "text_input", "Mean").set_value("0.5, 0.4,0.3")
    one(app, "text_input", "Std").set_value("0.25")
    one(app, "selectbox", "Pooling").set_value("avg")
    one(app, "selectbox", "Preprocessing").set_value("timm")
    one(app, "selectbox", "Device").set_value("cpu")
    one(app, "selectbox", "Precision").set_value("float64")
    app.checkbox[0].check().run()
    one(app, "button", "Start").click().run()
    run = home_store.catalogue.runs(found.dataset.dataset_id)[0]
    assert (run.device, run.spec.precision) == ("cpu", "float64")
    assert "With checkpoint /weights/mine.safetensors · pooling avg · image size 32 · mean 0.5, 0.4, 0.3 · std" in said(
        app
    )
    assert run.backbone == BackboneRef(
        "timm:test_vit",
        "/weights/mine.safetensors",
        "avg",
        32,
        (0.5, 0.4, 0.3),
        (0.25,),
        offline=True,
        preprocessing="timm",
    )


def test_a_field_is_not_taken_back_by_the_url_of_an_earlier_one(
    open_page: Callable[..., AppTest], home_store: Store
) -> None:
    put(home_store, "finished")
    app = choose_backbone(open_page(PAGE))
    one(app, "text_input", "Mean").set_value("0.5").run()
    del app.query_params["mean"]  # as a browser does that had sent the next change already
    one(app, "text_input", "Std").set_value("0.25").run()
    assert one(app, "text_input", "Mean").value == "0.5"
    assert (app.query_params["mean"], app.query_params["std"]) == ("0.5", "0.25")
    assert "fidelity" not in app.query_params


def test_a_mean_that_is_no_number(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "finished")
    app = choose_backbone(open_page(PAGE))
    one(app, "text_input", "Mean").set_value("half").run()
    assert "Mean and std" in said(app)
    start = one(app, "button", "Start")
    assert (start.disabled, start.help) == (True, runs_texts.FIX_FIRST)
    assert "**digits, ViT-Ti/16 (timm)** · Finished" in said(app)
    one(app, "text_input", "Mean").set_value("0.5").run()
    assert not one(app, "button", "Start").disabled


def test_the_cost_is_predicted_before_anything_starts(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "indexing", "another")
    found = put(home_store, "finished")
    app = choose_backbone(open_page(PAGE, dataset=found.dataset.dataset_id))
    one(app, "button", "Predict cost").click().run()
    (probe,) = home_store.catalogue.queued_probes()
    assert (probe.dataset_id, probe.backbone) == (found.dataset.dataset_id, BackboneRef(BUNDLED))
    assert "**bundled:digits-vit**: timing a few images" in said(app)
    answer = ProbeResult("bundled-x", 32, "cuda:0", 36, 30, 4.0, 2 * 10**9, "bfloat16", may_be_faster=True)
    home_store.catalogue.update_probe(probe.probe_id, state=ProbeState.FINISHED, result=answer.to_dict())
    app.run()
    assert (
        "about **2 min** on cuda:0 for 30 of 36 images, 4.0 s each (K = 32, 2.0 GB of memory) in bfloat16, or less"
        in said(app)
    )
    assert len(home_store.catalogue.runs()) == 1
    one(app, "selectbox", "Dataset").set_value(home_store.catalogue.dataset("another").dataset_id).run()
    assert "about **2 min**" not in said(app), "a prediction is about its own dataset"
    one(app, "selectbox", "Dataset").set_value(found.dataset.dataset_id).run()
    one(app, "button", "Start").click().run()
    assert len(home_store.catalogue.runs()) == 2
    assert "about **2 min**" not in said(app)


def test_nothing_is_left_to_measure(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "finished")
    app = choose_backbone(open_page(PAGE))
    one(app, "button", "Predict cost").click().run()
    (probe,) = home_store.catalogue.queued_probes()
    answer = ProbeResult("bundled-x", 32, "cpu", 36, 0, 0.0, 0)
    home_store.catalogue.update_probe(probe.probe_id, state=ProbeState.FINISHED, result=answer.to_dict())
    assert "all 36 images are already measured" in said(app.run())


def test_a_cost_that_cannot_be_predicted(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "finished")
    app = choose_backbone(open_page(PAGE))
    one(app, "button", "Predict cost").click().run()
    (probe,) = home_store.catalogue.queued_probes()
    home_store.catalogue.update_probe(probe.probe_id, state=ProbeState.FAILED, message="The weights are not there.")
    assert "bundled:digits-vit: The weights are not there." in said(app.run())


# Runs under way and ended


def test_waiting(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "waiting")
    app = open_page(PAGE)
    assert "**digits, ViT-Ti/16 (timm)** · Waiting" in said(app)
    one(app, "button", "Cancel").click().run()
    assert "**digits, ViT-Ti/16 (timm)** · Cancelled" in said(app)
    assert found.run is not None
    assert home_store.catalogue.run(found.run.run_id).state is RunState.CANCELLED


def test_running(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "running")
    app = open_page(PAGE)
    assert "**digits, ViT-Ti/16 (timm)** · Running" in said(app)
    assert "27 of 36 images measured · 3.0 images/s · 3.0 s left" in said(app)
    assert "timm:vit_tiny_patch16_224.test · Measuring on cpu" in said(app)
    (bar,) = app.main.get("progress")
    assert bar.proto.value == 75
    scores = f"dataset={found.dataset.dataset_id}&backbone={found.measured.replace('@', '%40')}"
    assert links(app) == [("Explore", scores), (widget_texts.ON_TRUST, f"{scores}&definition=rank")]
    one(app, "button", "Cancel").click().run()
    assert "Cancelling" in said(app)
    assert found.run is not None
    assert home_store.catalogue.run(found.run.run_id).cancel_requested


def test_finished(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "finished")
    app = open_page(PAGE)
    assert "**digits, ViT-Ti/16 (timm)** · Finished" in said(app)
    assert "36 of 36 images measured · took 1 min 30 s" in said(app)
    assert not app.get("progress")
    assert not {"Cancel", "Resume", "Retry failures"} & set(labels(app, "button"))


def test_cancelled(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    assert found.run is not None
    home_store.catalogue.update_run(found.run.run_id, state=RunState.CANCELLED, num_measured=9, message="What was kept")
    app = open_page(PAGE)
    assert "· Cancelled" in said(app)
    assert "9 of 36 images measured" in said(app)
    assert "What was kept" in said(app)
    one(app, "button", "Resume").click().run()
    assert "· Waiting" in said(app)
    run = home_store.catalogue.run(found.run.run_id)
    assert (run.state, run.cancel_requested) == (RunState.QUEUED, False)


def test_failed(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "failed")
    app = open_page(PAGE)
    assert "**digits, ViT-Ti/16 (timm)** · Failed" in said(app)
    assert MESSAGE in [item.value.replace("\\", "") for item in app.error]
    assert [item.label for item in app.get("expander")].count("1 failed") == 1
    assert found.run is not None
    open_failures(app, f"run-{found.run.run_id}")
    assert "**1** while measuring (SampleError)" in said(app)
    assert f"{found.samples[0].sample_key}: The embedding is not finite." in said(app)
    assert labels(app, "download_button") == [widget_texts.ALL_FAILURES]
    one(app, "button", "Retry failures").click().run()
    assert home_store.catalogue.run_failures(found.run.run_id) == []
    assert home_store.catalogue.run(found.run.run_id).state is RunState.QUEUED


def test_a_run_that_measured_nothing_is_forgotten(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "failed")
    app = open_page(PAGE)
    one(app, "button", runs_texts.REMOVE_FROM_LIST).click().run()
    assert home_store.catalogue.runs() == []
    assert MESSAGE not in said(app)
    assert "**digits** · Ready" in said(app)
    assert found.run is not None
    add_run(home_store, found.dataset, found.backbone, RunState.CANCELLED, num_total=36, num_measured=3)
    app.run()
    assert "Resume" in labels(app, "button")
    assert runs_texts.REMOVE_FROM_LIST not in labels(app, "button"), "it says how its scores were measured"


def test_many_failures_are_counted_and_some_are_shown(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    assert found.run is not None
    home_store.catalogue.add_run_failures(found.run.run_id, map(failure_of, found.samples))
    home_store.catalogue.update_run(found.run.run_id, num_measured=0, num_failed=36)
    app = open_failures(open_page(PAGE), f"run-{found.run.run_id}")
    assert "**36** while measuring (SampleError)" in said(app)
    assert "and 31 more" in said(app)


def test_details_are_those_of_the_dataset_that_was_chosen(open_page: Callable[..., AppTest], home_store: Store) -> None:
    first, second = put(home_store, "finished", "a"), put(home_store, "finished", "b")
    app = open_page(PAGE)
    shown = gallery_data(app, "datasets")
    assert [row["name"] for row in shown["rows"]] == ["a", "b"]
    assert (shown["can_choose"], shown["chosen"]) == (True, first.dataset.dataset_id)
    assert "/images/a" in said(app)
    report(app, "datasets", "chosen", "no dataset")
    assert "dataset" not in app.query_params
    app = report(app, "datasets", "chosen", second.dataset.dataset_id)
    assert app.query_params["dataset"] == second.dataset.dataset_id
    assert gallery_data(app, "datasets")["chosen"] == second.dataset.dataset_id
    assert "/images/b" in said(app)
    assert "/images/a" not in said(app)
    assert one(app, "selectbox", "Dataset").value == second.dataset.dataset_id
