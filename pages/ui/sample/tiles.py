"""Convert scored samples to tiles of a gallery."""

from __future__ import annotations

import math
from collections.abc import Iterable

from jepascore_core.formatting import estimate_text, interval_text, percentile_text, score_text
from jepascore_core.scores.score_set import ScoredSample
from pages.ui.sample import texts
from pages.ui.widgets.gallery import Tile, Tone


def to_tiles(samples: Iterable[ScoredSample], tone: Tone | None = None) -> list[Tile]:
    """Return tiles with the score below on the left, the percentile within the class on the right."""
    return [to_tile(sample, tone) for sample in samples]


def to_tile(sample: ScoredSample, tone: Tone | None = None) -> Tile:
    """Return the tile of one sample; without a score it has neither score nor percentile."""
    if math.isnan(sample.score):
        return Tile(
            sample.sample_key, sample.content_id, tone=tone, tooltip=sample.sample_key, label=sample.label or ""
        )
    return Tile(
        sample_key=sample.sample_key,
        content_id=sample.content_id,
        caption=score_text(sample.score, sample.is_exact),
        badge=percentile_text(sample.class_percentile),
        percentile=sample.class_percentile,
        tone=tone,
        tooltip=_tooltip(sample),
        label=sample.label or "",
        note=interval_text(sample.lower, sample.upper, sample.is_exact),
    )


def _tooltip(sample: ScoredSample) -> str:
    lines = [
        sample.sample_key,
        texts.score(sample.score, sample.is_exact),
        texts.percentile(sample.class_percentile),
        estimate_text(sample.lower, sample.upper, sample.is_exact),
    ]
    return "\n".join(line for line in lines if line)
