"""Pictures that browser tests look at."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from jepascore_core.datasets.demo import load_digit_images


def write_digits(folder: Path, count: int) -> Path:
    """Write digits into a folder of each class, and return the folder of all."""
    images, labels = load_digit_images()
    for number in range(count):
        path = folder / f"digit {labels[number]}" / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(images[number]).save(path)
    return folder
