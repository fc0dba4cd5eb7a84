"""Draw groups of duplicates as rows: click the image to keep, or accept the proposals."""

from __future__ import annotations

import streamlit as st

from jepascore_core.curation import Deduplicate, curation_of
from jepascore_core.curation.columns.near_duplicates import NearGroups, describe_search, known_near_groups
from jepascore_core.curation.evaluation.evaluate import Evaluator
from jepascore_core.curation.groups import DuplicateGroup, accept_all, choose_keeper, duplicate_groups
from jepascore_core.curation.rules.model import KEEPERS, NEAR_RADIUS, Keeper
from jepascore_core.formatting import plural, score_text
from jepascore_core.scores.coverage import coverage
from jepascore_core.scores.score_set import ScoreSet
from pages.ui.app import state
from pages.ui.app.store import store
from pages.ui.duplicates import texts
from pages.ui.widgets.callbacks import discard_result
from pages.ui.widgets.deck import decision_bar
from pages.ui.widgets.gallery import Section, Tile, gallery
from pages.ui.widgets.precompute import is_precomputed
from pages.ui.widgets.reviewer import choose_reviewer
from pages.ui.widgets.texts import KEEPER_TITLES
from pages.ui.widgets.url_widgets import pick_one, pick_page

GROUPS_PER_PAGE = 24


def draw_duplicates(scores: ScoreSet) -> None:
    """Draw Duplicates below the choice of scores."""
    picked = pick_one(
        texts.DUPLICATES, state.RADIUS, texts.RADII, segments=True, resets=(state.PAGE,), help=texts.RADII_HELP
    )
    left, right = st.columns(2, vertical_alignment="bottom")
    with left:
        keep = pick_one(texts.PROPOSE, state.KEEPER, {name: KEEPER_TITLES[name] for name in KEEPERS}) or KEEPERS[0]
    with right:
        who = choose_reviewer()
    radius = None if picked == "exact" else float(picked or NEAR_RADIUS)
    if not is_precomputed(Evaluator(store(), scores, curation_of([Deduplicate(radius, keep)]))):
        return
    found = known_near_groups(store(), scores, radius) if radius is not None else None
    _draw_groups(scores, radius, keep, who, found)


def _draw_groups(scores: ScoreSet, radius: float | None, keep: Keeper, who: str, found: NearGroups | None) -> None:
    counts = duplicate_groups(store(), scores, radius, keep, 0, 1)
    if found is not None:
        st.caption(f"{describe_search(found)}{_left_out_text(scores)}")
    if not counts.num_groups:
        st.info(texts.NONE_FOUND)
        return
    st.markdown(texts.summary(counts.num_groups, counts.num_samples, counts.num_surplus))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _draw_actions(scores, radius, keep, who)
        page = pick_page(-(-counts.num_groups // GROUPS_PER_PAGE))
    shown = duplicate_groups(store(), scores, radius, keep, (page - 1) * GROUPS_PER_PAGE, GROUPS_PER_PAGE)
    sections = [_section(group) for group in shown.groups]
    event = gallery(sections, "duplicates", label=texts.GROUPS, size=104, layout="flow")
    if event is not None:
        choose_keeper(store(), scores, radius, shown.groups[event.section].group_id, event.sample_key, who)
        st.rerun()


def _left_out_text(scores: ScoreSet) -> str:
    """Say how many samples a search by embeddings does not cover, "" if it covers all."""
    scored, samples = coverage(store(), scores)
    if scored == samples:
        return ""
    return texts.not_compared(samples - scored, samples)


def _draw_actions(scores: ScoreSet, radius: float | None, keep: Keeper, who: str) -> None:
    st.button(
        texts.ACCEPT_ALL, type="primary", icon=":material/done_all:", on_click=discard_result(accept_all),
        args=(store(), scores, radius, keep, who),
        help=texts.ACCEPT_ALL_HELP,
    )  # fmt: skip
    decision_bar("duplicates-desk", scores.dataset_id, who)


def _section(group: DuplicateGroup) -> Section:
    notes = [plural(group.size, "sample")]
    notes += [texts.SEVERAL_LABELS] if group.num_labels > 1 else []
    notes += [texts.SEVERAL_SPLITS] if group.num_splits > 1 else []
    notes += [texts.DECIDED] if group.is_decided else []
    tiles = [
        Tile(
            sample.sample_key,
            sample.content_id,
            caption=_caption(group, sample.sample_key),
            badge=score_text(sample.score) if sample.score == sample.score else "",
            tooltip=f"{sample.sample_key}\n{sample.label or texts.NO_LABEL}, {sample.split or texts.NO_SPLIT}",
        )
        for sample in group.samples
    ]
    return Section(tiles, "", " · ".join(notes))


def _caption(group: DuplicateGroup, sample_key: str) -> str:
    decided = group.verdicts.get(sample_key)
    if decided in ("keep", "drop"):
        return texts.KEEP if decided == "keep" else texts.DROP
    return texts.KEEPS if sample_key == group.keeper else texts.DROPS
