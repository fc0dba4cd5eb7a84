"""Trust: shape of the embeddings and baselines of a dataset, and the check on known densities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from jepascore_core.density_check import results as density
from jepascore_core.density_check.results import DensityCell, Langevin, cells_json, langevin_json
from jepascore_core.storage.store import Store
from pages.ui.trust import texts as trust_texts
from pages.ui.widgets import texts as widget_texts
from tests.pages.reading import figure, links, one, said, table
from tests.pages.situations import put
from tests.trust.conftest import put_embeddings
from tests.trust.test_confounds import put_measured

PAGE = "pages/trust.py"
CELL = DensityCell(2, 1000, 8, 0.1, 2400, 0, 1500, 0.91, 0.88, 0.7, 1.01, 12.5)
CONTROL = replace(CELL, gaussian_weight=0.0, pearson=-0.3)


@pytest.fixture(autouse=True)
def nothing_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(density, "SHIPPED", tmp_path / "shipped")


def put_density(store: Store, cells: Sequence[DensityCell]) -> None:
    """What `jepascore density` and `jepascore langevin` leave behind."""
    folder = store.home / density.FOLDER
    folder.mkdir(parents=True)
    (folder / density.GRID_NAME).write_bytes(cells_json(cells))
    frames = [[[0.5, 0.5]], [[0.1, 0.2]]]
    walk = Langevin([-1.0, 1.0], [[-2.0, -1.0], [-1.0, -2.0]], [0, 50], 0.02, frames, [-9.25, -3.0], -2.5, CELL)
    (folder / density.LANGEVIN_NAME).write_bytes(langevin_json(walk))


def test_nothing_yet(open_page: Callable[..., AppTest]) -> None:
    app = open_page(PAGE)
    text = said(app)
    assert widget_texts.NO_DATASET in text
    assert trust_texts.DENSITY_MISSING in text
    assert trust_texts.WALK_MISSING in text
    assert ("Go to Runs", "") in links(app)


@pytest.mark.parametrize("situation", ["indexing", "waiting", "failed"])
def test_without_scores_the_check_is_shown_all_the_same(
    open_page: Callable[..., AppTest], home_store: Store, situation: str
) -> None:
    put(home_store, situation)
    text = said(open_page(PAGE))
    assert trust_texts.DENSITY in text
    assert trust_texts.GAUSSIANITY not in text


def test_too_few_images_say_how_many_are_needed(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "running")
    assert "64 scored images (27 so far)" in said(open_page(PAGE))


def test_gaussian_embeddings_with_baselines_and_named_defects(
    open_page: Callable[..., AppTest], home_store: Store
) -> None:
    put_embeddings(home_store, ["a", "b"] * 60, defects=["torn", "", ""] * 40)
    app = open_page(PAGE)
    text = said(app)
    assert trust_texts.VERDICTS["near"] in text
    assert "120 images; the 8 principal axes of largest variance of 8" in text
    assert trust_texts.BASELINES in text
    assert {trace["name"] for trace in figure(app, "projections")["data"]} >= {"median projection", "standard normal"}
    assert [trace["name"] for trace in figure(app, "lengths")["data"]] == ["embeddings", "", "true Gaussian"]
    assert figure(app, "baselines")["data"][0]["y"] == ["k-NN", "Mahalanobis", "norm"]
    (defect,) = table(app)
    assert (defect["Defect"], defect["Samples"]) == ("torn", "40")
    assert app.table[1].value.to_dict("records")[-1][trust_texts.QUANTITY] == trust_texts.SPREAD
    assert [item.value for item in app.success if "Gaussian" in item.value] == [], "not trusted for that alone"


def test_the_check_shows_both_heat_maps_and_the_walk(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put_density(home_store, [CELL, CONTROL])
    app = open_page(PAGE)
    assert figure(app, "density")["data"][0]["text"] == [["0.91"]]
    assert figure(app, "density-control")["data"][0]["text"] == [["−0.30"]]
    assert "from −9.2 to −3.0 nats; samples of the mixture have −2.5" in said(app)
    assert len(figure(app, "langevin")["frames"]) == 2
    one(app, "segmented_control" if app.main.get("segmented_control") else "button_group", "Correlation")
    app = open_page(PAGE, correlation="within")
    assert figure(app, "density")["data"][0]["text"] == [["0.70"]]


def test_without_a_control_it_says_so(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put_density(home_store, [CELL])
    assert trust_texts.CONTROL_MISSING in said(open_page(PAGE))


def test_a_quick_grid_says_that_it_is_quick(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put_density(home_store, [CELL, CONTROL])
    assert "Quick results" not in said(open_page(PAGE))
    (home_store.home / density.FOLDER / density.GRID_NAME).write_bytes(cells_json([replace(CELL, steps=200), CONTROL]))
    assert density.quick_note([replace(CELL, steps=200)]) in said(open_page(PAGE))


def test_a_damaged_file_does_not_take_the_page_down(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put_density(home_store, [CELL])
    (home_store.home / density.FOLDER / density.GRID_NAME).write_text("{")
    assert "run jepascore density again" in said(open_page(PAGE)).replace("`", "")


def test_a_confounded_score_is_named_with_its_command(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put_measured(home_store)
    app = open_page(PAGE)
    assert "This score mostly orders your images by brightness" in said(app)
    assert "brightness" in figure(app, "confounds")["data"][0]["y"]
    assert any(block.value.startswith("jepascore trust confounds toy -b") for block in app.code)


def test_images_without_quality_say_how_to_get_it(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put_measured(home_store, has_quality=False)
    assert trust_texts.quality_missing(200) in said(open_page(PAGE))
