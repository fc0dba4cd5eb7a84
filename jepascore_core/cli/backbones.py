"""`jepascore backbones`: available encoders, their cost on this machine, and whether their weights are downloaded."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.console import Console

from jepascore_core.backbones.registry import find_spec
from jepascore_core.cli.output import JsonFlag, print_json, print_table, say
from jepascore_core.formatting import duration_text, plural
from jepascore_core.storage.store import Store
from jepascore_core.views.backbones import BackboneOption, backbone_options, cost_basis, matching

_JEPA = {True: "yes", False: "no", None: "?"}

_Cell = Callable[[BackboneOption], object]

_ALL: dict[str, _Cell] = {
    "name": lambda option: option.name,
    "family": lambda option: option.family,
    "K": lambda option: option.dimension,
    "pixels": lambda option: option.image_size,
    "pooling": lambda option: option.pooling,
    "TFLOP": lambda option: _tflop(option),
    "cost per image": lambda option: _cost(option),
    "weights": lambda option: option.weights,
    "JEPA": lambda option: _JEPA[option.is_jepa],
    "weights licence": lambda option: option.licence,
}
#: The columns that fit a narrow terminal without breaking names.
_NARROW: dict[str, _Cell] = {
    **{name: _ALL[name] for name in ("name", "K", "cost per image", "weights", "JEPA")},
    "licence": lambda option: "non-commercial" if option.is_non_commercial else option.licence.partition(" (")[0],
}
_WIDE_COLUMNS = 180


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command("backbones")(backbones)


def backbones(
    search: Annotated[
        list[str] | None,
        typer.Argument(help="Show only backbones whose name, family, licence or cost contains all these words."),
    ] = None,
    here: Annotated[bool, typer.Option("--here", help="Only those whose weights are on this machine.")] = False,
    jepa: Annotated[bool, typer.Option("--jepa", help="Only those that the score's theory covers.")] = False,
    json: JsonFlag = False,
) -> None:
    """List the known backbones; reads local caches only, never the network.

    Any other timm or open_clip name works too, and hf:<owner>/<name> of a supported kind. `--checkpoint` of `jepascore
    score` loads a file or folder of your own under any of these names.
    """
    store = Store()
    options = [
        option
        for option in matching(backbone_options(store), " ".join(search or ()))
        if (option.weights == "here" or not here) and (option.is_jepa or not jepa)
    ]
    if json:
        print_json([_as_json(option) for option in options])
        return
    columns = _NARROW if _is_narrow() else _ALL
    print_table("Backbones", list(columns), [[cell(option) for cell in columns.values()] for option in options])
    say(f"{plural(len(options), 'backbone')}. {cost_basis(store)}")
    if any(option.is_jepa is False for option in options):
        say("JEPA no: the score's theory does not hold for contrastive, supervised and reconstruction-based encoders.")


def _cost(option: BackboneOption) -> str:
    return "" if option.seconds is None else f"{option.cost}, {duration_text(option.seconds)}"


def _tflop(option: BackboneOption) -> str:
    if option.tflop is None:
        return ""
    return f"{option.tflop:,.0f}" if option.tflop >= 100 else f"{option.tflop:.2g}"


def _is_narrow() -> bool:
    has_edge = sys.stdout.isatty() or "COLUMNS" in os.environ
    return has_edge and Console().width < _WIDE_COLUMNS


def _as_json(option: BackboneOption) -> dict[str, Any]:
    spec = find_spec(option.name)
    settings = spec.preprocessing if spec is not None else None
    return {
        **dataclasses.asdict(option),
        "cost": option.cost,
        "cautions": option.cautions,
        "preprocessing": settings.to_dict() if settings is not None else None,
    }
