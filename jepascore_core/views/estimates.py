"""How accurate estimated scores are: their prediction intervals in nats, and in percentile points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jepascore_core.formatting import count_text, plural
from jepascore_core.scores.memo import memoized
from jepascore_core.scores.score_set import ScoreSet, read_version, scored_sql
from jepascore_core.scores.titles import measured_titles
from jepascore_core.storage.store import Store

#: Estimates whose percentile is looked up, for the median.
NUM_PLACED = 2000


@dataclass(frozen=True, slots=True)
class Estimates:
    """A score set of which `num_estimated` of `num_scored` scores are not exact.

    The exact score is expected within `half_width` nats on either side of an estimate, and its percentile in the
    dataset within `points` percentile points: medians over the estimates, None where unknown, as for a sketch.
    """

    title: str
    num_scored: int
    num_estimated: int
    half_width: float | None
    points: float | None

    @property
    def text(self) -> str:
        """The estimates in a sentence."""
        if self.half_width is None or self.points is None:
            return (
                f"sketch log-volumes of {plural(self.num_estimated, 'image')}. They rank images but are not the exact "
                "score, and their error is unknown"
            )
        return (
            f"{count_text(self.num_estimated)} of {plural(self.num_scored, 'score')} are estimates. The exact score is "
            f"expected within ± {self.half_width:.1f} nats, or ± {self.points:.1f} percentile points (medians)"
        )


def estimates(store: Store, scores: ScoreSet) -> Estimates | None:
    """Return what to say about the scores of a set; None where all are exact, and where there are none."""
    if scores.key.is_exact or not scores.key.has_scores:
        return None
    title = measured_titles(store).get(scores.key, scores.backbone_id)
    key = "estimates", scores, read_version(store, scores), title
    return memoized(store, key, lambda: _estimates(store, scores, title))


def _estimates(store: Store, scores: ScoreSet, title: str) -> Estimates | None:
    rows = store.query(f"SELECT score, lower, upper, is_exact FROM ({scored_sql(store, scores)})")
    is_estimate = ~rows["is_exact"].to_numpy()
    if not is_estimate.any():
        return None
    values, lower, upper = (rows[name].to_numpy() for name in ("score", "lower", "upper"))
    known = is_estimate & np.isfinite(lower.astype(np.float64)) & np.isfinite(upper.astype(np.float64))
    half_width = points = None
    if known.any():
        half_width = float(np.median((upper[known] - lower[known]) / 2))
        ordered = np.sort(values)
        places = np.flatnonzero(known)
        some = np.random.default_rng(0).choice(places, min(NUM_PLACED, len(places)), replace=False)
        first, last = (np.searchsorted(ordered, end[some]) for end in (lower, upper))
        points = float(np.median(100 * (last - first) / 2 / len(ordered)))
    return Estimates(title, len(values), int(is_estimate.sum()), half_width, points)


def percentile_intervals(
    store: Store, scores: ScoreSet, sample_keys: Sequence[str], *, within_class: bool = False
) -> dict[str, tuple[float, float]]:
    """Return the interval of the exact percentile of estimated samples, (from, to) in percent of the set's own scores.

    It is of the dataset, or `within_class` of the sample's class. Samples with an exact score, or without an interval,
    are left out.
    """
    if scores.key.is_exact or not sample_keys:
        return {}
    group = "one.label IS NOT DISTINCT FROM other.label" if within_class else "true"
    rows = store.query(
        f"""
        WITH scored AS (SELECT sample_key, label, score, lower, upper, is_exact FROM ({scored_sql(store, scores)}))
        SELECT one.sample_key AS key,
            100.0 * count(*) FILTER (other.score < one.lower) / count(*) AS low,
            100.0 * count(*) FILTER (other.score <= one.upper) / count(*) AS high
        FROM (
            SELECT * FROM scored WHERE NOT is_exact AND lower IS NOT NULL AND upper IS NOT NULL
                AND sample_key IN (SELECT unnest($1::VARCHAR[]))
        ) AS one JOIN scored AS other ON {group} GROUP BY one.sample_key
        """,
        [list(sample_keys)],
    ).to_pylist()
    return {row["key"]: (row["low"], row["high"]) for row in rows}
