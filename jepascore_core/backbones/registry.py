"""List the known backbones and find one by name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from jepascore_core.backbones.specs import BackboneSpec
from jepascore_core.errors import UnknownNameError


def list_specs() -> tuple[BackboneSpec, ...]:
    """All known backbones: those trained on this machine, the bundled ones, then the table."""
    from jepascore_core.backbones.bundled_encoder import list_bundled, list_trained
    from jepascore_core.backbones.table import TABLE

    return (*list_trained(), *list_bundled(), *TABLE)


def find_spec(name: str) -> BackboneSpec | None:
    """The row with exactly this name, or of an encoder at a path; None: other names are known only to their library."""
    from jepascore_core.backbones.bundled_encoder import spec_at

    return next((spec for spec in list_specs() if spec.name == name), None) or spec_at(name)


def unknown_backbone(name: str, candidates: Iterable[str] = ()) -> UnknownNameError:
    """The error for a name that nobody knows, with near matches from the table and from `candidates`."""
    known = [*dict.fromkeys([*(spec.name for spec in list_specs()), *candidates])]
    text = name.rpartition(":")[2].lower()
    containing = [other for other in known if text and text in other.lower()]
    near = [*dict.fromkeys([*difflib.get_close_matches(name, known, n=3), *containing])][:5]
    hint = f" Did you mean {', '.join(near)}?" if near else ""
    return UnknownNameError(
        f"There is no backbone {name!r}.{hint} `jepascore backbones` lists the known ones; any timm:<model> and "
        "open_clip:<model>:<tag> of the installed libraries works too, and any hf:<owner>/<name> of a known kind."
    )
