"""The score on rendered pictures with a known density: what is shipped, and that the encoders still reach it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from jepascore_core.backbones.build import load_backbone
from jepascore_core.datasets.contaminants import KINDS
from jepascore_core.density_check.pictures import (
    RENDERED_ENCODERS,
    PicturesReport,
    WithinProduct,
    load_pictures_report,
    report_json,
)
from jepascore_core.density_check.pictures_experiment import FRESH_SEED, agreement, find_defects, measure_fresh
from jepascore_core.density_check.results import SHIPPED
from jepascore_core.errors import StoreError

TRUST = Path(__file__).resolve().parents[2] / "docs" / "trust.md"
COUNT = 400
ORDERS = {"rank", "tail", "knn", "mahalanobis", "lowest"}


@pytest.fixture(scope="module")
def shipped() -> PicturesReport:
    return load_pictures_report()


@pytest.fixture(scope="module")
def fresh() -> list:
    """Both encoders on pictures that no training, card or figure has drawn."""
    return [measure_fresh(load_backbone(name, device="cpu"), COUNT, FRESH_SEED + 1) for name in RENDERED_ENCODERS]


def test_the_score_tells_the_true_density_of_fresh_pictures(fresh):
    for found, _ in fresh:
        assert found.spearman >= 0.85, found.backbone


def test_two_seeds_agree(fresh):
    (_, first), (_, second) = fresh
    assert agreement(first, second) >= 0.85


def test_what_is_recommended_finds_planted_contaminants():
    rows = {row.order: row for row in find_defects(load_backbone(RENDERED_ENCODERS[0], device="cpu"), seeds=(7,))}
    assert set(rows) == ORDERS
    assert set(rows["rank"].auroc) == set(KINDS)
    assert max(row.mean for row in rows.values()) >= 0.8
    assert min(rows["knn"].mean, rows["lowest"].mean) >= 0.8


def test_the_shipped_report_is_of_these_encoders_and_reads_back(shipped, tmp_path):
    assert tuple(row.backbone for row in shipped.density) == RENDERED_ENCODERS
    assert {(row.backbone, row.order) for row in shipped.defects} == {
        (name, order) for name in RENDERED_ENCODERS for order in ORDERS
    }
    (tmp_path / "report.json").write_bytes(report_json(shipped))
    again = load_pictures_report(tmp_path / "report.json")
    assert report_json(again) == report_json(shipped)
    assert again.agreement == shipped.agreement


def test_the_shipped_numbers_are_those_of_the_shipped_points(shipped):
    for row in shipped.density:
        truth, scores = np.array(row.points).T
        assert len(truth) == row.num_pictures
        assert spearmanr(truth, scores)[0] == pytest.approx(row.spearman, abs=2e-3)
        assert np.corrcoef(truth, scores)[0, 1] == pytest.approx(row.pearson, abs=2e-3)
    first, second = (np.array(row.points)[:, 1] for row in shipped.density)
    assert agreement(first, second) == pytest.approx(shipped.agreement, abs=2e-3)


def test_fresh_pictures_give_what_is_shipped(shipped, fresh):
    """Other pictures, so within what 400 of them can tell."""
    for (found, _), row in zip(fresh, shipped.density, strict=True):
        assert found.spearman == pytest.approx(row.spearman, abs=0.06)
        assert found.unrounded == pytest.approx(found.spearman, abs=0.02)


def test_a_damaged_report_is_one_sentence(shipped, tmp_path):
    with pytest.raises(StoreError, match="reinstall"):
        load_pictures_report(tmp_path / "missing.json")
    (tmp_path / "damaged.json").write_bytes(report_json(shipped)[:100])
    with pytest.raises(StoreError, match="reinstall"):
        load_pictures_report(tmp_path / "damaged.json")


def section() -> str:
    text = TRUST.read_text(encoding="utf-8")
    return text.split("## Score against true density, on images")[1].split("\n## ")[0]


def test_the_documentation_states_the_shipped_density(shipped):
    for row in shipped.density:
        values = (row.spearman, row.pearson, row.slope, row.within, row.spearman_top["3"], row.tangent, row.unrounded)
        assert f"| `{row.backbone}` | " + " | ".join(f"{value:.2f}" for value in values) + " |" in section()
    assert f"would reach {shipped.density[0].by_product:.2f}" in section()
    assert f"agree with Spearman {shipped.agreement:.2f}" in section()


def test_the_documentation_states_what_the_score_tells_within_a_product(shipped):
    names = ("score", "score_latents", "score_volume", "stretch_volume", "score_less_volume")

    def line(rows: Sequence[WithinProduct]) -> str:
        cells = [", ".join(number(getattr(row, name)) for row in rows) for name in names]
        return f"| {rows[0].product} | {rows[0].spread:.2f} | " + " | ".join(cells) + " |"

    by_encoder = [[row for row in shipped.within if row.backbone == name] for name in RENDERED_ENCODERS]
    assert len(by_encoder[0]) == len(by_encoder[1]) == 6
    for rows in zip(*by_encoder, strict=True):
        assert line(rows) in section()
    means = [
        ", ".join(number(float(np.mean([getattr(row, name) for row in rows]))) for rows in by_encoder) for name in names
    ]
    assert "| **mean** | | " + " | ".join(means) + " |" in section()
    tangents = [number(float(np.mean([row.tangent for row in rows]))) for rows in by_encoder]
    assert f"fifteen ({tangents[0]} and {tangents[1]})" in section()
    widest, narrowest = (choose(by_encoder[0], key=lambda row: row.spread) for choose in (max, min))
    assert f"deviations {widest.sd_volume:.2f} and {widest.sd_latents:.2f} at a" in section()
    assert f"{narrowest.sd_volume:.2f} and {narrowest.sd_latents:.2f} at 0.11" in section()
    for row, stated in zip(shipped.density, by_encoder, strict=True):
        assert np.mean([item.score for item in stated]) == pytest.approx(row.within, abs=2e-3)


def test_the_documentation_states_what_smaller_moves_of_the_views_change():
    moves = json.loads((SHIPPED / "rendered_runs.json").read_text(encoding="utf-8"))["moves"]
    (small, large) = ([f"{run[name]:.2f}" for name in ("move", "spearman", "within", "invariance")] for run in moves)
    text = " ".join(section().split())
    stated = (
        f"moves of {small[0]} and of {large[0]} the score reaches {small[1]} and {large[1]} over all, "
        f"{small[2]} and {large[2]} within"
    )
    assert stated in text
    assert f"nearly the same, {small[3]} and {large[3]}" in text


def number(value: float) -> str:
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")


def test_the_documentation_states_what_finds_which_contaminant(shipped):
    rows = {row.order: row for row in shipped.defects if row.backbone == RENDERED_ENCODERS[0]}
    orders = ("rank", "tail", "knn", "mahalanobis", "lowest")
    for kind in KINDS:
        line = f"| {kind} | " + " | ".join(f"{rows[order].auroc[kind]:.2f}" for order in orders) + " |"
        assert line in section()
    assert "| **mean** | " + " | ".join(f"{rows[order].mean:.2f}" for order in orders) + " |" in section()


def test_the_documentation_lists_every_training_that_was_tried():
    runs = json.loads((SHIPPED / "rendered_runs.json").read_text(encoding="utf-8"))["runs"]
    assert len(runs) > 12
    for run in runs:
        results = " | ".join(f"{run[name]:.2f}" for name in ("gaussianity", "spearman", "top3", "tangent", "within"))
        what = f"| {run['products']} | {run['latents']} | {run['dimension']} | {run['steps']:,} | {run['optimiser']} "
        (line,) = [line for line in section().splitlines() if line.startswith(what) and line.endswith(f"{results} |")]
        assert f"| {run['gaussian_weight']:g} | {run['frequency']:g} |" in line
