"""The images of `evidence.py`: folders made of DATA's own images, measured through the project's store.

Each folder has a subfolder for each group of images; files are named after the image that they come from. A folder that
exists is taken as it is, and images that are measured are not measured again, so that the program resumes.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance, ImageOps

from jepascore_core.api.datasets import index_source
from jepascore_core.embeddings.files import to_matrix
from jepascore_core.errors import JepaScoreError
from jepascore_core.jobs.requests import follow, request_run
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.requests import MeasurementRequest
from jepascore_core.records.runs import RunState
from jepascore_core.score import DEFINITIONS
from jepascore_core.storage.measurement_sql import SCORE_COLUMN
from jepascore_core.storage.store import Store

Values = npt.NDArray[np.float64]

PHOTOGRAPHS, PICTURES, NEAR_DUPLICATE = "off-topic photographs", "off-topic digits and galaxies", "near duplicate"
IN, REFERENCE = "in distribution", "reference"
#: WordNet numbers of ImageNet's plants, which are not off-topic among flowers.
PLANTS = ("n11", "n12", "n13")
SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True, eq=False)
class Measured:
    """Images of one folder: group and source of each, embeddings [N, K], and scores [N] by definition."""

    groups: npt.NDArray[np.str_]
    origins: npt.NDArray[np.str_]
    content_ids: npt.NDArray[np.str_]
    embeddings: npt.NDArray[np.float32]
    scores: dict[str, Values]
    backbone: str
    spec: str
    is_exact: bool

    def of(self, rows: npt.NDArray[np.int64]) -> Measured:
        """The same with some rows only."""
        scores = {name: values[rows] for name, values in self.scores.items()}
        parts = (self.groups[rows], self.origins[rows], self.content_ids[rows], self.embeddings[rows])
        return Measured(*parts, scores, self.backbone, self.spec, self.is_exact)

    def rows(self, *groups: str) -> npt.NDArray[np.int64]:
        """Indices of the images of some groups."""
        return np.flatnonzero(np.isin(self.groups, groups))


def measure(source: Path, backbone: BackboneRef, probes: int | None = None, as_is: bool = False) -> Measured:
    """Measure a folder in this home folder's worker: exactly, or with a sketch of `probes` backward passes.

    `as_is` takes what is measured so far: images in the order of their content ids, which are hashes.
    """
    store = Store()
    dataset = index_source(store, source)
    estimator = "sketch" if probes else "exact"
    usable = [run for run in store.catalogue.runs(dataset.dataset_id) if as_is or run.state is RunState.FINISHED]
    run = next((run for run in usable if (run.backbone, run.spec.estimator) == (backbone, estimator)), None)
    if run is None:
        asked = request_run(store, MeasurementRequest(dataset.dataset_id, backbone, estimator, probes=probes))
        for run in follow(store, partial(store.catalogue.run, asked.run_id), 2.0):
            print(f"\r{source.name}: {run.num_processed} of {run.num_total} images  ", end="", flush=True)
        print()
        run = store.catalogue.run(asked.run_id)
    if run.key is None or run.num_failed or not (as_is or run.state is RunState.FINISHED):
        raise JepaScoreError(f"The run ended as {run.state}: {run.message}")
    columns = ", ".join(f"{SCORE_COLUMN[name]} AS {name}" for name in DEFINITIONS)
    rows = store.query(f"""SELECT sample_key, content_id, label, embedding, {columns}
        FROM ({store.manifest_sql(dataset)}) JOIN ({store.measurements_sql(run.key)}) USING (content_id)
        ORDER BY sample_key""")
    return Measured(
        groups=np.array(rows["label"].to_pylist()),
        origins=np.array([Path(key).stem for key in rows["sample_key"].to_pylist()]),
        content_ids=np.array(rows["content_id"].to_pylist()),
        embeddings=to_matrix(rows["embedding"].combine_chunks()).astype(np.float32),
        scores={name: rows[name].to_numpy().astype(np.float64) for name in DEFINITIONS},
        backbone=backbone.name,
        spec=f"{estimator}, {run.spec.precision}" + (f", r = {probes}" if probes else ""),
        is_exact=not probes,
    )


def make_flowers(data: Path, target: Path, per_class: int = 15, planted: int = 20) -> Path:
    """Flowers of twelve classes, and what may be planted among them: off-topic images and changed copies."""
    rng = np.random.default_rng(0)
    clean = [path for folder in sorted((data / "flowers").iterdir()) for path in draw(images(folder), per_class, rng)]
    photographs = [path for path in images(data / "imagenet_samples") if not path.name.startswith(PLANTS)]
    pictures = [*draw(images(data / "mnist"), planted // 2, rng), *draw(images(data / "galaxies"), planted // 2, rng)]
    groups = {PHOTOGRAPHS: draw(photographs, planted, rng), PICTURES: pictures}
    files = [(path.parent.name, path, path.read_bytes()) for path in clean]
    files += [(group, path, path.read_bytes()) for group, paths in groups.items() for path in paths]
    files += [(NEAR_DUPLICATE, path, changed_copy(path, rng)) for path in draw(clean, planted, rng)]
    return write(target, files)


def make_photographs(
    data: Path, target: Path, num_in: int = 60, num_out: int = 20, num_reference: int = 400
) -> tuple[Path, Path]:
    """CIFAR-10 with three sets that it does not contain, and other images of CIFAR-10 for reference."""
    rng = np.random.default_rng(1)
    shuffled = draw(images(data / "cifar10_noisy"), len(images(data / "cifar10_noisy")), rng)
    others = {"flowers": "near flowers", "galaxies": "far galaxies", "mnist": "far digits"}
    files = [(IN, path, path.read_bytes()) for path in shuffled[:num_in]]
    files += [
        (group, path, path.read_bytes())
        for name, group in others.items()
        for path in draw(images(data / name), num_out, rng)
    ]
    reference = [(REFERENCE, path, path.read_bytes()) for path in shuffled[num_in : num_in + num_reference]]
    return write(target, files), write(target.with_name(f"{target.name}-reference"), reference)


def make_digits(data: Path, target: Path, planted: int = 40, num_clean: int = 500) -> tuple[Path, Path]:
    """scikit-learn's digits, which the bundled encoders were trained on, with what may be planted, and a reference."""
    from sklearn.datasets import load_digits

    rng, bundled = np.random.default_rng(2), load_digits()
    order = rng.permutation(len(bundled.images))
    pngs = [as_png(Image.fromarray((bundled.images[row] * (255 / 16)).round().astype(np.uint8))) for row in order]
    names = [(str(bundled.target[row]), Path(f"digit-{row:04d}.png")) for row in order]
    files = [(*name, png) for name, png in zip(names[:num_clean], pngs, strict=False)]
    groups = {
        PHOTOGRAPHS: draw(images(data / "imagenet_samples"), planted, rng),
        "near MNIST": draw(images(data / "mnist"), planted, rng),
        "far galaxies": draw(images(data / "galaxies"), planted, rng),
    }
    files += [(group, path, path.read_bytes()) for group, paths in groups.items() for path in paths]
    copied = rng.choice(num_clean, planted, replace=False)
    files += [(NEAR_DUPLICATE, names[row][1], changed_copy(io.BytesIO(pngs[row]), rng)) for row in copied]
    reference = [(REFERENCE, name[1], png) for name, png in zip(names[num_clean:], pngs[num_clean:], strict=True)]
    return write(target, files), write(target.with_name(f"{target.name}-reference"), reference)


