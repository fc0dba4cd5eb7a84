"""`jepascore export`: write a curated list or folder, chosen by rules or a recipe."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.progress import Progress, TaskID

from jepascore_core.cli.measured import Backbone, check_classes, find_measured, parse_rules
from jepascore_core.cli.output import JsonFlag, print_json, progress_bar, say
from jepascore_core.curation import And, Between, Column, Curation, Decisions, Evaluation, Not, Or, Rule, evaluate
from jepascore_core.curation.decisions import decisions_of
from jepascore_core.curation.precompute.step import PrecomputeStep
from jepascore_core.curation.precompute.steps import pending_work, precompute, precompute_all
from jepascore_core.curation.recipes import Recipe, RecipeScores, current_curation, from_yaml, make_recipe, to_yaml
from jepascore_core.curation.rules.model import IsIn
from jepascore_core.curation.saved_recipes import describe_changes, recipe_changes, saved_recipe
from jepascore_core.curation.settling import describe_unsettled, settle
from jepascore_core.errors import ExportError, JepaScoreError, RuleError, one_of
from jepascore_core.exporters import (
    EXTRA_COLUMNS,
    ExportFormat,
    ExportOptions,
    ExportReport,
    Labels,
    Link,
    Which,
    export,
    extras_work,
)
from jepascore_core.exporters.publishing import check_targets, staged, targets_of
from jepascore_core.formatting import plural
from jepascore_core.jobs.requests import request_run
from jepascore_core.measuring.specs import resolve_spec
from jepascore_core.records.augmentation import AUTO
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.records.requests import MeasurementRequest
from jepascore_core.score import Definition
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store

Within = Literal["class", "dataset"]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("export")(export_list)


def export_list(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset.")],
    out: Annotated[Path, typer.Argument(help="File (.txt, .csv, .jsonl, .parquet, .zip) or folder to write.")],
    recipe: Annotated[
        str | None, typer.Option("--recipe", "-r", help="A recipe: a YAML file, or the name of a saved one.")
    ] = None,
    rules: Annotated[
        str | None,
        typer.Option(help="Rules for what to keep, as in the query bar: 'class_percentile >= 5 and label != \"x\"'."),
    ] = None,
    backbone: Backbone = None,
    definition: Annotated[Definition, typer.Option(help="Score variant: how the spectrum is summed.")] = "rank",
    min_percentile: Annotated[
        float | None, typer.Option(help="Drop samples below this percentile: 5 drops the least likely 5 %.")
    ] = None,
    max_percentile: Annotated[float | None, typer.Option(help="Drop samples above this percentile.")] = None,
    within: Annotated[Within, typer.Option(help="Percentiles within the class or the dataset.")] = "class",
    min_score: Annotated[float | None, typer.Option(help="Drop scores below this, in nats.")] = None,
    max_score: Annotated[float | None, typer.Option(help="Drop scores above this, in nats.")] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(help="Apply the limits only to this class (repeatable); other classes are kept whole."),
    ] = None,
    which: Annotated[Which, typer.Option(help="Which samples to list.")] = "kept",
    file_format: Annotated[
        ExportFormat | None, typer.Option("--format", "-f", help="Export format (default: from the suffix).")
    ] = None,
    root: Annotated[Path | None, typer.Option(help="Write paths relative to this folder.")] = None,
    link: Annotated[Link, typer.Option(help="How images are placed in a folder.")] = "copy",
    columns: Annotated[
        list[str] | None,
        typer.Option(help="More columns of CSV, JSONL or Parquet: quality (image quality), labels (label issues)."),
    ] = None,
    labels: Annotated[
        Labels, typer.Option(help="Labels that folders and class numbers go by, where some were corrected.")
    ] = "original",
    save_recipe: Annotated[Path | None, typer.Option(help="Write the recipe of this export to a YAML file.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing file; folders are never replaced.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Write the samples to keep, and a provenance file beside them. No source image is touched."""
    store = Store()
    record = store.catalogue.dataset(dataset)
    options = ExportOptions(
        which,
        str(root.expanduser().resolve()) if root else None,
        link,
        tuple(one_of(name, EXTRA_COLUMNS, "group of columns", ExportError) for name in columns or ()),
        labels,
    )
    limits = _limits(min_percentile, max_percentile, within, min_score, max_score, tuple(label or ()))
    if label and not limits:
        raise RuleError("--label needs a limit to apply: add one, such as --min-percentile 5.")
    if str(out) == "-":
        raise ExportError(
            "Exports cannot go to standard output: they are files or folders. Give a name, such as kept.txt."
        )
    if save_recipe is not None:
        check_targets([save_recipe], overwrite)
        if save_recipe.resolve() in [target.resolve() for target in targets_of(out)]:
            raise ExportError(
                f"{save_recipe} cannot be both the export and the recipe. Choose another name for the recipe."
            )
    if recipe is not None:
        if rules or limits or backbone or definition != "rank":
            raise RuleError(
                "--recipe cannot be combined with rules, limits, --backbone or --definition: it sets them all."
            )
        chosen = read_recipe(store, record, recipe)
        measure_missing(store, record, chosen)
        curation = current_curation(store, chosen)
        evaluation = evaluate_with_bar(store, chosen.score_set(record.dataset_id), curation, chosen.decided)
        say(describe_changes(recipe_changes(store, record.dataset_id, chosen)))
    else:
        scores = find_measured(store, record, backbone).scores(record.dataset_id, definition)
        check_classes(store, scores, label or ())
        given = parse_rules(store, rules or "")
        curation = Curation((*given.rules, *limits), given.steps)
        evaluation = evaluate_with_bar(store, scores, curation, decisions_of(store, record.dataset_id))
        chosen = make_recipe(store, evaluation, record.name)
    precompute_with_bar(store, evaluation.scores, extras_work(options.columns))
    report = _export(store, evaluation, chosen, out, file_format, options, overwrite)
    if save_recipe is not None:
        _write_recipe(save_recipe, chosen, overwrite)
    _tell(report, json)
    if not json and (unsettled := describe_unsettled(settle(store, record, tuple(chosen.decided)))):
        say(unsettled)


