"""`jepascore cut-effect`: what training a classifier on what a curation keeps does to its accuracy."""

from __future__ import annotations

from typing import Annotated

import typer

from jepascore_core.cli.exports import evaluate_with_bar, measure_missing, read_recipe, show_share
from jepascore_core.cli.measured import Backbone, find_measured, parse_rules
from jepascore_core.cli.output import JsonFlag, print_json, print_table, progress_bar, say
from jepascore_core.curation import Evaluation
from jepascore_core.curation.cut_effect.curve import SHARES
from jepascore_core.curation.cut_effect.results import SAME_ENCODER, USES_LABELS, ClassEffect, CutEffect
from jepascore_core.curation.cut_effect.samples import cut_of
from jepascore_core.curation.cut_effect.stored import cut_curve, cut_effect, cut_effect_seconds, notes_on
from jepascore_core.curation.decisions import decisions_of
from jepascore_core.curation.precompute.step import QUICK_SECONDS
from jepascore_core.errors import RuleError
from jepascore_core.formatting import MINUS, duration_text, number_text
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.score import Definition
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.scores.titles import measured_titles
from jepascore_core.storage.store import Store

Embeddings = Annotated[
    str | None,
    typer.Option(
        "--embeddings",
        "-e",
        help="Backbone whose embeddings the classifier is trained on (default: the one that scored).",
    ),
]
#: Beside an accuracy: how it compares with random cuts.
MARKS = {"better": " +", "no better": "", "worse": f" {MINUS}"}
#: Classes that are listed: those that change most.
SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("cut-effect")(show_cut_effect)


def show_cut_effect(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset.")],
    recipe: Annotated[
        str | None, typer.Option("--recipe", "-r", help="A recipe: a YAML file, or the name of a saved one.")
    ] = None,
    rules: Annotated[
        str | None, typer.Option(help="Rules for what to keep, as in the query bar: 'class_percentile >= 5'.")
    ] = None,
    backbone: Backbone = None,
    definition: Annotated[Definition, typer.Option(help="Score variant: how the spectrum is summed.")] = "rank",
    embeddings: Embeddings = None,
    curve: Annotated[
        bool,
        typer.Option(
            "--curve", help="Instead of one cut, accuracy against share kept: by the score, baselines, label issues."
        ),
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Compare a classifier trained on what is kept with those trained on random subsets of the same size per class.

    Held-out images, of the dataset's own test or validation split or else of folds, are never cut.
    """
    store = Store()
    record = store.catalogue.dataset(dataset)
    if curve:
        if recipe or rules:
            raise RuleError("--curve cuts by each order in turn: leave out --recipe and --rules.")
        scores = find_measured(store, record, backbone).scores(record.dataset_id, definition)
        _show_curve(store, record, scores, _judge(store, record, scores, embeddings), json)
        return
    evaluation = _evaluate(store, record, recipe, rules, backbone, definition)
    judge = _judge(store, record, evaluation.scores, embeddings)
    seconds = cut_effect_seconds(store, judge)
    if seconds > QUICK_SECONDS:
        say(f"About {duration_text(seconds)} on two cores.")
    with progress_bar() as bar:
        task = bar.add_task("Training probes", total=100, detail="")
        found = cut_effect(store, judge, cut_of(store, evaluation), lambda share: show_share(bar, task, share))
    notes = notes_on(evaluation, judge)
    if json:
        print_json({"dataset": record.name, **found.to_dict(), "notes": list(notes)})
        return
    _print(record, found, measured_titles(store)[judge.key])
    for note in notes:
        say(note)


def _judge(store: Store, record: DatasetRecord, scores: ScoreSet, embeddings: str | None) -> ScoreSet:
    """Whose embeddings the probes are trained on."""
    if embeddings is None:
        return scores
    return find_measured(store, record, embeddings).scores(record.dataset_id, scores.definition)


def _show_curve(store: Store, record: DatasetRecord, scores: ScoreSet, judge: ScoreSet, json: bool) -> None:
    with progress_bar() as bar:
        task = bar.add_task("Training probes", total=100, detail="")
        found = cut_curve(store, scores, judge, lambda share: show_share(bar, task, share))
    notes = (*((SAME_ENCODER,) if judge.key == scores.key else ()), USES_LABELS)
    if json:
        print_json({"dataset": record.name, **found.to_dict(), "notes": list(notes)})
        return
    rows = [
        ("at random", *(_percent(value) for value, _, _ in found.random)),
        *((line.title, *(_percent(at.accuracy) + MARKS[at.verdict] for at in line.points)) for line in found.lines),
    ]
    columns = ("cut by \\ kept", *(f"{100 * share:.0f} %" for share in SHARES))
    print_table(f"{record.name}, {found.judged_text}", columns, rows)
    say(
        f"Trained on all {found.num_training:,}: {_percent(found.accuracy_all)}. Least-squares probes on the embeddings"
        f" of {measured_titles(store)[judge.key]}. + better than random, {MINUS} worse, beyond chance."
    )
    for line in found.lines:
        say(line.sentence)
    for note in notes:
        say(note)


def _evaluate(
    store: Store,
    record: DatasetRecord,
    recipe: str | None,
    rules: str | None,
    backbone: str | None,
    definition: Definition,
) -> Evaluation:
    if recipe is None:
        if not rules:
            raise RuleError("Nothing is cut: name a recipe or rules, such as --rules 'class_percentile >= 5'.")
        scores = find_measured(store, record, backbone).scores(record.dataset_id, definition)
        return evaluate_with_bar(store, scores, parse_rules(store, rules), decisions_of(store, record.dataset_id))
    if rules or backbone or definition != "rank":
        raise RuleError("--recipe cannot be combined with --rules, --backbone or --definition: it sets them all.")
    chosen = read_recipe(store, record, recipe)
    measure_missing(store, record, chosen)
    return evaluate_with_bar(store, chosen.score_set(record.dataset_id), chosen.curation, chosen.decided)


def _print(record: DatasetRecord, found: CutEffect, title: str) -> None:
    low, high = found.accuracy_random.lower, found.accuracy_random.upper
    rows = [
        ("kept", f"{found.num_kept:,}", _percent(found.accuracy_kept), ""),
        (
            "random",
            f"{found.num_kept:,}",
            _percent(found.accuracy_random.value),
            f"{_percent(low)} to {_percent(high)}",
        ),
        ("all", f"{found.num_training:,}", _percent(found.accuracy_all), ""),
    ]
    columns = ("trained on", "samples", "accuracy", f"95 % of {found.num_seeds} random subsets")
    print_table(f"{record.name}, {found.judged_text}", columns, rows)
    say(f"Linear probes on the embeddings of {title}.")
    clear = (*found.gaining[:SHOWN], *found.losing[:SHOWN])
    if clear:
        names = ("class", "kept", "of", "held out", "random", "kept", "difference (points)")
        print_table("Classes that gain or lose beyond chance", names, [_class_row(item) for item in clear])
    say(found.sentence)


def _class_row(item: ClassEffect) -> tuple[str, ...]:
    value, lower, upper = (number_text(100 * part, "+.1f") for part in item.difference)
    change = f"{value} ({lower} to {upper})"
    counts = (f"{item.num_kept:,}", f"{item.num_training:,}", f"{item.num_judged:,}")
    return (item.label, *counts, _percent(item.accuracy_random), _percent(item.accuracy_kept), change)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
