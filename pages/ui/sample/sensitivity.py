"""The singular vectors of one sample as pictures, and the way there."""

from __future__ import annotations

from html import escape
from typing import Literal
from urllib.parse import quote

import streamlit as st

from jepascore_core.jobs.process import WorkerWatch, worker_is_alive
from jepascore_core.records.datasets import Sample
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.sensitivity.requests import Closeup, Look, picture_name, read_closeup, request_closeup
from pages.ui.app import state
from pages.ui.app.errors import errors_shown
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.widgets.url_widgets import pick_one

LOOK_TITLES: dict[Look, str] = {"over": "Over the image", "alone": "Alone"}
STARTING = "A worker is being started. If this stays, `jepascore worker run` in a terminal starts one and says why."
POLL_SECONDS = 1.5


def draw_closeup(scores: ScoreSet, sample: Sample) -> None:
    """Pictures if they are there, else a button or how far they are; looks again by itself while they are made."""
    st.markdown("**What the encoder is most and least sensitive to**")
    is_waiting = read_closeup(store().home, scores.backbone_id, sample.content_id).state == "waiting"
    watch = WorkerWatch(store()) if is_waiting else None
    st.fragment(errors_shown()(_draw), run_every=POLL_SECONDS if is_waiting else None)(scores, sample, watch)


def _draw(scores: ScoreSet, sample: Sample, watch: WorkerWatch | None) -> None:
    found = read_closeup(store().home, scores.backbone_id, sample.content_id)
    if watch is not None and found.state != "waiting":
        # The whole page anew, so that nothing asks every second any more.
        st.rerun()
    if found.state == "done":
        _draw_pictures(found, scores.backbone_id, sample.content_id)
        return
    if found.state == "waiting":
        alive = worker_is_alive(store().home)
        st.info("Being worked out: one pass for each dimension of the embedding." if alive else STARTING)
        if watch is not None:
            # One that died is replaced while somebody looks, as for runs; if none can be started, that is said.
            watch.look()
        return
    if found.state == "failed":
        st.warning(plain(found.message), icon=":material/error:")
    st.caption(
        "Right singular vectors of the Jacobian: the changes of the pixels that move the embedding most, and least. "
        "The worker computes them, about as long as one exact score."
    )
    _draw_button("Work them out" if found.state == "none" else "Try again", scores, sample)


def _draw_button(title: str, scores: ScoreSet, sample: Sample) -> None:
    if st.button(title, icon=":material/visibility:", key=f"closeup-{title}"):
        request_closeup(store(), scores.dataset_id, scores.backbone_id, sample.content_id)
        st.rerun()


def _draw_pictures(found: Closeup, backbone_id: str, content_id: str) -> None:
    look = pick_one("Shown", state.LOOK, {str(name): title for name, title in LOOK_TITLES.items()}, segments=True)
    st.html(closeup_html(found, backbone_id, content_id, "alone" if look == "alone" else "over"))
    st.caption("Orange: a brighter pixel moves it one way, blue: the other; the sign of a vector is arbitrary.")


def closeup_html(found: Closeup, backbone_id: str, content_id: str, look: Look) -> str:
    """Two rows of pictures with their singular values."""
    base = f"images/closeup/{quote(backbone_id, safe='')}/{quote(content_id, safe='')}/"
    rows: tuple[tuple[Literal["leading", "trailing"], str, tuple[float, ...]], ...] = (
        ("leading", "Most sensitive", found.leading),
        ("trailing", "Least sensitive", found.trailing),
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
        parts.append(f'<div style="font-size:0.875rem;margin:0.25rem 0">{title}, with the singular value</div>')
        parts.append(f'<div style="{grid}">{cells}</div>')
    return "".join(parts)