def _limits(
    min_percentile: float | None,
    max_percentile: float | None,
    within: Within,
    min_score: float | None,
    max_score: float | None,
    labels: tuple[str, ...],
) -> tuple[Rule, ...]:
    """Return the rules that the options stand for."""
    percentile = Column("class_percentile" if within == "class" else "percentile")
    ranges: list[Rule] = [
        Between(column, low, high)
        for column, low, high in (
            (percentile, min_percentile, max_percentile),
            (Column("score"), min_score, max_score),
        )
        if low is not None or high is not None
    ]
    if not labels or not ranges:
        return tuple(ranges)
    cut = ranges[0] if len(ranges) == 1 else And(tuple(ranges))
    return (Or((Not(IsIn(Column("label"), labels)), cut)),)


def read_recipe(store: Store, dataset: DatasetRecord, recipe: str) -> Recipe:
    """Return a recipe by its file, or by the name under which it was saved.

    Raises:
        UnknownNameError: if there is neither.
            RuleError: if the file is not a recipe.
    """
    path = Path(recipe).expanduser()
    if not path.is_file():
        return saved_recipe(store, dataset.dataset_id, recipe).recipe
    try:
        return from_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(f"{path} cannot be read as text ({error}).") from error


def measure_missing(store: Store, dataset: DatasetRecord, recipe: Recipe) -> None:
    """Measure the images that a recipe needs and that are not measured yet.

    Raises:
        JepaScoreError: if they cannot be measured in the same way here.
    """
    for scores in recipe.scores:
        missing = len(store.pending_samples(dataset, scores.key))
        if missing:
            say(f"{plural(missing, 'image')} not yet measured with {scores.name}.")
            _measure(store, dataset, scores)


def _measure(store: Store, dataset: DatasetRecord, scores: RecipeScores) -> None:
    # Imported here only: following a run on a terminal needs more libraries.
    from jepascore_core.cli.waiting import wait_for_run

    estimator, precision = scores.spec["estimator"], scores.spec["precision"]
    views, augmentation = scores.spec.get("views", 1), scores.spec.get("augmentation")
    if resolve_spec(estimator, precision, views=views, augmentation=augmentation).spec_id != scores.spec_id:
        raise JepaScoreError(
            f"The recipe needs {scores.name} measured as {scores.spec_id}, which this command cannot request. "
            "Measure it first with `jepascore score`."
        )
    ref = BackboneRef.from_dict(scores.request)
    request = MeasurementRequest(
        dataset.name, ref, estimator, precision, views=views, augmentation=augmentation or AUTO
    )
    run = wait_for_run(store, request_run(store, request).run_id)
    if run.backbone_id != scores.backbone_id:
        raise JepaScoreError(
            f"{scores.name} is another backbone here ({run.backbone_id}) than in the recipe ({scores.backbone_id}): "
            "its weights, pooling or preprocessing differ. Get the same weights, or change the recipe."
        )


def evaluate_with_bar(store: Store, scores: ScoreSet, curation: Curation, decisions: Decisions) -> Evaluation:
    """Evaluate a curation, computing first what it needs, with a progress bar."""
    precompute_with_bar(store, scores, curation, decisions)
    return evaluate(store, scores, curation, decisions)


def precompute_with_bar(store: Store, scores: ScoreSet, curation: Curation, decisions: Decisions | None = None) -> None:
    """Compute what a curation needs, with a progress bar."""

    def follow(work: PrecomputeStep) -> Callable[[float], None]:
        return partial(show_share, bar, bar.add_task(work.title, total=100, detail=""))

    if not pending_work(store, scores, curation, decisions):
        return
    with progress_bar() as bar:
        precompute_all(store, scores, curation, decisions, follow)


def do_steps_with_bar(store: Store, scores: ScoreSet, steps: Iterable[PrecomputeStep]) -> None:
    """Do computations one after another, with a progress bar."""
    for work in steps:
        with progress_bar() as bar:
            precompute(store, scores, work, partial(show_share, bar, bar.add_task(work.title, total=100, detail="")))


def show_share(bar: Progress, task: TaskID, share: float) -> None:
    """Show the share of a task that is done."""
    bar.update(task, completed=100 * share)


def _export(
    store: Store,
    evaluation: Evaluation,
    recipe: Recipe,
    out: Path,
    file_format: ExportFormat | None,
    options: ExportOptions,
    overwrite: bool,
) -> ExportReport:
    """Export with a progress bar; an interrupted export leaves nothing behind."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with progress_bar() as bar:
        task = bar.add_task("Writing", total=None, detail="")
        return export(
            store,
            evaluation.scores.dataset_id,
            recipe,
            out,
            file_format=file_format,
            options=options,
            evaluation=evaluation,
            overwrite=overwrite,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )


def _write_recipe(path: Path, recipe: Recipe, overwrite: bool) -> None:
    with staged([path], overwrite) as (temporary,):
        temporary.write_bytes(to_yaml(recipe).encode())


def _tell(report: ExportReport, json: bool) -> None:
    if json:
        print_json(dataclasses.asdict(report))
        return
    counts = report.counts
    say(
        f"{report.num_rows:,} samples written to {report.path}: {counts.kept:,} kept, {counts.dropped:,} dropped, "
        f"{counts.unscored:,} not measured, {counts.num_unreadable:,} unreadable. How it came about: "
        f"{report.provenance_path.name}"
    )
