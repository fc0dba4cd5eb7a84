"""Large datasets whose scores are not laid out for looking yet: what a page says while it is slow."""

from __future__ import annotations

import time
from dataclasses import dataclass

from jepascore_core.store import Store
from jepascore_core.views import score_tables
from jepascore_core.views.formats import count_text, duration_text
from jepascore_core.views.score_set import ScoreSet, table_of


@dataclass(frozen=True, slots=True)
class Preparing:
    """A dataset of `num_samples` whose score table is being made for `seconds`; None where it has not begun."""

    dataset_name: str
    num_samples: int
    seconds: float | None

    @property
    def text(self) -> str:
        """The same in a sentence."""
        if self.seconds is None:
            so_far = "are not laid out for looking yet"
        else:
            so_far = f"are being laid out for looking, {duration_text(self.seconds)} so far"
        return (
            f"The scores of {self.dataset_name} ({count_text(self.num_samples)} samples) {so_far}. Until then this "
            "page reads the measurements one by one, and is slow; it is drawn anew when that is done."
        )


def preparing(store: Store, scores: ScoreSet, now: float | None = None) -> Preparing | None:
    """What a page has to wait for; None where there is a score table, or no need of one. Asking starts the work."""
    dataset = store.catalogue.dataset(scores.dataset_id)
    if dataset.version is None or dataset.num_indexed < score_tables.MIN_SAMPLES or table_of(store, scores) is not None:
        return None
    folder = store.dataset_folder(dataset.dataset_id) / "scores" / dataset.version
    folder /= f"{scores.backbone_id}@{scores.spec_id}"
    try:
        # Files for sorting come and go within a folder of their own: this one changes when the work begins, and ends.
        began = folder.stat().st_mtime if any(folder.glob(".sorting-*")) else None
    except OSError:
        began = None
    seconds = None if began is None else max(0.0, (time.time() if now is None else now) - began)
    return Preparing(dataset.name, dataset.num_indexed, seconds)
