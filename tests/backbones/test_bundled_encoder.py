"""Bundled encoders: listed without torch, loaded strictly, and what they are said to be."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from jepascore_core.backbones import bundled_encoder
from jepascore_core.backbones.build import id_at_path, load_backbone
from jepascore_core.backbones.bundled_encoder import WEIGHTS_FOLDER, backbone_name, list_bundled, load_bundled
from jepascore_core.backbones.registry import find_spec
from jepascore_core.datasets.demo import load_digit_images
from jepascore_core.errors import CheckpointError, UnknownNameError
from jepascore_core.jacobian.generic import jacobian
from jepascore_core.jacobian.gram import singular_values
from jepascore_core.records.backbones import Preprocessing
from jepascore_core.rendering.draw import render_pixels
from jepascore_core.rendering.products import draw_latents

NAMES = [spec.name for spec in list_bundled()]


def digits(name: str, count: int = 16) -> torch.Tensor:
    """Preprocessed digits [N, 1, 32, 32]."""
    preprocessing = Preprocessing.from_dict(load_bundled(name)[1]["preprocessing"])
    images = torch.from_numpy(load_digit_images()[0][:count]).unsqueeze(1) / 255
    return (images - preprocessing.mean[0]) / preprocessing.std[0]


def own_images(name: str) -> torch.Tensor:
    """Sixteen preprocessed images of the kind that a bundled encoder was trained on."""
    if "digits" in name:
        return digits(name)
    pixels = torch.from_numpy(render_pixels(draw_latents(16, 3)[0])).permute(0, 3, 1, 2)
    preprocessing = Preprocessing.from_dict(load_bundled(name)[1]["preprocessing"])
    return (pixels / 255 - preprocessing.mean[0]) / preprocessing.std[0]


@pytest.fixture()
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the weights folder that may be damaged."""
    copy = tmp_path / "weights"
    shutil.copytree(WEIGHTS_FOLDER, copy)
    monkeypatch.setattr(bundled_encoder, "WEIGHTS_FOLDER", copy)
    return copy


