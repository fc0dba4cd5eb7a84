"""What a page is about: a dataset, what measured it, and the definition of the score; or why there is nothing."""

from __future__ import annotations

import streamlit as st

from jepascore_core.records import DatasetState
from jepascore_core.score import DEFINITIONS, Definition
from jepascore_core.views.choices import (
    BackboneChoice,
    DatasetChoice,
    MeasuredChoice,
    dataset_choices,
    measured_choices,
)
from jepascore_core.views.formats import percent_text, plural
from jepascore_core.views.names import DEFINITION_TITLES
from jepascore_core.views.score_set import ScoreSet
from pages.ui import state
from pages.ui.cached import store
from pages.ui.pick import pick_many, pick_one
from pages.ui.text import plain


def choose_dataset() -> DatasetChoice | None:
    """The dataset to look at; says what to do where there is none."""
    choices = dataset_choices(store())
    if not choices:
        nothing_yet("There is no dataset yet. Add images on the Runs page.")
        return None
    options = {choice.dataset_id: choice.name for choice in choices}
    picked = pick_one("Dataset", state.DATASET, options, resets=(state.LABEL, state.SAMPLE, state.PAGE))
    chosen = next(choice for choice in choices if choice.dataset_id == picked)
    if not chosen.has_index:
        nothing_yet(_no_index(chosen))
        return None
    return chosen


def choose_scores() -> ScoreSet | None:
    """One dataset under one backbone and definition; says what to do where nothing was measured."""
    columns = st.columns([3, 4, 3], vertical_alignment="bottom")
    with columns[0]:
        dataset = choose_dataset()
    if dataset is None:
        return None
    measured = {measured_id(choice): choice for choice in measured_choices(store(), dataset.dataset_id)}
    if not measured:
        nothing_yet(f"{dataset.name} has no scores yet. Start a run on the Runs page; this page fills as it goes on.")
        return None
    with columns[1]:
        options = {identifier: plain_title(choice) for identifier, choice in measured.items()}
        picked = pick_one("Backbone", state.BACKBONE, options)
    with columns[2]:
        definition = choose_definition()
    return measured[picked or ""].scores(dataset.dataset_id, definition)


def choose_measured(dataset_id: str, least: int, label: str = "Backbones") -> tuple[MeasuredChoice, ...]:
    """Several of the backbones that a dataset was measured with; the first `least` unless chosen otherwise."""
    measured = {measured_id(choice): choice for choice in measured_choices(store(), dataset_id)}
    options = {identifier: plain_title(choice) for identifier, choice in measured.items()}
    picked = pick_many(label, state.BACKBONES, options, tuple(options)[:least])
    return tuple(measured[identifier] for identifier in picked)


def choose_definition() -> Definition:
    """How the score sums the spectrum."""
    options = {definition: DEFINITION_TITLES[definition] for definition in DEFINITIONS}
    picked = pick_one("Definition", state.DEFINITION, options, segments=True)
    return "paper" if picked == "paper" else "rank"


def measured_id(choice: MeasuredChoice | BackboneChoice) -> str:
    """What the URL calls a measured backbone."""
    return f"{choice.backbone_id}@{choice.spec_id}"


def plain_title(choice: MeasuredChoice) -> str:
    """Its title, with its coverage while that is not complete."""
    return choice.title if choice.coverage >= 1 else f"{choice.title} · {percent_text(choice.coverage)} scored"


def nothing_yet(text: str) -> None:
    """An empty state: one sentence and the way out."""
    with st.container(border=True):
        st.markdown(plain(text))
        st.page_link("pages/runs.py", label="Go to Runs", icon=":material/play_circle:")


def _no_index(choice: DatasetChoice) -> str:
    if choice.state is DatasetState.INDEXING:
        return f"{choice.name} is being indexed. The Runs page shows how far it is."
    return f"{choice.name} has no index ({choice.state}). Resume it on the Runs page."


def describe_dataset(choice: DatasetChoice) -> str:
    """Counts in one line."""
    parts = [plural(choice.num_samples, "sample"), plural(choice.num_classes, "class")]
    if choice.num_images != choice.num_samples:
        parts.append(f"{plural(choice.num_images, 'distinct image')}")
    if choice.num_failed:
        parts.append(f"{plural(choice.num_failed, 'unreadable file')}")
    return " · ".join(parts)
