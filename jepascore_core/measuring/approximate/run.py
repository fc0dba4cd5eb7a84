"""A calibrated run or a cascade, from a dataset's images to scores with intervals.

Calibrate: a stratified part of the images exactly, with sketches of every size as a by-product; the sizes are compared
and the smallest that reaches the target is chosen. Sketch: all other images; every shard gets its predictions at once.
Confirm (cascades): exactly those whose bounds leave open whether they are on a list, round by round.

All that was measured is in ordinary shards, so a run that ended anywhere goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jepascore_core.backbones.backbone import Backbone
from jepascore_core.measuring.approximate.calibration import stratified
from jepascore_core.measuring.approximate.confirm import confirm
from jepascore_core.measuring.approximate.context import Context, open_context
from jepascore_core.measuring.approximate.fits import Fits, fit
from jepascore_core.measuring.specs import check_probes
from jepascore_core.measuring.tally import Tally
from jepascore_core.records.approximation import ApproximationPlan, ApproximationReport, CascadeReport, nested_sizes
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.records.measurements import Measurement, MeasurementSpec
from jepascore_core.storage.measurement_sql import CALIBRATED_SCHEMA
from jepascore_core.storage.store import Store

#: Share of K that a sketch is expected to take while that is not known.
EXPECTED_SHARE = 1 / 6


def run_approximation(
    store: Store,
    backbone: Backbone,
    dataset: DatasetRecord,
    spec: MeasurementSpec,
    plan: ApproximationPlan,
    tally: Tally,
) -> str:
    """Do a calibrated run or a cascade to its end, or on from where it stopped. Returns a sentence for people.

    Raises:
        JepaScoreError: if too few images can be measured to calibrate on, or the sketch is as large as the embedding.
    """
    context = open_context(store, backbone, dataset, spec, plan, tally)
    check_probes(spec, context.dimension)
    chosen = stratified(context.labels, plan.num_calibration)
    _calibrate(context, chosen)
    fits, report = fit(context, chosen)
    # What an earlier attempt has confirmed stays counted.
    tally.conclude(replace(report, cascade=tally.report.cascade if tally.report else None))
    if fits is None:
        tally.tell("Every image has an exact score")
    else:
        _sketch(context, fits, report)
        if plan.is_cascade:
            confirm(context, fits)
    return _conclude(context)


def expected_probes(spec: MeasurementSpec, dimension: int) -> int:
    """Probes of a calibrated run, or a guess as long as they are not chosen."""
    return spec.probes or max(1, round(EXPECTED_SHARE * dimension))


def _open(context: Context, probes: int | None) -> set[str]:
    """Count what is known, given the number of probes; returns the images without exact score and sketch."""
    known = context.having(context.spec.exact)
    if probes is not None:
        known |= context.having(context.spec.sketch(probes))
    lacking = context.images.keys() - known
    context.tally.open(len(context.images), len(known), len(lacking & context.tally.failed_ids))
    return lacking


def _calibrate(context: Context, chosen: Sequence[str]) -> None:
    """Exact scores of the calibration images and, from the same Jacobians, sketches of every size."""
    spec, tally, nested = context.spec, context.tally, context.nested
    probes = spec.probes or (tally.report.probes if tally.report else None)
    lacking = _open(context, probes)
    exact, sketched = context.having(spec.exact), context.having(nested)
    first = context.pending([item for item in chosen if item not in exact])
    # Their exact scores were there before: the sketches cost passes of their own.
    second = context.pending([item for item in chosen if item in exact and item not in sketched])
    tally.measured -= len(second)
    later = len(lacking - set(chosen)) * expected_probes(spec, context.dimension)
    where = f"Calibrating on {context.backbone.device}"
    if first or second:
        tally.tell(where)
    store, backbone, most = context.store, context.backbone, nested.probes or 1
    if first:
        passes, after = context.dimension, later + len(second) * most
        message = f"{where}: {len(chosen):,} images exactly"
        tally.measure(store, backbone, spec.exact, first, message, passes=passes, later_passes=after, nested=nested)
    if second:
        tally.measure(
            store, backbone, nested, second, f"{where}: sketches of every size", passes=most, later_passes=later
        )
    if spec.probes is not None and spec.probes not in nested_sizes(context.dimension):
        third = context.pending(set(chosen) - context.having(spec.sketch()))
        _open(context, spec.probes)
        tally.total += len(third)
        tally.measure(store, backbone, spec.sketch(), third, f"{where}: sketches of {spec.probes} probes")


def _sketch(context: Context, fits: Fits, report: ApproximationReport) -> None:
    """Sketch what has no exact score, and predict all that has no prediction yet."""
    _catch_up(context, fits)
    lacking = _open(context, report.probes)

    def on_shard(rows: list[Measurement]) -> None:
        logs, features = [row.log_singular_values for row in rows], [row.features for row in rows]
        table = fits.rows([row.content_id for row in rows], logs, features)
        context.store.write_shard(context.backbone_id, fits.spec, table)

    reached = "" if report.is_reached else f"; the target of {report.target_fidelity:g} is not reached by any sketch"
    message = f"Sketching with {report.probes} of {report.dimension} passes on {context.backbone.device}{reached}"
    context.tally.tell(message)
    sketch = context.spec.sketch(report.probes)
    context.tally.measure(context.store, context.backbone, sketch, context.pending(lacking), message, on_shard=on_shard)


def _catch_up(context: Context, fits: Fits) -> None:
    """Calibrated rows of images whose exact score or sketch is there without one."""
    store, spec = context.store, fits.spec
    exact, sketch, done = (
        store.shards_sql(context.backbone_id, each.spec_id) for each in (spec.exact, spec.sketch(), spec)
    )
    wanted = (
        f"SEMI JOIN ({store.manifest_sql(context.dataset)}) USING (content_id) ANTI JOIN ({done}) USING (content_id)"
    )
    known = store.query(
        "SELECT content_id, rank, score, score AS lower, score AS upper, score_paper, score_paper AS lower_paper, "
        f"score_paper AS upper_paper FROM ({exact}) {wanted}"
    )
    if known.num_rows:
        store.write_shard(context.backbone_id, spec, known.cast(CALIBRATED_SCHEMA))
    columns = "content_id, log_singular_values, features"
    sql = f"SELECT {columns} FROM ({sketch}) {wanted} ANTI JOIN ({exact}) USING (content_id)"
    for batch in store.stream(sql):
        context.tally.check()
        ids, logs, features = (batch.column(name).to_pylist() for name in columns.split(", "))
        store.write_shard(context.backbone_id, spec, fits.rows(ids, logs, features))


def _conclude(context: Context) -> str:
    """Complete the report; one sentence for people."""
    tally = context.tally
    report = tally.report
    assert report is not None
    num_exact = len(context.having(context.spec.exact))
    report = replace(report, num_exact=num_exact)
    tally.conclude(report)
    scored = report.num_images - len(tally.failed_ids - context.having(context.spec.exact))
    return "; ".join(sentences(report, context.plan, scored, tally.failed))


def sentences(report: ApproximationReport, plan: ApproximationPlan, num_scored: int, num_failed: int) -> list[str]:
    """What a run found, for people."""
    parts = [f"{num_scored:,} images scored, {report.num_exact:,} of them exactly"]
    if num_scored > report.num_exact:
        parts[0] += f" and the others from {report.probes} of {report.dimension} passes"
        if report.fidelity is not None:
            agreement = f"{report.fidelity.calibrated:.3f} ± {report.fidelity.standard_error:.3f}"
            parts.append(f"rank agreement with exact scores {agreement} (cross-validated)")
        parts.append(f"{100 * report.coverage:g} % intervals of about ± {report.half_width:.1f} nats")
    if not report.is_reached:
        parts.append(
            f"the target of {report.target_fidelity:g} was not reached by any sketch: measure exactly where the order "
            "matters"
        )
    if report.cascade is not None:
        parts.append(_promise(report.cascade, plan))
    if num_failed:
        parts.append(f"{num_failed:,} failed")
    return parts


def _promise(cascade: CascadeReport, plan: ApproximationPlan) -> str:
    """What a cascade has confirmed, and how surely."""
    what, sure = [], f"{100 * plan.confidence:g} %"
    if plan.top is not None:
        num_lists = cascade.num_lists - (plan.cut is not None)
        what.append(f"{num_lists:,} lists (each holds the right samples with {sure} confidence)")
    if plan.cut is not None:
        what.append(
            f"the cut at percentile {plan.cut:g} (each sample is on the right side of it with {sure} probability)"
        )
    state = "confirmed" if cascade.is_settled else "not all confirmed, since some images could not be measured,"
    effort = f"{cascade.num_confirmed:,} exact measurements in {cascade.num_rounds} rounds"
    return f"{' and '.join(what)} {state} by {effort}"
