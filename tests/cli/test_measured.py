"""`--backbone` of commands about what is measured: the same ways to name it for every one of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from jepascore_core.backbones.build import id_at_path
from jepascore_core.records.augmentation import CropViews
from jepascore_core.records.measurements import MeasurementSpec
from tests.backbones.test_bundled_encoder import put_encoder
from tests.cli.conftest import Answer, Cli
from tests.conftest import SPEC, add_backbone, add_dataset, add_measurements, make_samples

SAMPLES = make_samples(["a", "b"] * 6)
#: What is written of the samples tells which of the encoders was meant.
ABOVE = ("--rules", "score >= 100")


def measure(cli: Cli, offset: float, **backbone: str) -> None:
    dataset = cli.store.catalogue.find_dataset("toy") or add_dataset(cli.store, "toy", SAMPLES)
    scores = {sample.sample_key: offset + number for number, sample in enumerate(SAMPLES)}
    add_measurements(cli.store, dataset, add_backbone(cli.store, **backbone), scores, samples=SAMPLES)


@pytest.fixture
def encoders(cli: Cli, tmp_path: Path) -> tuple[Path, Path]:
    """Two trained encoders of one name in different places; the second one's scores are all above 100."""
    stems = put_encoder(tmp_path / "one"), put_encoder(tmp_path / "two")
    weights = load_file(f"{stems[1]}.safetensors")
    save_file({name: weight * 2 for name, weight in weights.items()}, f"{stems[1]}.safetensors")
    for offset, stem in zip((0.0, 200.0), stems, strict=True):
        measure(cli, offset, name="trained:mine", backbone_id=id_at_path(str(stem)))
    return stems


def commands(tmp_path: Path, backbone: str | Path) -> dict[str, tuple[str | Path, ...]]:
    return {
        "export": ("export", "toy", tmp_path / "kept.txt", *ABOVE, "-b", backbone),
        "duplicates": ("duplicates", "toy", "--radius", "0.05", "-b", backbone),
        "recipes save": ("recipes", "save", "toy", "high", *ABOVE, "-b", backbone),
        "figure histograms": ("figure", "histograms", "toy", "-o", tmp_path / "page.html", "-b", backbone),
        "figure extremes": ("figure", "extremes", "toy", "-o", tmp_path / "x.png", "-b", backbone),
    }


def kept(cli: Cli, path: Path, backbone: str | Path) -> int:
    answer = cli("export", "toy", path, *ABOVE, "-b", backbone, "--overwrite", "--json")
    assert answer.code == 0, answer.err
    return answer.json["num_rows"]


def test_a_name_means_the_images_themselves_rather_than_their_views(cli: Cli, tmp_path: Path):
    dataset, backbone = add_dataset(cli.store, "toy", SAMPLES), add_backbone(cli.store, name="trained:mine")
    viewed = MeasurementSpec(precision=SPEC.precision, views=2, augmentation=CropViews().text)
    for spec, offset in ((SPEC, 0.0), (viewed, 200.0)):
        scores = {sample.sample_key: offset + number for number, sample in enumerate(SAMPLES)}
        add_measurements(cli.store, dataset, backbone, scores, samples=SAMPLES, spec=spec)
    answer = cli("export", "toy", tmp_path / "kept.txt", *ABOVE, "-b", "trained:mine", "--json")
    assert answer.json["num_rows"] == 0
    assert f"not their views, which --backbone names as {viewed.key(backbone.backbone_id).text}" in answer.err
    assert kept(cli, tmp_path / "kept.txt", viewed.key(backbone.backbone_id).text) == len(SAMPLES)


