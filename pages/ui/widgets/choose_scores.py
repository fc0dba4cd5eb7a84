"""What a page is about: a dataset, what measured it, and the definition of the score; or why there is nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from jepascore_core.formatting import percent_text, plural
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
from jepascore_core.scores.score_set import Label, ScoreSet
from jepascore_core.scores.titles import DEFINITION_HELP, DEFINITION_SHORT
from pages.ui.app import state
from pages.ui.app.live import await_change, is_filling
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.widgets.coverage import draw_coverage
from pages.ui.widgets.estimate_notes import NO_SPECTRUM
from pages.ui.widgets.url_widgets import pick_many, pick_one

NO_DATASET = "There is no dataset yet. Add images on the Runs page, or the demo on the Home page."


def choose_dataset(place: DeltaGenerator) -> DatasetChoice | None:
    """The dataset to look at, chosen in `place`; says below it what to do where there is none."""
    # What can be looked at comes first, and is what a first visit sees.
    choices = sorted(dataset_choices(store()), key=lambda choice: not choice.has_index)
    if not choices:
        nothing_yet(NO_DATASET, home=True)
        return None
    options = {choice.dataset_id: choice.name for choice in choices}
    with place:
        picked = pick_one("Dataset", state.DATASET, options, resets=(state.LABEL, state.SAMPLE, state.PAGE))
    chosen = next((choice for choice in choices if choice.dataset_id == picked), choices[0])
    if not chosen.has_index:
        nothing_yet(_no_index(chosen))
        return None
    return chosen


def choose_scores() -> ScoreSet | None:
    """One dataset under one backbone and definition; says what to do where nothing was measured."""
    columns = st.columns([3, 4, 4])
    dataset = choose_dataset(columns[0])
    if dataset is None:
        return None
    measured = measured_by_id(dataset)
    if not measured:
        return None
    with columns[1]:
        options = {identifier: plain_title(choice) for identifier, choice in measured.items()}
        picked = pick_one("Backbone", state.BACKBONE, options)
    with columns[2]:
        definition = choose_definition()
    scores = measured[picked or ""].scores(dataset.dataset_id, definition)
    draw_coverage([scores])
    return scores


def measured_by_id(dataset: DatasetChoice) -> dict[str, MeasuredChoice]:
    """The backbones that measured a dataset, by what the URL calls them; says what to do where there is none."""
    choices = offered(store(), measured_choices(store(), dataset.dataset_id))
    measured = {measured_id(choice): choice for choice in choices}
    if not measured:
        await_scores(dataset)
    return measured


def await_scores(dataset: DatasetChoice) -> None:
    """Say that there are no scores, and run the page again when there are more."""
    is_coming = is_filling(dataset.dataset_id)
    way_out = "A run is under way" if is_coming else "Start a run on the Runs page"
    nothing_yet(f"{dataset.name} has no scores yet. {way_out}; this page fills as it goes on.")
    if not is_coming:
        say_what_failed(dataset.dataset_id)
    await_change(lambda: measured_choices(store(), dataset.dataset_id))


def say_what_failed(dataset_id: str | None = None) -> None:
    """Why the newest run, of a dataset or of all, came to nothing, if it did."""
    newest = next(iter(store().catalogue.runs(dataset_id)), None)
    if newest is not None and newest.state is RunState.FAILED:
        st.warning(plain(f"The last run, {newest.backbone.name}, failed: {newest.message}"), icon=":material/error:")


def choose_measured(
    dataset: DatasetChoice, place: DeltaGenerator, least: int, resets: Sequence[str] = ()
) -> tuple[MeasuredChoice, ...]:
    """At least so many of the backbones that measured a dataset, chosen in `place`; with fewer none, and what to do.

    Those that are not complete are left to be chosen, unless none is.
    """
    measured = measured_by_id(dataset)
    if not measured:
        return ()
    options = {identifier: plain_title(choice) for identifier, choice in measured.items()}
    with place:
        picked = pick_many("Backbones", state.BACKBONES, options, complete_first(measured, least), resets=resets)
    if len(picked) >= least:
        draw_coverage([measured[identifier].scores(dataset.dataset_id) for identifier in picked])
        return tuple(measured[identifier] for identifier in picked)
    if len(measured) >= least:
        nothing_yet(f"Choose at least {least} backbones above, or measure another on the Runs page.")
    else:
        known = plural(len(measured), "backbone")
        nothing_yet(f"{dataset.name} is measured with {known}; comparing takes {least}. Start another run.")
    await_change(lambda: len(measured_choices(store(), dataset.dataset_id)))
    return ()


def complete_first(measured: Mapping[str, MeasuredChoice], most: int) -> tuple[str, ...]:
    """What is shown of some choices unless a person chooses: the first complete ones, or of all if none is complete."""
    complete = [identifier for identifier, choice in measured.items() if choice.is_complete]
    return tuple((complete or list(measured))[:most])


def choose_definition(resets: Sequence[str] = ()) -> Definition:
    """How the score sums the spectrum; see `pick_one` for `resets`."""
    options = {definition: DEFINITION_SHORT[definition] for definition in DEFINITIONS}
    about = f"{DEFINITION_HELP}\n\nOf estimates only Rank and Paper are known. {NO_SPECTRUM}"
    picked = pick_one("Definition", state.DEFINITION, options, segments=True, resets=resets, help=about)
    return picked or DEFINITIONS[0]


def measured_id(choice: MeasuredChoice | BackboneChoice) -> str:
    """What the URL calls a measured backbone."""
    return choice.key.text


def label_id(label: Label) -> str:
    """What the URL calls a class."""
    return "no label" if label is None else f"class {label}"


def plain_title(choice: MeasuredChoice) -> str:
    """Its title, with its coverage while that is not complete."""
    title = marked_title(choice)
    return title if choice.is_complete else f"{title} · {percent_text(choice.coverage)} scored"


def marked_title(choice: MeasuredChoice | BackboneChoice) -> str:
    """Its title, which says in a picker what is no exact score."""
    if choice.key.is_exact:
        return choice.title
    return f"≈ {choice.title} · order only" if choice.key.estimator == "sketch" else f"≈ {choice.title}"


def nothing_yet(text: str, home: bool = False) -> None:
    """An empty state: one sentence and the way out, to Runs or `home`."""
    with st.container(border=True):
        st.markdown(plain(text))
        with st.container(horizontal=True):
            st.page_link("pages/runs.py", label="Go to Runs", icon=":material/play_circle:")
            if home:
                st.page_link("app.py", label="Go to Home", icon=":material/home:")


def _no_index(choice: DatasetChoice) -> str:
    if choice.state is DatasetState.INDEXING:
        return f"{choice.name} is being indexed. The Runs page shows how far it is."
    return f"{choice.name} has no index ({choice.state}). Resume it on the Runs page."


def describe_dataset(choice: DatasetChoice) -> str:
    """Counts in one line."""
    classes = plural(choice.num_classes, "class") if choice.num_classes else "no labels"
    parts = [plural(choice.num_samples, "sample"), classes]
    if choice.num_images != choice.num_samples:
        parts.append(f"{plural(choice.num_images, 'distinct image')}")
    return " · ".join(parts)
