"""`jepascore trust confounds`: whether a score mostly orders images by something simple."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from jepascore_core.cli.measured import Backbone, find_measured
from jepascore_core.cli.output import JsonFlag, print_json, print_table, say
from jepascore_core.cli.trust import trust_app
from jepascore_core.cli.waiting import conclude, wait_for_index, wait_for_run
from jepascore_core.formatting import number_text, plural, rho_text
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from jepascore_core.trust.confounds import PROPERTY_TITLES, Confounds, confound_sentence, confounds
from jepascore_core.trust.format_check import (
    FormatCheck,
    format_check,
    format_check_sentence,
    format_options,
    mixed_formats_sentence,
)
from jepascore_core.trust.planted.requests import find_planted, request_planted


def register(_app: typer.Typer) -> None:
    """Add this module's command to `jepascore trust`."""
    trust_app.command("confounds")(show_confounds)


def show_confounds(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset.")],
    backbone: Backbone = None,
    check_formats: Annotated[
        bool,
        typer.Option("--format-check", help="Also save some images as PNG and JPEG, and measure how far scores move."),
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Correlate the score with brightness, contrast, resolution and other simple properties of the images."""
    store = Store()
    record = store.catalogue.dataset(dataset)
    choice = find_measured(store, record, backbone, needs_scores=True)
    scores = choice.scores(record.dataset_id)
    found = confounds(store, scores)
    check = measured_formats(store, scores, found.num_images) if check_formats else None
    sentences = [confound_sentence(row) for row in found.warnings]
    mixed = mixed_formats_sentence(found, check)
    if json:
        formats = {} if check is None else {"format_check": check.to_dict()}
        warnings = [*sentences, *([mixed] if mixed else [])]
        print_json({**asdict(found), **formats, "backbone": choice.title, "warnings": warnings})
        return
    _show_table(found)
    if check is not None:
        _show_formats(check)
    for sentence in sentences:
        say(sentence)
    if not sentences:
        say("No correlation reaches 0.7.")
    if mixed is not None:
        say(mixed)
    elif check is not None:
        say(format_check_sentence(check))
    if found.num_unmeasured:
        unmeasured = plural(found.num_unmeasured, "image")
        say(f"{unmeasured} have no image quality yet: run `jepascore add` on {dataset} again.")


def measured_formats(store: Store, scores: ScoreSet, num_images: int) -> FormatCheck:
    """Do the format check, as far as it is not done."""
    options = format_options(num_images)
    planted = request_planted(store, scores, options)
    if planted.dataset is not None and planted.dataset.state.is_active:
        conclude(wait_for_index(store, planted.dataset.dataset_id))
    if planted.run is not None and planted.run.state.is_active:
        conclude(wait_for_run(store, planted.run.run_id))
    return format_check(store, scores, find_planted(store, scores, options))


def _show_formats(check: FormatCheck) -> None:
    print_table(
        "The same pixels as JPEG, against PNG",
        ("saved as", "images", "nats", "percentile points", "rank correlation"),
        [
            (
                row.title,
                f"{row.num_pairs:,}",
                number_text(row.shift, "+.2f"),
                number_text(row.points, "+.1f"),
                rho_text(row.spearman),
            )
            for row in check.rows
        ],
    )


def _show_table(found: Confounds) -> None:
    scores = list(dict.fromkeys(row.score for row in found.rows))
    values = {(row.image_property, row.score): row for row in found.rows}
    print_table(
        f"Rank correlation with simple properties, {plural(found.num_images, 'image')}",
        ["property", *scores, "n"],
        [
            (
                title,
                *(rho_text(values[name, score].spearman) for score in scores),
                f"{values[name, scores[0]].num_images:,}",
            )
            for name, title in PROPERTY_TITLES.items()
        ],
    )
