"""Draw the images that look mislabelled, most suspicious first, and a summary of which classes are confused."""

from __future__ import annotations

import streamlit as st

from jepascore_core.curation import Curation, parse, to_text
from jepascore_core.curation.columns.label_issues import last_label_issues
from jepascore_core.curation.columns.marks import corrected_labels_about
from jepascore_core.curation.columns.measured import count_measured
from jepascore_core.curation.precompute.steps import pending_label_issues
from jepascore_core.curation.relabelling import count_relabelled, relabel
from jepascore_core.errors import JepaScoreError, RuleSyntaxError, TooFewImagesError
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.sample_lists import sample_table
from jepascore_core.views.label_issues import (
    LIKELY_WRONG,
    LOWEST_CUT,
    ConfusedPair,
    LabelIssue,
    LabelIssueView,
    label_issue_view,
    without_label_issues,
)
from pages.ui.app import state
from pages.ui.app.live import is_filling
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.labels import texts
from pages.ui.widgets.gallery import Section, Tile, gallery, selection
from pages.ui.widgets.precompute import steps_done
from pages.ui.widgets.reviewer import choose_reviewer
from pages.ui.widgets.url_widgets import pick_number, pick_one, pick_page

PER_PAGE = 48
PAIRS_LISTED = 10
ALL_PAIRS = "all"
GALLERY_KEY = "labels"


def draw_labels(scores: ScoreSet) -> None:
    """Draw Labels below the choice of scores."""
    st.caption(texts.ABOUT)
    columns = st.columns([2, 3, 3], vertical_alignment="bottom")
    with columns[0]:
        cut = pick_number(texts.CUT, state.CUT, LIKELY_WRONG, LOWEST_CUT, 1.0, 0.05, help=texts.CUT_HELP)
    with columns[2]:
        who = choose_reviewer()
    try:
        earlier = _judged_earlier(scores)
        if earlier is None and not steps_done(scores, list(pending_label_issues(store(), scores))):
            return
        view = label_issue_view(store(), scores, 0, cut, num_measured=earlier)
    except TooFewImagesError as error:
        st.info(plain(str(error)))
        return
    with columns[1]:
        pair = _pick_pair(view.pairs)
    if view.warning:
        st.warning(plain(view.warning), icon=":material/warning:")
    st.markdown(texts.found(view.num_likely_wrong, view.num_judged, view.num_samples))
    if not view.num_likely_wrong:
        st.info(texts.NONE_FOUND)
    else:
        _draw_found(scores, view, pair, who, earlier)
    st.caption(texts.COMMAND)
    name = store().catalogue.dataset(scores.dataset_id).name
    st.code(texts.command(name, scores.key.text, cut), language="sh")


def _judged_earlier(scores: ScoreSet) -> int | None:
    """Return how many images the list rests on while measuring continues; None where it rests on all measured ones.

    Every batch would change the list under the reader's hands, and take a computation.
    """
    if not is_filling(scores.dataset_id):
        return None
    earlier, now = last_label_issues(store(), scores), count_measured(store(), scores)
    if earlier is None or earlier == now:
        return None
    place = st.empty()
    with place.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/hourglass_bottom: {texts.so_far(earlier, now)}", width="content")
        if not st.button(texts.REFRESH, icon=":material/refresh:", key="judge-again"):
            return earlier
    place.empty()
    return None


def _pick_pair(pairs: tuple[ConfusedPair, ...]) -> ConfusedPair | None:
    by_id = {f"{pair.label} → {pair.likely_label}": pair for pair in pairs}
    options = {ALL_PAIRS: texts.EVERY_PAIR} | {key: texts.pair(pair) for key, pair in by_id.items()}
    return by_id.get(pick_one(texts.PAIR, state.PAIR, options, resets=(state.PAGE,)) or "")


def _draw_found(
    scores: ScoreSet, view: LabelIssueView, pair: ConfusedPair | None, who: str, earlier: int | None
) -> None:
    num_found = pair.num_issues if pair is not None else view.num_likely_wrong
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _draw_rule(view.threshold)
        page = pick_page(-(-num_found // PER_PAGE))
    first = (page - 1) * PER_PAGE
    shown = label_issue_view(
        store(), scores, min(PER_PAGE, num_found - first), view.threshold, offset=first,
        pair=None if pair is None else (pair.label, pair.likely_label), num_measured=earlier,
    )  # fmt: skip
    _draw_accept(scores.dataset_id, shown.worst, who)
    about = {item.sample_key: item.content_id for item in shown.worst}
    corrected = corrected_labels_about(store(), store().catalogue.dataset(scores.dataset_id), about)
    tiles = [_tile(item, corrected.get(item.sample_key)) for item in shown.worst]
    event = gallery(
        [Section(tiles)], GALLERY_KEY, label=texts.GALLERY, size=128, remember=state.SAMPLE,
        dataset_id=scores.dataset_id, who=who, collects=True,
    )  # fmt: skip
    if event is not None:
        st.rerun()
    _draw_pairs(view)


def _draw_accept(dataset_id: str, shown: tuple[LabelIssue, ...], who: str) -> None:
    """Draw the button that gives the selected samples, or all of the page, the class that they look like."""
    chosen = set(selection(GALLERY_KEY, [item.sample_key for item in shown]))
    accepted = [item for item in shown if item.sample_key in chosen] if chosen else list(shown)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            texts.accept(len(accepted), all_of_page=not chosen), key="accept-labels", icon=":material/done_all:",
            shortcut="A" if chosen else None, on_click=_accept, args=(dataset_id, accepted, who),
            help=texts.ACCEPT_HELP,
        )  # fmt: skip
        if number := count_relabelled(store(), dataset_id):
            st.caption(texts.relabelled(number))


def _accept(dataset_id: str, accepted: list[LabelIssue], who: str) -> None:
    given: dict[str | None, list[tuple[str, str]]] = {}
    for item in accepted:
        given.setdefault(item.likely_label, []).append((item.sample_key, item.content_id))
    try:
        relabel(store(), dataset_id, {label: sample_table(pairs) for label, pairs in given.items()}, who)
    except JepaScoreError as error:
        st.toast(plain(str(error)), icon=":material/error:")


def _tile(item: LabelIssue, corrected: str | None) -> Tile:
    return Tile(
        item.sample_key, item.content_id, caption=item.label, badge=f"{item.label_issue:.2f}",
        tooltip=texts.tooltip(item), note=texts.looks_like(item) if corrected is None else texts.corrected(corrected),
    )  # fmt: skip


def _draw_rule(threshold: float) -> None:
    try:
        known = parse(state.read_text(state.RULES) or "")
    except RuleSyntaxError:
        known = Curation()
    rules = {state.RULES: to_text(without_label_issues(known, threshold))}
    st.page_link(
        "pages/curate.py", label=texts.RULE, icon=":material/checklist:", query_params=state.carried() | rules,
        help=texts.RULE_HELP,
    )  # fmt: skip


def _draw_pairs(view: LabelIssueView) -> None:
    st.subheader(texts.CONFUSED, anchor=False)
    listed = view.pairs[:PAIRS_LISTED]
    st.table(
        [
            {
                texts.LABELLED: plain(pair.label),
                texts.LOOKS_LIKE: plain(pair.likely_label),
                texts.SAMPLES: f"{pair.num_issues:,}",
                texts.OF_CLASS: texts.share_of_class(pair),
            }
            for pair in listed
        ]
    )
    if len(listed) < view.num_pairs:
        st.caption(texts.most_frequent(len(listed), view.num_pairs))
