"""Draw the map of a dataset beside the list of its images; both follow the same filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from jepascore_core.curation import Curation, parse
from jepascore_core.curation.columns.layouts import MAP_IS_GONE, KeptLayout, known_layout, last_layout, layout_need
from jepascore_core.curation.columns.regions import MAX_CORNERS, mark_region
from jepascore_core.curation.decisions import decisions_of
from jepascore_core.curation.evaluation.evaluate import Evaluator
from jepascore_core.curation.journal import journal_state
from jepascore_core.curation.precompute.steps import pending_label_issues, pending_layout, pending_steps
from jepascore_core.curation.rules.marked import Marked
from jepascore_core.curation.rules.model import walk
from jepascore_core.embeddings.layout import LayoutKind
from jepascore_core.errors import JepaScoreError, RuleError, RuleSyntaxError, StoreError, TooFewImagesError
from jepascore_core.figures.style import PALETTE
from jepascore_core.records.canonical import short_hash
from jepascore_core.scores.measured import MeasuredChoice, measured_choices, offered
from jepascore_core.scores.score_set import ScoreSet, read_version
from jepascore_core.views.browse import DECIDED, BrowseQuery
from jepascore_core.views.map_colours import DISAGREEMENT, NOTHING, colouring_state, offered_properties
from pages.ui.app import state
from pages.ui.app.live import is_filling
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.explore.routes import FILTER, WHICH, parameters
from pages.ui.explore.whole import draw_whole
from pages.ui.map import texts
from pages.ui.map.colours import DIVERGING, SEQUENTIAL, blended
from pages.ui.map.regions import draw_naming, filter_by, without_regions
from pages.ui.map.routes import BY, IDENTITY, KIND, ROW, RULES, STATE, VERSION
from pages.ui.widgets.choose_scores import choose_scores
from pages.ui.widgets.components import component
from pages.ui.widgets.estimate_notes import draw_estimate_notes
from pages.ui.widgets.fold import choices, draw_fold
from pages.ui.widgets.precompute import is_ready, steps_done
from pages.ui.widgets.theory_notes import draw_theory_notes
from pages.ui.widgets.url_widgets import pick_one

KEY = "map"
#: In a narrow window the list is below the map.
STYLE = """<style>
@media (max-width: 900px) {
  .st-key-map-and-list > [data-testid="stHorizontalBlock"] { flex-direction: column; }
  .st-key-map-and-list > [data-testid="stHorizontalBlock"] > [data-testid="stColumn"] { width: 100%; flex: none; }
}
</style>"""

_mount = component("map")


@dataclass(frozen=True, slots=True)
class Mapped:
    """What is mapped; the place of the line that says what is chosen in a narrow window, and what it says so far."""

    scores: ScoreSet
    line: DeltaGenerator
    chosen: tuple[str, ...]


def choose_mapped() -> Mapped | None:
    """Return one dataset under one backbone; say what to do where there is none."""
    st.html(STYLE)
    said: list[tuple[DeltaGenerator, list[str]]] = []
    scores = choose_scores(says_more=lambda place, chosen: said.append((place, chosen)))
    return Mapped(scores, said[0][0], tuple(said[0][1])) if scores is not None else None


def draw_map_page(mapped: Mapped) -> None:
    """Draw the map and the list below the choice of scores."""
    scores = mapped.scores
    measured = offered(store(), measured_choices(store(), scores.dataset_id))
    with choices("-of-map"):
        columns = st.columns([4, 4, 3, 3, 3], vertical_alignment="bottom")
    with columns[0]:
        kind = _pick_kind(scores)
    with columns[1]:
        by, colour = _pick_colour(scores, measured)
    draw_fold(mapped.line, [texts.coloured(colour), texts.LAYOUT_TITLES[kind], *mapped.chosen])
    try:
        layout = _layout_now(scores, kind)
        by = by if _is_colour_ready(scores, by) else NOTHING
    except (RuleError, TooFewImagesError) as error:
        st.info(plain(str(error)))
        layout = None
    with st.container(key="map-and-list"):
        left, right = st.columns([6, 5])
    with right:
        draw_whole(scores, measured, columns[2:])
    with left:
        if layout is not None:
            _draw_map(scores, layout, by, measured)
    draw_theory_notes([scores])
    draw_estimate_notes([scores])


def _pick_kind(scores: ScoreSet) -> LayoutKind:
    is_known = known_layout(store(), scores, "pacmap") is not None
    default: LayoutKind = "pacmap" if is_known else "pca"
    titles, explained = texts.LAYOUT_TITLES, texts.LAYOUT_HELP
    return pick_one(texts.LAYOUT, state.LAYOUT, titles, segments=True, default=default, help=explained) or default


def _pick_colour(scores: ScoreSet, measured: Sequence[MeasuredChoice]) -> tuple[str, str]:
    """Return what gives the points their colours, and its title."""
    options = {name: texts.COLOUR_TITLES[name] for name in (*offered_properties(store(), scores), NOTHING)}
    if scores.key.has_scores:
        options |= {name: texts.disagreement(choice.title) for name, choice in _others(scores, measured).items()}
    picked = pick_one(texts.COLOUR, state.COLOUR, options) or NOTHING
    return picked, options[picked]


def _others(scores: ScoreSet, measured: Sequence[MeasuredChoice]) -> Mapping[str, MeasuredChoice]:
    """Return the other backbones with scores, by how a colouring names them."""
    return {
        f"{DISAGREEMENT}{choice.key.text}": choice
        for choice in measured
        if choice.key.has_scores and choice.key != scores.key
    }


def _layout_now(scores: ScoreSet, kind: LayoutKind) -> KeptLayout | None:
    """Return the map to show: while that by neighbours is computed, the overview."""
    earlier = _laid_out_earlier(scores, kind)
    if earlier is not None:
        return earlier
    if kind == "pacmap" and not steps_done(scores, list(pending_layout(store(), scores, kind))):
        st.caption(texts.OVERVIEW_MEANWHILE)
        kind = "pca"
    if kind == "pca" and not steps_done(scores, list(pending_layout(store(), scores, kind))):
        return None
    return known_layout(store(), scores, kind)


def _laid_out_earlier(scores: ScoreSet, kind: LayoutKind) -> KeptLayout | None:
    """Return the last map while measuring continues: points would move under the reader's hands with every batch."""
    if not is_filling(scores.dataset_id):
        return None
    earlier, need = last_layout(store(), scores, kind), layout_need(store(), scores, kind)
    if earlier is None or earlier.identity == need.identity:
        return None
    place = st.empty()
    with place.container(horizontal=True, vertical_alignment="center"):
        said = texts.so_far(earlier.num_images, need.size)
        st.markdown(f":material/hourglass_bottom: {said}", width="content")
        if not st.button(texts.REFRESH, icon=":material/refresh:", key="map-again"):
            return earlier
    place.empty()
    return None


