"""`jepascore trust confounds`: tables and JSON about a measured dataset."""

from __future__ import annotations

from tests.cli.conftest import Cli
from tests.trust.test_confounds import put_measured


def test_confounds_are_a_table_or_json(cli: Cli):
    put_measured(cli.store)
    answer = cli("trust", "confounds", "toy")
    assert "mostly orders your images by brightness" in answer.err
    assert "edge density" in answer.out
    found = cli("trust", "confounds", "toy", "--json").json
    assert found["num_images"] == 200
    assert len(found["warnings"]) == 2
    brightness = next(row for row in found["rows"] if row["image_property"] == "brightness")
    assert brightness["spearman"] < -0.9


def test_an_index_without_quality_says_how_to_get_it(cli: Cli):
    put_measured(cli.store, has_quality=False)
    assert "have no image quality yet: run `jepascore add`" in cli("trust", "confounds", "toy").err


def test_mixed_formats_are_warned_of(cli: Cli):
    put_measured(cli.store)
    assert "mixes lossy and lossless files (100 JPEG, 100 PNG)" in cli("trust", "confounds", "toy").err
    found = cli("trust", "confounds", "toy", "--json").json
    assert any("run the format check" in warning for warning in found["warnings"])
    assert found["formats"] == [["jpeg", 100], ["png", 100]]
