"""Looking for samples: by class, words, percentile and decision; page by page, with the selected ones to take away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from jepascore_core.curation.decisions import decisions_of
from jepascore_core.formatting import count_text, plural
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.views.choices import class_choices
from jepascore_core.views.search import SEARCH_ORDERS, FoundSamples, SampleSearch, search_samples
from pages.ui.app import state
from pages.ui.app.store import store
from pages.ui.explore.extremes import ALL_CLASSES
from pages.ui.sample.dialog import to_tiles
from pages.ui.widgets.choose_scores import label_id
from pages.ui.widgets.gallery import SCORE_TOOLS, Section, gallery, selection
from pages.ui.widgets.reviewer import reviewer
from pages.ui.widgets.url_widgets import pick_one, pick_page, pick_range, pick_words

ORDER_TITLES = {"least": "Least likely first", "most": "Most likely first", "key": "Key", "random": "Random"}
DECISION_TITLES = {"any": "Any or none", "keep": "Keep", "drop": "Drop", "open": "Not decided"}
PAGE_SIZES = {str(number): f"{number} a page" for number in (48, 24, 96)}


def draw_search(scores: ScoreSet, title: str, places: Sequence[DeltaGenerator]) -> None:
    """The fields, what they find, and the selected ones; the page is chosen in two `places`."""
    wanted = _choose(scores)
    with places[0]:
        per_page = int(pick_one("Samples", state.PER_PAGE, PAGE_SIZES, resets=(state.PAGE,)) or 48)
    page = state.read_int(state.PAGE, 1, 1, 10**6)
    found = search_samples(store(), scores, wanted, page, per_page)
    with places[1]:
        pick_page(found.num_pages)
    under = f" under {title}" if title else ""
    st.caption(f"{_found_text(found, under)}. The percentile is that within the class.")
    if not found.num_found:
        st.info("No measured sample is like that. Take back one of the choices above.")
        return
    event = gallery(
        [Section(to_tiles(found.samples))], "found", label="Found samples", remember=state.SAMPLE, tools=SCORE_TOOLS,
        dataset_id=scores.dataset_id, who=reviewer(), collects=True,
    )  # fmt: skip
    if event is not None:
        st.rerun()
    _draw_selected(selection("found", [item.sample_key for item in found.samples]))


def _found_text(found: FoundSamples, under: str) -> str:
    """How many were found, of how many, and what could not be looked at."""
    of_all = f"{count_text(found.num_found)} of " if found.num_found < found.num_samples else ""
    text = f"{of_all}{plural(found.num_samples, 'sample')} found{under}"
    return f"{text}; {count_text(found.num_unscored)} not scored yet" if found.num_unscored else text


def _choose(scores: ScoreSet) -> SampleSearch:
    columns = st.columns([3, 3, 3, 2, 3], vertical_alignment="bottom")
    with columns[0]:
        text = pick_words("Key or label", state.SEARCH, "any part of it", resets=(state.PAGE,))
    classes = {label_id(choice.label): choice for choice in class_choices(store(), scores.dataset_id)}
    options = {ALL_CLASSES: "All classes"} | {name: choice.title for name, choice in classes.items()}
    with columns[1]:
        picked = pick_one("Class", state.LABEL, options, resets=(state.PAGE,))
    with columns[2]:
        low, high = pick_range("Percentile (%)", state.SPAN, 0.0, 100.0, 0.5, resets=(state.PAGE,))
    with columns[3]:
        decided = pick_one("Decision", state.DECIDED, DECISION_TITLES, resets=(state.PAGE,))
    with columns[4]:
        order = pick_one("Order", state.ACROSS, {name: ORDER_TITLES[name] for name in SEARCH_ORDERS})
    return SampleSearch(
        labels=(classes[picked].label,) if picked in classes else None,
        text=text,
        low=low,
        high=high,
        order=order or SEARCH_ORDERS[0],
        seed=state.read_int(state.SEED, 0, 0, 10**6),
        **_keys(scores, decided),
    )


def _keys(scores: ScoreSet, decided: str | None) -> dict[str, Any]:
    """Which sample keys a choice of decision stands for."""
    if decided in (None, "any"):
        return {}
    verdicts = {key: verdict for (key, _), verdict in decisions_of(store(), scores.dataset_id).items()}
    if decided == "open":
        return {"without": tuple(verdicts)}
    return {"only": tuple(key for key, verdict in verdicts.items() if verdict == decided)}


def _draw_selected(keys: tuple[str, ...]) -> None:
    if keys:
        st.download_button(
            f"Keys of the {count_text(len(keys))} selected", "\n".join(keys) + "\n", "selected.txt", "text/plain",
            icon=":material/download:", key="selected-keys",
        )  # fmt: skip
