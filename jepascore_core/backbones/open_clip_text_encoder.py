"""The text tower of an open_clip model: words -> the space in which its image tower embeds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import open_clip
import torch
from open_clip.model import _build_text_tower, convert_to_custom_text_state_dict
from torch import Tensor

from jepascore_core.backbones.local import load_strictly, read_checkpoint, unprefixed, weights_of
from jepascore_core.backbones.open_clip_encoder import open_clip_spec, weights_path
from jepascore_core.errors import CheckpointError, JepaScoreError
from jepascore_core.records.backbones import BackboneRef

_PREFIX = "text."
#: Buffers of older files that the tower computes itself.
_COMPUTED = ("attn_mask",)


def embed_text(ref: BackboneRef, text: str) -> npt.NDArray[np.float32]:
    """Embed words with the text tower of a CLIP model -> [K], unnormalised, on the CPU.

    The tower comes from the file of weights that the image tower was loaded from.

    Raises:
        UnknownNameError: for an unknown model or tag.
        CheckpointError: if the file holds no text tower, or does not fit.
        WeightsUnavailableError: if the weights are not on this machine and cannot be fetched.
        JepaScoreError: if the tokenizer is not on this machine.
    """
    spec, model, tag = open_clip_spec(ref)
    config = open_clip.get_model_config(model)
    path = weights_path(ref, spec.name, model, tag)
    state = _text_state(read_checkpoint(path), path)
    tower = _build_text_tower(config["embed_dim"], config["text_cfg"], config.get("quick_gelu", False))
    load_strictly(tower, state, _COMPUTED, path.name)
    tokens = _tokens(model, text)
    with torch.inference_mode():
        found = tower.eval()(tokens)
    embedding = (found[0] if isinstance(found, tuple) else found)[0].float().numpy()
    if not np.isfinite(embedding).all() or not embedding.any():
        raise JepaScoreError(f"{spec.name} gives no usable embedding of the words {text!r}. Try other words.")
    return np.asarray(embedding, np.float32)


def _text_state(checkpoint: Mapping[str, object], path: Path) -> dict[str, Tensor]:
    state = convert_to_custom_text_state_dict(dict(unprefixed(weights_of(checkpoint, path.name), ["visual.", "text."])))
    found = {name.removeprefix(_PREFIX): value for name, value in state.items() if name.startswith(_PREFIX)}
    if not found:
        raise CheckpointError(
            f"{path.name} holds the image tower only, and words need the text tower: "
            "measure with the whole CLIP checkpoint."
        )
    return found


def _tokens(model: str, text: str) -> Tensor:
    try:
        tokens: Tensor = open_clip.get_tokenizer(model)([text])
    except (OSError, ImportError, ValueError) as error:
        raise JepaScoreError(
            f"The tokenizer of {model} cannot be loaded: {error}. It comes with the model's repository on the hub, and "
            "may need the package transformers."
        ) from error
    return tokens
