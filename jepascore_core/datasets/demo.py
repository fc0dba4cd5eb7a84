"""The embedded demo: scikit-learn's handwritten digits as PNG files, with planted contaminants of named kinds.

The files hold all 1,797 real digits plus `PER_KIND` contaminants of each kind, numbered together within their class, so
that no file name reveals a contaminant; `digits.csv` beside them lists which files they are.
"""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from jepascore_core.datasets.demo_folder import DemoRecipe, Entry, Pixels, build_folder, to_pixels
from jepascore_core.errors import SourceError

DEMO_NAME = "digits-demo"
TABLE_NAME = "digits.csv"
#: Incremented when the same seed yields different files: an older demo folder is then rebuilt.
RECIPE_VERSION = 1
#: Side of a rendered digit in pixels: 8 x 8 cells of 3 pixels and a margin of 4.
IMAGE_SIZE = 32
#: 8 kinds of 12 are 5 % of the digits.
PER_KIND = 12
KINDS = (
    "inverted", "noise", "occluded", "blended", "rotated", "wrong_label", "exact_duplicate", "near_duplicate",
)  # fmt: skip
#: Rotations, in degrees, after which a digit looks wrong: a 0 never does, 1, 2, 5 and 8 are (nearly) point symmetric, a
#: 6 becomes a 9.
VISIBLE_ROTATIONS = {label: (90, 180) if label in (3, 4, 7) else (90,) for label in range(1, 10)}
#: Attribution of the digits, for the marker file.
SOURCE = "Optical Recognition of Handwritten Digits (E. Alpaydin, C. Kaynak, 1998), as shipped by scikit-learn"


def load_digit_images() -> tuple[Pixels, npt.NDArray[np.int64]]:
    """Return all digits as images uint8 [1797, 32, 32], bright on dark, and their labels int64 [1797].

    Read from scikit-learn's data file, since importing scikit-learn takes longer than building the demo.
    """
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise SourceError("The demo needs scikit-learn, which contains the digits: pip install scikit-learn.")
    path = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
    if not path.is_file():
        raise SourceError(f"scikit-learn's digits are missing at {path}: reinstall scikit-learn.")
    with gzip.open(path, "rt", encoding="ascii") as lines:
        table = np.loadtxt(lines, delimiter=",", dtype=np.int64)
    cells = table[:, :-1].reshape(-1, 8, 8)
    return np.stack([render_digit(digit) for digit in cells]), table[:, -1]


def render_digit(cells: npt.NDArray[np.int64]) -> Pixels:
    """Render a digit of 8 x 8 cells with levels 0..16 as a smooth greyscale image uint8 [32, 32]."""
    levels = np.pad(np.round(cells * (255 / 16)).astype(np.uint8), 2)
    large = Image.fromarray(levels).resize((36, 36), Image.Resampling.BICUBIC)
    return np.asarray(large)[2:-2, 2:-2]


def build_demo(folder: Path, seed: int = 0) -> Path:
    """Write the demo into `folder` and return the path of its table, as `build_folder`.

    The same seed gives the same bytes.
    """
    marker: dict[str, object] = {"name": DEMO_NAME, "recipe_version": RECIPE_VERSION, "seed": seed, "source": SOURCE}
    return build_folder(folder, DemoRecipe(marker, TABLE_NAME, "digits", seed, lambda: _plan(seed)))


def _plan(seed: int) -> list[Entry]:
    """Return every file of the demo, in the order in which files are numbered within a class."""
    images, labels = load_digit_images()
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(images))
    sources = dict(zip(KINDS, order[: PER_KIND * len(KINDS)].reshape(len(KINDS), PER_KIND), strict=True))
    others = order[PER_KIND * len(KINDS) :]
    sources["rotated"] = np.array([index for index in others if int(labels[index]) in VISIBLE_ROTATIONS][:PER_KIND])

    wrong = {int(index) for index in sources["wrong_label"]}
    entries = [Entry(images[i], str(labels[i]), i) for i in range(len(images)) if i not in wrong]
    for kind, indices in sources.items():
        for index in map(int, indices):
            label = int(labels[index])
            if kind == "wrong_label":
                entries.append(Entry(images[index], str((label + int(rng.integers(1, 10))) % 10), index, kind))
                continue
            other = images[rng.choice(np.flatnonzero(labels != label))]
            damaged = _contaminate(kind, images[index], label, other, rng)
            entries.append(Entry(damaged, str(label), index, kind))
    return [entries[i] for i in rng.permutation(len(entries))]


def _contaminate(kind: str, image: Pixels, label: int, other: Pixels, rng: np.random.Generator) -> Pixels:
    """Return a damaged copy uint8 [32, 32] of `image`; `other` is a digit of another class."""
    if kind == "inverted":
        return 255 - image
    if kind == "noise":
        return to_pixels(0.5 * image + rng.normal(64, 80, image.shape))
    if kind == "occluded":
        damaged, (top, left) = image.copy(), rng.integers(6, 13, size=2)
        damaged[top : top + 14, left : left + 14] = rng.integers(90, 200)
        return damaged
    if kind == "blended":
        return to_pixels(0.5 * image + 0.5 * other)
    if kind == "rotated":
        return np.rot90(image, rng.choice(VISIBLE_ROTATIONS[label]) // 90).copy()
    if kind == "near_duplicate":
        shift = (int(rng.choice((-1, 1))), int(rng.integers(-1, 2)))
        return to_pixels(0.92 * np.roll(image, shift, axis=(0, 1)))
    return image
