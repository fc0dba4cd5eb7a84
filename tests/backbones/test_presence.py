"""Whether weights are here, told without torch and without network."""

import subprocess
import sys

import pytest
import torch

from jepascore_core.backbones.presence import has_weights, torch_cache, weights_path
from jepascore_core.backbones.registry import find_spec, list_specs
from jepascore_core.backbones.specs import WeightSource
from jepascore_core.backbones.table import TABLE

DINO = "timm:vit_small_patch14_dinov2.lvd142m"
IBOT = "ibot:vit_small_patch16_224.in1k"


@pytest.fixture
def torch_home(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    (tmp_path / "torch" / "hub" / "checkpoints").mkdir(parents=True)
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.mark.usefixtures("hub_cache", "torch_home")
def test_on_a_fresh_machine_only_the_bundled_ones_are_here():
    assert [spec.name for spec in list_specs() if has_weights(spec)] == [
        spec.name for spec in list_specs() if spec.library == "bundled"
    ]


@pytest.mark.parametrize("filename", ["model.safetensors", "pytorch_model.bin"])
def test_a_file_in_the_hub_cache_is_found(filename, hub):
    assert not has_weights(find_spec(DINO))
    hub("timm/vit_small_patch14_dinov2.lvd142m", filename, {"a": torch.ones(1)})
    assert weights_path(find_spec(DINO).source).name == filename
    assert sum(has_weights(spec) for spec in TABLE) == 1


def test_a_file_in_torchs_cache_is_found_under_its_own_name(torch_home):
    (torch_home / "checkpoint_teacher.pth").write_bytes(b"of whom?")
    assert not has_weights(find_spec(IBOT))
    (torch_home / "ibot_vit_small_patch16_224.in1k.pth").write_bytes(b"x")
    assert has_weights(find_spec(IBOT))


def test_weights_that_nobody_published_are_not_here():
    assert weights_path(WeightSource()) is None


@pytest.mark.parametrize("variable", ["TORCH_HOME", "XDG_CACHE_HOME", None])
def test_torchs_cache_is_where_torch_looks(variable, tmp_path, monkeypatch):
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    assert str(torch_cache()) == f"{torch.hub.get_dir()}/checkpoints"


def test_looking_loads_no_torch_and_opens_no_connection():
    code = (
        "import sys, socket\n"
        "def refuse(*_): raise AssertionError('network')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from jepascore_core.backbones.presence import has_weights\n"
        "from jepascore_core.backbones.registry import list_specs\n"
        "[has_weights(spec) for spec in list_specs()]\n"
        "assert not {'torch', 'timm', 'open_clip'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
