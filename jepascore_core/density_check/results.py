"""Results of the density check, as records without torch that the web process may read, and their files.

The check trains small encoders on mixtures of Gaussians, whose density is known, and tests whether their JEPA-SCORE
predicts it (the paper's Figure 2). `jepascore density` and `jepascore langevin` run it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from jepascore_core.errors import StoreError

FOLDER = "density"
GRID_NAME = "grid.json"
LANGEVIN_NAME = "langevin.json"
#: Results of the same commands that ship with the package, for home folders in which they were not run.
SHIPPED = Path(__file__).with_name("data")
#: Training steps of an encoder with `--quick`, whatever its dimension.
QUICK_STEPS = 200

#: Dimension, samples, K, weight and frequency of the Gaussianity term, depth, noise, batch size, steps, seed.
CellKey = tuple[int, int, int, float, float, int, float, int, int, int]


def full_steps(dimension: int) -> int:
    """Return the training steps of an encoder of points in `dimension` dimensions in a full check.

    In few dimensions the score goes on improving for long (benchmarks/density_trials.py).
    """
    return 2400 if dimension <= 8 else 1200 if dimension <= 32 else 600


@dataclass(frozen=True, slots=True)
class DensityCell:
    """One encoder [D] -> [K], trained on `num_samples` points of a mixture and evaluated on `num_held_out` new ones.

    `gaussian_weight` 0 is the control without the Gaussianity term. `pearson` and `spearman` compare the JEPA-SCORE
    with the true log density; `within` is Spearman's correlation within one component, averaged over all, where only
    the distance to its centre is left to predict. `slope` is the change of the log density per nat of score (1 in
    theory). A correlation with a constant score is None. `frequency`, `depth`, `noise` and `batch_size` are the
    recipe's; files of earlier releases lack them.
    """

    dimension: int
    num_samples: int
    embedding_dimension: int
    gaussian_weight: float
    steps: int
    seed: int
    num_held_out: int
    pearson: float | None
    spearman: float | None
    within: float | None
    slope: float | None
    seconds: float
    frequency: float = 1.0
    depth: int = 2
    noise: float = 0.05
    batch_size: int = 512

    @property
    def is_control(self) -> bool:
        """Whether it was trained without the Gaussianity term."""
        return self.gaussian_weight == 0

    @property
    def is_quick(self) -> bool:
        """Whether it was trained for fewer steps than a full check takes."""
        return self.steps < full_steps(self.dimension)

    @property
    def key(self) -> CellKey:
        """Identity of the request: a second result with the same key replaces the first."""
        return (
            self.dimension,
            self.num_samples,
            self.embedding_dimension,
            self.gaussian_weight,
            self.frequency,
            self.depth,
            self.noise,
            self.batch_size,
            self.steps,
            self.seed,
        )


@dataclass(frozen=True, slots=True)
class Langevin:
    """Samples that follow the gradient of a JEPA-SCORE in two dimensions, over the true density.

    `axis` [A] are the coordinates of both axes of `log_density` [A, A] (rows are y); `frames` are the walkers'
    positions [T][N][2] after `steps` [T] steps, each of Langevin step size `step_size`.
    `frame_log_density` [T] is their mean true log density, `true_log_density` that of the mixture's own samples.
    """

    axis: list[float]
    log_density: list[list[float]]
    steps: list[int]
    step_size: float
    frames: list[list[list[float]]]
    frame_log_density: list[float]
    true_log_density: float
    cell: DensityCell


@dataclass(frozen=True, slots=True)
class DensityGrid:
    """Cells by dimension, then number of samples. `is_own` says that they were computed in this home folder."""

    cells: tuple[DensityCell, ...]
    is_own: bool

    def of(self, control: bool) -> tuple[DensityCell, ...]:
        """Return the cells with the Gaussianity term, or those without."""
        return tuple(cell for cell in self.cells if cell.is_control == control)


def quick_note(cells: Iterable[DensityCell]) -> str | None:
    """Say that encoders were trained for too few steps to judge the method by; None if all had enough."""
    quick = [cell for cell in cells if cell.is_quick]
    if not quick:
        return None
    return (
        f"Quick results: {len(quick)} of these encoders trained for fewer steps than in a full check, which lowers the "
        "correlations. Run `jepascore density` for the full check."
    )


def load_grid(home: Path) -> DensityGrid:
    """Return the grid of this home folder; if it has none the shipped one, which may be empty.

    Raises:
        StoreError: if the file is damaged.
    """
    own = read_cells(home / FOLDER / GRID_NAME)
    return DensityGrid(own or read_cells(SHIPPED / GRID_NAME), bool(own))


def read_cells(path: Path) -> tuple[DensityCell, ...]:
    """Return the cells in a file; none if there is no file.

    Raises:
        StoreError: if it is damaged.
    """
    if not path.is_file():
        return ()
    try:
        cells = [DensityCell(**row) for row in json.loads(path.read_text(encoding="utf-8"))["cells"]]
    except (ValueError, TypeError, KeyError) as error:
        raise StoreError(f"{path} is damaged: {error}. Delete it and run `jepascore density` again.") from error
    return tuple(sorted(cells, key=lambda cell: cell.key))


def joined(known: Iterable[DensityCell], new: Iterable[DensityCell]) -> tuple[DensityCell, ...]:
    """Merge cells; where two have the same key the new one replaces the old."""
    by_key = {cell.key: cell for cell in (*known, *new)}
    return tuple(by_key[key] for key in sorted(by_key))


def cells_json(cells: Iterable[DensityCell]) -> bytes:
    """Return the file that `read_cells` reads, one cell per line."""
    rows = ",\n".join(json.dumps(asdict(cell)) for cell in cells)
    return f'{{"cells": [\n{rows}\n]}}\n'.encode()


def load_langevin(home: Path) -> Langevin | None:
    """Return the walk of this home folder, else the shipped one, else None.

    Raises:
        StoreError: if the file is damaged.
    """
    found = [path for folder in (home / FOLDER, SHIPPED) if (path := folder / LANGEVIN_NAME).is_file()]
    if not found:
        return None
    try:
        values = json.loads(found[0].read_text(encoding="utf-8"))
        return Langevin(**{**values, "cell": DensityCell(**values["cell"])})
    except (ValueError, TypeError, KeyError) as error:
        raise StoreError(f"{found[0]} is damaged: {error}. Delete it and run `jepascore langevin` again.") from error


def langevin_json(walk: Langevin) -> bytes:
    """Return the file that `load_langevin` reads."""
    return (json.dumps(asdict(walk), separators=(",", ":")) + "\n").encode()