def _is_colour_ready(scores: ScoreSet, by: str) -> bool:
    """Return whether a colour is known now; offer the worker for what takes long."""
    if by == "label_issue":
        return steps_done(scores, list(pending_label_issues(store(), scores)))
    if by == "verdict":
        return is_ready(scores, _rules(state.RULES), decisions_of(store(), scores.dataset_id), "verdicts")
    return True


def _rules(name: str) -> Curation:
    """Return the rules of a parameter; none where they are not valid, which the list or Curate says."""
    try:
        return parse(state.read_text(name) or "")
    except RuleSyntaxError:
        return Curation()


def _draw_map(scores: ScoreSet, layout: KeptLayout, by: str, measured: Sequence[MeasuredChoice]) -> None:
    regions = _regions()
    _mount(
        key=KEY,
        data=_map_data(scores, layout, by, measured) | {"has_region": bool(regions)},
        on_picked_change=_pick,
        on_marked_change=partial(_mark, scores, layout),
        on_cleared_change=_clear,
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(texts.about(layout), help=texts.ABOUT_HELP)
        if len(regions) == 1:
            draw_naming(scores.dataset_id, regions[0])


def _map_data(scores: ScoreSet, layout: KeptLayout, by: str, measured: Sequence[MeasuredChoice]) -> dict[str, Any]:
    version = str(store().catalogue.dataset(scores.dataset_id).version)
    route, asked = f"map/{scores.dataset_id}", parameters(BrowseQuery(scores))
    rules = _rules(state.RULES) if by == "verdict" else Curation()
    coloured = {BY: by, STATE: colouring_state(store(), scores, by, rules)}
    coloured |= {RULES: state.read_text(state.RULES) or ""} if rules.clauses else {}
    places = {**asked, KIND: layout.kind, IDENTITY: layout.identity, VERSION: version}
    other = _others(scores, measured).get(by)
    return {
        "label": texts.MAP,
        "places": f"{route}/places?{urlencode(places)}",
        "colours": f"{route}/colours?{urlencode({**asked, **coloured})}",
        "listed": _listed(scores, route, asked),
        "samples": f"{route}/sample?{urlencode({VERSION: version, ROW: ''})}",
        "layout": layout.identity,
        "palette": list(PALETTE),
        "ramp": blended(SEQUENTIAL),
        "diverging": blended(DIVERGING),
        "ends": texts.ends_of_disagreement(other.title) if other else texts.ENDS.get(by, ("", "")),
        "texts": texts.IN_BROWSER,
    }


def _listed(scores: ScoreSet, route: str, asked: Mapping[str, str]) -> str:
    """Return the address of what the filters leave; "" where there are none, or they cannot be applied yet."""
    rules, decided = _rules(state.FILTER), state.read_choice(state.DECIDED, DECIDED, DECIDED[0])
    if not rules.clauses and decided == DECIDED[0]:
        return ""
    try:
        if pending_steps(Evaluator(store(), scores, rules, {})):
            return ""
    except (RuleError, TooFewImagesError):
        return ""  # the list says why
    seen = [read_version(store(), scores), journal_state(store(), scores.dataset_id)]
    wanted = {FILTER: state.read_text(state.FILTER) or "", WHICH: decided, STATE: short_hash(seen, 12)}
    return f"{route}/listed?{urlencode({**asked, **wanted})}"


def _regions() -> list[str]:
    """Return the regions that the filters name, each once."""
    marks = [item for rule in _rules(state.FILTER).rules for item in walk(rule) if isinstance(item, Marked)]
    return list(dict.fromkeys(str(item.value) for item in marks if item.name == "region"))


def _mark(scores: ScoreSet, layout: KeptLayout) -> None:
    """Make what was drawn around a region, in the place of the one before it. The browser is not trusted."""
    match st.session_state[KEY].get("marked"):
        case {"corners": [*corners], "layout": str(identity)} if len(corners) <= MAX_CORNERS:
            try:
                if identity != layout.identity:
                    raise StoreError(MAP_IS_GONE)
                region = mark_region(store(), scores, layout, [(float(x), float(y)) for x, y in corners])
            except (JepaScoreError, TypeError, ValueError) as error:
                st.toast(plain(str(error)), icon=":material/error:")
                return
            if region.num_images:
                filter_by(without_regions(_rules(state.FILTER)).plus(Marked("region", region.name)))
            else:
                st.toast(texts.NOBODY_THERE, icon=":material/info:")


def _clear() -> None:
    filter_by(without_regions(_rules(state.FILTER)))


def _pick() -> None:
    match st.session_state[KEY].get("picked"):
        case {"sample_key": str(key)}:
            state.write(state.SAMPLE, key)
