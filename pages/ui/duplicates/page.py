"""Draw groups of duplicates as rows: click the image to keep, or accept the proposals."""

from __future__ import annotations

import streamlit as st

from jepascore_core.curation import Deduplicate, curation_of
from jepascore_core.curation.columns.near_duplicates import describe_search, known_near_groups
from jepascore_core.curation.columns.perceptual_duplicates import MAX_BITS, count_unhashed
from jepascore_core.curation.evaluation.evaluate import Evaluator
from jepascore_core.curation.groups import (
    DuplicateGroup,
    accept_all,
    choose_keeper,
    duplicate_groups,
    plan_accept,
)
from jepascore_core.curation.rules.model import KEEPERS, Keeper
from jepascore_core.formatting import plural, score_text
from jepascore_core.scores.coverage import coverage
from jepascore_core.scores.measured import measured_choices
from jepascore_core.scores.score_set import ScoreSet
from pages.ui.app import state
from pages.ui.app.live import await_change
from pages.ui.app.store import store
from pages.ui.duplicates import texts
from pages.ui.duplicates.radius import choose_radius
from pages.ui.widgets.callbacks import discard_result
from pages.ui.widgets.choose_scores import nothing_yet, say_what_failed
from pages.ui.widgets.deck import decision_bar
from pages.ui.widgets.gallery import Section, Tile, gallery
from pages.ui.widgets.precompute import is_precomputed
from pages.ui.widgets.reviewer import choose_reviewer
from pages.ui.widgets.texts import KEEPER_TITLES
from pages.ui.widgets.url_widgets import pick_one, pick_page

GROUPS_PER_PAGE = 24
DEFAULT_KEEPER: Keeper = "largest"


def draw_duplicates(scores: ScoreSet) -> None:
    """Draw Duplicates below the choice of scores, which only near duplicates need."""
    left, middle, right = st.columns([5, 3, 3], vertical_alignment="bottom")
    with left:
        level = pick_one(
            texts.DUPLICATES, state.LEVEL, texts.LEVELS, segments=True, resets=(state.PAGE,),
            default=_default_level(), help=texts.LEVELS_HELP,
        )  # fmt: skip
    with middle:
        keepers = [name for name in KEEPERS if (scores.is_measured and scores.key.has_scores) or name != "most_likely"]
        titles = {name: KEEPER_TITLES[name] for name in keepers}
        keep = pick_one(texts.PROPOSE, state.KEEPER, titles, default=DEFAULT_KEEPER) or DEFAULT_KEEPER
    with right:
        who = choose_reviewer()
    if level == "near" and not scores.is_measured:
        nothing_yet(texts.NEAR_NEEDS_RUN)
        say_what_failed(scores.dataset_id)
        await_change(lambda: len(measured_choices(store(), scores.dataset_id)))
        return
    radius = choose_radius(scores) if level == "near" else None
    if level == "near" and radius is None:
        return
    step = Deduplicate(radius, keep, perceptual=level == "perceptual")
    if is_precomputed(Evaluator(store(), scores, curation_of([step]))):
        _draw_groups(scores, step, who)


def _default_level() -> str:
    """The level of a link of an earlier release, which had a radius alone."""
    return "near" if state.read_number(state.RADIUS, 0.0, 0.0, 1.0) else "exact"


def _draw_groups(scores: ScoreSet, step: Deduplicate, who: str) -> None:
    counts = duplicate_groups(store(), scores, step, 0, 1)
    if about := _about(scores, step):
        st.caption(about)
    if not counts.num_groups:
        st.info(texts.NONE_FOUND)
        return
    st.markdown(texts.summary(counts.num_groups, counts.num_samples))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _draw_actions(scores, step, who)
        page = pick_page(-(-counts.num_groups // GROUPS_PER_PAGE))
    shown = duplicate_groups(store(), scores, step, (page - 1) * GROUPS_PER_PAGE, GROUPS_PER_PAGE)
    sections = [_section(group) for group in shown.groups]
    event = gallery(sections, "duplicates", label=texts.GROUPS, size=104, layout="flow", inspect=state.SAMPLE)
    if event is not None:
        choose_keeper(store(), scores, step, shown.groups[event.section].group_id, event.sample_key, who)
        st.rerun()


def _about(scores: ScoreSet, step: Deduplicate) -> str:
    """Say how they were found, and which samples were not compared."""
    if step.perceptual:
        dataset = store().catalogue.dataset(scores.dataset_id)
        return texts.perceptual(MAX_BITS, count_unhashed(store(), dataset))
    found = known_near_groups(store(), scores, step.radius) if step.radius is not None else None
    return f"{describe_search(found)}{_left_out_text(scores)}" if found is not None else ""


def _left_out_text(scores: ScoreSet) -> str:
    """Say how many samples a search by embeddings does not cover, "" if it covers all."""
    scored, samples = coverage(store(), scores)
    if scored == samples:
        return ""
    return texts.not_compared(samples - scored, samples)


def _draw_actions(scores: ScoreSet, step: Deduplicate, who: str) -> None:
    plan = plan_accept(store(), scores, step)
    label = texts.drop_and_keep(plan.num_dropped, plan.num_kept)
    accept, arguments = discard_result(accept_all), (store(), scores, step, who)
    icon = ":material/done_all:"
    if not plan.num_dropped:
        st.button(texts.ALL_DECIDED, icon=icon, disabled=True)
    elif plan.warning:
        with st.popover(label, icon=":material/warning:"):
            st.warning(plan.warning)
            st.button(texts.ACCEPT_ANYWAY, type="primary", icon=icon, on_click=accept, args=arguments)
    else:
        st.button(label, type="primary", icon=icon, help=texts.ACCEPT_HELP, on_click=accept, args=arguments)
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
