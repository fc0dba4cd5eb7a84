"""Whether the theory of the score covers an encoder, in a sentence."""

from __future__ import annotations

from jepascore_core.records.backbones import BackboneInfo

UNKNOWN_OBJECTIVE = (
    "Its training objective is unknown: only for a JEPA-type encoder can the score be read as a density."
)
NOT_JEPA = "Not a JEPA-type encoder: the score's theory does not hold."


def theory_text(is_jepa: bool | None, note: str = "") -> str:
    """Say why a backbone's scores are not densities; "" for JEPA-type encoders."""
    if is_jepa:
        return ""
    if is_jepa is None:
        return UNKNOWN_OBJECTIVE
    return note if "theory does not hold" in note else NOT_JEPA


def theory_note(info: BackboneInfo) -> str:
    """Return the `theory_text` of a measured backbone."""
    return theory_text(info.is_jepa, info.note)
