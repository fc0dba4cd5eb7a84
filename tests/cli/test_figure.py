"""`jepascore figure`: what it writes from what is measured, and what it says where nothing is."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from jepascore_core.figures import scores as figures
from jepascore_core.figures.contact_sheet import CAPTION, GAP, HEAD, TILE, extremes_sheet
from jepascore_core.scores.score_set import ScoredSample
from jepascore_core.views.distribution import MIN_BINS
from jepascore_core.views.extremes import ClassExtremes
from jepascore_core.views.shapes import FINE_BINS
from tests.cli.conftest import Cli
from tests.conftest import add_backbone, add_dataset, add_measurements, make_samples


def put(cli: Cli, name: str, backbone: str = "timm:vit_tiny_patch16_224.test") -> None:
    """Twelve samples of two classes, whose files do not exist."""
    samples = make_samples(["a", "b"] * 6)
    dataset = add_dataset(cli.store, name, samples)
    known = {sample.sample_key: float(number) for number, sample in enumerate(samples)}
    add_measurements(cli.store, dataset, add_backbone(cli.store, backbone), known, samples=samples)


def test_extremes_are_a_picture_with_a_row_a_class(cli: Cli, tmp_path: Path):
    put(cli, "toy")
    out = tmp_path / "new" / "sheet.png"
    answer = cli("figure", "extremes", "toy", "-o", out, "--count", "2", "--json")
    assert answer.json["classes"] == ["a", "b"]
    with Image.open(out) as sheet:
        assert sheet.height == 2 * HEAD + 2 * (HEAD + TILE + CAPTION + GAP)
    before = out.read_bytes()
    assert "already exists" in cli("figure", "extremes", "toy", "-o", out).sentence
    assert out.read_bytes() == before
    assert "name that ends with .png" in cli("figure", "extremes", "toy", "-o", out.with_suffix(".jpg")).sentence
    only = ("figure", "extremes", "toy", "-o", out, "--overwrite", "--label")
    assert cli(*only, "b", "--json").json["classes"] == ["b"]
    assert 'Unknown class "zebra"' in cli(*only, "b", "--label", "zebra").sentence


def test_tiles_stand_in_their_block():
    colours = {"low": "#FF0000", "high": "#00FF00", "any": "#0000FF"}
    samples = {key: ScoredSample(key, key, None, None, 1.0, 50, 50, 4) for key in colours}
    found = ClassExtremes(None, (samples["low"],), (samples["any"],), (samples["high"],))
    sheet = extremes_sheet([found], lambda sample: Image.new("RGB", (9, 9), colours[sample.sample_key]), "title", 1)
    middle = 2 * HEAD + HEAD + TILE // 2
    block = TILE + GAP + 3 * GAP
    seen = [sheet.getpixel((GAP + number * block + TILE // 2, middle)) for number in range(3)]
    assert seen == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


def test_histograms_are_a_page_with_their_medians(cli: Cli, tmp_path: Path):
    put(cli, "toy")
    out = tmp_path / "page.html"
    answer = cli("figure", "histograms", "toy", "-o", out, "--json")
    assert answer.json["series"] == [{"dataset": "toy", "num_scored": 12, "median": 5.5}]
    assert "plotly" in out.read_text()
    assert "already exists" in cli("figure", "histograms", "toy", "-o", out, "--shape", "density").sentence
    assert cli("figure", "histograms", "toy", "-o", out, "--shape", "density", "--overwrite").code == 0
    assert "Density (% of samples per nat)" in out.read_text()
    again = cli("figure", "histograms", "toy", "toy", "-o", out, "--overwrite", "--json")
    assert [item["dataset"] for item in again.json["series"]] == ["toy"]
    assert "name that ends with .html" in cli("figure", "histograms", "toy", "-o", tmp_path / "page.png").sentence
    assert "Available: histogram" in cli("figure", "histograms", "toy", "-o", out, "--shape", "cake").sentence


def test_few_samples_get_few_bins(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    put(cli, "toy")
    seen: list[int] = []
    draw = figures.histogram_figure
    monkeypatch.setattr(figures, "histogram_figure", lambda view, **shape: seen.append(len(view.edges)) or draw(view))
    for shape in ("histogram", "density"):
        assert cli("figure", "histograms", "toy", "-o", tmp_path / f"{shape}.html", "--shape", shape).code == 0
    assert seen == [MIN_BINS + 1, FINE_BINS + 1]


@pytest.mark.parametrize("kind", ["extremes", "histograms"])
def test_several_backbones_or_none_are_asked_for(cli: Cli, tmp_path: Path, kind: str):
    add_dataset(cli.store, "bare", make_samples(["a"]))
    assert "Measure it first" in cli("figure", kind, "bare", "-o", tmp_path / "x").sentence
    put(cli, "toy")
    samples = make_samples(["a", "b"] * 6)
    known = {sample.sample_key: 1.0 for sample in samples}
    dataset = cli.store.catalogue.dataset("toy")
    add_measurements(cli.store, dataset, add_backbone(cli.store, "timm:resnet18.test"), known, samples=samples)
    # By their names, since these tell them apart.
    sentence = cli("figure", kind, "toy", "-o", tmp_path / "x").sentence
    assert "choose one with --backbone: timm:" in sentence
    assert "timm:resnet18.test" in sentence
    assert cli("figure", kind, "toy", "-o", tmp_path / "x", "-b", "resnet").code == 0
