"""List the known backbones and find one by name."""

from __future__ import annotations

from collections.abc import Iterable

from jepascore_core.backbones.specs import BackboneSpec
from jepascore_core.errors import UnknownNameError, unknown


def list_specs() -> tuple[BackboneSpec, ...]:
    """Return all known backbones: those trained on this machine, the bundled ones, then the table."""
    from jepascore_core.backbones.bundled_encoder import list_bundled, list_trained
    from jepascore_core.backbones.table import TABLE

    return (*list_trained(), *list_bundled(), *TABLE)


def find_spec(name: str) -> BackboneSpec | None:
    """Return the row with exactly this name, or of an encoder at a path; None for names that only a library has."""
    from jepascore_core.backbones.bundled_encoder import spec_at

    return next((spec for spec in list_specs() if spec.name == name), None) or spec_at(name)


def unknown_backbone(name: str, candidates: Iterable[str] = ()) -> UnknownNameError:
    """Return the error for an unknown backbone name; `candidates` are suggested after the table's names."""
    hint = (
        "`jepascore backbones` lists the known ones; any timm:<model> and open_clip:<model>:<tag> of the installed "
        "libraries works too, and any hf:<owner>/<name> of a known kind."
    )
    return unknown("backbone", name, [*(spec.name for spec in list_specs()), *candidates], hint=hint)
