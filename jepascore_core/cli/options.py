"""Options of `jepascore score`, in three panels of its help: backbone, approximation, and the rest."""

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
        help="Name from `jepascore backbones`, timm:, open_clip:, hf:..., or path of an encoder by `jepascore train`.",
        callback=backbone_name,
        **_OWN,
    ),
]
Checkpoint = Annotated[
    str | None, typer.Option(help="Custom weights: .safetensors, weights-only .pth, or a folder.", **_OWN)
]
Pooling = Annotated[str | None, typer.Option(help="token, avg or projection (default: the backbone's own).", **_OWN)]
Preprocessing = Annotated[
    str | None,
    typer.Option(help="authors (as the model's authors evaluate it) or timm (timm's default).", **_OWN),
]
ImageSize = Annotated[
    int | None, typer.Option(help="Input resolution in pixels (default: the encoder's training resolution).", **_OWN)
]
Mean = Annotated[str | None, typer.Option(help="Mean per channel, e.g. 0.5,0.5,0.5.", **_OWN)]
Std = Annotated[str | None, typer.Option(help="Standard deviation per channel.", **_OWN)]
Offline = Annotated[bool, typer.Option("--offline", help="Never download weights.", **_OWN)]

Estimator = Annotated[str, typer.Option(help=f"One of: {', '.join(ESTIMATORS)}.")]
Precision = Annotated[str, typer.Option(help=f"auto or one of: {', '.join(PRECISIONS)}.")]
Views = Annotated[
    int,
    typer.Option(help="Augmented views per image to take the expectation over; costs as many times as much."),
]
ViewAugmentation = Annotated[
    str,
    typer.Option(
        help="How views are made: auto (as the backbone's training where known, else crops), crops or warps, also with "
        "parameters: crops:flip=0,hue=0."
    ),
]
Pilot = Annotated[
    int | None, typer.Option("--pilot", help="Measure only this many images, a random sample; the rest by a later run.")
]
PilotPerClass = Annotated[
    int | None, typer.Option("--pilot-per-class", help="Measure only this many images of each class.")
]
Device = Annotated[
    str, typer.Option(help="auto (all local GPUs, else the CPU), cpu, mps, cuda, or several: cuda:0,cuda:1.")
]
Predict = Annotated[bool, typer.Option("--predict", help="Print the estimated cost and exit.")]
Detach = Annotated[bool, typer.Option("--detach", help="Queue the job and return.")]

Probes = Annotated[
    int | None, typer.Option(help="Random projections per image (default: chosen automatically).", **_APPROXIMATE)
]
Seed = Annotated[int, typer.Option(help="Random seed of the sketch.", **_APPROXIMATE)]
TargetFidelity = Annotated[
    float, typer.Option(help="Rank correlation with exact scores to aim for when choosing probes.", **_APPROXIMATE)
]
Calibration = Annotated[int, typer.Option(help="Images measured exactly first, for calibration.", **_APPROXIMATE)]
Coverage = Annotated[
    float, typer.Option(help="Share of prediction intervals that should contain the exact score.", **_APPROXIMATE)
]
Top = Annotated[
    int | None, typer.Option(help="cascade: N lowest and highest samples per class to make exact.", **_APPROXIMATE)
]
Cut = Annotated[
    float | None, typer.Option(help="cascade: make exact which samples fall below this percentile.", **_APPROXIMATE)
]
Confidence = Annotated[
    float, typer.Option(help="cascade: required probability that each list or side is correct.", **_APPROXIMATE)
]
