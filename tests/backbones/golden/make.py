"""Make the golden files with transformers: `python -m tests.backbones.golden.make` where it is installed."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers as hf
from safetensors import safe_open
from safetensors.torch import save_file

from tests.backbones.golden import FOLDER, images, photo, weights

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 16, "patch_size": 4}
MLP = {**SMALL, "intermediate_size": 48}
TEXT = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "vocab_size": 64,
    "max_position_embeddings": 8,
}
DECODER = {
    f"decoder_{key}": value for key, value in TEXT.items() if key not in ("vocab_size", "max_position_embeddings")
}
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
CROP = {"size": {"shortest_edge": 18}, "crop_size": {"height": 16, "width": 16}, "image_mean": MEAN, "image_std": STD}
SQUASH = {"size": {"height": 16, "width": 16}}


#: Kinds with learned positions, which are resampled for these other sizes; DINOv2's model does so unasked.
RESIZED = (24, 8)
LEARNED = ("vit", "ijepa", "mae", "dinov2", "dinov2_registers", "clip", "clip_vision", "metaclip2", "siglip")


def token(model, batch, **options):
    return model(pixel_values=batch, **options).last_hidden_state[:, 0]


def average(model, batch, **options):
    return model(pixel_values=batch, **options).last_hidden_state.mean(1)


def masked(model, batch, **options):
    # Masks nothing; the order of the patches is random, and the class token does not see it.
    return model.vit(pixel_values=batch, **options).last_hidden_state[:, 0]


def video(model, batch):
    frames = batch[:, None].repeat(1, model.config.tubelet_size, 1, 1, 1)
    return model.get_vision_features(pixel_values_videos=frames).mean(1)


def projected(model, batch, **options):
    found = model.get_image_features(pixel_values=batch, **options)
    return found if isinstance(found, torch.Tensor) else found.pooler_output


def embedded(model, batch, **options):
    return model(pixel_values=batch, **options).image_embeds


def pooled(model, batch):
    return model(pixel_values=batch).pooler_output


BIT, VIT = hf.BitImageProcessor, hf.ViTImageProcessor
MODELS = {
    "vit": (hf.ViTConfig(**MLP), hf.ViTModel, token, VIT(**SQUASH)),
    "ijepa": (hf.IJepaConfig(**MLP), hf.IJepaModel, average, VIT(**SQUASH)),
    "mae": (hf.ViTMAEConfig(**MLP, **DECODER, mask_ratio=0.0), hf.ViTMAEForPreTraining, masked, VIT(**SQUASH)),
    "dinov2": (hf.Dinov2Config(**SMALL, mlp_ratio=2), hf.Dinov2Model, token, BIT(**CROP)),
    "dinov2_swiglu": (
        hf.Dinov2Config(**SMALL, mlp_ratio=2, use_swiglu_ffn=True),
        hf.Dinov2Model,
        token,
        BIT(**CROP),
    ),
    "dinov2_registers": (
        hf.Dinov2WithRegistersConfig(**SMALL, mlp_ratio=2),
        hf.Dinov2WithRegistersModel,
        token,
        BIT(**CROP),
    ),
    "dinov2_classifier": (
        hf.Dinov2Config(**SMALL, mlp_ratio=2, num_labels=3),
        hf.Dinov2ForImageClassification,
        lambda model, batch: token(model.dinov2, batch),
        BIT(**CROP),
    ),
    "dinov3": (hf.DINOv3ViTConfig(**MLP, num_register_tokens=4), hf.DINOv3ViTModel, token, VIT(**SQUASH)),
    "dinov3_gated": (
        hf.DINOv3ViTConfig(**MLP, use_gated_mlp=True, hidden_act="silu"),
        hf.DINOv3ViTModel,
        token,
        VIT(**SQUASH),
    ),
    "vjepa2": (
        hf.VJEPA2Config(
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            mlp_ratio=1.5,
            crop_size=16,
            patch_size=4,
            pred_hidden_size=16,
            pred_num_attention_heads=2,
            pred_num_hidden_layers=1,
        ),
        hf.VJEPA2Model,
        video,
        hf.VJEPA2VideoProcessor(crop_size=16),
    ),
    "clip": (
        hf.CLIPConfig(text_config=TEXT, vision_config=MLP, projection_dim=12),
        hf.CLIPModel,
        projected,
        hf.CLIPImageProcessor(**{**CROP, "size": {"shortest_edge": 16}}),
    ),
    "clip_vision": (
        hf.CLIPVisionConfig(**MLP, projection_dim=12, hidden_act="gelu"),
        hf.CLIPVisionModelWithProjection,
        embedded,
        hf.CLIPImageProcessor(**CROP),
    ),
    "clip_unprojected": (hf.CLIPVisionConfig(**MLP), hf.CLIPVisionModel, pooled, hf.CLIPImageProcessor(**CROP)),
    "metaclip2": (
        hf.MetaClip2Config(text_config={**TEXT, "eos_token_id": 2}, vision_config=MLP, projection_dim=12),
        hf.MetaClip2Model,
        projected,
        hf.CLIPImageProcessor(**CROP),
    ),
    "siglip": (
        hf.SiglipConfig(text_config=TEXT, vision_config=MLP),
        hf.SiglipModel,
        projected,
        hf.SiglipImageProcessor(**SQUASH),
    ),
}


def make(kind: str) -> None:
    config, model_class, embed, processor = MODELS[kind]
    model = model_class(config).eval()
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
        with safe_open(Path(folder) / "model.safetensors", "pt") as file:
            shapes = {name: file.get_slice(name).get_shape() for name in sorted(file.keys())}
        written = {path.name: json.loads(path.read_text()) for path in Path(folder).glob("*.json")}
        save_file(weights(shapes), Path(folder) / "model.safetensors", metadata={"format": "pt"})
        model = model_class.from_pretrained(folder).eval()
    options = {} if kind.startswith("dinov2") else {"interpolate_pos_encoding": True}
    with torch.no_grad():
        embedding = embed(model, images(16))
        resized = {size: embed(model, images(size), **options) for size in RESIZED if kind in LEARNED}
    processor_file = next(name for name in written if "processor" in name)
    golden = {
        "made_with": f"transformers {hf.__version__}",
        "config": written["config.json"],
        "shapes": shapes,
        "processor_file": processor_file,
        "processor": written[processor_file],
        "pixels": _pixels(processor),
        "embedding": _rounded(embedding),
        "resized": {str(size): _rounded(found) for size, found in resized.items()},
    }
    (FOLDER / f"{kind}.json").write_text(json.dumps(golden, indent=1) + "\n")


def _rounded(embedding) -> list[list[float]]:
    return [[round(float(value), 6) for value in row] for row in embedding]


def _pixels(processor) -> list[float]:
    """The red channel of what the processor makes of the photograph, row by row."""
    if isinstance(processor, hf.VJEPA2VideoProcessor):
        frames = torch.from_numpy(np.array(photo())).permute(2, 0, 1)[None]
        values = processor(frames, return_tensors="pt")["pixel_values_videos"][0, 0, 0]
    else:
        values = processor(images=photo(), return_tensors="pt")["pixel_values"][0, 0]
    return [round(float(value), 4) for value in values.flatten()]


if __name__ == "__main__":
    for name in MODELS:
        make(name)
