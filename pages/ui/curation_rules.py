"""Rules as chips that can be removed, as text that can be typed, and forms that add one."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from jepascore_core.companions import Companion
from jepascore_core.curation import Chip, ChipCount, Curation, parse, to_text
from jepascore_core.curation.preparing import Work, pending_work, prepare
from jepascore_core.curation.rules import (
    KEEPERS,
    NEAR_RADIUS,
    PROPERTIES,
    Among,
    Between,
    Budget,
    Column,
    Draw,
    Flag,
    Keeper,
    Not,
    OnePer,
)
from jepascore_core.errors import RuleError, RuleSyntaxError
from jepascore_core.views.choices import class_choices, measured_choices
from jepascore_core.views.formats import count_text
from jepascore_core.views.score_set import ScoreSet
from pages.ui import state
from pages.ui.cached import store
from pages.ui.choose import measured_id
from pages.ui.text import plain

_BAR = "query-bar"
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
KEEPER_TITLES: dict[Keeper, str] = {
    "most_likely": "the most likely one",
    "largest": "the largest one",
    "first": "the first one",
}


def choose_curation() -> Curation:
    """The rules of the URL, and the bar to type them; a text that is none is shown with the place of its error."""
    text = state.read_text(state.RULES) or ""
    if st.session_state.get(_BAR) is None or st.session_state.get(f"{_BAR}-seen") != text:
        st.session_state[_BAR] = st.session_state[f"{_BAR}-seen"] = text
    st.text_input(
        "Rules",
        key=_BAR,
        on_change=_typed,
        placeholder="class_percentile >= 5 and not leak | one per exact | budget 1000 balanced",
        help="What to keep. Combine with and, or, not and brackets; after | come steps. Higher is more likely. "
        "Companions of the score go into square brackets (knn, mahalanobis, norm): class_percentile[knn] >= 5.",
        max_chars=state.MAX_TEXT,
    )
    try:
        return parse(text)
    except RuleSyntaxError as error:
        st.error(plain(str(error)), icon=":material/error:")
        st.code(error.pointer, language=None)
        st.stop()


def _typed() -> None:
    text = st.session_state[_BAR].strip()
    st.session_state[f"{_BAR}-seen"] = text
    state.write(state.RULES, text or None)


def set_curation(curation: Curation) -> None:
    """Put rules into the URL; for callbacks, which run before the page."""
    state.write(state.RULES, to_text(curation) or None)


def draw_chips(curation: Curation, counts: tuple[ChipCount, ...]) -> None:
    """One button a rule or step, with what it removes alone; a click removes it."""
    if not counts:
        return
    with st.container(horizontal=True, gap="small"):
        for position, item in enumerate(counts):
            label = item.text if len(item.text) <= 70 else f"{item.text[:69]}…"
            st.button(
                f"{plain(label)} · −{count_text(item.alone)}",
                key=f"chip-{position}-{item.text}",
                icon=":material/close:",
                on_click=set_curation,
                args=(curation.without(position),),
                help=f"Alone it drops {count_text(item.alone)} samples; {count_text(item.only)} are dropped by nothing "
                "else. Click to remove it.",
            )
        if len(counts) > 1:
            st.button("Remove all", type="tertiary", on_click=set_curation, args=(Curation(),))


def draw_adders(scores: ScoreSet, curation: Curation) -> None:
    """A form for each kind of rule."""
    forms: tuple[tuple[str, str, Callable[[ScoreSet], Chip | None]], ...] = (
        ("Score", ":material/percent:", _score_form),
        ("Duplicates", ":material/content_copy:", _duplicate_form),
        ("Class", ":material/label:", _class_form),
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
    except RuleError as error:
        st.warning(plain(str(error)))
        return
    added = curation if chip is None else curation.plus(chip)
    st.button("Add", key=f"add-{title}", type="primary", on_click=set_curation, args=(added,), disabled=chip is None)


def _score_form(scores: ScoreSet) -> Chip | None:
    name = st.selectbox("Look at", list(PERCENTILES), format_func=PERCENTILES.__getitem__)
    companion = st.selectbox("Which score", list(SCORE_TITLES), format_func=SCORE_TITLES.__getitem__)
    if companion is not None:
        st.caption(HONESTY)
    choices = {measured_id(item): item.title for item in measured_choices(store(), scores.dataset_id)}
    own = f"{scores.backbone_id}@{scores.spec_id}"
    backbone = st.selectbox("Under", list(choices), index=list(choices).index(own), format_func=choices.__getitem__)
    column = Column(name, None if backbone == own else backbone, companion)
    if name == "score":
        low = st.number_input("Keep from", value=None, placeholder="no limit")
        high = st.number_input("Keep up to", value=None, placeholder="no limit")
    else:
        first, last = st.slider("Keep", 0.0, 100.0, (5.0, 100.0), 0.5, help="Higher is more likely.")
        low, high = first if first > 0 else None, last if last < 100 else None
    return None if low is None and high is None else Between(column, low, high)


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
        return OnePer(radius, keep)
    return Not(Flag("leak" if kind == "samples in several splits" else "label_conflict", radius))


def _class_form(scores: ScoreSet) -> Chip | None:
    titles = {item.title: item.label for item in class_choices(store(), scores.dataset_id)}
    what = st.segmented_control("What to do", ["Keep only", "Leave out"], default="Keep only")
    chosen = st.multiselect("Classes", list(titles))
    if not chosen:
        return None
    rule = Among(Column("label"), tuple(titles[title] for title in chosen))
    return Not(rule) if what == "Leave out" else rule


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


def prepared(scores: ScoreSet, curation: Curation) -> bool:
    """Whether the rules can be worked out at once. What takes seconds is done first; more is offered, with a bar."""
    work = []
    for item in pending_work(store(), scores, curation):
        if item.is_quick:
            with st.spinner(f"{item.title}, once"):
                prepare(store(), scores, item)
        else:
            work.append(item)
    if not work:
        return True
    waits = " With very many images this may take a while; later it is there at once."
    st.info(" ".join(f"{item.title} comes first, once." for item in work) + waits)
    if st.button("Do it now", type="primary", icon=":material/play_arrow:"):
        for item in work:
            _do(scores, item)
        st.rerun()
    return False


def _do(scores: ScoreSet, work: Work) -> None:
    bar = st.progress(0.0, work.title)
    prepare(store(), scores, work, lambda share: bar.progress(min(1.0, share), work.title) and None)
