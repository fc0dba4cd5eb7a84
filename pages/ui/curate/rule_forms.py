"""A form for each kind of rule; what is added shows as a chip and as text."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from jepascore_core.curation import Chip, Curation, chip_text
from jepascore_core.curation.columns.names import metadata_names, split_names
from jepascore_core.curation.rules.model import (
    KEEPERS,
    NEAR_RADIUS,
    PROPERTIES,
    AtLeast,
    Between,
    Budget,
    Column,
    Deduplicate,
    Draw,
    Flag,
    IsIn,
    Like,
    Not,
    Rule,
)
from jepascore_core.embeddings.companions import Companion
from jepascore_core.errors import RuleError
from jepascore_core.scores.measured import measured_choices
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.views.choices import class_choices
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.curate.rule_bar import set_curation
from pages.ui.widgets.choose_scores import complete_first, measured_id, plain_title
from pages.ui.widgets.titles import KEEPER_TITLES

PERCENTILES = {
    "class_percentile": "Percentile in its class",
    "percentile": "Percentile in the dataset",
    "split_percentile": "Percentile in its split",
    "score": "Value",
}
#: What percentiles and values may be of; None = the definition of the page.
SCORE_TITLES: dict[Companion | None, str] = {
    None: "JEPA-SCORE (nats)",
    "knn": "Companion: nearness of the 10th nearest image",
    "mahalanobis": "Companion: nearness to the mean (Mahalanobis)",
    "norm": "Companion: length of the embedding",
}
HONESTY = (
    "Companions are cheap scores of the same embeddings: they tell what is typical of this dataset, not what the "
    "backbone learned from. No image is its own neighbour or helps to judge itself. No score is best on all data: look "
    "at both ends under each before you cut."
)


def draw_adders(scores: ScoreSet, curation: Curation) -> None:
    """A form for each kind of rule."""
    forms: tuple[tuple[str, str, Callable[[ScoreSet], Chip | None]], ...] = (
        ("Score", ":material/percent:", _score_form),
        ("Agreement", ":material/how_to_vote:", _agreement_form),
        ("Duplicates", ":material/content_copy:", _duplicate_form),
        ("Class", ":material/label:", _class_form),
        ("Columns", ":material/table_rows:", _column_form),
        ("Image", ":material/image:", _image_form),
        ("Budget", ":material/savings:", _budget_form),
    )
    with st.container(horizontal=True, gap="small"):
        for title, icon, form in forms:
            with st.popover(title, icon=icon):
                _adder(title, form, scores, curation)


def _adder(title: str, form: Callable[[ScoreSet], Chip | None], scores: ScoreSet, curation: Curation) -> None:
    try:
        chip = form(scores)
        added = curation if chip is None else _with(curation, chip, title)
    except RuleError as error:
        st.warning(plain(str(error)))
        return
    st.button("Add", key=f"add-{title}", type="primary", on_click=set_curation, args=(added,), disabled=chip is None)


def _with(curation: Curation, chip: Chip, title: str) -> Curation:
    if isinstance(chip, Deduplicate | Budget):
        return curation.plus(chip)
    place = _place(title, curation)
    return curation.plus(chip) if place is None else curation.either(place, chip)


def _place(title: str, curation: Curation) -> int | None:
    """The rule to which the new one is to be an alternative; None if both must hold."""
    if not curation.rules:
        return None
    texts = ["and: it must hold, too", *(f"or {chip_text(rule)}" for rule in curation.rules)]
    chosen = st.selectbox("Combine", range(len(texts)), key=f"combine-{title}", format_func=texts.__getitem__)
    return chosen - 1 if chosen else None


def _score_form(scores: ScoreSet) -> Chip | None:
    name = st.selectbox("Look at", list(PERCENTILES), format_func=PERCENTILES.__getitem__)
    companion = st.selectbox("Which score", list(SCORE_TITLES), format_func=SCORE_TITLES.__getitem__)
    if companion is not None:
        st.caption(HONESTY)
    choices = {measured_id(item): plain_title(item) for item in measured_choices(store(), scores.dataset_id)}
    own = scores.key.text
    backbone = st.selectbox("Under", list(choices), index=list(choices).index(own), format_func=choices.__getitem__)
    column = Column(name, None if backbone == own else backbone, companion)
    if name == "score":
        low = st.number_input("Keep from", value=None, placeholder="no limit")
        high = st.number_input("Keep up to", value=None, placeholder="no limit")
    else:
        first, last = st.slider("Keep", 0.0, 100.0, (5.0, 100.0), 0.5, help="Higher is more likely.")
        low, high = first if first > 0 else None, last if last < 100 else None
    return None if low is None and high is None else Between(column, low, high)


def _agreement_form(scores: ScoreSet) -> Chip | None:
    measured = {measured_id(item): item for item in measured_choices(store(), scores.dataset_id)}
    choices = {name: plain_title(item) for name, item in measured.items()}
    if len(choices) < 2:
        st.caption("Measure the dataset with a second backbone first: then you can drop what several find unlikely.")
        return None
    chosen = st.multiselect(
        "Backbones", list(choices), default=complete_first(measured, 3), format_func=choices.__getitem__
    )
    names = [name for name in PERCENTILES if name != "score"]
    name = st.selectbox("Look at", names, format_func=PERCENTILES.__getitem__, key="agreement-column")
    cut = st.number_input("Unlikely is below", 0.5, 99.5, 5.0, 0.5, help="A percentile.")
    if len(chosen) < 2:
        st.caption("Choose at least two.")
        return None
    m = st.number_input("Drop if so for at least", 1, len(chosen), min(2, len(chosen)))
    return Not(AtLeast(int(m), tuple(Not(Between(Column(name, backbone), cut)) for backbone in chosen)))


def _duplicate_form(_scores: ScoreSet) -> Chip | None:
    kind = st.selectbox(
        "Of", ["exact duplicates", "near duplicates", "samples in several splits", "same image, different labels"]
    )
    near = kind == "near duplicates" or (
        kind not in ("exact duplicates", "near duplicates") and st.checkbox("Near duplicates count, too")
    )
    radius = st.number_input("Within a cosine distance of", 0.001, 1.0, NEAR_RADIUS, 0.01, "%.3f") if near else None
    if kind in ("exact duplicates", "near duplicates"):
        keep = st.selectbox("Keep", list(KEEPERS), format_func=KEEPER_TITLES.__getitem__)
        return Deduplicate(radius, keep)
    return Not(Flag("leak" if kind == "samples in several splits" else "label_conflict", radius))


def _class_form(scores: ScoreSet) -> Chip | None:
    titles = {item.title: item.label for item in class_choices(store(), scores.dataset_id)}
    what = st.segmented_control("What to do", ["Keep only", "Leave out"], default="Keep only")
    chosen = st.multiselect("Classes", list(titles))
    if not chosen:
        return None
    rule = IsIn(Column("label"), tuple(titles[title] for title in chosen))
    return Not(rule) if what == "Leave out" else rule


def _column_form(scores: ScoreSet) -> Chip | None:
    """Conditions on the split, the sample key and the columns that a table brought along."""
    splits = split_names(store(), scores.dataset_id)
    own = metadata_names(store(), scores.dataset_id)
    what = st.selectbox("Look at", [*(["split"] if splits else []), "sample key", *own], key="column-name")
    if what == "split" and splits:
        chosen = st.multiselect("Splits to keep", splits)
        return IsIn(Column("split"), tuple(chosen)) if chosen else None
    column = Column("key") if what == "sample key" else Column("meta", key=what)
    is_number = what in own and st.checkbox("It is a number")
    rule = _range_of(column) if is_number else _pattern_of(column)
    negated = rule is not None and st.checkbox("Leave out instead of keep")
    return Not(rule) if rule is not None and negated else rule


def _range_of(column: Column) -> Rule | None:
    low = st.number_input("At least", value=None, placeholder="no limit", key="column-low")
    high = st.number_input("At most", value=None, placeholder="no limit", key="column-high")
    return None if low is None and high is None else Between(column, low, high)


def _pattern_of(column: Column) -> Rule | None:
    text = st.text_input("Text, or a pattern", placeholder="train/*", help="* stands for any letters, ? for one.")
    if not text:
        return None
    return Like(column, text) if "*" in text or "?" in text else IsIn(column, (text,))


def _image_form(_scores: ScoreSet) -> Chip | None:
    name = st.selectbox("Look at", [*PROPERTIES, "colours"])
    if name == "colours":
        what = st.segmented_control("Keep", ["coloured images", "grey images"], default="coloured images")
        return Flag("grey") if what == "grey images" else Not(Flag("grey"))
    low = st.number_input("At least", value=None, min_value=0.0, placeholder="no limit")
    high = st.number_input("At most", value=None, min_value=0.0, placeholder="no limit")
    return None if low is None and high is None else Between(Column(name), low, high)


def _budget_form(_scores: ScoreSet) -> Chip | None:
    kinds: dict[str, tuple[Draw, str]] = {
        "at random": ("random", ""),
        "as many of each class": ("balanced", ""),
        "so many of each class": ("random", "class"),
        "as diverse as possible": ("diverse", ""),
        "as many of each cluster": ("clusters", ""),
    }
    kind = st.selectbox("Draw", list(kinds))
    n = st.number_input("Samples of each class" if kind == "so many of each class" else "Samples", 1, 10**9, 1000)
    draw, per = kinds[kind]
    clusters = st.number_input("Clusters", 2, 100_000, 50) if draw == "clusters" else None
    seed = st.number_input("Seed", 0, 10**6, 0) if draw != "diverse" else 0
    return Budget(int(n), draw, "class" if per else None, int(clusters) if clusters else None, int(seed))
