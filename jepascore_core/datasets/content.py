"""The content id: the name under which everything that is computed from an image is kept."""

from __future__ import annotations

import xxhash


def content_id(data: bytes) -> str:
    """xxh3-128 of the encoded bytes, 32 hexadecimal digits."""
    return xxhash.xxh3_128_hexdigest(data)
