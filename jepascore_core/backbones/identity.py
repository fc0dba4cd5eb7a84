"""The backbone id: the key of stored measurements."""

from __future__ import annotations

import re

from jepascore_core.records.backbones import Preprocessing
from jepascore_core.records.canonical import short_hash


def backbone_id(library: str, architecture: str, weights_hash: str, pooling: str, preprocessing: Preprocessing) -> str:
    """Return a readable slug and 12 hexadecimal digits of a hash over everything that changes an embedding.

    It is a valid folder name on every file system, whatever the architecture is called.
    """
    values = preprocessing.to_dict()
    for key in ("mean", "std"):
        # 0 and 0.0 are the same mean but different JSON.
        values[key] = [float(value) for value in values[key]]
    digest = short_hash([library, architecture, weights_hash, pooling, values])
    slug = re.sub(r"[^a-z0-9_]+", "-", f"{library}-{architecture}".lower())[:60].strip("-")
    return f"{slug}-{digest}"
