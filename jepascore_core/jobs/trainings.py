"""Requests to train an encoder on a dataset: requested here, done by the worker.

`trainings/<name>.wanted.json` exists while a request is pending, with its progress and why it failed beside it. A
worker that is killed or stopped leaves the request and the state of the last epoch for the next one.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jepascore_core.atomic import write_atomically
from jepascore_core.backbones.arithmetic import VitShape
from jepascore_core.backbones.speed import machine_speed
from jepascore_core.errors import StoreError, UnknownNameError
from jepascore_core.jobs import process
from jepascore_core.jobs.queue import ring_bell
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.storage.store import Store
from jepascore_core.training.card import checked_name

TrainingState = Literal["waiting", "running", "failed"]

#: What `jepascore train` trains unless told otherwise: a ViT of this shape on images of this side, for so many epochs.
IMAGE_SIDE, EPOCHS, MAX_IMAGES = 64, 100, 20_000
_SHAPE = VitShape(4, 128, 256, 8, prefix=0, projection=64)
#: A step sees two views of an image; forward and both gradients are three passes of each.
_PASSES = 2 * 3
_WANTED, _PROGRESS, _FAILED = "wanted", "progress", "failed"


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


def encoder_name(dataset: DatasetRecord) -> str:
    """Return the name of the encoder that is trained on a dataset: its name, as far as an encoder may be called so."""
    return checked_name(re.sub(r"[^a-z0-9._-]+", "-", dataset.name.lower()).strip("-._")[:64] or "encoder")


def training_seconds(store: Store, num_images: int) -> float:
    """Predict how long training on a dataset with this many images takes on this machine."""
    seen = EPOCHS * min(num_images, MAX_IMAGES)
    return seen * _PASSES * _SHAPE.passes(IMAGE_SIDE).forward / machine_speed(store.home).flop_per_second


def is_trained(store: Store, name: str) -> bool:
    """Return whether there is an encoder of this name."""
    return (store.home / "encoders" / f"{name}.json").is_file()


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
    _folder(store).mkdir(parents=True, exist_ok=True)
    _path(store, name, _FAILED).unlink(missing_ok=True)
    write_atomically(_path(store, name, _WANTED), json.dumps({"dataset_id": dataset.dataset_id}).encode())
    ring_bell(store.home)
    process.start_worker(store.home)
    return training(store, name)


def trainings(store: Store) -> tuple[Training, ...]:
    """Return all requests that are not done, failed ones included, by name."""
    names = sorted(path.name.removesuffix(f".{_WANTED}.json") for path in _folder(store).glob(f"*.{_WANTED}.json"))
    found = (_read(store, name) for name in names)
    return tuple(item for item in found if item is not None)


def training(store: Store, name: str) -> Training:
    """Return a request.

    Raises:
        UnknownNameError: if it is done or cancelled.
    """
    found = _read(store, name)
    if found is None:
        raise UnknownNameError(f"The training of {name} was cancelled or is done.")
    return found


def cancel_training(store: Store, name: str) -> None:
    """Cancel a request; a worker that does it stops within a moment. Finished epochs are kept for another time."""
    for what in (_WANTED, _PROGRESS, _FAILED):
        _path(store, name, what).unlink(missing_ok=True)


def is_wanted(store: Store, name: str) -> bool:
    """Return whether a request still exists."""
    return _path(store, name, _WANTED).is_file()


def report_training(store: Store, name: str, share: float, seconds_left: float | None) -> None:
    """Record the progress of a request; for the worker."""
    write_atomically(_path(store, name, _PROGRESS), json.dumps({"share": share, "seconds_left": seconds_left}).encode())


def finish_training(store: Store, name: str, is_done: bool, message: str = "") -> None:
    """Record how an attempt ended: done, failed with a message, or neither, for the next worker to go on."""
    if is_done:
        cancel_training(store, name)
        return
    if message and is_wanted(store, name):
        write_atomically(_path(store, name, _FAILED), json.dumps({"message": message}).encode())
    _path(store, name, _PROGRESS).unlink(missing_ok=True)


def _folder(store: Store) -> Path:
    return store.home / "trainings"


def _path(store: Store, name: str, what: str) -> Path:
    return _folder(store) / f"{checked_name(name)}.{what}.json"


def _load(path: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(path.read_text()))
    except FileNotFoundError:
        return None


def _read(store: Store, name: str) -> Training | None:
    wanted = _load(_path(store, name, _WANTED))
    if wanted is None:
        return None
    failed = _load(_path(store, name, _FAILED))
    if failed is not None:
        return Training(name, wanted["dataset_id"], "failed", message=failed["message"])
    progress = _load(_path(store, name, _PROGRESS))
    if progress is None:
        return Training(name, wanted["dataset_id"], "waiting")
    return Training(name, wanted["dataset_id"], "running", progress["share"], progress["seconds_left"])
