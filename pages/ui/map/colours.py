"""The colours of the map: the house palette for groups, and two scales for numbers."""

from __future__ import annotations

from collections.abc import Sequence

from jepascore_core.figures.style import NEUTRAL, PALETTE
from jepascore_core.views.map_colours import NUM_STEPS

#: Cividis without its darkest and lightest ends, which vanish on dark or light ground; readable without red or green.
SEQUENTIAL = ("#3B5C9A", "#6C7A8E", "#A59C74", "#D9BC4E")
#: From the palette's blue over grey to its orange.
DIVERGING = (PALETTE[0], NEUTRAL, PALETTE[1])


def blended(anchors: Sequence[str], number: int = NUM_STEPS) -> list[str]:
    """Return evenly spaced colours from the first anchor to the last."""
    found = []
    for step in range(number):
        at = step / (number - 1) * (len(anchors) - 1)
        place = min(int(at), len(anchors) - 2)
        pairs = zip(_parts(anchors[place]), _parts(anchors[place + 1]), strict=True)
        found.append("#" + "".join(f"{round(one + (other - one) * (at - place)):02x}" for one, other in pairs))
    return found


def _parts(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
