"""Do a request to train an encoder on a dataset."""

from __future__ import annotations

import time
from collections.abc import Callable

from jepascore_core.backbones.devices import resolve_device
from jepascore_core.errors import JepaScoreError
from jepascore_core.formatting import plural
from jepascore_core.jobs.trainings import EPOCHS, IMAGE_SIDE, MAX_IMAGES, report_training, training
from jepascore_core.storage.store import Store
from jepascore_core.training.card import encoders_folder
from jepascore_core.training.fit import EncoderRecipe, fit_encoder, suited
from jepascore_core.training.images import load_pictures
from jepascore_core.training.train import TrainingConfig

#: Progress is written at most this often, in seconds.
REPORT_SECONDS = 1.0
#: Share of the progress that reading the images is.
_READING = 0.05


def train_requested(store: Store, name: str, check: Callable[[], None]) -> str:
    """Train; an exception from `check` stops it after a step, and the next attempt goes on after the last epoch.

    Raises:
        UnknownNameError: if the request is gone.
        TooFewImagesError: for too few images to train on.
        JepaScoreError: if the training diverges.
        RunCancelled, WorkerStopped: from `check`.
    """
    dataset = store.catalogue.dataset(training(store, name).dataset_id)
    report = _Reporter(store, name, check)
    pictures = load_pictures(
        store, dataset, IMAGE_SIDE, MAX_IMAGES, lambda done, total: report(_READING * done / max(1, total))
    )
    recipe = suited(EncoderRecipe(training=TrainingConfig(epochs=EPOCHS)), pictures)
    total = recipe.num_seen(len(pictures.pixels))
    data = f"{plural(len(pictures.pixels), 'image')} of the dataset {dataset.name}"
    report.begin()
    try:
        fit_encoder(
            pictures,
            recipe,
            encoders_folder(store.home),
            name,
            data,
            device=resolve_device("auto"),
            on_step=lambda done: report(_READING + (1 - _READING) * done / max(1, total)),
        )
    except FloatingPointError as error:
        raise JepaScoreError(f"Training failed: {error}.") from error
    return ""


class _Reporter:
    """Records the progress of a training, and stops it when it should end."""

    def __init__(self, store: Store, name: str, check: Callable[[], None]) -> None:
        self._store, self._name, self._check = store, name, check
        self._told, self._begun, self._first = 0.0, 0.0, 0.0

    def begin(self) -> None:
        """From here on the time that is left follows from the progress."""
        self._begun, self._first = time.monotonic(), 0.0

    def __call__(self, share: float) -> None:
        self._check()
        now = time.monotonic()
        if self._begun and not self._first:
            self._begun, self._first = now, share  # an earlier attempt has done some of it
        if now - self._told >= REPORT_SECONDS:
            self._told = now
            done = share - self._first
            left = (now - self._begun) * (1 - share) / done if self._begun and done > 0 else None
            report_training(self._store, self._name, min(share, 1.0), left)
