"""Small encoders with random weights, written in the formats that people have, and a hub cache on disk."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import huggingface_hub.constants
import open_clip
import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.models import _registry

TINY = "vit_tiny_patch16_224"
TINY_CLIP = "jepascore-test-tiny"

#: A CLIP model that is built in milliseconds.
TINY_CLIP_CONFIG = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1},
}


def randomised(module: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """The same module with every weight random: fresh ones hold zeros and ones, which hide mistakes."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.05 * torch.randn(parameter.shape, generator=generator))
    return module.eval()


#: Of encoders with few blocks: enough to see that each has weights of its own.
FEW = 2


@contextmanager
def few_blocks(*names: str) -> Iterator[None]:
    """Meanwhile timm makes these transformers with `FEW` blocks: whole files are a sixth as large, else the same."""
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setitem(_registry._model_entrypoints, name, partial(timm.models.model_entrypoint(name), depth=FEW))
        yield


@pytest.fixture(scope="session")
def tiny_vit() -> torch.nn.Module:
    """timm's ViT-Ti/16 for 32 pixels with ten classes."""
    return randomised(timm.create_model(TINY, img_size=32, num_classes=10))


@pytest.fixture(scope="session")
def vit_file(tiny_vit: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vit") / "vit.safetensors"
    save_file(tiny_vit.state_dict(), path)
    return path


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> torch.nn.Module:
    """A whole CLIP model, registered with open_clip under `TINY_CLIP`."""
    path = tmp_path_factory.mktemp("clip") / f"{TINY_CLIP}.json"
    path.write_text(json.dumps(TINY_CLIP_CONFIG))
    open_clip.add_model_config(path)
    return randomised(open_clip.create_model(TINY_CLIP))


def snapshot(cache: Path, repository: str) -> Path:
    """The folder of a repository's files in a hub cache, made as the hub's client makes it."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0" * 40)
    files = folder / "snapshots" / ("0" * 40)
    files.mkdir(parents=True)
    return files


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache."""
    cache = tmp_path / "hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    return cache


@pytest.fixture
def hub_folder(hub_cache: Path) -> Callable[[str, Path], None]:
    """Put the files of a folder into the hub cache: `hub_folder(repository, folder)`."""
    return lambda repository, folder: shutil.copytree(folder, snapshot(hub_cache, repository), dirs_exist_ok=True)


@pytest.fixture
def hub(hub_cache: Path) -> Callable[[str, str, dict[str, torch.Tensor]], None]:
    """Put a file into the hub cache: `hub(repository, filename, state)`."""

    def put(repository: str, filename: str, state: dict[str, torch.Tensor]) -> None:
        files = snapshot(hub_cache, repository)
        if filename.endswith(".safetensors"):
            save_file(state, files / filename)
        else:
            torch.save(state, files / filename)

    return put


@pytest.fixture(scope="session")
def dev_data() -> Path:
    """The folder of real images and weights; tests that need it are skipped without it."""
    folder = Path(os.environ.get("JEPASCORE_DEV_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no development data at {folder} (set JEPASCORE_DEV_DATA)")
    return folder
