"""MNIST-style sources: pairs of idx files (images, labels), plain or gzip-compressed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jepascore_core.datasets.candidates import Candidate, ScanPlan
from jepascore_core.datasets.idx_files import IdxFile, check_complete, items, open_idx
from jepascore_core.datasets.item_uris import item_uri
from jepascore_core.datasets.listing import PassedOver
from jepascore_core.datasets.uris import clean_text
from jepascore_core.errors import SourceError

_IMAGES_NAME = re.compile(r"(?P<stem>.*?)[-._]?images?[-._]idx3[-._]ubyte(\.gz)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Pair:
    """An images file, the labels file beside it if there is one, and the prefix of its sample keys."""

    images: Path
    labels: Path | None
    prefix: str
    split: str | None


def is_idx_images(path: Path) -> bool:
    """Return whether the name is that of an idx images file."""
    return _IMAGES_NAME.fullmatch(path.name) is not None


def is_idx_name(name: str) -> bool:
    """Return whether the name is that of any idx file, images or labels."""
    return re.fullmatch(r".*idx[13][-._]ubyte(\.gz)?", name, re.IGNORECASE) is not None


def plan_idx(source: Path) -> ScanPlan:
    """Plan all images files of a folder, or a single one. Sample keys are like `train/00042`, labels the digits.

    Raises:
        SourceError: if there are none, one is damaged, or the numbers of labels and images differ.
    """
    found = [source] if source.is_file() else sorted(entry for entry in source.iterdir() if is_idx_images(entry))
    if not found:
        raise SourceError(f"{source} contains no idx images file, such as train-images-idx3-ubyte.gz.")
    pairs = _pairs(found)
    return ScanPlan("idx", _items([(pair, *_open(pair)) for pair in pairs]), PassedOver())


def _pairs(found: list[Path]) -> list[_Pair]:
    """Return one pair per dataset; a plain file takes precedence over its compressed copy."""
    stems = {_stem(path): path for path in sorted(found, key=lambda path: path.suffix == ".gz", reverse=True)}
    splits = {stem: _split(stem) for stem in stems}
    pairs = []
    for stem, path in sorted(stems.items()):
        split = splits[stem]
        is_only = list(splits.values()).count(split) == 1
        pairs.append(_Pair(path, _labels_beside(path), split if split and is_only else stem, split))
    return pairs


def _stem(path: Path) -> str:
    match = _IMAGES_NAME.fullmatch(path.name)
    return clean_text(match["stem"] if match else path.stem) or "images"


def _split(stem: str) -> str | None:
    lowered = stem.casefold()
    if "train" in lowered:
        return "train"
    return "test" if "t10k" in lowered or "test" in lowered else None


def _labels_beside(images: Path) -> Path | None:
    name = re.sub("idx3", "idx1", re.sub("images?", "labels", images.name, flags=re.IGNORECASE), flags=re.IGNORECASE)
    plain = images.with_name(name.removesuffix(".gz"))
    return next((path for path in (plain, plain.with_name(plain.name + ".gz")) if path.is_file()), None)


def _open(pair: _Pair) -> tuple[IdxFile, bytes | None]:
    try:
        images = open_idx(str(pair.images), dimensions=3)
        check_complete(images)
        if pair.labels is None:
            return images, None
        labels = open_idx(str(pair.labels), dimensions=1)
        check_complete(labels)
        if labels.shape[0] != images.shape[0]:
            raise SourceError(
                f"{pair.labels} has {labels.shape[0]} labels for the {images.shape[0]} images of {pair.images}: "
                "they do not belong together."
            )
        return images, items(labels, 0, labels.shape[0])
    except OSError as error:
        raise SourceError(f"{pair.images} or its labels cannot be read ({error}): check the files.") from error


def _items(opened: list[tuple[_Pair, IdxFile, bytes | None]]) -> Iterator[Candidate]:
    for pair, images, labels in opened:
        digits = max(5, len(str(images.shape[0] - 1)))
        for index in range(images.shape[0]):
            label = None if labels is None else str(labels[index])
            yield Candidate(f"{pair.prefix}/{index:0{digits}}", item_uri("idx", images.path, index), label, pair.split)
