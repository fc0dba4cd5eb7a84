"""A new run: a pilot, the table of backbones with its filters, a checkpoint of one's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from streamlit.testing.v1 import AppTest

from jepascore_core.jobs.trainings import finish_training, report_training, trainings
from jepascore_core.records.pilots import Pilot
from jepascore_core.storage.store import Store
from jepascore_core.views.backbones import WEIGHTS_TEXT
from pages.ui.app import state
from pages.ui.runs import texts
from pages.ui.runs.backbone_table import OPENED
from pages.ui.runs.new_run import DETAILS
from pages.ui.widgets import texts as widget_texts
from tests.conftest import add_run
from tests.pages.reading import labels, one, said
from tests.pages.situations import put
from tests.pages.test_runs import PAGE, choose_backbone

pytestmark = pytest.mark.usefixtures("no_worker")

DIGITS = "bundled:digits-vit"


def start(app: AppTest) -> AppTest:
    return one(app, "button", texts.START).click().run()


@pytest.mark.parametrize(
    ("which", "number", "pilot"),
    [("some", None, Pilot(200)), ("class", 7, Pilot(7, per_class=True)), ("all", None, None)],
)
def test_a_pilot_is_asked_for(
    open_page: Callable[..., AppTest], home_store: Store, which: str, number: int | None, pilot: Pilot | None
) -> None:
    found = put(home_store, "finished")
    chosen = {state.PILOT: which, state.MEASURE_WITH: DIGITS}
    app = open_page(PAGE, **chosen)
    if number is not None:
        one(app, "number_input", texts.PILOT_PER_CLASS).set_value(number).run()
        assert app.query_params[state.PILOT_IMAGES] == str(number)
    start(app)
    assert not app.exception
    run = home_store.catalogue.runs(found.dataset.dataset_id)[0]
    assert (run.backbone.name, run.pilot) == (DIGITS, pilot)
    assert pilot is None or pilot.text in said(app)


def test_estimates_have_no_pilot(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "finished")
    app = open_page(PAGE, estimator="calibrated", pilot="some")
    assert texts.PILOT not in labels(app, "button_group")


def test_what_a_pilot_left_out_is_measured_from_any_page(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "running")
    home_store.catalogue.remove_run(found.run.run_id)
    run = add_run(home_store, found.dataset, found.backbone, num_total=27, num_measured=27)
    home_store.catalogue.update_run(run.run_id, pilot='{"num_images":9,"per_class":true}')
    app = open_page("pages/curate.py")
    one(app, "button", widget_texts.MEASURE_THE_REST).click().run()
    newest = home_store.catalogue.runs(found.dataset.dataset_id)[0]
    assert (newest.run_id != run.run_id, newest.pilot, newest.spec) == (True, None, run.spec)


def test_backbones_are_a_table_with_filters(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "finished")
    app = open_page(PAGE, open=OPENED)
    everything = app.dataframe[0].value
    assert {"Backbone", "Minutes for all", "Weights", "Licence"} <= set(everything.columns)
    app = open_page(PAGE, open=OPENED, only=["here", "works"])
    some = app.dataframe[0].value
    assert set(some["Weights"]) == {WEIGHTS_TEXT["here"]}
    assert 0 < len(some) < len(everything)
    assert one(app, "button", texts.choose_backbones(0)).disabled


def test_an_own_checkpoint_suggests_its_architecture(
    open_page: Callable[..., AppTest], home_store: Store, tmp_path: Path
) -> None:
    import timm

    put(home_store, "finished")
    path = tmp_path / "mine.safetensors"
    save_file(timm.create_model("vit_tiny_patch16_224").state_dict(), path)
    app = open_page(PAGE, checkpoint=str(path), open=DETAILS)
    assert "By its shapes it is timm:vit_tiny_patch16_224 (K = 192, at 224 pixels)." in said(app)
    one(app, "button", texts.use_backbone("timm:vit_tiny_patch16_224")).click().run()
    assert (app.query_params[state.MEASURE_WITH], app.query_params[state.IMAGE_SIZE]) == (
        "timm:vit_tiny_patch16_224", "224",
    )  # fmt: skip
    app.button(key="channels-ImageNet").click().run()
    assert app.query_params[state.MEAN] == "0.485, 0.456, 0.406"
    assert one(app, "text_input", texts.STD).value == "0.229, 0.224, 0.225"
    assert not app.exception
    start(app)
    run = home_store.catalogue.runs()[0]
    assert (run.backbone.checkpoint, run.backbone.image_size) == (str(path), 224)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("none.safetensors", None, "does not exist"),
        ("bad.safetensors", b"x" * 20, "cannot be read as safetensors"),
        ("old.pth", b"", texts.SHAPES_UNREAD),
    ],
)
def test_what_no_architecture_can_be_read_from(
    open_page: Callable[..., AppTest],
    home_store: Store,
    tmp_path: Path,
    name: str,
    content: bytes | None,
    sentence: str,
) -> None:
    put(home_store, "finished")
    if content is not None:
        (tmp_path / name).write_bytes(content)
    app = open_page(PAGE, checkpoint=str(tmp_path / name), open=DETAILS)
    assert sentence in said(app)
    assert not app.exception


def test_other_shapes_are_said_to_be_none(open_page: Callable[..., AppTest], home_store: Store, tmp_path: Path) -> None:
    put(home_store, "finished")
    save_file({"weight": torch.zeros(2)}, tmp_path / "odd.safetensors")
    assert texts.SHAPES_UNKNOWN in said(open_page(PAGE, checkpoint=str(tmp_path / "odd.safetensors"), open=DETAILS))


def test_a_backbone_without_weights_asks_for_them_in_place(
    open_page: Callable[..., AppTest], home_store: Store
) -> None:
    put(home_store, "finished")
    app = open_page(PAGE)
    missing = next(
        option for option in one(app, "multiselect", texts.BACKBONES).options if WEIGHTS_TEXT["to give"] in option
    ).split(" · ")[0]
    choose_backbone(app, missing)
    app.run()
    assert texts.needs_checkpoint([missing]) in said(app)
    one(app, "button", texts.GIVE_CHECKPOINT).click().run()
    assert app.query_params[state.OPENED] == DETAILS


def test_an_encoder_is_trained_by_a_button(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    app = open_page(PAGE)
    button = app.button(key="train")
    assert "about" in button.label
    button.click().run()
    assert not app.exception
    (asked,) = trainings(home_store)
    assert (asked.name, asked.dataset_id, asked.state) == ("digits", found.dataset.dataset_id, "waiting")
    assert "Training trained:digits" in said(app)
    assert "digits, trained:digits" in said(app), "in the sidebar, too"
    report_training(home_store, "digits", 0.4, 75.0)
    app.run()
    assert "1 min 15 s left" in said(app)
    finish_training(home_store, "digits", False, "Training failed: the loss is not finite.")
    app.run()
    assert "the loss is not finite" in said(app)
    app.button(key="again-training-digits").click().run()
    assert trainings(home_store)[0].state == "waiting"
    one(app, "button", "Cancel").click().run()
    assert trainings(home_store) == ()
    assert app.button(key="train")
