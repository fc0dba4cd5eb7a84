"""The cascade: measure exact scores of images that could be on a list, until all of those are exact."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from jepascore_core.measuring.approximate.calibration import Array, bounds
from jepascore_core.measuring.approximate.cascade import Codes, Mask, needed_for_cut, needed_for_lists, num_below
from jepascore_core.measuring.approximate.context import Context
from jepascore_core.measuring.approximate.fits import Fits
from jepascore_core.measuring.estimators import build_engine
from jepascore_core.measuring.progress import Stage
from jepascore_core.records.approximation import ApproximationPlan, CascadeReport
from jepascore_core.records.measurements import MeasurementSpec


@dataclass(frozen=True, eq=False)
class Samples:
    """The dataset's scored samples, ordered by key. [N] each; `classes` are numbers from 0.

    `score` is exact where `is_exact`, otherwise predicted; `lower` and `upper` are the limits of its interval.
    """

    content_id: np.ndarray
    classes: Codes
    score: Array
    lower: Array
    upper: Array
    is_exact: Mask


def confirm(context: Context, fits: Fits) -> None:
    """Measure exactly what the lists of the plan need, round by round, and report the cost."""
    progress, plan, spec = context.progress, context.plan, fits.spec.exact
    samples = _read(context, fits)
    task = replace(context.task, spec=spec, engine=build_engine(context.backbone, spec))
    before = progress.approximation
    report = before.cascade if before and before.cascade else _begin(context, samples)
    impossible = progress.failed_ids & set(samples.content_id[~samples.is_exact])
    # Confirmations of an earlier attempt count for this run, too.
    confirmed = len(context.having(spec)) - report.num_known
    extra = confirmed + len(impossible)
    progress.reset(progress.total + extra, progress.measured + confirmed, progress.failed + len(impossible))
    while True:
        usable = ~np.isin(samples.content_id, list(impossible))
        needed = set(samples.content_id[_needed(samples, fits, plan, usable)])
        _keep(context, report)
        if not needed:
            break
        progress.total += len(needed)
        report = replace(report, num_rounds=report.num_rounds + 1)
        message = f"Confirming exactly what could be on a list, round {report.num_rounds}: {len(needed):,} images"
        context.measure(task, context.pending(needed), Stage(message, context.dimension))
        samples, inside, found = _learn(context, samples, spec, needed)
        impossible |= needed - found
        report = replace(
            report,
            num_confirmed=len(context.having(spec)) - report.num_known,
            num_checked=report.num_checked + len(found),
            num_inside=report.num_inside + inside,
        )
    is_open = _needed(samples, fits, plan, np.ones(len(samples.score), dtype=bool)).any()
    _keep(context, replace(report, is_settled=not is_open))


def _begin(context: Context, samples: Samples) -> CascadeReport:
    num_known = len(context.having(context.spec.exact))
    return CascadeReport(_num_lists(samples, context.plan), num_known, 0, 0, 0, 0, is_settled=False)


def _keep(context: Context, report: CascadeReport) -> None:
    assert context.progress.approximation is not None
    context.progress.set_approximation(replace(context.progress.approximation, cascade=report))


def _read(context: Context, fits: Fits) -> Samples:
    scored = context.store.scored_sql(context.dataset, fits.spec.key(context.backbone_id))
    table = context.store.query(
        "SELECT content_id, dense_rank() OVER (ORDER BY label) - 1 AS class, score, lower, upper, is_exact "
        f"FROM ({scored}) ORDER BY sample_key"
    )
    names = ("content_id", "class", "score", "lower", "upper", "is_exact")
    ids, classes, *numbers = (table[name].to_numpy(zero_copy_only=False) for name in names)
    return Samples(ids.astype(str), classes.astype(np.int64), *numbers)


def _num_lists(samples: Samples, plan: ApproximationPlan) -> int:
    """Count lists that are shorter than their group: the dataset's and, with several classes, each class's."""
    sizes = [len(samples.score), *(np.bincount(samples.classes) if samples.classes.any() else ())]
    lists = 2 * sum(int(size) > plan.top for size in sizes) if plan.top is not None else 0
    return lists + (plan.cut is not None)


def _needed(samples: Samples, fits: Fits, plan: ApproximationPlan, usable: Mask) -> Mask:
    """Return the samples that the next round measures. [N]."""
    chosen = np.zeros(len(samples.score), dtype=bool)
    places = np.flatnonzero(usable)
    known, classes = samples.is_exact[places], samples.classes[places]
    if plan.top is not None:
        # A list is wrong only if one of its members was left out: the error is divided among them.
        lower, upper = _bounds(samples, fits, (1 - plan.confidence) / plan.top)
        for groups in (np.zeros_like(classes), classes):
            chosen[places] |= needed_for_lists(lower[places], upper[places], known, groups, plan.top)
    if plan.cut is not None:
        lower, upper = _bounds(samples, fits, 1 - plan.confidence)
        chosen[places] |= needed_for_cut(lower[places], upper[places], known, num_below(plan.cut, len(places)))
    return chosen


def _bounds(samples: Samples, fits: Fits, level: float) -> tuple[Array, Array]:
    lower, upper = bounds(fits.rank, samples.score, level)
    return np.where(samples.is_exact, samples.score, lower), np.where(samples.is_exact, samples.score, upper)


def _learn(context: Context, samples: Samples, spec: MeasurementSpec, asked: set[str]) -> tuple[Samples, int, set[str]]:
    """Return the samples with a round's exact scores, how many of these were in their interval, and their positions."""
    shards = context.store.shards_sql(spec.key(context.backbone_id))
    rows = context.store.query(
        f"SELECT content_id, score FROM ({shards}) WHERE content_id IN (SELECT unnest($1))", [sorted(asked)]
    ).to_pylist()
    exact = {row["content_id"]: row["score"] for row in rows}
    score, is_exact, inside = samples.score.copy(), samples.is_exact.copy(), set()
    for place in np.flatnonzero(np.isin(samples.content_id, list(exact))):
        content_id = samples.content_id[place]
        score[place], is_exact[place] = exact[content_id], True
        if samples.lower[place] <= score[place] <= samples.upper[place]:
            inside.add(content_id)
    return replace(samples, score=score, is_exact=is_exact), len(inside), set(exact)
