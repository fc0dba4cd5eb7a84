"""Choose what a page shows: dataset, backbone and score variant; or say why there is nothing to show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from jepascore_core.formatting import plural
from jepascore_core.records.datasets import DatasetState
from jepascore_core.records.runs import RunState
from jepascore_core.score import DEFINITIONS, Definition
from jepascore_core.scores.measured import (
    BackboneChoice,
    DatasetChoice,
    MeasuredChoice,
    dataset_choices,
    measured_choices,
    offered,
)
from jepascore_core.scores.no_scores import no_scores_text
from jepascore_core.scores.score_set import Label, ScoreSet, no_scores
from jepascore_core.scores.titles import DEFINITION_SHORT
from pages.ui.app import state
from pages.ui.app.live import await_change, is_filling
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.widgets import texts
from pages.ui.widgets.coverage import draw_coverage
from pages.ui.widgets.fold import choices, draw_fold
from pages.ui.widgets.url_widgets import pick_many, pick_one
from pages.ui.widgets.verdict_badge import draw_badges

#: Shares of the width: dataset, backbones, verdict on them, advanced choices.
COLUMNS = (4, 5, 3, 2)
#: What means nothing in another dataset; a filter may name tags and regions that only this one has.
OF_A_DATASET = (state.LABEL, state.SAMPLE, state.PAGE, state.FILTER)


def choose_dataset(place: DeltaGenerator, or_indexing: bool = False) -> DatasetChoice | None:
    """Return the dataset chosen in `place`; where there is none, say below it what to do.

    With `or_indexing` also one whose first index is being made.
    """
    # What can be looked at comes first, and is what a first visit sees.
    choices = sorted(dataset_choices(store()), key=lambda choice: not choice.has_index)
    if not choices:
        nothing_yet(texts.NO_DATASET, home=True)
        return None
    options = {choice.dataset_id: choice.name for choice in choices}
    with place:
        picked = pick_one("Dataset", state.DATASET, options, resets=OF_A_DATASET)
    chosen = next((choice for choice in choices if choice.dataset_id == picked), choices[0])
    is_coming = or_indexing and chosen.state is DatasetState.INDEXING
    if not chosen.has_index and not is_coming:
        nothing_yet(_no_index(chosen))
        return None
    return chosen


def choose_scores(
    prepare: Callable[[ScoreSet], None] | None = None,
    needed: bool = True,
    *,
    needs_scores: bool = False,
    says_more: Callable[[DeltaGenerator, list[str]], None] = draw_fold,
) -> ScoreSet | None:
    """Return one dataset under one backbone and score variant; say what to do where nothing was measured.

    `prepare` is called before the verdict on these scores is drawn. Where no scores are `needed`, what was not measured
    is returned with `no_scores`. With `needs_scores` a backbone that has embeddings only is refused, which is said.
    In a narrow window one line says what is chosen; a page that has more to choose draws it itself, by `says_more`.
    """
    place = st.empty()
    with choices():
        scores, chosen = _choose_scores(prepare, needed, needs_scores)
    if chosen:
        says_more(place, chosen)
        if scores is not None:
            draw_coverage([scores])
    return scores


def _choose_scores(
    prepare: Callable[[ScoreSet], None] | None, needed: bool, needs_scores: bool
) -> tuple[ScoreSet | None, list[str]]:
    """Return the scores, and what was chosen in words; nothing where there is no backbone to choose."""
    columns = st.columns(COLUMNS, vertical_alignment="bottom")
    dataset = choose_dataset(columns[0])
    if dataset is None:
        return None, []
    if not needed and not measured_choices(store(), dataset.dataset_id):
        return no_scores(dataset.dataset_id), []
    measured = measured_by_id(dataset)
    if not measured:
        return None, []
    with columns[1]:
        options = {identifier: plain_title(choice) for identifier, choice in measured.items()}
        picked = pick_one("Backbone", state.BACKBONE, options) or ""
    chosen = [dataset.name, options[picked]]
    if not measured[picked].key.has_scores:
        scores = measured[picked].scores(dataset.dataset_id)
        if needs_scores:
            say_no_scores(scores)
            return None, chosen
        return scores, chosen
    with columns[3]:
        definition = choose_definition()
    scores = measured[picked].scores(dataset.dataset_id, definition)
    if prepare is not None:
        prepare(scores)
    with columns[2]:
        draw_badges([scores])
    return scores, chosen


def measured_by_id(dataset: DatasetChoice) -> dict[str, MeasuredChoice]:
    """Return the backbones that measured a dataset by their name in the URL; say what to do where there is none."""
    choices = offered(store(), measured_choices(store(), dataset.dataset_id))
    measured = {measured_id(choice): choice for choice in choices}
    if not measured:
        await_scores(dataset)
    return measured


def say_no_scores(scores: ScoreSet) -> None:
    """Say that a backbone has embeddings only, and how to get scores."""
    nothing_yet(no_scores_text(store(), scores.dataset_id, scores.key))


def await_scores(dataset: DatasetChoice) -> None:
    """Say that there are no scores, and rerun the page when there are."""
    is_coming = is_filling(dataset.dataset_id)
    nothing_yet(texts.no_scores_yet(dataset.name, is_coming))
    if not is_coming:
        say_what_failed(dataset.dataset_id)
    await_change(lambda: measured_choices(store(), dataset.dataset_id))


def say_what_failed(dataset_id: str | None = None) -> None:
    """Warn if the newest run, of a dataset or of all, failed, and say why."""
    newest = next(iter(store().catalogue.runs(dataset_id)), None)
    if newest is not None and newest.state is RunState.FAILED:
        st.warning(plain(texts.run_failed(newest.backbone.name, newest.message)), icon=":material/error:")


def choose_measured(
    dataset: DatasetChoice, place: DeltaGenerator, least: int, resets: Sequence[str] = ()
) -> tuple[MeasuredChoice, ...]:
    """Return at least `least` backbones that measured a dataset, chosen in `place`; with fewer, say what to do.

    Incomplete ones are not selected by default, unless all are incomplete.
    """
    all_measured = measured_by_id(dataset)
    measured = {identifier: choice for identifier, choice in all_measured.items() if choice.key.has_scores}
    if all_measured and not measured:
        say_no_scores(next(iter(all_measured.values())).scores(dataset.dataset_id))
    if not measured:
        return ()
    options = {identifier: plain_title(choice) for identifier, choice in measured.items()}
    with place:
        picked = pick_many("Backbones", state.BACKBONES, options, complete_first(measured, least), resets=resets)
    if len(picked) >= least:
        draw_coverage([measured[identifier].scores(dataset.dataset_id) for identifier in picked])
        return tuple(measured[identifier] for identifier in picked)
    if len(measured) >= least:
        nothing_yet(texts.too_few_chosen(least))
    else:
        nothing_yet(texts.too_few_measured(dataset.name, len(measured), least))
    await_change(lambda: len(measured_choices(store(), dataset.dataset_id)))
    return ()


def complete_first(measured: Mapping[str, MeasuredChoice], most: int) -> tuple[str, ...]:
    """Return the default selection: the first complete ones, or the first of all if none is complete."""
    complete = [identifier for identifier, choice in measured.items() if choice.is_complete]
    return tuple((complete or list(measured))[:most])


def choose_definition(resets: Sequence[str] = ()) -> Definition:
    """Return how the score sums the spectrum; see `pick_one` for `resets`.

    Few people need another than the default: the choice is in a popover, whose label names any other.
    """
    options = {definition: DEFINITION_SHORT[definition] for definition in DEFINITIONS}
    chosen = state.read_choice(state.DEFINITION, DEFINITIONS, DEFINITIONS[0])
    label = texts.ADVANCED if chosen == DEFINITIONS[0] else texts.score_variant(options[chosen])
    with st.popover(label, icon=":material/tune:", key="advanced", type="tertiary"):
        picked = pick_one(
            texts.SCORE_VARIANT, state.DEFINITION, options, segments=True, resets=resets, help=texts.SCORE_VARIANT_HELP
        )
    return picked or DEFINITIONS[0]


def measured_id(choice: MeasuredChoice | BackboneChoice) -> str:
    """Return the name of a measured backbone in the URL."""
    return choice.key.text


def label_id(label: Label) -> str:
    """Return the name of a class in the URL."""
    return "no label" if label is None else f"class {label}"


def plain_title(choice: MeasuredChoice) -> str:
    """Return its title, with its coverage unless that is complete."""
    title = marked_title(choice)
    return title if choice.is_complete else texts.partly_measured(title, choice.coverage, choice.key.has_scores)


def marked_title(choice: MeasuredChoice | BackboneChoice) -> str:
    """Return its title for a picker, marked unless its scores are exact."""
    if choice.key.is_exact or not choice.key.has_scores:
        return choice.title
    return f"≈ {choice.title} · order only" if choice.key.estimator == "sketch" else f"≈ {choice.title}"


def nothing_yet(text: str, home: bool = False) -> None:
    """Draw an empty state: one sentence, and links to Runs and, with `home`, to Home."""
    with st.container(border=True):
        st.markdown(plain(text))
        with st.container(horizontal=True):
            st.page_link("pages/runs.py", label=texts.GO_TO_RUNS, icon=":material/play_circle:")
            if home:
                st.page_link("app.py", label=texts.GO_TO_HOME, icon=":material/home:")


def _no_index(choice: DatasetChoice) -> str:
    if choice.state is DatasetState.INDEXING:
        return texts.being_indexed(choice.name)
    return texts.not_indexed(choice.name, choice.state)


def describe_dataset(choice: DatasetChoice) -> str:
    """Return the counts of a dataset in one line."""
    classes = plural(choice.num_classes, "class") if choice.num_classes else texts.NO_LABELS
    parts = [plural(choice.num_samples, "sample"), classes]
    if choice.num_images != choice.num_samples:
        parts.append(texts.distinct_images(choice.num_images))
    return " · ".join(parts)
