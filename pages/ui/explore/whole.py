"""Draw the whole dataset in one list: filters and order in the URL, rows by HTTP, decisions about all that match."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlencode

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from jepascore_core.curation import Curation, curation_of, parse, to_text
from jepascore_core.curation.decisions import DECISION_VERDICTS, decide
from jepascore_core.curation.journal import journal_state
from jepascore_core.curation.tags import add_tag, remove_tag
from jepascore_core.errors import JepaScoreError, RuleError, RuleSyntaxError, TooFewImagesError, matching
from jepascore_core.records.canonical import short_hash
from jepascore_core.scores.measured import DatasetChoice, MeasuredChoice
from jepascore_core.scores.memo import prefetch
from jepascore_core.scores.score_set import ScoreSet, no_scores, read_version
from jepascore_core.storage.sample_lists import sample_table
from jepascore_core.views.browse import (
    AT_RANDOM,
    BY_KEY,
    DECIDED,
    BrowseQuery,
    all_have_tag,
    browse,
    check_ranges,
    samples_in,
)
from jepascore_core.views.facets import prepare
from pages.ui.app import state
from pages.ui.app.fragments import fragment
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.explore import texts
from pages.ui.explore.routes import FILTER, MAX_SEED, WHICH, parameters, query_of
from pages.ui.explore.sorting import sort_options
from pages.ui.widgets import texts as widget_texts
from pages.ui.widgets.components import component
from pages.ui.widgets.decisions import MAX_NAME, Desk, act, desk_data
from pages.ui.widgets.gallery import LARGEST, SMALLEST
from pages.ui.widgets.precompute import is_ready
from pages.ui.widgets.reviewer import reviewer
from pages.ui.widgets.url_widgets import pick_one

KEY = "whole"
SIZE = 104
INDEXING_SECONDS = 2.0
#: What is done about all that is selected.
BULK = ("keep", "drop", "undecided", "tag", "untag", "toggle")
_TOKEN = re.compile(r"[0-9a-f]{32}")

_mount = component("grid", "tile")


def draw_whole(scores: ScoreSet, measured: Sequence[MeasuredChoice], places: Sequence[DeltaGenerator]) -> None:
    """Draw the list; order, direction and the way to Curate are in three `places`. `scores` may be of no backbone."""
    own = [scores] if scores.is_measured and scores.key.has_scores else []
    options = sort_options(scores.dataset_id, own, measured)
    with places[0]:
        sort = pick_one(texts.SORT, state.SORT, options) or BY_KEY
    with places[1]:
        direction = pick_one(texts.DIRECTION, state.DIRECTION, texts.DIRECTION_TITLES)
    rules, text = _rules_of_url()
    decided = state.read_choice(state.DECIDED, DECIDED, DECIDED[0])
    seed = state.read_int(state.SEED, 0, 0, MAX_SEED) if sort == AT_RANDOM else 0
    query = BrowseQuery(scores, rules, decided, sort, direction == "down" and sort != AT_RANDOM, seed)
    with places[2]:
        _draw_way_to_curate(rules)
    try:
        if not is_ready(scores, query.needs, {}, "whole"):
            return
    except (RuleError, TooFewImagesError) as error:
        st.info(plain(str(error)))
        return
    prefetch(partial(prepare, store(), query))
    _draw_list(query, text)


def draw_so_far(dataset: DatasetChoice) -> None:
    """Draw what a first index has read so far, again and again until it is complete."""
    fragment(partial(_draw_so_far, dataset.dataset_id), INDEXING_SECONDS)


def _draw_so_far(dataset_id: str) -> None:
    record = store().catalogue.dataset(dataset_id)
    if record.version is not None:
        st.rerun()
    about = texts.indexed_so_far(record.num_indexed, record.num_total)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(plain(f"{widget_texts.being_indexed(record.name)} {about}"))
        st.page_link("pages/runs.py", label=widget_texts.GO_TO_RUNS, icon=":material/play_circle:")
    query = BrowseQuery(no_scores(dataset_id))
    _mount_list(query, "", Desk(KEY, dataset_id, None, {}), str(record.num_indexed), is_final=False)


def _rules_of_url() -> tuple[Curation, str]:
    """Return the rules that filter the list, and their text; those that are not valid are shown, and filter nothing."""
    text = state.read_text(state.FILTER) or ""
    try:
        return parse(text), text
    except RuleSyntaxError as error:
        st.error(plain(str(error)), icon=":material/error:")
        st.code(error.pointer, language=None)
        return Curation(), ""


def _draw_way_to_curate(rules: Curation) -> None:
    """Draw a link that adds the filters to the rules of Curate."""
    if not rules.clauses:
        return
    try:
        both = curation_of([*parse(state.read_text(state.RULES) or "").clauses, *rules.clauses])
    except RuleError:
        both = rules  # what is there is not valid, or has another budget
    link = {**state.carried(), state.RULES: to_text(both)}
    st.page_link(
        "pages/curate.py", label=texts.MAKE_RULES, icon=":material/checklist:", query_params=link,
        help=texts.MAKE_RULES_HELP,
    )  # fmt: skip


def _draw_list(query: BrowseQuery, text: str) -> None:
    scores = query.scores
    version = store().catalogue.dataset(scores.dataset_id).version
    seen = [version, read_version(store(), scores), journal_state(store(), scores.dataset_id)]
    _mount_list(query, text, Desk(KEY, scores.dataset_id, reviewer(), {}), short_hash(seen, 12), is_final=True)


def _mount_list(query: BrowseQuery, text: str, desk: Desk, seen: str, *, is_final: bool) -> None:
    """Draw the component. `text` is that of the rules as the URL has it, which the browser compares with its own."""
    result = _mount(
        key=KEY,
        data={
            "label": texts.WHOLE_DATASET,
            "route": f"samples/{desk.dataset_id}",
            "query": urlencode(parameters(query)),
            "filter": text,
            "decided": query.decided,
            "state": seen,
            "size": state.read_int(state.SIZE, SIZE, SMALLEST, LARGEST),
            "selected": state.read_text(state.SAMPLE),
            "is_final": is_final,
            **desk_data(desk),
        },
        on_picked_change=_pick,
        on_viewed_change=_resize,
        on_filtered_change=_filter,
        on_acted_change=partial(_act, desk),
        on_bulk_change=partial(_act_in_bulk, desk),
    )
    if result.picked is not None:
        st.rerun()  # the sample window is not a part of the list


def _reported(name: str) -> Any:
    return st.session_state[KEY].get(name)


def _pick() -> None:
    match _reported("picked"):
        case {"sample_key": str(key)}:
            state.write(state.SAMPLE, key)


def _resize() -> None:
    match _reported("viewed"):
        case {"size": int(size)}:
            state.write(state.SIZE, min(max(size, SMALLEST), LARGEST))


def _filter() -> None:
    match _reported("filtered"):
        case {"filter": str(text), "decided": str(decided)}:
            state.write(state.FILTER, text)
            state.write(state.DECIDED, decided if decided in DECIDED[1:] else None)


def _act(desk: Desk) -> None:
    report = _reported("acted")
    act(desk, report.get("actions") if isinstance(report, dict) else None)


def _act_in_bulk(desk: Desk) -> None:
    """Decide about all that is selected, or tag it, in one action. The browser, which names places, is not trusted."""
    match _reported("bulk"):
        case {
            "token": str(token), "who": str(who), "kind": str(kind), "view": str(view), "ranges": [*given],
            "filter": str(text), "decided": str(decided), "query": str(query), **more,
        } if kind in BULK and _TOKEN.fullmatch(token) and 0 < len(who.strip()) <= MAX_NAME:  # fmt: skip
            ranges = [(first, end) for first, end in _pairs(given)]
            try:
                asked = query_of(desk.dataset_id, {**dict(parse_qsl(query)), FILTER: text, WHICH: decided})
                found = browse(store(), asked)
                check_ranges(found, view, ranges)
                samples = samples_in(store(), asked, found, ranges)
                tag = str(more.get("tag", ""))
                if kind == "toggle":
                    kind = "untag" if all_have_tag(store(), asked, found, ranges, tag) else "tag"
                st.toast(plain(_act_on(desk, samples, kind, tag, who, token)), icon=":material/check_circle:")
            except JepaScoreError as error:
                st.toast(plain(str(error)), icon=":material/error:")


def _act_on(desk: Desk, samples: list[tuple[str, str]], kind: str, tag: str, who: str, token: str) -> str:
    """Do it, and return what to say."""
    verdict = matching(kind, DECISION_VERDICTS)
    if verdict is not None:
        decide(store(), desk.dataset_id, samples, verdict, who, token=token)
        return texts.decided(verdict, len(samples))
    change = remove_tag if kind == "untag" else add_tag
    change(store(), desk.dataset_id, sample_table(samples), tag, who, token=token)
    return texts.tagged(tag, len(samples), is_set=kind != "untag")


def _pairs(given: Sequence[Any]) -> list[tuple[int, int]]:
    return [(item[0], item[1]) for item in given if isinstance(item, list) and [type(x) for x in item] == [int, int]]
