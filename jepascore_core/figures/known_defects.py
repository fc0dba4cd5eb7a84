"""Figure of a review with a budget: what each score finds among known defects, and what chance finds."""

from __future__ import annotations

import plotly.graph_objects as go

from jepascore_core.figures.style import NEUTRAL, PALETTE, empty_figure, shown
from jepascore_core.trust.known_defects import KnownDefects, ReviewOrder

WITHIN_CLASSES = "lowest within each class"
WHOLE = "lowest of the dataset"
_PLACES = ((True, WITHIN_CLASSES, PALETTE[0]), (False, WHOLE, PALETTE[5]))


def known_defects_figure(found: KnownDefects) -> go.Figure:
    """Draw bars of defects found in the budget, one a score and a way to rank, with a line for chance."""
    titles = sorted({order.title for order in found.orders}, key=lambda title: -_most(found, title))
    places = [place for place in _PLACES if any(order.within_class == place[0] for order in found.orders)]
    figure = empty_figure(height=90 + 26 * len(titles) * len(places) + 14 * len(titles))
    for within, name, colour in places:
        rows = {order.title: order for order in found.orders if order.within_class == within}
        figure.add_trace(
            go.Bar(
                x=[rows[title].num_found for title in titles],
                y=[shown(title) for title in titles],
                orientation="h",
                name=name,
                marker={"color": colour},
                text=[f"{rows[title].num_found:,}" for title in titles],
                # Within a short bar Plotly turns a number on its side.
                textposition="outside",
                hovertext=[_hover(found, rows[title]) for title in titles],
                hovertemplate="%{hovertext}<extra></extra>",
                cliponaxis=False,
            )
        )
    figure.add_vline(
        found.by_chance,
        line={"color": NEUTRAL, "width": 1.5, "dash": "dash"},
        layer="below",
        annotation={"text": "chance", "font": {"color": NEUTRAL}, "yanchor": "top", "y": 0.02, "xanchor": "left"},
    )
    figure.update_layout(barmode="group", bargap=0.25)
    figure.update_xaxes(title=f"Defects among {found.budget:,} reviewed images", range=[0, 1.08 * _limit(found)])
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure


def _most(found: KnownDefects, title: str) -> int:
    return max(order.num_found for order in found.orders if order.title == title)


def _limit(found: KnownDefects) -> int:
    return max(1, min(found.budget, found.num_defects))


def _hover(found: KnownDefects, order: ReviewOrder) -> str:
    return (
        f"{shown(order.title)}, {WITHIN_CLASSES if order.within_class else WHOLE}<br>"
        f"{order.num_found:,} of {found.budget:,} reviewed images are defects<br>"
        f"mean AUROC over kinds {order.auroc:.2f}"
    )
