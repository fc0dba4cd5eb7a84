"""Report the progress of the score table of a large dataset, which makes its pages fast."""

from __future__ import annotations

import time
from dataclasses import dataclass

from jepascore_core.formatting import PERCENT, count_text, duration_text
from jepascore_core.scores import tables as score_tables
from jepascore_core.scores.score_set import ScoreSet, table_of
from jepascore_core.scores.titles import measured_titles
from jepascore_core.storage.store import Store

#: Progress from which the remaining time is estimated.
TELLING_FRACTION, TELLING_SECONDS = 0.05, 2.0


@dataclass(frozen=True, slots=True)
class TableBuild:
    """Progress of the score table of `num_samples` scores, called `name`, that started `seconds` ago.

    `fraction` is the share that is done, 0 to 1; None if it has not started, with the `failure` if there was one.
    """

    name: str
    num_samples: int
    seconds: float | None
    fraction: float | None
    failure: str | None = None

    @property
    def seconds_left(self) -> float | None:
        """Remaining seconds at the pace so far; None while unknown."""
        if not self.seconds or not self.fraction:
            return None
        if self.fraction < TELLING_FRACTION or self.seconds < TELLING_SECONDS:
            return None
        return self.seconds * (1 - self.fraction) / self.fraction

    @property
    def text(self) -> str:
        """The progress as a sentence, without its full stop."""
        what = f"the score table for {self.name} ({count_text(self.num_samples)} samples)"
        if self.failure is not None:
            return f"Preparing {what} failed: {self.failure}. It will be retried in a few minutes"
        if self.seconds is None or self.fraction is None:
            return f"Preparing {what}; starting soon"
        left = self.seconds_left
        times = [f"{100 * self.fraction:.0f}{PERCENT}", f"{duration_text(self.seconds)} so far"]
        times += [] if left is None else [f"about {duration_text(left)} left"]
        return f"Preparing {what}: {', '.join(times)}"


def pending_table_build(store: Store, scores: ScoreSet, now: float | None = None) -> TableBuild | None:
    """Return what a page waits for; None where a score table exists or is not needed. Calling it starts the work."""
    dataset = store.catalogue.dataset(scores.dataset_id)
    size = score_tables.num_samples(store, dataset)
    if size < score_tables.MIN_SAMPLES or table_of(store, scores) is not None:
        return None
    name = f"{dataset.name} under {measured_titles(store).get(scores.key, scores.backbone_id)}"
    making = score_tables.build_status(store, dataset, scores.key)
    if making is None:
        return TableBuild(name, size, None, None, score_tables.last_build_error(store, dataset, scores.key))
    seconds = max(0.0, (time.time() if now is None else now) - making.began)
    return TableBuild(name, size, seconds, making.fraction)
