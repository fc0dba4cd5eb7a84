"""Check whether the weights of a backbone are on this machine, by the caches, without torch or network."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from urllib.parse import urlparse

from jepascore_core.backbones.specs import BackboneSpec, WeightSource


def weights_path(source: WeightSource) -> Path | None:
    """Return the cached file that would be loaded (of the hub or torch), or None if it must be downloaded."""
    if source.repository:
        return _in_hub_cache(source)
    if source.url:
        path = torch_cache() / (source.saved_as or PurePosixPath(urlparse(source.url).path).name)
        return path if path.is_file() else None
    return None


def has_weights(spec: BackboneSpec) -> bool:
    """Return whether a backbone of the table can be loaded offline."""
    return spec.library in ("bundled", "trained") or (spec.source is not None and weights_path(spec.source) is not None)


def torch_cache() -> Path:
    """Return the folder of `torch.hub`'s downloads, by its rules."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
    home = Path(os.environ.get("TORCH_HOME", cache / "torch")).expanduser()
    return home / "hub" / "checkpoints"


def _in_hub_cache(source: WeightSource) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    repository, _, revision = source.repository.partition("@")
    for filename in source.filenames:
        found = try_to_load_from_cache(repository, filename, revision=revision or None)
        if isinstance(found, str):
            return Path(found)
    return None
