"""Titles of choices that several pages share."""

from __future__ import annotations

from jepascore_core.curation.rules.model import Keeper

KEEPER_TITLES: dict[Keeper, str] = {
    "most_likely": "the most likely one",
    "largest": "the largest one",
    "first": "the first one",
}
