"""The fields of a form for each kind of rule, empty or filled with a rule that is changed.

Each returns the rule that its fields say, None as long as they say none. `key` begins the keys of all its fields.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from jepascore_core.curation import Clause
from jepascore_core.curation.columns.names import metadata_names, split_names
from jepascore_core.curation.rules.column import PROPERTIES, Column
from jepascore_core.curation.rules.model import (
    KEEPERS,
    NEAR_RADIUS,
    AtLeast,
    Between,
    Deduplicate,
    Flag,
    IsIn,
    Keeper,
    Like,
    Not,
    Or,
    Rule,
)
from jepascore_core.curation.rules.shapes import FormName, agreement_rule, label_issue_rule
from jepascore_core.embeddings.baselines import BASELINES
from jepascore_core.scores.measured import measured_choices
from jepascore_core.scores.score_set import Label, ScoreSet
from jepascore_core.views.choices import class_choices
from jepascore_core.views.label_issues import LIKELY_WRONG, LOWEST_CUT
from pages.ui.app.store import store
from pages.ui.curate import texts
from pages.ui.curate.budget_form import budget_form
from pages.ui.curate.limits import pick_limits, pick_percentiles
from pages.ui.curate.reference_form import reference_form
from pages.ui.curate.region_form import region_form
from pages.ui.widgets.choose_scores import complete_first, measured_id, plain_title
from pages.ui.widgets.texts import KEEPER_TITLES

Form = Callable[[ScoreSet, Clause | None, str], Clause | None]


def _score_form(scores: ScoreSet, old: Clause | None, key: str) -> Clause | None:
    was = old if isinstance(old, Between) else Between(Column(next(iter(texts.PERCENTILES))), 5.0)
    names = list(texts.PERCENTILES)
    name = st.selectbox(
        texts.COLUMN, names, names.index(was.column.name), texts.PERCENTILES.__getitem__, key=f"{key}-column"
    )
    variants = [name for name in texts.SCORE_TITLES if name in BASELINES or scores.key.has_scores]
    at = variants.index(was.column.definition) if was.column.definition in variants else 0
    baseline = st.selectbox(texts.SCORE, variants, at, texts.SCORE_TITLES.__getitem__, key=f"{key}-score")
    if baseline is not None:
        st.caption(texts.BASELINES_ABOUT)
    own, named = scores.key.text, was.column.backbone
    choices = {measured_id(item): plain_title(item) for item in measured_choices(store(), scores.dataset_id)}
    choices |= {named: named} if named is not None and named not in choices else {}
    at = list(choices).index(own if named is None else named)
    backbone = st.selectbox(texts.UNDER, list(choices), at, choices.__getitem__, key=f"{key}-backbone")
    column = Column(name, None if backbone == own else backbone, baseline)
    # Values and percentiles are no limits of each other.
    same = was if (was.column.name == "score") == (name == "score") else None
    if name == "score":
        low, high = pick_limits(same, key, (texts.KEEP_FROM, texts.KEEP_UP_TO))
    else:
        low, high = pick_percentiles(same, key)
    return None if low is None and high is None else Between(column, low, high)


def _agreement_form(scores: ScoreSet, old: Clause | None, key: str) -> Clause | None:
    measured = {measured_id(item): item for item in measured_choices(store(), scores.dataset_id)}
    choices = {name: plain_title(item) for name, item in measured.items()}
    default, was_name, was_cut, was_m = list(complete_first(measured, 3)), "class_percentile", 5.0, 2
    match old:
        case Not(AtLeast(m, rules)):
            limits = [rule.rule for rule in rules if isinstance(rule, Not) and isinstance(rule.rule, Between)]
            default = [str(limit.column.backbone) for limit in limits]
            was_name, was_cut, was_m = limits[0].column.name, float(limits[0].low or 5), m
            choices |= {name: name for name in default if name not in choices}
    if len(choices) < 2:
        st.caption(texts.SECOND_BACKBONE)
        return None
    chosen = st.multiselect(texts.BACKBONES, list(choices), default, choices.__getitem__, key=f"{key}-backbones")
    names = [name for name in texts.PERCENTILES if name != "score"]
    name = st.selectbox(texts.COLUMN, names, names.index(was_name), texts.PERCENTILES.__getitem__, key=f"{key}-column")
    cut = st.number_input(texts.UNLIKELY_BELOW, 0.5, 99.5, was_cut, 0.5, help=texts.UNLIKELY_HELP, key=f"{key}-cut")
    if len(chosen) < 2:
        st.caption(texts.CHOOSE_TWO)
        return None
    m = st.number_input(texts.DROP_WHEN, 1, len(chosen), min(was_m, len(chosen)), key=f"{key}-m")
    return agreement_rule(name, tuple(chosen), cut, int(m))


def _duplicate_form(_scores: ScoreSet, old: Clause | None, key: str) -> Clause | None:
    kinds, was = [texts.EXACT, texts.NEAR, texts.LEAKS, texts.CONFLICTS], texts.EXACT
    was_radius: float | None = None
    was_keep: Keeper = KEEPERS[0]
    match old:
        case Deduplicate(was_radius, was_keep):
            was = texts.EXACT if was_radius is None else texts.NEAR
        case Not(Flag(name, was_radius)):
            was = texts.LEAKS if name == "leak" else texts.CONFLICTS
    kind = st.selectbox(texts.KIND, kinds, kinds.index(was), key=f"{key}-kind")
    near = kind == texts.NEAR or (
        kind != texts.EXACT and st.checkbox(texts.COUNT_NEAR, was_radius is not None, key=f"{key}-near")
    )
    radius = (
        st.number_input(texts.RADIUS, 0.001, 1.0, was_radius or NEAR_RADIUS, 0.01, "%.3f", key=f"{key}-radius")
        if near
        else None
    )
    if kind in (texts.EXACT, texts.NEAR):
        at = KEEPERS.index(was_keep)
        return Deduplicate(radius, st.selectbox(texts.KEEP, KEEPERS, at, KEEPER_TITLES.__getitem__, key=f"{key}-keep"))
    return Not(Flag("leak" if kind == texts.LEAKS else "label_conflict", radius))


def _class_form(scores: ScoreSet, old: Clause | None, key: str) -> Clause | None:
    titles: dict[str, Label] = {item.title: item.label for item in class_choices(store(), scores.dataset_id)}
    action, size = texts.KEEP_ONLY, 20
    values: tuple[Label, ...] = ()
    match old:
        case Between(_, float() | int() as low):
            action, size = texts.BY_SIZE, int(low)
        case IsIn(_, values):
            pass
        case Not(IsIn(_, values)):
            action = texts.LEAVE_OUT
    gone = [label for label in values if label not in titles.values()]
    titles |= {str(label): label for label in gone}
    actions = [texts.KEEP_ONLY, texts.LEAVE_OUT, texts.BY_SIZE]
    what = st.segmented_control(texts.ACTION, actions, default=action, key=f"{key}-action")
    if what == texts.BY_SIZE:
        least = st.number_input(texts.CLASS_SIZE_AT_LEAST, 2, 10**9, size, key=f"{key}-size")
        return Between(Column("class_size"), least)
    default = [title for value in values for title, label in titles.items() if label == value]
    chosen = st.multiselect(texts.CLASSES, list(titles), default, key=f"{key}-classes")
    if not chosen:
        return None
    rule = IsIn(Column("label"), tuple(titles[title] for title in chosen))
    return Not(rule) if what == texts.LEAVE_OUT else rule


def _label_issue_form(scores: ScoreSet, old: Clause | None, key: str) -> Clause | None:
    """Draw a limit of label issues, of all samples or of those that look like some classes."""
    was_cut = LIKELY_WRONG
    was_like: tuple[Label, ...] = ()
    match old:
        case Not(Between(_, float() | int() as low)):
            was_cut = float(low)
        case Or((Not(Between(_, float() | int() as low)), Not(IsIn(_, was_like)))):
            was_cut = float(low)
    cut = st.number_input(
        texts.WRONG_FROM, LOWEST_CUT, 1.0, was_cut, 0.05, help=texts.WRONG_FROM_HELP, key=f"{key}-cut"
    )
    names = [item.label for item in class_choices(store(), scores.dataset_id) if item.label is not None]
    names += [str(label) for label in was_like if label not in names]
    chosen = st.multiselect(
        texts.LOOKS_LIKE, names, list(map(str, was_like)), placeholder=texts.ANY_CLASS, key=f"{key}-classes"
    )
    return label_issue_rule(cut, tuple(chosen))


def _column_form(scores: ScoreSet, old: Clause | None, key: str) -> Clause | None:
    """Draw conditions on the split, the sample key and the columns of a table."""
    splits = list(split_names(store(), scores.dataset_id))
    own = list(metadata_names(store(), scores.dataset_id))
    was = old.rule if isinstance(old, Not) else old
    column = was.column if isinstance(was, Between | IsIn | Like) else None
    titles = {"split": texts.SPLIT, "key": texts.SAMPLE_KEY}
    was_name = None if column is None else titles.get(column.name, str(column.key))
    values = [str(value) for value in was.values] if isinstance(was, IsIn) and was_name == texts.SPLIT else []
    splits += [value for value in values if value not in splits]
    names = [*([texts.SPLIT] if splits else []), texts.SAMPLE_KEY, *own]
    names += [was_name] if was_name is not None and was_name not in names else []
    at = 0 if was_name is None else names.index(was_name)
    what = st.selectbox(texts.COLUMN, names, at, key=f"{key}-name")
    if what == texts.SPLIT and splits:
        chosen = st.multiselect(texts.SPLITS_TO_KEEP, splits, values, key=f"{key}-splits")
        return IsIn(Column("split"), tuple(chosen)) if chosen else None
    asked = Column("key") if what == texts.SAMPLE_KEY else Column("meta", key=what)
    has_numbers = asked.name == "meta"
    is_number = has_numbers and st.checkbox(texts.IS_NUMBER, isinstance(was, Between), key=f"{key}-is-number")
    rule = _range_of(asked, was, key) if is_number else _pattern_of(asked, was, key)
    negated = rule is not None and st.checkbox(texts.NEGATE, isinstance(old, Not), key=f"{key}-negate")
    return Not(rule) if rule is not None and negated else rule


def _range_of(column: Column, was: Clause | None, key: str) -> Rule | None:
    low, high = pick_limits(was if isinstance(was, Between) else None, key)
    return None if low is None and high is None else Between(column, low, high)


def _pattern_of(column: Column, was: Clause | None, key: str) -> Rule | None:
    before = was.pattern if isinstance(was, Like) else ""
    if isinstance(was, IsIn) and was.column.name != "split":
        before = str(was.values[0])
    text = st.text_input(texts.PATTERN, before, placeholder="train/*", help=texts.PATTERN_HELP, key=f"{key}-pattern")
    if not text:
        return None
    return Like(column, text) if "*" in text or "?" in text else IsIn(column, (text,))


def _image_form(_scores: ScoreSet, old: Clause | None, key: str) -> Clause | None:
    was = old if isinstance(old, Between) else None
    names = [*PROPERTIES, texts.COLOURS]
    at = names.index(was.column.name) if was else 0 if old is None else names.index(texts.COLOURS)
    name = st.selectbox(texts.PROPERTY, names, at, key=f"{key}-property")
    if name == texts.COLOURS:
        default = texts.GREY if isinstance(old, Flag) else texts.COLOURED
        what = st.segmented_control(texts.KEEP, [texts.COLOURED, texts.GREY], default=default, key=f"{key}-colours")
        return Flag("grey") if what == texts.GREY else Not(Flag("grey"))
    low, high = pick_limits(was, key, least=0.0)
    return None if low is None and high is None else Between(Column(name), low, high)


FORMS: dict[FormName, Form] = {
    "score": _score_form,
    "agreement": _agreement_form,
    "duplicates": _duplicate_form,
    "class": _class_form,
    "labels": _label_issue_form,
    "reference": reference_form,
    "columns": _column_form,
    "image": _image_form,
    "region": region_form,
    "budget": budget_form,
}
