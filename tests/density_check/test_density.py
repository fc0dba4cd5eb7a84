"""Results of the density check at rest: written, read, joined, and what is shown where nobody ran it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from jepascore_core.density_check import results as density
from jepascore_core.density_check.results import (
    DensityCell,
    Langevin,
    cells_json,
    joined,
    langevin_json,
    load_grid,
    load_langevin,
    read_cells,
)
from jepascore_core.errors import StoreError

CELL = DensityCell(2, 1000, 8, 0.1, 2400, 0, 1500, 0.9, 0.88, 0.7, 1.01, 12.5)
#: Fields that older files lack.
NEW = ("frequency", "depth", "noise", "batch_size")
CONTROL = replace(CELL, gaussian_weight=0.0, pearson=None)
WALK = Langevin(
    [-1.0, 1.0], [[-2.0, -1.0], [-1.0, -2.0]], [0, 5], 0.02, [[[0.5, 0.5]], [[0.1, 0.2]]], [-3, -2], -2, CELL
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder, beside a package that ships nothing."""
    monkeypatch.setattr(density, "SHIPPED", tmp_path / "shipped")
    (tmp_path / "shipped").mkdir()
    (tmp_path / "home" / density.FOLDER).mkdir(parents=True)
    return tmp_path / "home"


def test_cells_come_back_sorted_and_the_younger_of_two_wins(home: Path):
    path = home / density.FOLDER / density.GRID_NAME
    better = replace(CELL, pearson=0.95)
    path.write_bytes(cells_json(joined([CELL, CONTROL], [better])))
    assert read_cells(path) == (CONTROL, better)
    grid = load_grid(home)
    assert grid.is_own
    assert grid.of(control=True) == (CONTROL,)
    assert grid.of(control=False) == (better,)


def test_a_file_of_before_there_was_a_choice_of_recipe_is_read(home: Path):
    path = home / density.FOLDER / density.GRID_NAME
    path.write_text('{"cells": [' + json.dumps({k: v for k, v in asdict(CELL).items() if k not in NEW}) + "]}")
    assert read_cells(path) == (CELL,)


def test_without_an_own_grid_the_shipped_one_is_shown(home: Path):
    assert load_grid(home).cells == ()
    (density.SHIPPED / density.GRID_NAME).write_bytes(cells_json([CELL]))
    assert load_grid(home) == density.DensityGrid((CELL,), is_own=False)


def test_a_walk_comes_back(home: Path):
    assert load_langevin(home) is None
    (home / density.FOLDER / density.LANGEVIN_NAME).write_bytes(langevin_json(WALK))
    assert load_langevin(home) == WALK


@pytest.mark.parametrize("text", ["", "{}", '{"cells": [{"dimension": 2}]}'])
def test_a_damaged_file_is_named(home: Path, text: str):
    for name, load in ((density.GRID_NAME, load_grid), (density.LANGEVIN_NAME, load_langevin)):
        (home / density.FOLDER / name).write_text(text)
        with pytest.raises(StoreError, match=name):
            load(home)


def test_what_is_shipped_is_whole_and_was_made_by_the_present_recipe():
    """Every cell of the shipped grid has a control beside it, and the numbers that the documentation rests on."""
    shipped = read_cells(density.SHIPPED / density.GRID_NAME)
    trained = {(cell.dimension, cell.num_samples) for cell in shipped if not cell.is_control}
    assert trained == {(cell.dimension, cell.num_samples) for cell in shipped if cell.is_control}
    assert trained
    from jepascore_core.density_check.experiment import cell_key, recipe_for

    for cell in shipped:
        recipe = recipe_for(cell.dimension, cell.num_samples, cell.is_control)
        assert cell.key == cell_key(cell.dimension, cell.num_samples, recipe)
    assert min(cell.pearson or 0 for cell in shipped if not cell.is_control and cell.num_samples >= 10_000) >= 0.95
    assert not any(cell.is_quick for cell in shipped)
    assert max(cell.pearson or 0 for cell in shipped if cell.is_control) < 0.5
