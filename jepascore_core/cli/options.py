"""The options of `jepascore score`, in three panels of its help: backbone, approximation, and the rest."""

from __future__ import annotations

from typing import Annotated

import typer

from jepascore_core.backbones.bundled_encoder import backbone_name
from jepascore_core.measuring.specs import ESTIMATORS, PRECISIONS

_OWN = {"rich_help_panel": "Backbone"}
_APPROXIMATE = {"rich_help_panel": "Approximate estimators"}

Backbone = Annotated[
    str,
    typer.Option(
        "--backbone",
        "-b",
        help="A name of `jepascore backbones`, timm:, open_clip:, hf:..., or the path of what `jepascore train` wrote.",
        callback=backbone_name,
        **_OWN,
    ),
]
Checkpoint = Annotated[
    str | None, typer.Option(help="Own weights: .safetensors, weights-only .pth, or a folder.", **_OWN)
]
Pooling = Annotated[str | None, typer.Option(help="token, avg or projection, if not the backbone's own.", **_OWN)]
Preprocessing = Annotated[
    str | None,
    typer.Option(help="authors (as a family's authors evaluate it) or timm (as timm does by itself).", **_OWN),
]
ImageSize = Annotated[int | None, typer.Option(help="Side of the input in pixels.", **_OWN)]
Mean = Annotated[str | None, typer.Option(help="Mean per channel, for example 0.5,0.5,0.5.", **_OWN)]
Std = Annotated[str | None, typer.Option(help="Standard deviation per channel.", **_OWN)]
Offline = Annotated[bool, typer.Option("--offline", help="Never try the network for weights.", **_OWN)]

Estimator = Annotated[str, typer.Option(help=f"One of: {', '.join(ESTIMATORS)}.")]
Precision = Annotated[str, typer.Option(help=f"auto or one of: {', '.join(PRECISIONS)}.")]
Device = Annotated[str, typer.Option(help="auto (every GPU), cpu, mps, cuda, or several: cuda:0,cuda:1.")]
Predict = Annotated[bool, typer.Option("--predict", help="Only say what it would cost.")]
Detach = Annotated[bool, typer.Option("--detach", help="Only ask for it; the worker does it.")]

Probes = Annotated[int | None, typer.Option(help="Output combinations of a sketch; else chosen.", **_APPROXIMATE)]
Seed = Annotated[int, typer.Option(help="Of the output combinations.", **_APPROXIMATE)]
TargetFidelity = Annotated[
    float, typer.Option(help="Rank correlation with exact scores that probes are chosen for.", **_APPROXIMATE)
]
Calibration = Annotated[int, typer.Option(help="Images that are measured exactly first.", **_APPROXIMATE)]
Coverage = Annotated[float, typer.Option(help="Share of intervals that shall hold the exact score.", **_APPROXIMATE)]
Top = Annotated[
    int | None, typer.Option(help="Cascade: confirm so many least and most likely of each class.", **_APPROXIMATE)
]
Cut = Annotated[
    float | None, typer.Option(help="Cascade: confirm the side of this percentile for each sample.", **_APPROXIMATE)
]
Confidence = Annotated[
    float, typer.Option(help="Cascade: probability of a list or a side to be right.", **_APPROXIMATE)
]