def changed_copy(source: Path | io.BytesIO, rng: np.random.Generator) -> bytes:
    """A near duplicate as a curator meets it: cropped by up to 10 %, perhaps mirrored, brighter or darker, as JPEG."""
    image = Image.open(source).convert("RGB")
    left, top, right, bottom = (rng.uniform(0, 0.05) * side for side in (*image.size, *image.size))
    cut = image.crop((round(left), round(top), round(image.width - right), round(image.height - bottom)))
    turned = ImageOps.mirror(cut) if rng.random() < 0.5 else cut
    buffer = io.BytesIO()
    brightness = float(rng.uniform(0.85, 1.15))
    ImageEnhance.Brightness(turned).enhance(brightness).save(buffer, "JPEG", quality=int(rng.integers(60, 91)))
    return buffer.getvalue()


def as_png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def images(folder: Path) -> list[Path]:
    """Every image file below a folder, in order of its path."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def draw(paths: Sequence[Path], count: int, rng: np.random.Generator) -> list[Path]:
    """Some of the paths, without replacement."""
    return [paths[row] for row in rng.choice(len(paths), count, replace=False)]


def write(target: Path, files: Sequence[tuple[str, Path, bytes]]) -> Path:
    """Write (group, source, bytes) into a folder with a subfolder for each group, unless it is there."""
    if not target.is_dir():
        unfinished = target.with_name(f"{target.name}.unfinished")
        for path, content in _named(unfinished, files):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        unfinished.rename(target)
    return target


def _named(target: Path, files: Sequence[tuple[str, Path, bytes]]) -> Iterator[tuple[Path, bytes]]:
    for group, source, content in files:
        suffix = ".png" if content.startswith(b"\x89PNG") else ".jpg"
        yield target / group / f"{source.stem}{suffix}", content
