"""Draw a form for each kind of rule; an added rule shows as a chip and as text."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from jepascore_core.curation import Clause, Curation, clause_text
from jepascore_core.curation.columns.names import metadata_names, split_names
from jepascore_core.curation.rules.column import LABEL_ISSUE, LIKELY_LABEL, PROPERTIES, Column
from jepascore_core.curation.rules.model import (
    KEEPERS,
    NEAR_RADIUS,
    AtLeast,
    Between,
    Budget,
    Deduplicate,
    Draw,
    Flag,
    IsIn,
    Like,
    Not,
    Or,
    Part,
    Rule,
)
from jepascore_core.embeddings.baselines import BASELINES
from jepascore_core.errors import RuleError
from jepascore_core.scores.measured import measured_choices
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.views.choices import class_choices
from jepascore_core.views.label_issues import LIKELY_WRONG, LOWEST_CUT
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.curate import texts
from pages.ui.curate.reference_form import pick_reference, reference_form
from pages.ui.curate.rule_bar import set_curation
from pages.ui.widgets.choose_scores import complete_first, measured_id, plain_title
from pages.ui.widgets.texts import KEEPER_TITLES


def draw_adders(scores: ScoreSet, curation: Curation) -> None:
    """Draw a form for each kind of rule."""
    forms: tuple[tuple[str, str, Callable[[ScoreSet], Clause | None]], ...] = (
        ("Score", ":material/percent:", _score_form),
        ("Agreement", ":material/how_to_vote:", _agreement_form),
        ("Duplicates", ":material/content_copy:", _duplicate_form),
        ("Class", ":material/label:", _class_form),
        ("Labels", ":material/label_off:", _label_issue_form),
        ("Reference", ":material/compare:", reference_form),
        ("Columns", ":material/table_rows:", _column_form),
        ("Image", ":material/image:", _image_form),
        ("Budget", ":material/savings:", _budget_form),
    )
    with st.container(horizontal=True, gap="small"):
        for title, icon, form in forms:
            with st.popover(title, icon=icon):
                _adder(title, form, scores, curation)


def _adder(title: str, form: Callable[[ScoreSet], Clause | None], scores: ScoreSet, curation: Curation) -> None:
    try:
        chip = form(scores)
        added = curation if chip is None else _with(curation, chip, title)
    except RuleError as error:
        st.warning(plain(str(error)))
        return
    st.button(
        texts.ADD, key=f"add-{title}", type="primary", on_click=set_curation, args=(added,), disabled=chip is None
    )


def _with(curation: Curation, chip: Clause, title: str) -> Curation:
    if isinstance(chip, Deduplicate | Budget):
        return curation.plus(chip)
    place = _place(title, curation)
    return curation.plus(chip) if place is None else curation.either(place, chip)


def _place(title: str, curation: Curation) -> int | None:
    """Return the position of the rule that the new one is an alternative to; None if both must hold."""
    if not curation.rules:
        return None
    choices = [texts.AND_ALSO, *(texts.or_rule(clause_text(rule)) for rule in curation.rules)]
    chosen = st.selectbox(texts.COMBINE, range(len(choices)), key=f"combine-{title}", format_func=choices.__getitem__)
    return chosen - 1 if chosen else None


def _score_form(scores: ScoreSet) -> Clause | None:
    name = st.selectbox(texts.COLUMN, list(texts.PERCENTILES), format_func=texts.PERCENTILES.__getitem__)
    variants = [name for name in texts.SCORE_TITLES if name in BASELINES or scores.key.has_scores]
    baseline = st.selectbox(texts.SCORE, variants, format_func=texts.SCORE_TITLES.__getitem__)
    if baseline is not None:
        st.caption(texts.BASELINES_ABOUT)
    choices = {measured_id(item): plain_title(item) for item in measured_choices(store(), scores.dataset_id)}
    own = scores.key.text
    backbone = st.selectbox(texts.UNDER, list(choices), index=list(choices).index(own), format_func=choices.__getitem__)
    column = Column(name, None if backbone == own else backbone, baseline)
    if name == "score":
        low = st.number_input(texts.KEEP_FROM, value=None, placeholder=texts.NO_LIMIT)
        high = st.number_input(texts.KEEP_UP_TO, value=None, placeholder=texts.NO_LIMIT)
    else:
        first, last = st.slider(texts.KEEP, 0.0, 100.0, (5.0, 100.0), 0.5, help=texts.HIGHER)
        low, high = first if first > 0 else None, last if last < 100 else None
    return None if low is None and high is None else Between(column, low, high)


def _agreement_form(scores: ScoreSet) -> Clause | None:
    measured = {measured_id(item): item for item in measured_choices(store(), scores.dataset_id)}
    choices = {name: plain_title(item) for name, item in measured.items()}
    if len(choices) < 2:
        st.caption(texts.SECOND_BACKBONE)
        return None
    chosen = st.multiselect(
        texts.BACKBONES, list(choices), default=complete_first(measured, 3), format_func=choices.__getitem__
    )
    names = [name for name in texts.PERCENTILES if name != "score"]
    name = st.selectbox(texts.COLUMN, names, format_func=texts.PERCENTILES.__getitem__, key="agreement-column")
    cut = st.number_input(texts.UNLIKELY_BELOW, 0.5, 99.5, 5.0, 0.5, help=texts.UNLIKELY_HELP)
    if len(chosen) < 2:
        st.caption(texts.CHOOSE_TWO)
        return None
    m = st.number_input(texts.DROP_WHEN, 1, len(chosen), min(2, len(chosen)))
    return Not(AtLeast(int(m), tuple(Not(Between(Column(name, backbone), cut)) for backbone in chosen)))


def _duplicate_form(_scores: ScoreSet) -> Clause | None:
    kind = st.selectbox(texts.KIND, [texts.EXACT, texts.NEAR, texts.LEAKS, texts.CONFLICTS])
    near = kind == texts.NEAR or (kind != texts.EXACT and st.checkbox(texts.COUNT_NEAR))
    radius = st.number_input(texts.RADIUS, 0.001, 1.0, NEAR_RADIUS, 0.01, "%.3f") if near else None
    if kind in (texts.EXACT, texts.NEAR):
        keep = st.selectbox(texts.KEEP, list(KEEPERS), format_func=KEEPER_TITLES.__getitem__)
        return Deduplicate(radius, keep)
    return Not(Flag("leak" if kind == texts.LEAKS else "label_conflict", radius))


def _class_form(scores: ScoreSet) -> Clause | None:
    titles = {item.title: item.label for item in class_choices(store(), scores.dataset_id)}
    what = st.segmented_control(
        texts.ACTION, [texts.KEEP_ONLY, texts.LEAVE_OUT, texts.BY_SIZE], default=texts.KEEP_ONLY
    )
    if what == texts.BY_SIZE:
        return Between(Column("class_size"), st.number_input(texts.CLASS_SIZE_AT_LEAST, 2, 10**9, 20))
    chosen = st.multiselect(texts.CLASSES, list(titles))
    if not chosen:
        return None
    rule = IsIn(Column("label"), tuple(titles[title] for title in chosen))
    return Not(rule) if what == texts.LEAVE_OUT else rule


def _label_issue_form(scores: ScoreSet) -> Clause | None:
    """Draw a limit of label issues, of all samples or of those that look like some classes."""
    cut = st.number_input(texts.WRONG_FROM, LOWEST_CUT, 1.0, LIKELY_WRONG, 0.05, help=texts.WRONG_FROM_HELP)
    names = [item.label for item in class_choices(store(), scores.dataset_id) if item.label is not None]
    chosen = st.multiselect(texts.LOOKS_LIKE, names, placeholder=texts.ANY_CLASS)
    right = Not(Between(Column(LABEL_ISSUE), cut))
    return Or((right, Not(IsIn(Column(LIKELY_LABEL), tuple(chosen))))) if chosen else right


def _column_form(scores: ScoreSet) -> Clause | None:
    """Draw conditions on the split, the sample key and the columns of a table."""
    splits = split_names(store(), scores.dataset_id)
    own = metadata_names(store(), scores.dataset_id)
    what = st.selectbox(texts.COLUMN, [*([texts.SPLIT] if splits else []), texts.SAMPLE_KEY, *own], key="column-name")
    if what == texts.SPLIT and splits:
        chosen = st.multiselect(texts.SPLITS_TO_KEEP, splits)
        return IsIn(Column("split"), tuple(chosen)) if chosen else None
    column = Column("key") if what == texts.SAMPLE_KEY else Column("meta", key=what)
    is_number = what in own and st.checkbox(texts.IS_NUMBER)
    rule = _range_of(column) if is_number else _pattern_of(column)
    negated = rule is not None and st.checkbox(texts.NEGATE)
    return Not(rule) if rule is not None and negated else rule


def _range_of(column: Column) -> Rule | None:
    low = st.number_input(texts.AT_LEAST, value=None, placeholder=texts.NO_LIMIT, key="column-low")
    high = st.number_input(texts.AT_MOST, value=None, placeholder=texts.NO_LIMIT, key="column-high")
    return None if low is None and high is None else Between(column, low, high)


def _pattern_of(column: Column) -> Rule | None:
    text = st.text_input(texts.PATTERN, placeholder="train/*", help=texts.PATTERN_HELP)
    if not text:
        return None
    return Like(column, text) if "*" in text or "?" in text else IsIn(column, (text,))


def _image_form(_scores: ScoreSet) -> Clause | None:
    name = st.selectbox(texts.PROPERTY, [*PROPERTIES, texts.COLOURS])
    if name == texts.COLOURS:
        what = st.segmented_control(texts.KEEP, [texts.COLOURED, texts.GREY], default=texts.COLOURED)
        return Flag("grey") if what == texts.GREY else Not(Flag("grey"))
    low = st.number_input(texts.AT_LEAST, value=None, min_value=0.0, placeholder=texts.NO_LIMIT)
    high = st.number_input(texts.AT_MOST, value=None, min_value=0.0, placeholder=texts.NO_LIMIT)
    return None if low is None and high is None else Between(Column(name), low, high)


def _budget_form(scores: ScoreSet) -> Clause | None:
    kinds: dict[str, tuple[Draw, str]] = {
        texts.RANDOM: ("random", ""),
        texts.BALANCED: ("balanced", ""),
        texts.PER_CLASS: ("random", "class"),
        texts.DIVERSE: ("diverse", ""),
        texts.CLUSTERS: ("clusters", ""),
        texts.FARTHEST: ("farthest", "reference"),
        texts.FAR_AND_DIVERSE: ("diverse", "reference"),
    }
    kind = st.selectbox(texts.DRAW, list(kinds))
    n = st.number_input(texts.SAMPLES_PER_CLASS if kind == texts.PER_CLASS else texts.SAMPLES, 1, 10**9, 1000)
    draw, of = kinds[kind]
    reference = pick_reference(scores, "budget") if of == "reference" else None
    if of == "reference" and reference is None:
        return None
    clusters = st.number_input(texts.NUM_CLUSTERS, 2, 100_000, 50) if draw == "clusters" else None
    seed = st.number_input(texts.SEED, 0, 10**6, 0) if draw not in ("diverse", "farthest") else 0
    part: Part | None = "class" if of == "class" else None
    return Budget(int(n), draw, part, int(clusters) if clusters else None, int(seed), reference=reference)
