"""NumPy archives as a source: the images of one .npz file, with labels if it has them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from jepascore_core.datasets.candidates import Candidate, ScanPlan
from jepascore_core.datasets.item_uris import item_uri
from jepascore_core.datasets.listing import PassedOver
from jepascore_core.datasets.npz_files import npz_labels, open_npz
from jepascore_core.datasets.uris import clean_text, sample_key
from jepascore_core.errors import SourceError


def plan_npz(path: Path) -> ScanPlan:
    """Plan the images of a NumPy archive. Sample keys are like `file.npz#12`, counted from 0.

    Raises:
        SourceError: if it is not one, is damaged, or the numbers of labels and images differ.
    """
    try:
        images = open_npz(str(path))
        labels = npz_labels(images)
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error}): check the file.") from error
    return ScanPlan("npz", _items(path, images.shape[0], labels), PassedOver())


def _items(path: Path, num_images: int, labels: list[str | None] | None) -> Iterator[Candidate]:
    name = sample_key(path.name)
    for index in range(num_images):
        label = labels[index] if labels is not None else None
        yield Candidate(
            f"{name}#{index}", item_uri("npz", str(path), index), None if label is None else clean_text(label)
        )
