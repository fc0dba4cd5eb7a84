"""Draw the singular vectors of one sample as pictures, or a button to compute them."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import Literal
from urllib.parse import quote

import streamlit as st

from jepascore_core.jobs.process import WorkerWatch, worker_is_alive
from jepascore_core.records.datasets import Sample
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.sensitivity.requests import Closeup, Look, picture_name, read_closeup, request_closeup
from pages.ui.app import state
from pages.ui.app.fragments import fragment
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.sample import texts
from pages.ui.widgets.texts import COMPUTE, TRY_AGAIN
from pages.ui.widgets.url_widgets import pick_one

POLL_SECONDS = 1.5


def draw_closeup(scores: ScoreSet, sample: Sample) -> None:
    """Draw the pictures if they exist, else a button or the progress; poll while they are computed."""
    st.markdown(f"**{texts.SENSITIVITY}**")
    is_waiting = read_closeup(store().home, scores.backbone_id, sample.content_id).state == "waiting"
    watch = WorkerWatch(store()) if is_waiting else None
    fragment(
        partial(_draw, scores, sample, watch),
        POLL_SECONDS if is_waiting else None,
        partial(_look, scores, sample),
    )


def _look(scores: ScoreSet, sample: Sample) -> tuple[str, bool]:
    found = read_closeup(store().home, scores.backbone_id, sample.content_id)
    return found.state, worker_is_alive(store().home)


def _draw(scores: ScoreSet, sample: Sample, watch: WorkerWatch | None) -> None:
    found = read_closeup(store().home, scores.backbone_id, sample.content_id)
    if watch is not None and found.state != "waiting":
        # Rerun the whole page to stop polling.
        st.rerun()
    if found.state == "done":
        _draw_pictures(found, scores.backbone_id, sample.content_id)
        return
    if found.state == "waiting":
        alive = worker_is_alive(store().home)
        st.info(texts.COMPUTING if alive else texts.STARTING)
        if watch is not None:
            # As for runs: a worker that died is replaced while the page is open, or a warning says why not.
            watch.look()
        return
    if found.state == "failed":
        st.warning(plain(found.message), icon=":material/error:")
    st.caption(texts.SENSITIVITY_ABOUT)
    _draw_button(COMPUTE if found.state == "none" else TRY_AGAIN, scores, sample)


def _draw_button(title: str, scores: ScoreSet, sample: Sample) -> None:
    if st.button(title, icon=":material/visibility:", key=f"closeup-{title}"):
        request_closeup(store(), scores.dataset_id, scores.backbone_id, sample.content_id)
        st.rerun()


def _draw_pictures(found: Closeup, backbone_id: str, content_id: str) -> None:
    look = pick_one(
        texts.SHOWN, state.LOOK, {str(name): title for name, title in texts.LOOK_TITLES.items()}, segments=True
    )
    st.html(closeup_html(found, backbone_id, content_id, "alone" if look == "alone" else "over"))
    st.caption(texts.COLOURS)


def closeup_html(found: Closeup, backbone_id: str, content_id: str, look: Look) -> str:
    """Return two rows of pictures with their singular values."""
    base = f"images/closeup/{quote(backbone_id, safe='')}/{quote(content_id, safe='')}/"
    rows: tuple[tuple[Literal["leading", "trailing"], str, tuple[float, ...]], ...] = (
        ("leading", texts.MOST_SENSITIVE, found.leading),
        ("trailing", texts.LEAST_SENSITIVE, found.trailing),
    )
    parts = []
    for end, title, values in rows:
        cells = "".join(
            f'<figure style="margin:0"><img src="{escape(base + picture_name(end, place, look))}" '
            f'alt="{title}, number {place}" style="width:100%;image-rendering:pixelated;border-radius:0.25rem">'
            f'<figcaption style="font-size:0.8125rem">{value:.3g}</figcaption></figure>'
            for place, value in enumerate(values, start=1)
        )
        grid = f"display:grid;grid-template-columns:repeat({max(1, len(values))},minmax(0,9rem));gap:0.625rem"
        parts.append(f'<div style="font-size:0.875rem;margin:0.25rem 0">{texts.with_values(title)}</div>')
        parts.append(f'<div style="{grid}">{cells}</div>')
    return "".join(parts)