def test_a_path_is_the_encoder_that_is_there(cli: Cli, encoders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    one, two = encoders
    out = tmp_path / "kept.txt"
    assert kept(cli, out, one) == 0
    for path in (two, two.parent, f"{two}.safetensors", "two", "./two/mine.json", "~/two", f"trained:{two}"):
        assert kept(cli, out, path) == len(SAMPLES)
    assert "several: choose one with --backbone" in cli("export", "toy", out, "-b", "trained:mine").sentence


@pytest.mark.parametrize("words", commands(Path(), ""))
def test_every_command_takes_a_path(cli: Cli, encoders, tmp_path: Path, words: str):
    answer = cli(*commands(tmp_path, encoders[1])[words], "--json")
    assert answer.code == 0, answer.err
    if words == "recipes save":
        assert answer.json["scores"][0]["backbone_id"] == id_at_path(str(encoders[1]))
        assert answer.json["result"]["kept"] == len(SAMPLES)
    if words == "figure histograms":
        assert answer.json["series"][0]["median"] > 100


@pytest.mark.parametrize("words", commands(Path(), ""))
def test_an_encoder_that_measured_nothing_here_is_said(cli: Cli, encoders, tmp_path: Path, words: str):
    other = put_encoder(tmp_path / "other")
    weights = load_file(f"{other}.safetensors")
    save_file({name: weight * 3 for name, weight in weights.items()}, f"{other}.safetensors")
    sentence = cli(*commands(tmp_path, other)[words]).sentence
    assert sentence.startswith(f"toy was not measured with the encoder at {other} as it is now. Measure it first with")
    assert f"{id_at_path(str(encoders[0]))}@exact" in sentence
    assert "not an encoder that" in cli(*commands(tmp_path, tmp_path / "nowhere")[words]).sentence


def test_a_path_in_rules_is_the_encoder_there(cli: Cli, encoders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    one, two = encoders
    out = tmp_path / "kept.txt"

    def export(rules: str) -> Answer:
        return cli("export", "toy", out, "-b", one, "--rules", rules, "--overwrite", "--json")

    for path in (two, two.parent, "two", f"trained:{two}"):
        assert export(f'score["{path}"] >= 100').json["num_rows"] == len(SAMPLES)
        assert export(f'not (score >= 100 or score["{path}"] < 206)').json["num_rows"] == len(SAMPLES) - 6
    assert export(f'near_duplicate(0.05, "{two}") | one per near 0.05 of "{two}"').json["num_rows"] == 1
    saved = cli("recipes", "save", "toy", "high", "-b", one, "--rules", 'score["two"] >= 100', "--json").json
    assert id_at_path(str(two)) in json.dumps(saved["rules"])
    other = put_encoder(tmp_path / "other")
    weights = load_file(f"{other}.safetensors")
    save_file({name: weight * 3 for name, weight in weights.items()}, f"{other}.safetensors")
    assert export(f'score["{other}"] >= 1').sentence.startswith(
        f"Nothing was measured with the current encoder at {other}."
    )
    assert "not an encoder that" in export(f'score["{tmp_path}/nowhere"] >= 1').sentence
    assert "matches several measurements" in export('score["trained:mine"] >= 1').sentence
    assert "Nothing was measured with the backbone 'zebra'" in export('score["zebra"] >= 1').sentence


def test_names_ids_and_parts_of_titles(cli: Cli, tmp_path: Path):
    out = tmp_path / "kept.txt"
    add_dataset(cli.store, "bare", SAMPLES)
    assert "any backbone yet. Measure it first with `jepascore score`." in cli("export", "bare", out).sentence
    measure(cli, 0.0, name="timm:vit_tiny_patch16_224.test")
    assert cli("export", "toy", out, "--json").code == 0
    measure(cli, 200.0, name="timm:resnet18.test")
    info = add_backbone(cli.store, "timm:resnet18.test")
    assert "choose one with --backbone" in cli("export", "toy", out, "--overwrite").sentence
    for name in (info.name, info.backbone_id, SPEC.key(info.backbone_id).text, "ResNet-18 (timm)", "resnet"):
        assert kept(cli, out, name) == len(SAMPLES)
    assert "toy was not measured with zebra." in cli("export", "toy", out, "-b", "zebra").sentence
