"""The picker of backbones: what its options say, and what is said about those that were chosen."""

from __future__ import annotations

import dataclasses
import json
import platform
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from jepascore_core.backbones.bundled_encoder import WEIGHTS_FOLDER
from jepascore_core.jobs.process import worker_lock
from jepascore_core.storage.store import Store
from pages.ui.app import state
from tests.conftest import add_backbone, make_store
from tests.pages.reading import one
from tests.pages.situations import BACKBONE, SECOND_BACKBONE, measure_again, put

PAGE = "pages/runs.py"
CLIP = "open_clip:ViT-B-32-quickgelu:metaclip_400m"
DINO = "timm:vit_small_patch14_dinov2.lvd142m"


@pytest.fixture(autouse=True)
def no_worker(home_store: Store) -> Iterator[None]:
    """The worker's lock is held, as if one lived: what a page asks for waits, and no process is started."""
    with worker_lock(home_store.home):
        yield


@pytest.fixture
def app(open_page: Callable[..., AppTest], home_store: Store) -> AppTest:
    put(home_store, "finished")
    return open_page(PAGE)


def captions(app: AppTest) -> str:
    return "\n".join(caption.value for caption in app.caption).replace("\\", "")


def test_options_say_licence_cost_and_where_the_weights_are(app: AppTest) -> None:
    (label,) = [option for option in one(app, "multiselect", "Backbones").options if option.startswith(f"{DINO} ")]
    for part in ("DINOv2", "K = 384", "per image", "weights", "apache-2.0"):
        assert part in label
    assert "Estimated time for exact scores on cpu" in captions(app)


def test_what_to_beware_of_is_said_of_those_that_were_chosen(app: AppTest) -> None:
    one(app, "multiselect", "Backbones").set_value([CLIP]).run()
    assert "theory does not hold" in captions(app)
    assert "licensed cc-by-nc-4.0 (non-commercial)" in captions(app)
    one(app, "multiselect", "Backbones").set_value([DINO]).run()
    assert "theory" not in captions(app)


def test_a_choice_outlives_its_label(app: AppTest, home_store: Store) -> None:
    """A run that ends while the form is filled in changes the cost in every label."""
    one(app, "multiselect", "Backbones").set_value([DINO]).run()
    record = {platform.node(): {"cuda:0": {"flop_per_second": 1e15, "is_measured": True}}}
    (home_store.home / "speed.json").write_text(json.dumps(record))
    app.run()
    one(app, "button", "Start").click().run()
    assert next(run.backbone.name for run in home_store.catalogue.runs()) == DINO
    assert not app.exception


def test_the_path_of_a_trained_encoder_may_be_typed(app: AppTest, home_store: Store, tmp_path: Path) -> None:
    for suffix in (".safetensors", ".json"):
        shutil.copy(WEIGHTS_FOLDER / f"digits-small{suffix}", tmp_path / f"mine{suffix}")
    one(app, "multiselect", "Backbones").set_value([str(tmp_path / "other.json")]).run()
    assert "not an encoder that `jepascore train` wrote" in app.error[0].value.replace("\\", "")
    one(app, "multiselect", "Backbones").set_value([str(tmp_path / "mine.json")]).run()
    assert not app.error
    one(app, "button", "Start").click().run()
    assert home_store.catalogue.runs()[0].backbone.name == f"trained:{tmp_path / 'mine'}"


@pytest.mark.parametrize("is_jepa", [False, True])
@pytest.mark.parametrize("page", ["pages/explore.py", "pages/compare.py", "pages/distributions.py"])
def test_the_theorys_limits_are_said_where_scores_are_shown(
    page: str, is_jepa: bool, open_page: Callable[..., AppTest], home_store: Store, tmp_path: Path
) -> None:
    # The catalogue keeps what it first learned of a backbone.
    elsewhere = make_store(tmp_path / "elsewhere")
    for name, known in ((BACKBONE, is_jepa), (SECOND_BACKBONE, True)):
        home_store.catalogue.save_backbone(dataclasses.replace(add_backbone(elsewhere, name), is_jepa=known))
    found = put(home_store, "finished")
    measure_again(home_store, found)
    parameters = {} if page.endswith("compare.py") else {state.BACKBONE: found.measured}
    text = captions(open_page(page, **parameters))
    assert text.count("ViT-Ti/16 (timm)**: Not a JEPA-type encoder: the score's theory does not hold.") == (not is_jepa)
    assert "ResNet-18 (timm)**" not in text
