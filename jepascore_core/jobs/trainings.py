"""Requests to train an encoder on a dataset: requested here, done by the worker.

A request is in `trainings/`, see `request_files`; beside it the next worker finds the state of the last epoch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from jepascore_core.backbones.arithmetic import VitShape
from jepascore_core.backbones.speed import machine_speed
from jepascore_core.errors import StoreError, UnknownNameError
from jepascore_core.jobs import process
from jepascore_core.jobs.queue import ring_bell
from jepascore_core.jobs.request_files import WANTED_SUFFIX, RequestFiles, progress_text
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.storage.store import Store
from jepascore_core.training.card import checked_name, encoders_folder

TrainingState = Literal["waiting", "running", "failed"]

#: What `jepascore train` trains unless told otherwise: a ViT of this shape on images of this side, for so many epochs.
IMAGE_SIDE, EPOCHS, MAX_IMAGES = 64, 100, 20_000
_SHAPE = VitShape(4, 128, 256, 8, prefix=0, projection=64)
#: A step sees two views of an image; forward and both gradients are three passes of each.
_PASSES = 2 * 3
_FOLDER = "trainings"


@dataclass(frozen=True, slots=True)
class Training:
    """A request that is not done. `share` is its progress, 0 to 1; `message` the reason of a failure."""

    name: str
    dataset_id: str
    state: TrainingState
    share: float = 0.0
    seconds_left: float | None = None
    message: str = ""

    @property
    def is_active(self) -> bool:
        """Whether it is queued or running."""
        return self.state != "failed"

    @property
    def progress_text(self) -> str:
        """Its progress in a few words."""
        return progress_text(self.state, self.share, self.seconds_left)


def encoder_name(dataset: DatasetRecord) -> str:
    """Return the name of the encoder that is trained on a dataset: its name, as far as an encoder may be called so."""
    return checked_name(re.sub(r"[^a-z0-9._-]+", "-", dataset.name.lower()).strip("-._")[:64] or "encoder")


def training_seconds(store: Store, num_images: int) -> float:
    """Predict how long training on a dataset with this many images takes on this machine."""
    seen = EPOCHS * min(num_images, MAX_IMAGES)
    return seen * _PASSES * _SHAPE.passes(IMAGE_SIDE).forward / machine_speed(store.home).flop_per_second


def is_trained(store: Store, name: str) -> bool:
    """Return whether there is an encoder of this name."""
    return (encoders_folder(store.home) / f"{name}.json").is_file()


def request_training(store: Store, dataset_id: str) -> Training:
    """Ask the worker to train an encoder on a dataset, again if it failed; nothing is queued twice.

    Raises:
        UnknownNameError, DatasetNotReadyError: if there is no such dataset, or it has no index.
        StoreError: if there is such an encoder already.
    """
    dataset = store.catalogue.dataset(dataset_id)
    store.index_folder(dataset)
    name = encoder_name(dataset)
    if is_trained(store, name):
        raise StoreError(f"trained:{name} already exists. To replace it run `jepascore train {dataset.name} --again`.")
    known = find_training(store, name)
    if known is None or not known.is_active:
        _files(store, name).ask({"dataset_id": dataset.dataset_id})
    ring_bell(store.home)
    process.start_worker(store.home)
    return training(store, name)


def trainings(store: Store) -> tuple[Training, ...]:
    """Return all requests that are not done, failed ones included, by name."""
    names = sorted(path.name.removesuffix(WANTED_SUFFIX) for path in (store.home / _FOLDER).glob(f"*{WANTED_SUFFIX}"))
    found = (find_training(store, name) for name in names)
    return tuple(item for item in found if item is not None)


def find_training(store: Store, name: str) -> Training | None:
    """Return a request, None if it is done or cancelled."""
    files = _files(store, name)
    wanted = files.wanted()
    if wanted is None:
        return None
    dataset_id = wanted["dataset_id"]
    failure = files.failure()
    if failure is not None:
        return Training(name, dataset_id, "failed", message=failure)
    progress = files.progress()
    if progress is None:
        return Training(name, dataset_id, "waiting")
    return Training(name, dataset_id, "running", progress["share"], progress["seconds_left"])


def training(store: Store, name: str) -> Training:
    """Return a request.

    Raises:
        UnknownNameError: if it is done or cancelled.
    """
    found = find_training(store, name)
    if found is None:
        raise UnknownNameError(f"The training of {name} was cancelled or is done.")
    return found


def cancel_training(store: Store, name: str) -> None:
    """Cancel a request; a worker that does it stops within a moment. Finished epochs are kept for another time."""
    _files(store, name).cancel()


def is_wanted(store: Store, name: str) -> bool:
    """Return whether a request still exists."""
    return _files(store, name).is_wanted


def report_training(store: Store, name: str, share: float, seconds_left: float | None) -> None:
    """Record the progress of a request; for the worker."""
    _files(store, name).report({"share": share, "seconds_left": seconds_left})


def finish_training(store: Store, name: str, is_done: bool, message: str = "") -> None:
    """Record how an attempt ended: done, failed with a message, or neither, for the next worker to go on."""
    _files(store, name).finish(is_done, message)


def _files(store: Store, name: str) -> RequestFiles:
    return RequestFiles(store.home / _FOLDER, checked_name(name))
