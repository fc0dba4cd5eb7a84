"""Canonical JSON, short hashes and records that are stored as JSON."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Self

import xxhash


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces, so that equal values have equal text (and equal hashes)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def short_hash(value: Any, length: int = 12) -> str:
    """First `length` hexadecimal digits of the xxh3-128 of the canonical JSON of `value`."""
    return xxhash.xxh3_128_hexdigest(canonical_json(value).encode())[:length]


class JsonRecord:
    """Mixin: to and from plain dictionaries, tuples restored, unknown keys refused by the constructor."""

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary, ready for JSON; without a `preprocessing` of None, which earlier versions did not have."""
        return {key: value for key, value in dataclasses.asdict(self).items() if value or key != "preprocessing"}  # type: ignore[call-overload]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})
