"""The content id: the key under which everything that is computed from an image is stored."""

from __future__ import annotations

import xxhash


def content_id(data: bytes) -> str:
    """Return the xxh3-128 hash of the encoded bytes as 32 hexadecimal digits."""
    return xxhash.xxh3_128_hexdigest(data)
