"""Search samples by class, text, percentile, rules and decision, page by page; download the keys of selected ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from jepascore_core.curation import Curation, parse
from jepascore_core.curation.decisions import decisions_of
from jepascore_core.errors import RuleError, RuleSyntaxError, TooFewImagesError, matching
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.views.choices import class_choices
from jepascore_core.views.search import SEARCH_ORDERS, SampleSearch, search_samples
from pages.ui.app import state
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.explore import texts
from pages.ui.explore.extremes import ALL_CLASSES
from pages.ui.explore.similarity import choose_similarity, draw_rule, is_compared
from pages.ui.sample.dialog import to_tiles
from pages.ui.widgets.choose_scores import label_id
from pages.ui.widgets.gallery import SCORE_TOOLS, Section, gallery, selection
from pages.ui.widgets.precompute import is_ready
from pages.ui.widgets.reviewer import reviewer
from pages.ui.widgets.url_widgets import pick_one, pick_page, pick_range, pick_words


def draw_search(scores: ScoreSet, title: str, places: Sequence[DeltaGenerator]) -> None:
    """Draw the search fields, the results and the selection; page size and page are chosen in two `places`."""
    wanted = choose_similarity(scores, _choose(scores))
    with places[0]:
        per_page = int(pick_one("Samples", state.PER_PAGE, texts.PAGE_SIZES, resets=(state.PAGE,)) or 48)
    page = state.read_int(state.PAGE, 1, 1, 10**6)
    try:
        if not is_compared(scores, wanted) or not is_ready(scores, wanted.needs, {}, "search"):
            return
        found = search_samples(store(), scores, wanted, page, per_page)
    except (RuleError, TooFewImagesError) as error:
        st.info(plain(str(error)))
        return
    with places[1]:
        pick_page(found.num_pages)
    counts = texts.found(found.num_found, found.num_samples, found.num_unscored, title)
    st.caption(f"{counts}. {texts.PERCENTILE_WITHIN_CLASS}" if scores.key.has_scores else f"{counts}.")
    if not found.num_found:
        st.info(texts.NOTHING_FOUND)
        return
    draw_rule(wanted)
    tiles = to_tiles(found.samples)
    by = texts.SIMILARITY if wanted.similar is not None else wanted.by
    if by is not None:
        notes = [texts.number_note(by, number) for number in found.numbers]
        tiles = [replace(tile, note=note) for tile, note in zip(tiles, notes, strict=True)]
    event = gallery(
        [Section(tiles)], "found", label="Found samples", remember=state.SAMPLE, tools=SCORE_TOOLS,
        dataset_id=scores.dataset_id, who=reviewer(), collects=True,
    )  # fmt: skip
    if event is not None:
        st.rerun()
    _draw_selected(selection("found", [item.sample_key for item in found.samples]))


def _choose(scores: ScoreSet) -> SampleSearch:
    columns = st.columns([3, 3, 3, 2, 3], vertical_alignment="bottom")
    with columns[0]:
        text = pick_words(texts.SEARCH_TEXT, state.SEARCH, texts.SEARCH_TEXT_HINT, resets=(state.PAGE,))
    classes = {label_id(choice.label): choice for choice in class_choices(store(), scores.dataset_id)}
    options = {ALL_CLASSES: texts.NO_CLASS_CHOSEN} | {name: choice.title for name, choice in classes.items()}
    with columns[1]:
        picked = pick_one("Class", state.LABEL, options, resets=(state.PAGE,))
    low, high = 0.0, 100.0
    if scores.key.has_scores:
        with columns[2]:
            low, high = pick_range(texts.PERCENTILE, state.SPAN, 0.0, 100.0, 0.5, resets=(state.PAGE,))
    with columns[3]:
        decided = pick_one("Decision", state.DECIDED, texts.DECISION_TITLES, resets=(state.PAGE,))
    with columns[4]:
        needs_scores = () if scores.key.has_scores else ("least", "most")
        orders = {name: title for name, title in texts.SEARCH_ORDER_TITLES.items() if name not in needs_scores}
        picked_order = pick_one("Order", state.ACROSS, orders) or next(iter(orders))
    by, _, direction = picked_order.partition("-")
    return SampleSearch(
        labels=(classes[picked].label,) if picked in classes else None,
        text=text,
        low=low,
        high=high,
        rules=_choose_rules(),
        order=matching(picked_order, SEARCH_ORDERS) or "key",
        by=by if direction else None,
        descending=direction == "down",
        seed=state.read_int(state.SEED, 0, 0, 10**6),
        **_keys(scores, decided),
    )


def _choose_rules() -> Curation:
    """Return the typed rules; none, and why, where they are not valid."""
    text = pick_words(
        texts.RULES, state.FILTER, texts.RULES_EXAMPLE, resets=(state.PAGE,), longest=1000, help=texts.RULES_HELP
    )
    try:
        return parse(text)
    except RuleSyntaxError as error:
        st.error(plain(str(error)), icon=":material/error:")
        st.code(error.pointer, language=None)
        return Curation()


def _keys(scores: ScoreSet, decided: str | None) -> dict[str, Any]:
    """Return the sample keys that a choice of decision stands for."""
    if decided in (None, "any"):
        return {}
    verdicts = {key: verdict for (key, _), verdict in decisions_of(store(), scores.dataset_id).items()}
    if decided == "open":
        return {"without": tuple(verdicts)}
    return {"only": tuple(key for key, verdict in verdicts.items() if verdict == decided)}


def _draw_selected(keys: tuple[str, ...]) -> None:
    if keys:
        st.download_button(
            texts.download_keys(len(keys)), "\n".join(keys) + "\n", "selected.txt", "text/plain",
            icon=":material/download:", key="selected-keys",
        )  # fmt: skip
