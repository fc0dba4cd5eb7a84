"""Draw Explore: the whole dataset, which needs no backbone, and a set of backbones on it in four views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from jepascore_core.scores.measured import DatasetChoice, MeasuredChoice, measured_choices, offered
from jepascore_core.scores.score_set import ScoreSet, no_scores
from jepascore_core.views.ranks import rank_check
from pages.ui.app import state
from pages.ui.app.live import await_change, is_filling
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.explore import texts
from pages.ui.explore.extremes import draw_class_list, draw_extremes
from pages.ui.explore.reference import chosen_reference, draw_reference
from pages.ui.explore.search import draw_search
from pages.ui.explore.whole import draw_so_far, draw_whole
from pages.ui.widgets import texts as widget_texts
from pages.ui.widgets.choose_scores import (
    COLUMNS,
    choose_dataset,
    choose_definition,
    measured_id,
    plain_title,
    say_no_scores,
    say_what_failed,
)
from pages.ui.widgets.coverage import draw_coverage
from pages.ui.widgets.estimate_notes import draw_estimate_notes
from pages.ui.widgets.theory_notes import draw_theory_notes
from pages.ui.widgets.url_widgets import pick_many, pick_one
from pages.ui.widgets.verdict_badge import draw_badges

WHOLE = "whole"
#: In a narrow window the choices stand in one line that scrolls sideways, so that pictures are on the first screen.
STYLE = """<style>
@media (max-width: 640px) {
  [class*="st-key-explore-choices"] [data-testid="stHorizontalBlock"] {
    flex-wrap: nowrap; overflow-x: auto; gap: 0.5rem;
  }
  [class*="st-key-explore-choices"] [data-testid="stColumn"] { flex: 0 0 auto; width: auto; min-width: 9.5rem; }
  [class*="st-key-explore-choices"] [data-testid="stWidgetLabel"] { display: none; }
}
</style>"""


@dataclass(frozen=True, slots=True)
class Explored:
    """A dataset under the chosen backbones, in the order of choice: name in the URL, title and scores of each.

    Without a backbone there is only the whole dataset to look at.
    """

    dataset: DatasetChoice
    names: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    score_sets: tuple[ScoreSet, ...] = ()
    measured: tuple[MeasuredChoice, ...] = ()

    @property
    def has_index(self) -> bool:
        """Whether all of its images are known; while a first index is made, those that are read are shown."""
        return self.dataset.has_index

    @property
    def view(self) -> str:
        """Which view is shown."""
        return state.read_choice(state.VIEW, tuple(texts.VIEW_TITLES), WHOLE) if self.score_sets else WHOLE

    @property
    def is_whole(self) -> bool:
        """Whether the whole dataset is shown."""
        return self.view == WHOLE

    @property
    def open(self) -> ScoreSet:
        """The scores for the sample window: those of the gallery that was clicked, else the first."""
        if not self.score_sets:
            return no_scores(self.dataset.dataset_id)
        found = dict(zip(self.names, self.score_sets, strict=True))
        return found.get(state.read_id(state.BACKBONE) or "", self.score_sets[0])

    @property
    def reference(self) -> str | None:
        """Id of the dataset that the first backbone's scores are compared with, in the view that does so."""
        return chosen_reference(self.score_sets[0]) if self.view == "reference" else None


def choose_explored() -> Explored | None:
    """Return one dataset under any of the backbones that measured it; say what to do where there is none."""
    st.html(STYLE)
    with st.container(key="explore-choices"):
        columns = st.columns(COLUMNS, vertical_alignment="bottom")
        dataset = choose_dataset(columns[0], or_indexing=True)
        if dataset is None:
            return None
        choices = offered(store(), measured_choices(store(), dataset.dataset_id)) if dataset.has_index else ()
        if not choices:
            _await_scores(dataset)
            return Explored(dataset)
        measured = {measured_id(choice): choice for choice in choices}
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
    return Explored(dataset, names, tuple(measured[name].title for name in names), score_sets, choices)


def _await_scores(dataset: DatasetChoice) -> None:
    """Say that scores are missing, without being in the way of the pictures; rerun the page when there are some."""
    if not dataset.has_index:
        return
    is_coming = is_filling(dataset.dataset_id)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(plain(widget_texts.no_scores_yet(dataset.name, is_coming)), width="content")
        st.page_link("pages/runs.py", label=widget_texts.GO_TO_RUNS, icon=":material/play_circle:")
    if not is_coming:
        say_what_failed(dataset.dataset_id)
    await_change(lambda: measured_choices(store(), dataset.dataset_id))


def draw_explored(explored: Explored) -> None:
    """Draw Explore below the choice of scores."""
    _draw_warnings(explored.score_sets, explored.titles)
    if not explored.has_index:
        draw_so_far(explored.dataset)
        return
    with st.container(key="explore-choices-of-view"):
        if explored.score_sets:
            columns = st.columns([9, 4, 4, 3], vertical_alignment="bottom")
            with columns[0]:
                pick_one(texts.VIEW, state.VIEW, texts.VIEW_TITLES, segments=True, resets=(state.PAGE,))
            places = columns[1:]
        else:
            places = st.columns([4, 4, 4, 6], vertical_alignment="bottom")
    scores = explored.score_sets[0] if explored.score_sets else explored.open
    title = explored.titles[0] if len(explored.titles) > 1 else ""
    view = explored.view
    if explored.score_sets and not scores.key.has_scores and view not in (WHOLE, "search"):
        say_no_scores(scores)
        view = "search"
    match view:
        case "search":
            draw_search(scores, title, places)
        case "reference":
            draw_reference(scores, places)
        case "classes":
            draw_class_list(scores, title, places[0])
        case "extremes":
            draw_extremes(explored.score_sets, explored.titles, explored.names, places)
        case _:
            draw_whole(scores, explored.measured, places)


def draw_notes(explored: Explored) -> None:
    """Draw what is to be known of the scores: which are not densities, and which are estimates."""
    draw_theory_notes(list(explored.score_sets))
    draw_estimate_notes(list(explored.score_sets))


def _draw_warnings(score_sets: Sequence[ScoreSet], titles: Sequence[str]) -> None:
    for scores, title in zip(score_sets, titles, strict=True):
        warning = rank_check(store(), scores).warning if scores.key.has_scores else None
        if warning:
            text = f"{title}: {warning}" if len(titles) > 1 else warning
            st.warning(plain(text), icon=":material/warning:")
