"""The format check: shifts against a direct count, what is said of mixed datasets, and real copies end to end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from jepascore_core.errors import JepaScoreError, TooFewImagesError
from jepascore_core.jobs import process
from jepascore_core.jobs.requests import request_dataset, request_run
from jepascore_core.records.requests import MeasurementRequest
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.audit import audit
from jepascore_core.storage.store import Store
from jepascore_core.trust.confounds import Confounds, confounds
from jepascore_core.trust.format_check import (
    FormatCheck,
    FormatShift,
    format_check,
    format_check_sentence,
    format_options,
    format_shift,
    mixed_formats_sentence,
)
from jepascore_core.trust.planted.requests import find_planted, latest_planted, request_planted
from tests.trust.planted.conftest import BACKBONE, put_digits, work

SMALL = FormatShift("jpeg_90", "JPEG, quality 90", 60, 0.01, 0.4, 0.02)
LARGE = FormatShift("jpeg_75", "JPEG, quality 75", 60, -3.0, -12.0, -0.4)
MIXED = Confounds(200, 0, (), (("jpeg", 150), ("png", 50)))


@pytest.fixture
def quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterable[Store]:
    """A store whose requests start no process."""
    monkeypatch.setattr(process, "start_worker", lambda *_: False)
    made = Store(tmp_path / "home")
    yield made
    assert audit(made) == []


def test_a_shift_is_the_median_of_pairs() -> None:
    rng = np.random.default_rng(0)
    known = np.sort(rng.normal(size=500).round(4))
    png = {str(number): float(value) for number, value in enumerate(rng.normal(size=41).round(4))}
    jpeg = {name: value + 0.5 for name, value in png.items() if name != "7"}
    found = format_shift("jpeg_75", "JPEG", png, jpeg, known)
    assert (found.num_pairs, found.shift) == (40, pytest.approx(0.5))
    moved = [
        stats.percentileofscore(known, jpeg[name], "mean") - stats.percentileofscore(known, png[name], "mean")
        for name in jpeg
    ]
    assert found.points == pytest.approx(np.median(moved))
    both = [*(png[name] for name in sorted(jpeg)), *(jpeg[name] for name in sorted(jpeg))]
    assert found.spearman == pytest.approx(stats.spearmanr(both, [0] * 40 + [1] * 40).statistic)
    assert found.is_warning


def test_what_differs_by_rounding_alone_does_not_move() -> None:
    scores = np.random.default_rng(0).normal(size=40).round(3)
    png = {str(number): float(value) for number, value in enumerate(scores)}
    jpeg = {name: value + 4e-6 * (-1) ** number for number, (name, value) in enumerate(png.items())}
    found = format_shift("jpeg_90", "JPEG", png, jpeg, np.sort(scores))
    assert (found.shift, found.points) == (0, 0)
    assert found.spearman == pytest.approx(0, abs=1e-12)


def test_what_is_said_of_mixed_datasets() -> None:
    assert mixed_formats_sentence(replace(MIXED, formats=(("jpeg", 200),)), None) is None
    assert mixed_formats_sentence(replace(MIXED, formats=(("jpeg", 199), ("png", 1))), None) is None, "below 1 %"
    assert "150 JPEG, 50 PNG" in str(mixed_formats_sentence(MIXED, None))
    assert "run the format check" in str(mixed_formats_sentence(MIXED, None))
    bad = str(mixed_formats_sentence(MIXED, FormatCheck((SMALL, LARGE))))
    assert "−12.0 percentile points (−3.00 nats)" in bad
    assert "not comparable" in bad and "Cut within one format" in bad
    good = str(mixed_formats_sentence(MIXED, FormatCheck((SMALL,))))
    assert format_check_sentence(FormatCheck((SMALL,))) in good and "Cut within" not in good


def test_few_images_take_fewer_pairs() -> None:
    assert format_options(1000).per_kind == 60
    assert format_options(105).per_kind == 20
    with pytest.raises(TooFewImagesError, match="at least 60 images, not 59"):
        format_options(59)


@pytest.mark.slow
def test_real_copies_are_measured_and_hidden(quiet: Store, tmp_path: Path) -> None:
    scores = put_digits(quiet, tmp_path / "digits")
    options = format_options(90)
    with pytest.raises(JepaScoreError, match="not done yet"):
        format_check(quiet, scores, find_planted(quiet, scores, options))
    request_planted(quiet, scores, options)
    work(quiet)
    found = format_check(quiet, scores, find_planted(quiet, scores, options))
    assert [(row.name, row.num_pairs) for row in found.rows] == [("jpeg_90", 15), ("jpeg_75", 15)]
    assert all(row.shift != 0 for row in found.rows)
    assert latest_planted(quiet, scores) is None, "a check of formats plants no defects"
    assert [dataset.name for dataset in quiet.catalogue.datasets()] == ["digits"]


@pytest.mark.slow
def test_jpeg_and_png_classes_are_warned_of(quiet: Store, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(60):
        name = ("smooth/{:02d}.png", "grainy/{:02d}.jpg")[number % 2].format(number)
        path = tmp_path / "mixed" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
    request_dataset(quiet, "mixed", str(tmp_path / "mixed"))
    run = request_run(quiet, MeasurementRequest("mixed", BACKBONE, precision="float32"))
    work(quiet)
    key = quiet.catalogue.run(run.run_id).key
    assert key is not None
    found = confounds(quiet, ScoreSet(run.dataset_id, key))
    assert sorted(found.formats) == [("jpeg", 30), ("png", 30)]
    assert "mixes lossy and lossless files" in str(mixed_formats_sentence(found, None))
