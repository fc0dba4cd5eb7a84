"""`jepascore export`: the curated list as a file."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import typer

from jepascore_core.cli.output import JsonFlag, print_json, say
from jepascore_core.curation.legacy import CurationRule
from jepascore_core.errors import JepaScoreError, UnknownNameError
from jepascore_core.exporters import ExportFormat, Which, export
from jepascore_core.records import DatasetRecord
from jepascore_core.score import Definition
from jepascore_core.store import Store
from jepascore_core.views.choices import MeasuredChoice, measured_choices

Within = Literal["class", "dataset"]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("export")(export_list)


def export_list(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset.")],
    out: Annotated[Path, typer.Argument(help="File to write: .txt, .csv, .jsonl or .parquet.")],
    backbone: Annotated[
        str | None, typer.Option("--backbone", "-b", help="Name or id; may be left out if there is only one.")
    ] = None,
    definition: Annotated[Definition, typer.Option(help="How the score sums the spectrum.")] = "rank",
    min_percentile: Annotated[
        float | None, typer.Option(help="Drop what is less likely: 5 drops the least likely 5 %.")
    ] = None,
    max_percentile: Annotated[float | None, typer.Option(help="Drop what is more likely.")] = None,
    within: Annotated[Within, typer.Option(help="Percentiles of the class or of the dataset.")] = "class",
    min_score: Annotated[float | None, typer.Option(help="Drop scores below this, in nats.")] = None,
    max_score: Annotated[float | None, typer.Option(help="Drop scores above this, in nats.")] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="Cut only in this class (may be repeated); others are kept whole.")
    ] = None,
    which: Annotated[Which, typer.Option(help="Which samples to list.")] = "kept",
    file_format: Annotated[ExportFormat | None, typer.Option("--format", help="If not by the suffix.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
    json: JsonFlag = False,
) -> None:
    """Write the list of samples to keep, and a provenance file beside it. No image is touched."""
    store = Store()
    record = store.catalogue.dataset(dataset)
    scores = find_measured(store, record, backbone).scores(record.dataset_id, definition)
    labels = tuple(label) if label else None
    measure: Literal["class_percentile", "percentile"] = "class_percentile" if within == "class" else "percentile"
    rules = [
        CurationRule(measure, min_percentile, max_percentile, labels),
        CurationRule("score", min_score, max_score, labels),
    ]
    rules = [rule for rule in rules if rule.low is not None or rule.high is not None]
    report = export(store, scores, rules, out, file_format=file_format, which=which, overwrite=overwrite)
    if json:
        print_json(dataclasses.asdict(report))
        return
    counts = report.counts
    say(
        f"{report.num_rows:,} samples written to {report.path}: {counts.kept:,} kept, {counts.dropped:,} dropped, "
        f"{counts.unscored:,} not measured, {counts.num_unreadable:,} unreadable. How it came about: "
        f"{report.provenance_path.name}"
    )


def find_measured(store: Store, dataset: DatasetRecord, backbone: str | None) -> MeasuredChoice:
    """What a dataset was measured with, by backbone name, backbone id or title.

    Raises:
        UnknownNameError: if nothing fits.
        JepaScoreError: if several do.
    """
    known = store.catalogue.backbones()
    choices = measured_choices(store, dataset.dataset_id)
    found = [
        choice
        for choice in choices
        if backbone in (None, choice.backbone_id, f"{choice.backbone_id}@{choice.spec_id}", choice.title)
        or (choice.backbone_id in known and known[choice.backbone_id].name == backbone)
    ]
    listed = ", ".join(f"{choice.backbone_id}@{choice.spec_id}" for choice in found or choices)
    if not found:
        raise UnknownNameError(
            f"{dataset.name} was not measured with {backbone or 'any backbone'}. "
            + (f"There is: {listed}." if listed else "Measure it first with `jepascore score`.")
        )
    if len(found) > 1:
        raise JepaScoreError(f"{dataset.name} was measured with several: choose one with --backbone: {listed}.")
    return found[0]