def test_listing_loads_no_torch():
    code = (
        "import sys; from jepascore_core.backbones.bundled_encoder import list_bundled; "
        "print(list_bundled()[0].name, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [NAMES[0], "False"]


def test_the_demo_encoder_is_there_and_small():
    assert "bundled:digits-vit" in NAMES
    assert sum(path.stat().st_size for path in WEIGHTS_FOLDER.iterdir()) < 4_000_000


@pytest.mark.parametrize("name", NAMES)
def test_a_loaded_encoder_is_what_its_row_says(name):
    encoder, facts = load_bundled(name)
    spec = next(spec for spec in list_bundled() if spec.name == name)
    assert set(facts) == {"preprocessing", "pooling", "family", "licence", "note", "is_jepa"}
    assert (facts["pooling"], facts["family"], facts["licence"]) == (spec.pooling, spec.family, spec.licence)
    assert facts["is_jepa"] is spec.is_jepa is True
    assert not any(module.training for module in encoder.modules())
    assert not any(value.requires_grad for value in encoder.parameters())
    inputs = own_images(name)
    assert inputs.shape[-1] == spec.image_size
    assert encoder(inputs).shape == (16, spec.dimension)


@pytest.mark.parametrize("name", NAMES)
def test_both_spellings_of_a_name_give_the_same_weights(name):
    first, second = load_bundled(name)[0], load_bundled(name.removeprefix("bundled:"))[0]
    assert_close(dict(first.state_dict()), dict(second.state_dict()), rtol=0, atol=0)


def test_jacobian_has_full_rank_so_that_both_definitions_agree():
    spectra = singular_values(jacobian(load_bundled("digits-vit")[0], digits("digits-vit"))[1])
    assert (spectra[:, -1] > 1e-3).all()
    assert (spectra[:, -1] > 1e-4 * spectra[:, 0]).all()


def test_an_unknown_name_lists_near_matches():
    with pytest.raises(UnknownNameError, match="bundled:digits-vit"):
        load_bundled("digit-vit")
    with pytest.raises(UnknownNameError, match="bundled:digits-vit"):
        load_bundled("../../secrets")


def test_missing_damaged_or_foreign_weights_are_one_sentence(folder):
    weights = folder / "digits-vit.safetensors"
    half = weights.read_bytes()[:1000]
    sidecar = json.loads((folder / "digits-vit.json").read_text())
    sidecar["architecture"]["depth"] += 1
    (folder / "digits-vit.json").write_text(json.dumps(sidecar))
    with pytest.raises(CheckpointError, match="reinstall"):
        load_bundled("digits-vit")
    weights.write_bytes(half)
    with pytest.raises(CheckpointError, match="reinstall"):
        load_bundled("digits-vit")
    weights.unlink()
    with pytest.raises(CheckpointError, match="reinstall"):
        load_bundled("digits-vit")


def put_encoder(folder: Path, name: str = "mine") -> Path:
    """A bundled encoder's files under another name, as `jepascore train` writes them; their common stem."""
    folder.mkdir(parents=True, exist_ok=True)
    for suffix in (".safetensors", ".json", ".md"):
        shutil.copy(WEIGHTS_FOLDER / f"digits-small{suffix}", folder / f"{name}{suffix}")
    return folder / name


def test_a_folder_or_any_of_its_files_names_an_encoder(tmp_path, monkeypatch):
    stem = put_encoder(tmp_path / "some where", "v1.5")
    (stem.parent / "notes.json").write_text("{}")
    for path in (stem.parent, stem, *(Path(f"{stem}{suffix}") for suffix in (".safetensors", ".json", ".md"))):
        assert backbone_name(str(path)) == f"trained:{stem}"
    monkeypatch.chdir(tmp_path)
    assert backbone_name("some where") == f"trained:{stem}"
    found = load_backbone(str(stem), device="cpu")
    assert (found.info.name, found.info.library) == ("trained:v1.5", "trained")
    assert found.info.weights_hash == load_backbone("bundled:digits-small", device="cpu").info.weights_hash
    assert find_spec(f"trained:{stem}").dimension == found.info.dimension
    assert id_at_path(str(stem.parent)) == found.info.backbone_id


def test_an_encoder_of_the_home_folder_goes_by_its_short_name(tmp_path, monkeypatch):
    monkeypatch.setenv("JEPASCORE_HOME", str(tmp_path))
    stem = put_encoder(tmp_path / "encoders")
    assert backbone_name(f"{stem}.json") == "trained:mine"
    assert id_at_path(str(stem)) == load_backbone("trained:mine", device="cpu").info.backbone_id


@pytest.mark.parametrize("name", ["bundled:digits-vit", "timm:resnet50.a1_in1k", "hf:facebook/dinov2-small", "\0", ""])
def test_other_texts_stay_as_they_are(name):
    assert backbone_name(name) == name


def test_a_path_without_exactly_one_encoder_is_refused(tmp_path):
    with pytest.raises(UnknownNameError, match="not an encoder that `jepascore train` wrote"):
        backbone_name(str(tmp_path))
    with pytest.raises(UnknownNameError, match="not an encoder that `jepascore train` wrote"):
        backbone_name(str(tmp_path / "missing.safetensors"))
    for name in ("one", "two"):
        put_encoder(tmp_path, name)
    with pytest.raises(UnknownNameError, match="one, two"):
        backbone_name(str(tmp_path))


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"architecture": {"depth": "x"}}'])
def test_a_foreign_json_file_is_one_sentence(tmp_path, text):
    stem = put_encoder(tmp_path)
    Path(f"{stem}.json").write_text(text)
    assert find_spec(f"trained:{stem}") is None
    with pytest.raises(CheckpointError):
        load_bundled(f"trained:{stem}")
