"""Draw Explore: a set of backbones on one dataset, in three views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.views.ranks import rank_check
from pages.ui.app import state
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.explore import texts
from pages.ui.explore.extremes import draw_class_list, draw_extremes
from pages.ui.explore.reference import chosen_reference, draw_reference
from pages.ui.explore.search import draw_search
from pages.ui.widgets.choose_scores import (
    COLUMNS,
    choose_dataset,
    choose_definition,
    measured_by_id,
    plain_title,
    say_no_scores,
)
from pages.ui.widgets.coverage import draw_coverage
from pages.ui.widgets.url_widgets import pick_many, pick_one
from pages.ui.widgets.verdict_badge import draw_badges


@dataclass(frozen=True, slots=True)
class Explored:
    """The chosen backbones, in the order of choice: name in the URL, title and scores of each."""

    names: tuple[str, ...]
    titles: tuple[str, ...]
    score_sets: tuple[ScoreSet, ...]

    @property
    def open(self) -> ScoreSet:
        """The scores for the sample window: those of the gallery that was clicked, else the first."""
        found = dict(zip(self.names, self.score_sets, strict=True))
        return found.get(state.read_id(state.BACKBONE) or "", self.score_sets[0])

    @property
    def reference(self) -> str | None:
        """Id of the dataset that the first backbone's scores are compared with, in the view that does so."""
        is_compared = state.read_choice(state.VIEW, tuple(texts.VIEW_TITLES), "extremes") == "reference"
        return chosen_reference(self.score_sets[0]) if is_compared else None


def choose_explored() -> Explored | None:
    """Return one dataset under any of the backbones that measured it; say what to do where nothing was measured."""
    columns = st.columns(COLUMNS, vertical_alignment="bottom")
    dataset = choose_dataset(columns[0])
    if dataset is None:
        return None
    measured = measured_by_id(dataset)
    if not measured:
        return None
    options = {name: plain_title(choice) for name, choice in measured.items()}
    carried = state.read_id(state.BACKBONE)
    first = carried if carried in options else next(iter(options))
    with columns[1]:
        names = pick_many("Backbones", state.BACKBONES, options, (first,)) or (first,)
    with columns[3]:
        definition = choose_definition()
    score_sets = tuple(measured[name].scores(dataset.dataset_id, definition) for name in names)
    with columns[2]:
        draw_badges([scores for scores in score_sets if scores.key.has_scores])
    draw_coverage(score_sets)
    return Explored(names, tuple(measured[name].title for name in names), score_sets)


def draw_explored(explored: Explored) -> None:
    """Draw Explore below the choice of scores."""
    first = explored.score_sets[0]
    _draw_warnings(explored.score_sets, explored.titles)
    columns = st.columns([6, 4, 4, 4])
    with columns[0]:
        view = pick_one(texts.VIEW, state.VIEW, texts.VIEW_TITLES, segments=True, resets=(state.PAGE,))
    if not first.key.has_scores and view != "search":
        say_no_scores(first)
        view = "search"
    if view == "search":
        draw_search(explored.score_sets[0], explored.titles[0] if len(explored.titles) > 1 else "", columns[1:])
    elif view == "reference":
        draw_reference(explored.score_sets[0], columns[1:])
    elif view == "classes":
        draw_class_list(explored.score_sets[0], explored.titles[0] if len(explored.titles) > 1 else "", columns[1])
    else:
        draw_extremes(explored.score_sets, explored.titles, explored.names, columns[1:])


def _draw_warnings(score_sets: Sequence[ScoreSet], titles: Sequence[str]) -> None:
    for scores, title in zip(score_sets, titles, strict=True):
        warning = rank_check(store(), scores).warning if scores.key.has_scores else None
        if warning:
            text = f"{title}: {warning}" if len(titles) > 1 else warning
            st.warning(plain(text), icon=":material/warning:")
