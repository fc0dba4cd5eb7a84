"""Draw datasets as one table: pictures, counts, coverage of each backbone, last activity, and where to go."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from jepascore_core.errors import JepaScoreError
from jepascore_core.formatting import ago_text, percent_text, plural
from jepascore_core.scores.measured import MeasuredChoice
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.trust.checks import Colour
from jepascore_core.trust.evidence import trust_verdict
from jepascore_core.views.examples import examples
from jepascore_core.views.overview import DatasetOverview
from jepascore_core.views.progress import Progress
from pages.ui.app import state
from pages.ui.app.store import store
from pages.ui.widgets import texts
from pages.ui.widgets.choose_scores import marked_title
from pages.ui.widgets.components import component
from pages.ui.widgets.failures import unreadable_part
from pages.ui.widgets.navigate import url_of

EXPLORE, CURATE, RUNS, TRUST = "pages/explore.py", "pages/curate.py", "pages/runs.py", "pages/trust.py"
#: Pictures of a row, and backbones that it names.
NUM_PICTURES, MAX_LINES = 3, 3

_mount = component("datasets")


@dataclass(frozen=True, slots=True)
class Badge:
    """The verdict on a cut by some scores, and where its checks are."""

    colour: Colour
    text: str
    help: str
    url: str


#: Verdicts by the scores that they are about.
Badges = Mapping[ScoreSet, Badge]


@dataclass(frozen=True, slots=True)
class _Line:
    title: str
    share: float
    text: str
    badge: Badge | None = None


def badges_of(datasets: Sequence[DatasetOverview]) -> Badges:
    """Return the verdicts on the scores that the table names; what cannot be read has none."""
    found = {}
    for dataset in datasets:
        for choice in dataset.measured[:MAX_LINES]:
            scores = choice.scores(dataset.choice.dataset_id)
            try:
                verdict = trust_verdict(store(), scores)
            except JepaScoreError:  # embeddings only, or a damaged result, which Trust says
                continue
            link = {state.DATASET: scores.dataset_id, state.BACKBONE: scores.key.text}
            found[scores] = Badge(verdict.colour, verdict.badge, verdict.sentence, url_of(TRUST, link))
    return found


def draw_dataset_table(
    datasets: Sequence[DatasetOverview], badges: Badges, *, can_choose: bool = False, chosen: str | None = None
) -> str | None:
    """Draw a row for each dataset.

    With `can_choose` each offers its details, which are those of `chosen` now: return the one that was asked for since
    the last run.
    """
    rows = [_row(dataset, badges, is_on_runs=can_choose) for dataset in datasets]
    data = {"label": texts.DATASETS, "rows": rows, "can_choose": can_choose, "chosen": chosen}
    asked = _mount(key="datasets", data=data | {"texts": texts.DATASET_TABLE}, on_chosen_change=_run_again).chosen
    return next((item.choice.dataset_id for item in datasets if item.choice.dataset_id == asked), None)


def _run_again() -> None:
    """What was asked for is read while the page runs."""


def _row(dataset: DatasetOverview, badges: Badges, is_on_runs: bool) -> dict[str, object]:
    choice, index = dataset.choice, dataset.index
    about = {state.DATASET: choice.dataset_id}
    lines = _lines(dataset, badges)
    failures = about | {state.OPENED: unreadable_part(choice.dataset_id)}
    ways = [(EXPLORE, texts.EXPLORE)] if choice.has_index else []
    ways += [(CURATE, texts.CURATE)] if dataset.measured else []
    ways += [] if is_on_runs else [(RUNS, texts.MEASURE if choice.has_index else texts.RUNS)]
    is_other = choice.num_images != choice.num_samples
    return {
        "dataset_id": choice.dataset_id,
        "name": choice.name,
        "href": url_of(EXPLORE, about) if choice.has_index else "",
        "state": _state_text(index),
        "share": index.fraction if index.is_active else None,
        "problem": index.error or (index.message if index.state == "failed" else ""),
        "failures": plural(choice.num_failed, texts.UNREADABLE_FILE) if choice.has_index and choice.num_failed else "",
        "failures_href": url_of(RUNS, failures),
        "pictures": _pictures(dataset),
        "num_images": choice.num_samples if choice.has_index else None,
        "images_help": texts.distinct_images(choice.num_images) if is_other else "",
        "num_classes": choice.num_classes if choice.has_index and choice.num_classes else None,
        "lines": [asdict(line) for line in lines[:MAX_LINES]],
        "more": texts.and_more(len(lines) - MAX_LINES) if len(lines) > MAX_LINES else "",
        "last_activity": dataset.last_activity,
        "activity": ago_text(time.time() - dataset.last_activity),
        "activity_time": datetime.fromtimestamp(dataset.last_activity, UTC).isoformat(timespec="seconds"),
        "ways": [{"label": label, "href": url_of(page, about)} for page, label in ways],
    }


def _state_text(index: Progress) -> str:
    """Say how far an index is that is not ready."""
    if index.state == "ready":
        return ""
    parts = (index.state_text, index.counts_text, index.time_left_text) if index.is_active else (index.state_text,)
    return " · ".join(filter(None, parts))


def _pictures(dataset: DatasetOverview) -> list[dict[str, str]]:
    choice = dataset.choice
    if not choice.has_index:
        return []
    return [
        {
            "content_id": item.content_id,
            "href": url_of(EXPLORE, {state.DATASET: choice.dataset_id, state.SAMPLE: item.sample_key}),
            "title": item.label or item.sample_key,
        }
        for item in examples(store(), choice.dataset_id, NUM_PICTURES)
    ]


def _lines(dataset: DatasetOverview, badges: Badges) -> list[_Line]:
    """Runs in progress or queued first, then what else has measured it."""
    under_way = {run.measured for run in dataset.runs}
    lines = [_run_line(run) for run in dataset.runs]
    lines += [_measured_line(dataset, item, badges) for item in dataset.measured if item.key not in under_way]
    return lines


def _run_line(run: Progress) -> _Line:
    title = run.short_title.removeprefix(f"{run.dataset_name}, ")
    return _Line(title, run.fraction, " · ".join(filter(None, (run.counts_text, run.time_left_text or run.state_text))))


def _measured_line(dataset: DatasetOverview, item: MeasuredChoice, badges: Badges) -> _Line:
    share = percent_text(item.coverage)
    text = share if item.key.has_scores else texts.embedded(share)
    if item.num_failed:
        text += f", {texts.num_failed(item.num_failed)}"
    badge = badges.get(item.scores(dataset.choice.dataset_id))
    return _Line(marked_title(item), item.coverage, text, badge)
