"""`jepascore duplicates`: groups of identical or nearly identical images, and which one of each to keep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer

from jepascore_core.cli.data import Overwrite
from jepascore_core.cli.decisions import undoing
from jepascore_core.cli.exports import precompute_with_bar
from jepascore_core.cli.measured import Backbone, find_measured
from jepascore_core.cli.output import JsonFlag, errors, print_json, print_table, say
from jepascore_core.curation.columns.near_duplicates import describe_search, known_near_groups
from jepascore_core.curation.columns.radius_curve import RadiusCurve, radius_curve
from jepascore_core.curation.groups import AcceptPlan, accept_all, duplicate_groups, group_rows, plan_accept
from jepascore_core.curation.journal import user_name
from jepascore_core.curation.rules.model import Curation, Deduplicate, Keeper
from jepascore_core.exporters.publishing import staged
from jepascore_core.formatting import plural, score_text
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.scores.measured import measured_choices
from jepascore_core.scores.score_set import ScoreSet, no_scores
from jepascore_core.storage.spreadsheets import table_csv
from jepascore_core.storage.store import Store

#: Radii that `--curve` lists beside the default one.
RADII = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)
#: Groups that a printed table shows by default.
SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("duplicates")(duplicates)


def duplicates(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset.")],
    radius: Annotated[
        float | None,
        typer.Option(help="Near duplicates within this cosine distance, such as 0.05; without it: identical files."),
    ] = None,
    perceptual: Annotated[
        bool,
        typer.Option("--perceptual", help="Images that look alike by their perceptual hash; needs no measurement."),
    ] = False,
    near: Annotated[
        bool, typer.Option("--near", help="Near duplicates within a radius that suits the backbone; see --curve.")
    ] = False,
    curve: Annotated[bool, typer.Option("--curve", help="Show what each radius would drop, and end.")] = False,
    keep: Annotated[Keeper, typer.Option(help="Which sample of a group to keep.")] = "largest",
    backbone: Backbone = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Show only the N largest groups.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write all groups to this CSV file.")] = None,
    overwrite: Overwrite = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="Apply the proposal where no decision exists; `decisions undo` undoes it.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Accept without asking, however many are dropped.")] = False,
    who: Annotated[str | None, typer.Option(help="Reviewer (default: OS user).")] = None,
    json: JsonFlag = False,
) -> None:
    """List groups of duplicates, the largest first, and in each the sample to keep first."""
    store = Store()
    record = store.catalogue.dataset(dataset)
    if near or curve:
        found = _curve(store, record, backbone)
        if curve:
            _show_curve(found, record.name, json)
            return
        radius = radius or found.default_radius
        say(f"Radius {radius:g}. The default is {found.default_radius:g}, from the distances of nearest neighbours.")
    step = Deduplicate(radius, keep, perceptual=perceptual)
    scores = _scores(store, record, step, backbone)
    precompute_with_bar(store, scores, Curation(steps=(step,)))
    if accept:
        _confirm(plan_accept(store, scores, step), yes)
        number = accept_all(store, scores, step, who or user_name())
        say(
            f"Decided about {plural(number, 'sample')}. {undoing(record)}"
            if number
            else "Every duplicate already has a decision."
        )
    rows = group_rows(store, scores, step, limit or (None if json or out else SHOWN))
    if out is not None:
        with staged([out], overwrite) as (temporary,):
            temporary.write_bytes(table_csv(rows))
        say(f"{plural(rows.num_rows, 'sample')} written to {out}.")
    if json:
        print_json(_groups(rows))
        return
    if out is None:
        _print(rows, record.name)
    _summarise(store, scores, step, has_limit=out is None and limit is None)


def _curve(store: Store, record: DatasetRecord, backbone: str | None) -> RadiusCurve:
    scores = find_measured(store, record, backbone).scores(record.dataset_id)
    with errors.status("Finding the nearest neighbours"):
        return radius_curve(store, scores)


def _show_curve(found: RadiusCurve, name: str, json: bool) -> None:
    radii = sorted({found.default_radius, *RADII})
    rows = [(radius, found.num_dropped(radius), found.largest_group(radius)) for radius in radii]
    columns = ("radius", "dropped", "largest_group")
    if json:
        listed = [dict(zip(columns, row, strict=True)) for row in rows]
        print_json({"default": found.default_radius, "median": found.median, "radii": listed})
        return
    print_table(f"Near duplicates of {name} by radius", columns, rows)
    say(f"The default is {found.default_radius:g}: a tenth of the median distance to the nearest image.")


def _confirm(plan: AcceptPlan, yes: bool) -> None:
    """Ask before unusually many samples are dropped."""
    if plan.warning and not yes:
        say(plan.warning)
        if not typer.confirm(f"Drop {plan.num_dropped:,}, keep {plan.num_kept:,}?", err=True):
            raise typer.Abort


def _scores(store: Store, record: DatasetRecord, step: Deduplicate, backbone: str | None) -> ScoreSet:
    """Return whose embeddings and scores to use; without a radius none are needed."""
    if step.radius is None and backbone is None:
        choices = measured_choices(store, record.dataset_id)
        if len([choice for choice in choices if choice.is_complete] or choices) != 1:
            return no_scores(record.dataset_id)
    return find_measured(store, record, backbone).scores(record.dataset_id)


def _groups(rows: pa.Table) -> list[dict[str, Any]]:
    groups: dict[int, dict[str, Any]] = {}
    for row in rows.to_pylist():
        number, size = row.pop("group"), row.pop("size")
        group = groups.setdefault(number, {"group": number, "size": size, "samples": []})
        group["samples"].append(row)
    return list(groups.values())


def _print(rows: pa.Table, name: str) -> None:
    columns = ("group", "sample_key", "label", "split", "score", "proposal", "decision")
    shown = [
        ["" if row[column] is None else score_text(row[column]) if column == "score" else row[column]
         for column in columns]
        for row in rows.to_pylist()
    ]  # fmt: skip
    print_table(f"Duplicates in {name}", columns, shown)


def _summarise(store: Store, scores: ScoreSet, step: Deduplicate, has_limit: bool) -> None:
    counts = duplicate_groups(store, scores, step, 0, 1)
    if has_limit and counts.num_groups > SHOWN:
        say(f"These are the {SHOWN} largest. --limit shows more, --out writes all.")
    say(
        f"{plural(counts.num_groups, 'group')} of {plural(counts.num_samples, 'sample')}: {counts.num_surplus:,} would "
        "be dropped, keeping one per group."
    )
    found = known_near_groups(store, scores, step.radius) if step.radius is not None else None
    if found is not None:
        say(describe_search(found))
