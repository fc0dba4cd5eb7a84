"""Choose what images are compared with under Search: words, a sample or a picture; and how similar they must be."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from jepascore_core.curation import Curation, to_text
from jepascore_core.curation.columns.similarity import has_words, how_to_get_words
from jepascore_core.curation.evaluation.evaluate import Evaluator
from jepascore_core.curation.precompute.requests import precompute_request_of, request_precompute
from jepascore_core.curation.precompute.steps import pending_steps
from jepascore_core.curation.rules.column import SIMILAR, SIMILAR_TO, Column
from jepascore_core.curation.rules.model import Between, Budget
from jepascore_core.datasets.content import content_id
from jepascore_core.embeddings.similarity import hand_over_picture, is_picture, picture_query, words_vector
from jepascore_core.records.backbones import OWN
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.scores.measured import MeasuredChoice, measured_choices
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.views.search import SampleSearch
from pages.ui.app import state
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.explore import texts
from pages.ui.widgets.choose_scores import measured_id, plain_title
from pages.ui.widgets.precompute import draw_precompute
from pages.ui.widgets.url_widgets import pick_number, pick_one, pick_words

#: How many of the most similar a rule without a cut keeps.
BEST = 100
#: Widget of the dropped picture, its types, and how large it may be.
DROPPED = "dropped-picture"
PICTURE_TYPES = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "avif"]
MAX_PICTURE_MB = 32


def choose_similarity(scores: ScoreSet, wanted: SampleSearch) -> SampleSearch:
    """Return a search with what images are compared with, if anything; say how to get words where none can be."""
    columns = st.columns([5, 2, 4, 3], vertical_alignment="bottom")
    liked, words = state.read_text(state.LIKE), ""
    with columns[0]:
        if liked:
            title = texts.not_like(texts.THE_PICTURE if is_picture(liked) else liked)
            st.button(title, key="not-like", icon=":material/close:", on_click=_forget, help=texts.NOT_LIKE_HELP)
        else:
            words = pick_words(texts.WORDS, state.WORDS, texts.WORDS_HINT, resets=(state.PAGE,), help=texts.WORDS_HELP)
    with columns[1]:
        _offer_drop()
    if not liked and not words.strip():
        return wanted
    measured = measured_choices(store(), scores.dataset_id)
    options = {measured_id(choice): plain_title(choice) for choice in measured if _can_compare(choice, liked)}
    if not options:
        _say_how(liked)
        return wanted
    own = scores.key.text if scores.key.text in options else None
    with columns[2]:
        picked = pick_one(texts.COMPARED_BY, state.COMPARED_BY, options, default=own, resets=(state.PAGE,)) or ""
    with columns[3]:
        least = pick_number(texts.LEAST, state.LEAST, -1.0, -1.0, 1.0, 0.01, help=texts.LEAST_HELP)
    if liked and is_picture(liked):
        _hand_over(picked, liked)
    name, query = (SIMILAR_TO, liked) if liked else (SIMILAR, words.strip())
    column = Column(name, None if picked == scores.key.text else picked, query=query)
    return replace(wanted, similar=column, least=least if least > -1.0 else None)


def is_compared(scores: ScoreSet, wanted: SampleSearch) -> bool:
    """Return whether images can be shown by similarity now; the worker embeds words and pictures without being asked.

    Raises:
        RuleError: if a sample does not exist, or has no embedding.
    """
    if wanted.similar is None:
        return True
    steps = pending_steps(Evaluator(store(), scores, Curation((Between(wanted.similar, -1.0),))))
    slow = [work for work in steps if not work.is_quick]
    for work in slow:
        if precompute_request_of(store(), scores, work).state == "none":
            request_precompute(store(), scores, work)
    if slow:
        draw_precompute(scores, slow)
    return not slow


def draw_rule(wanted: SampleSearch) -> None:
    """Draw a link to Curate with what is listed: from the cut on, or without a cut the most similar ones."""
    if wanted.similar is None:
        return
    if wanted.least is None:
        curation = Curation(steps=(Budget(BEST, "highest", by=wanted.similar),))
    else:
        curation = Curation((Between(wanted.similar, wanted.least),))
    rule = to_text(curation)
    link = state.carried() | {state.RULES: rule}
    st.page_link("pages/curate.py", label=texts.AS_RULE, icon=":material/checklist:", query_params=link, help=rule)


def _can_compare(choice: MeasuredChoice, liked: str | None) -> bool:
    """Return whether a backbone can compare: with words by a text tower, with a picture by an encoder."""
    if liked is None:
        return has_words(store(), choice.key)
    known = store().catalogue.backbones().get(choice.key.backbone_id)
    return not is_picture(liked) or (known is not None and known.library != OWN)


def _say_how(liked: str | None) -> None:
    st.info(texts.NO_ENCODER if liked else plain(how_to_get_words()), icon=":material/info:")
    st.page_link("pages/runs.py", label=texts.TO_RUNS, icon=":material/play_circle:")


def _offer_drop() -> None:
    with st.popover(texts.PICTURE, icon=":material/image_search:"):
        st.caption(texts.PICTURE_ABOUT)
        st.file_uploader(
            texts.PICTURE, PICTURE_TYPES, key=DROPPED, on_change=_dropped, max_upload_size=MAX_PICTURE_MB,
            label_visibility="collapsed",
        )  # fmt: skip


def _dropped() -> None:
    file = st.session_state.get(DROPPED)
    if file is not None:
        state.write(state.LIKE, picture_query(content_id(file.getvalue())))
        state.write(state.PAGE, None)


def _hand_over(backbone: str, query: str) -> None:
    """Give the bytes of a dropped picture to the worker, unless its vector is known."""
    file, key = st.session_state.get(DROPPED), MeasurementKey.parse(backbone)
    if file is None or words_vector(store(), key.backbone_id, query) is not None:
        return
    if picture_query(content_id(file.getvalue())) == query:
        hand_over_picture(store(), key.backbone_id, query, file.getvalue())


def _forget() -> None:
    state.write(state.LIKE, None)
    state.write(state.PAGE, None)
