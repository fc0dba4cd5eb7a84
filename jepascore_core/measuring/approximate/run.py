"""A calibrated run or a cascade, from a dataset's images to scores with intervals.

Calibrate: a stratified part of the images exactly, with sketches of every size as a by-product; the sizes are compared
and the smallest that reaches the target is chosen. Sketch: all other images; every shard gets its predictions at once.
Confirm (cascades): exactly those whose bounds leave open whether they are on a list, round by round.

All measurements are in ordinary shards, so a run can be resumed wherever it stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jepascore_core.measuring.approximate.calibration import stratified
from jepascore_core.measuring.approximate.confirm import confirm
from jepascore_core.measuring.approximate.context import Context, open_context
from jepascore_core.measuring.approximate.fits import Fits, fit
from jepascore_core.measuring.progress import RunProgress, Stage
from jepascore_core.measuring.specs import check_probes
from jepascore_core.measuring.task import Measure, MeasureTask
from jepascore_core.records.approximation import ApproximationPlan, ApproximationReport, CascadeReport, nested_sizes
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.records.measurements import Measurement, MeasurementSpec
from jepascore_core.storage.measurement_sql import CALIBRATED_SCHEMA

#: Expected size of a sketch as a share of K, until the calibration has chosen it.
EXPECTED_SHARE = 1 / 6


def run_approximation(
    task: MeasureTask, measure_images: Measure, progress: RunProgress, dataset: DatasetRecord, plan: ApproximationPlan
) -> str:
    """Complete a calibrated run or a cascade, from where it stopped. Return a status message.

    Args:
        task: that of the run; `progress` is its listener.
        measure_images: how to measure on the run's devices.
        progress: counts the images of every stage.
        dataset: whose images are measured.
        plan: how to calibrate, and what to confirm.

    Raises:
        JepaScoreError: if too few images can be measured to calibrate on, or the sketch is as large as the embedding.
    """
    context = open_context(task, measure_images, progress, dataset, plan)
    check_probes(task.spec, context.dimension)
    chosen = stratified(context.labels, plan.num_calibration)
    _calibrate(context, chosen)
    fits, report = fit(context, chosen)
    # Confirmations of an earlier attempt stay counted.
    before = progress.approximation
    progress.set_approximation(replace(report, cascade=before.cascade if before else None))
    if fits is None:
        progress.report("Every image has an exact score")
    else:
        _sketch(context, fits, report)
        if plan.is_cascade:
            confirm(context, fits)
    return _conclude(context)


def expected_probes(spec: MeasurementSpec, dimension: int) -> int:
    """Return the number of probes of a calibrated run, or an estimate until it is chosen."""
    return spec.probes or max(1, round(EXPECTED_SHARE * dimension))


def _open(context: Context, probes: int | None) -> set[str]:
    """Count existing measurements for this number of probes; return the images without exact score and sketch."""
    known = context.having(context.spec.exact)
    if probes is not None:
        known |= context.having(context.spec.sketch(probes))
    lacking = context.images.keys() - known
    context.progress.reset(len(context.images), len(known), len(lacking & context.progress.failed_ids))
    return lacking


def _calibrate(context: Context, chosen: Sequence[str]) -> None:
    """Measure the calibration images exactly and, from the same Jacobians, sketches of every size."""
    spec, progress, nested = context.spec, context.progress, context.nested
    probes = spec.probes or (progress.approximation.probes if progress.approximation else None)
    lacking = _open(context, probes)
    exact, sketched = context.having(spec.exact), context.having(nested)
    first = context.pending([item for item in chosen if item not in exact])
    # Their exact scores already exist: the sketches need separate passes.
    second = context.pending([item for item in chosen if item in exact and item not in sketched])
    progress.measured -= len(second)
    later = len(lacking - set(chosen)) * expected_probes(spec, context.dimension)
    where = f"Calibrating on {context.backbone.device}"
    if first or second:
        progress.report(where)
    task, most = context.task, nested.probes or 1
    if first:
        exactly = Stage(f"{where}: {len(chosen):,} images exactly", context.dimension, later + len(second) * most)
        context.measure(replace(task, spec=spec.exact, nested=nested), first, exactly)
    if second:
        context.measure(replace(task, spec=nested), second, Stage(f"{where}: sketches of every size", most, later))
    if spec.probes is not None and spec.probes not in nested_sizes(context.dimension):
        third = context.pending(set(chosen) - context.having(spec.sketch()))
        _open(context, spec.probes)
        progress.total += len(third)
        stage = Stage(f"{where}: sketches of {spec.probes} probes")
        context.measure(replace(task, spec=spec.sketch()), third, stage)


def _sketch(context: Context, fits: Fits, report: ApproximationReport) -> None:
    """Sketch images without an exact score, and predict those without a prediction."""
    _catch_up(context, fits)
    lacking = _open(context, report.probes)

    def on_shard(rows: list[Measurement]) -> None:
        logs, features = [row.log_singular_values for row in rows], [row.features for row in rows]
        table = fits.rows([row.content_id for row in rows], logs, features)
        context.store.write_shard(context.backbone_id, fits.spec, table)

    reached = "" if report.is_reached else f"; no sketch reaches the target of {report.target_fidelity:g}"
    message = f"Sketching with {report.probes} of {report.dimension} passes on {context.backbone.device}{reached}"
    context.progress.report(message)
    task = replace(context.task, spec=context.spec.sketch(report.probes), on_shard=on_shard)
    context.measure(task, context.pending(lacking), Stage(message))


def _catch_up(context: Context, fits: Fits) -> None:
    """Write calibrated rows of images that have an exact score or sketch but no such row."""
    store, spec = context.store, fits.spec
    exact, sketch, done = (
        store.shards_sql(each.key(context.backbone_id)) for each in (spec.exact, spec.sketch(), spec)
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
        context.progress.check()
        ids, logs, features = (batch.column(name).to_pylist() for name in columns.split(", "))
        store.write_shard(context.backbone_id, spec, fits.rows(ids, logs, features))


def _conclude(context: Context) -> str:
    """Complete the report, and return a status message."""
    progress = context.progress
    report = progress.approximation
    assert report is not None
    num_exact = len(context.having(context.spec.exact))
    report = replace(report, num_exact=num_exact)
    progress.set_approximation(report)
    scored = report.num_images - len(progress.failed_ids - context.having(context.spec.exact))
    return "; ".join(sentences(report, context.plan, scored, progress.failed))


def sentences(report: ApproximationReport, plan: ApproximationPlan, num_scored: int, num_failed: int) -> list[str]:
    """Describe what a run found, a sentence or clause per item."""
    parts = [f"{num_scored:,} images scored, {report.num_exact:,} of them exactly"]
    if num_scored > report.num_exact:
        parts[0] += f" and the others from {report.probes} of {report.dimension} passes"
        if report.fidelity is not None:
            agreement = f"{report.fidelity.calibrated:.3f} ± {report.fidelity.standard_error:.3f}"
            parts.append(f"rank agreement with exact scores {agreement} (cross-validated)")
        parts.append(f"{100 * report.coverage:g} % intervals of about ± {report.half_width:.1f} nats")
    if not report.is_reached:
        parts.append(
            f"no sketch reached the target of {report.target_fidelity:g}: measure exactly where the order matters"
        )
    if report.cascade is not None:
        parts.append(_promise(report.cascade, plan))
    if num_failed:
        parts.append(f"{num_failed:,} failed")
    return parts


def _promise(cascade: CascadeReport, plan: ApproximationPlan) -> str:
    """Say what a cascade has confirmed, and with what confidence."""
    what, sure = [], f"{100 * plan.confidence:g} %"
    if plan.top is not None:
        num_lists = cascade.num_lists - (plan.cut is not None)
        what.append(f"{num_lists:,} lists (each has the right samples with {sure} confidence)")
    if plan.cut is not None:
        what.append(
            f"the cut at percentile {plan.cut:g} (each sample is on the right side of it with {sure} probability)"
        )
    state = "confirmed" if cascade.is_settled else "not all confirmed, since some images could not be measured,"
    effort = f"{cascade.num_confirmed:,} exact measurements in {cascade.num_rounds} rounds"
    return f"{' and '.join(what)} {state} by {effort}"
