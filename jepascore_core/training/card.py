"""Describe a trained encoder: facts for the backbone's row, and a model card."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jepascore_core.errors import UnknownNameError
from jepascore_core.storage.home import home_folder

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_CURVE_ROWS = 12


def encoders_folder(home: Path | None = None) -> Path:
    """Return the folder of encoders that were trained in a home folder: <name>.safetensors, .json and .md each.

    None stands for the home folder that is set.
    """
    return (home or home_folder()) / "encoders"


def checked_name(name: str) -> str:
    """Return the name itself, if it is a valid file name on every system.

    Raises:
        UnknownNameError: if it is not a valid file name on every system.
    """
    if not _NAME.fullmatch(name):
        raise UnknownNameError(
            f"{name!r} is not a valid encoder name: use lower-case characters, digits, dots, dashes, underscores."
        )
    return name


def card_text(name: str, facts: dict[str, Any]) -> str:
    """Return the model card in Markdown, from the fields of the JSON file beside the weights."""
    card, shape = facts["card"], facts["architecture"]
    lines = [
        f"# {name}",
        "",
        facts["note"],
        "",
        "| what | value |",
        "|---|---|",
        f"| data | {card['data']} |",
        f"| images | {card['num_images']:,} of {shape['img_size']} x {shape['img_size']} pixels, "
        f"{shape['in_chans']} channel{'s' if shape['in_chans'] > 1 else ''} |",
        f"| architecture | {_architecture_text(facts['architecture_name'], shape)}; K = {shape['num_classes']}; "
        f"{card['num_parameters']:,} parameters |",
        f"| objective | two views agree, embeddings are N(0, I): LeJEPA, weight {card['gaussian_weight']} |",
        f"| training | {_training_text(card)} |",
        f"| linear probe | {_accuracy(card['probe_accuracy'])} |",
        f"| 5-NN | {_accuracy(card['neighbour_accuracy'])} |",
        f"| Gaussianity | mean Kolmogorov-Smirnov distance of random projections {card['normal_distance']:.3f}, "
        f"about {card['expected_distance']:.3f} for a true Gaussian |",
        "",
        "Accuracies are on a fifth of the images, held out from the probe but not from the training, which saw no "
        "labels.",
        "",
        "## Loss",
        "",
        *_curve_table(card["curve"]),
        "",
        "## Known limits",
        "",
        *(f"- {limit}" for limit in card["limits"]),
        "",
    ]
    return "\n".join(lines)


def _architecture_text(name: str, shape: dict[str, Any]) -> str:
    if name == "mlp":
        layers = ", ".join(map(str, shape["hidden"]))
        return f"averages of {shape['pool']} x {shape['pool']} pixels, layers of {layers} units, onto the sphere"
    return (
        f"ViT, patch {shape['patch_size']}, width {shape['embed_dim']}, depth {shape['depth']}, "
        f"{shape['num_heads']} heads"
    )


def _training_text(card: dict[str, Any]) -> str:
    if not card["curve"]:
        return "see the limits below"
    seconds = f", {card['seconds']:,} s of one processor core" if "seconds" in card else ""
    return (
        f"{card['epochs']:,} epochs, {card['num_steps']:,} steps of {card['batch_size']} images, learning rate "
        f"{card['learning_rate']:g}, seed {card['seed']}{seconds}"
    )


def _accuracy(value: float | None) -> str:
    return "no labels to judge by" if value is None else f"{100 * value:.1f} % of held-out images"


def _curve_table(curve: Sequence[Sequence[float]]) -> list[str]:
    """Return a dozen rows of the curve, the first and last among them."""
    if not curve:
        return ["The curve of this training was not kept."]
    last = len(curve) - 1
    places = sorted({round(last * number / (_CURVE_ROWS - 1)) for number in range(_CURVE_ROWS)})
    rows = [
        f"| {int(curve[at][0]):,} | " + " | ".join(f"{value:.4f}" for value in curve[at][1:]) + " |" for at in places
    ]
    return ["| epoch | total | invariance | Gaussianity |", "|---|---|---|---|", *rows]
