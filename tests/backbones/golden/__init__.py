"""Small models of transformers: what its files are called, and what it computes with weights from a seeded generator.

`<kind>.json` holds the config.json, the names and shapes of the saved weights, the processor, and the outputs. It was
made by `make.py` with the transformers version that it names; the tests need no transformers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

FOLDER = Path(__file__).parent
KINDS = sorted(path.stem for path in FOLDER.glob("*.json"))


def read(kind: str) -> dict[str, Any]:
    return json.loads((FOLDER / f"{kind}.json").read_text(encoding="utf-8"))


def weights(shapes: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    """Weights of these shapes: normal, by NumPy's generator, whose numbers never change."""
    generator = np.random.default_rng(0)
    return {
        name: torch.from_numpy(np.asarray(0.2 * generator.standard_normal(shape))).float()
        for name, shape in sorted(shapes.items())
    }


def images(size: int) -> torch.Tensor:
    """Two preprocessed images [2, 3, size, size]."""
    return torch.from_numpy(np.random.default_rng(1).standard_normal((2, 3, size, size))).float()


def photo() -> Image.Image:
    """Smooth colours with some noise, wider than high."""
    generator = np.random.default_rng(2)
    rows, columns = np.mgrid[0:30, 0:40] / 40
    colours = np.stack([rows, columns, 1 - rows * columns], axis=-1) * 200
    return Image.fromarray((colours + generator.integers(0, 50, (30, 40, 3))).astype(np.uint8))


def write_folder(kind: str, folder: Path) -> Path:
    """The folder that transformers' `save_pretrained` writes for this model and its processor."""
    golden = read(kind)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(golden["config"]))
    (folder / golden["processor_file"]).write_text(json.dumps(golden["processor"]))
    save_file(weights(golden["shapes"]), folder / "model.safetensors")
    return folder
