"""No tensor of a file is dropped in silence: marks, and perturbed files of every family."""

import json
import re
import shutil

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from jepascore_core.backbones.build import load_backbone
from jepascore_core.backbones.bundled_encoder import WEIGHTS_FOLDER
from jepascore_core.backbones.unused_weights import ALL, is_listed, listed
from jepascore_core.backbones.weight_tracker import WeightTracker, mark_unneeded
from jepascore_core.errors import CheckpointError
from tests.backbones import golden
from tests.backbones.conftest import FEW, TINY, TINY_CLIP, few_blocks, randomised
from tests.backbones.plain_vit import PlainVit

STATED = {"mean": 0.5, "std": 0.25, "image_size": 32, "device": "cpu", "offline": True}
DINOV3 = "vit_small_patch16_dinov3"
#: Equal for all keys, so that softmax takes it off again; a counter of steps plays no part in evaluation.
WITHOUT_EFFECT = re.compile(r"\.(key|k_proj)\.bias$|num_batches_tracked$")


def images(side=32):
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))


def small():
    return {"weight": torch.arange(12.0).reshape(6, 2), "bias": torch.ones(6), "spare": torch.ones(3)}


def linear(weight, bias):
    module = nn.Linear(2, len(bias))
    module.load_state_dict({"weight": weight, "bias": bias})


def test_marks_follow_renaming_reshaping_and_arithmetic():
    tracker = WeightTracker()
    state = tracker.mark(small())
    linear(state["weight"].T.contiguous().T.float(), (2 * state["bias"] + state["spare"].repeat(2)).to(torch.float32))
    assert tracker.unused() == {}
    tracker.require_all_used("file")


def test_a_tensor_that_arrives_in_pieces_is_whole_only_with_all_of_them():
    tracker = WeightTracker()
    state = tracker.mark(small())
    first, second, third = state["weight"].chunk(3)
    linear(torch.cat([second, first]), state["bias"][:4])
    assert tracker.unused() == {"weight": [6, 2], "bias": [6], "spare": [3]}
    linear(third, state["bias"][4:])
    assert tracker.unused() == {"spare": [3]}
    with pytest.raises(CheckpointError, match=r"file does not fit.*1 of its weights would be dropped \(spare \[3\]\)"):
        tracker.require_all_used("file")
    mark_unneeded([state["spare"]])
    tracker.require_all_used("file")


def test_positions_that_are_resampled_arrive_as_a_whole():
    tracker = WeightTracker()
    state = tracker.mark({"pos": torch.rand(1, 17, 4)})
    grid = nn.functional.interpolate(state["pos"][:, 1:].reshape(1, 4, 4, 4), size=(2, 2), mode="bicubic")
    nn.Embedding(5, 4).load_state_dict({"weight": torch.cat([state["pos"][0, :1], grid.reshape(4, 4)])})
    assert tracker.unused() == {}


def test_every_leftover_has_a_reason_and_names_no_weight_of_a_block():
    assert all(entry.reason and entry.where for entry in ALL)
    assert not any("block" in name and not name.startswith(("decoder", "norms_block")) for name in listed(ALL))


def perturbed(state, name):
    generator = torch.Generator().manual_seed(2)
    return {**state, name: state[name] + 0.5 * torch.randn(state[name].shape, generator=generator).to(state[name])}


def kinds_of(state):
    """One name of each kind, the numbers of layers apart."""
    return list({re.sub(r"\d+", "0", name): name for name in state}.values())


def assert_nothing_is_dropped(state, embed, spare=()):
    """Each tensor of a file, perturbed, changes the embedding or is refused, unless it is on the list."""
    before = embed(state)
    for name in kinds_of(state):
        if not state[name].is_floating_point() or not state[name].numel() or WITHOUT_EFFECT.search(name):
            continue
        try:
            after = embed(perturbed(state, name))
        except CheckpointError:
            continue
        is_same = torch.equal(before, after)
        assert is_same == is_listed(name, spare), name


def embedder(name, tmp_path, wrap=lambda state: state, side=32, **options):
    """Write a state as a file, load it and embed two images."""

    def embed(state):
        torch.save(wrap(state), tmp_path / "file.pth")
        return load_backbone(name, tmp_path / "file.pth", **{**STATED, "image_size": side, **options}).encode(
            images(side)
        )

    return embed


def with_decoder(module):
    """What MAE's training saves: the encoder beside its decoder, all in one module."""
    return {
        **module.state_dict(),
        "mask_token": torch.ones(1, 1, 64),
        "decoder_embed.weight": torch.ones(64, 192),
        "decoder_pos_embed": torch.ones(1, 5, 64),
        "decoder_blocks.0.norm1.weight": torch.ones(64),
        "decoder_norm.bias": torch.ones(64),
        "decoder_pred.bias": torch.ones(768),
    }


@pytest.fixture(scope="module", autouse=True)
def few():
    """Every tensor of a kind takes a file and an encoder of its own: these have few blocks."""
    with few_blocks(TINY, "vit_small_patch14_reg4_dinov2", DINOV3, f"{DINOV3}_qkvb"):
        yield


@pytest.mark.parametrize("side", [32, 48])
def test_timm_uses_every_tensor_also_of_mae_with_its_decoder(side, tmp_path):
    state = with_decoder(randomised(timm.create_model(TINY, img_size=32, num_classes=10)))
    spare = [name for name in state if name.startswith(("decoder_", "mask_token", "head"))]
    embed = embedder(f"timm:{TINY}", tmp_path, lambda state: {"model": state, "epoch": 1}, side)
    assert_nothing_is_dropped(state, embed, spare)
    encoder = {name: value for name, value in state.items() if not is_listed(name, spare)}
    assert torch.equal(embed(state), embed(encoder))


def test_a_stranger_in_a_converted_file_is_refused_though_timm_would_drop_it(tmp_path):
    state = {f"visual.trunk.{name}": value for name, value in randomised(PlainVit(depth=FEW)).state_dict().items()}
    embed = embedder(f"timm:{TINY}", tmp_path)
    embed(state)
    with pytest.raises(CheckpointError, match=r"1 of its weights would be dropped \(visual\.adapter\.weight \[2\]\)"):
        embed({**state, "visual.adapter.weight": torch.ones(2)})
    old = {f"visual.trunk.pre_logits.fc.{kind}": torch.ones(2) for kind in ("weight", "bias")}
    with pytest.raises(CheckpointError, match="2 of its weights would be dropped"):
        embed({**state, **old})


def dinov2_file(module, depth=12, chunks=0):
    """DINOv2's own names for one of timm's encoders, in chunks of blocks if asked for."""
    size = depth // chunks if chunks else depth
    state = {}
    for name, value in module.state_dict().items():
        block = re.match(r"blocks\.(\d+)\.", name)
        state[f"blocks.{int(block[1]) // size}.{name[7:]}" if chunks and block else name] = value
    return {**state, "mask_token": torch.ones(1, module.embed_dim)}


def as_teacher(state):
    """What DINOv2's training saves of its teacher."""
    heads = {"dino_head.mlp.0.weight": torch.ones(4, 4), "ibot_head.last_layer.weight_v": torch.ones(4, 4)}
    return {"teacher": {**{f"backbone.{name}": value for name, value in state.items()}, **heads}}


def test_a_dinov2_teacher_loads_from_chunks_of_blocks(tmp_path):
    module = randomised(timm.create_model("vit_small_patch14_dinov2", img_size=28))
    embed = embedder("timm:vit_small_patch14_dinov2", tmp_path, as_teacher, 28)
    with torch.no_grad():
        expected = module(images(28))
    torch.testing.assert_close(embed(dinov2_file(module, chunks=4)), expected)
    torch.testing.assert_close(embed(dinov2_file(module)), expected)
    broken = dinov2_file(module, chunks=4)
    broken["blocks.0.11.norm1.weight"] = broken["blocks.3.11.norm1.weight"]
    with pytest.raises(CheckpointError, match="not expected"):
        embed(broken)


def test_dinov2_with_registers_uses_every_tensor(tmp_path):
    module = randomised(timm.create_model("vit_small_patch14_reg4_dinov2", img_size=28))
    state = dinov2_file(module)
    state["register_tokens"] = state.pop("reg_token")
    state["pos_embed"] = torch.cat([torch.ones(1, 1, 384), state["pos_embed"]], dim=1)
    embed = embedder("timm:vit_small_patch14_reg4_dinov2", tmp_path, side=28)
    assert_nothing_is_dropped(state, embed, ["mask_token"])


def dinov3_file(module, periods=None):
    """DINOv3's own names, joint biases, their masks and periods for one of timm's encoders with biases."""
    state, width = {}, module.embed_dim
    for name, value in module.state_dict().items():
        new = name.replace("gamma_", "ls").replace("reg_token", "storage_tokens")
        new = re.sub(r"\.ls(\d)$", r".ls\1.gamma", new)
        if name.endswith("q_bias"):
            other = module.get_parameter(name.replace("q_bias", "v_bias")).detach()
            # What the mask takes off is nothing that may count.
            state[name.replace("q_bias", "qkv.bias")] = torch.cat([value, torch.full_like(value, 3.0), other])
            mask = torch.ones(3 * width)
            mask[width : 2 * width] = 0
            state[name.replace("q_bias", "qkv.bias_mask")] = mask
        elif not name.endswith("v_bias"):
            state[new] = value
    state["rope_embed.periods"] = module.rope.periods.clone() if periods is None else periods
    return {**state, "mask_token": torch.ones(1, width), "local_cls_norm.weight": torch.ones(width)}


@pytest.fixture(scope="module")
def dinov3():
    module = randomised(timm.create_model(f"{DINOV3}_qkvb", img_size=32, global_pool="token"))
    with torch.no_grad():
        for name, value in module.named_parameters():
            # Attention far from uniform, and through to the embedding, so that biases and positions matter.
            if name.endswith(("qkv.weight", "q_bias", "gamma_1")):
                value.mul_(20)
    return module


def dinov3_embedding(module):
    with torch.no_grad():
        return module(images())


def test_biases_of_a_dinov3_file_are_used_and_name_their_architecture(dinov3, tmp_path):
    torch.save(dinov3_file(dinov3), tmp_path / "dinov3.pth")
    for name in (DINOV3, f"{DINOV3}_qkvb"):
        backbone = load_backbone(f"timm:{name}", tmp_path / "dinov3.pth", pooling="token", **STATED)
        torch.testing.assert_close(backbone.encode(images()), dinov3_embedding(dinov3))
        assert backbone.info.architecture == f"{DINOV3}_qkvb"
        assert ("have biases: loaded as" in backbone.info.note) == (name == DINOV3)


def test_biases_of_zero_need_no_other_architecture(dinov3, tmp_path):
    plain = timm.create_model(DINOV3, img_size=32, global_pool="token").eval()
    plain.load_state_dict({name: value for name, value in dinov3.state_dict().items() if "_bias" not in name})
    state = dinov3_file(dinov3)
    state = {name: value * 0 if name.endswith("qkv.bias") else value for name, value in state.items()}
    torch.save(state, tmp_path / "dinov3.pth")
    backbone = load_backbone(f"timm:{DINOV3}", tmp_path / "dinov3.pth", pooling="token", **STATED)
    torch.testing.assert_close(backbone.encode(images()), dinov3_embedding(plain))
    assert (backbone.info.architecture, backbone.info.note) == (DINOV3, "")


def test_a_bias_of_keys_is_refused(dinov3, tmp_path):
    state = {name: value for name, value in dinov3_file(dinov3).items() if not name.endswith("bias_mask")}
    with pytest.raises(CheckpointError, match=r"biases of keys \(blocks\.0\.attn\.qkv\.bias\).*hf:"):
        embedder(f"timm:{DINOV3}", tmp_path)(state)


@pytest.mark.parametrize("base", [10.0, 1000.0])
def test_another_rope_base_is_used_and_counts_in_the_id(base, dinov3, tmp_path):
    other = timm.create_model(f"{DINOV3}_qkvb", img_size=32, global_pool="token", rope_temperature=base).eval()
    other.load_state_dict(dinov3.state_dict())
    found = []
    for number, module in enumerate((dinov3, other)):
        torch.save(dinov3_file(module), tmp_path / f"{number}.pth")
        found.append(load_backbone(f"timm:{DINOV3}", tmp_path / f"{number}.pth", pooling="token", **STATED))
    torch.testing.assert_close(found[1].encode(images()), dinov3_embedding(other))
    assert not torch.allclose(found[0].encode(images()), found[1].encode(images()), atol=1e-4)
    assert found[0].info.backbone_id != found[1].info.backbone_id
    assert "Rotary periods" not in found[0].info.note
    assert "Rotary periods of the file" in found[1].info.note
    half = found[1].encoder.to(torch.bfloat16)
    assert torch.equal(half.rope.periods.float(), other.rope.periods), "kept when the precision changes"


def test_periods_are_those_of_the_file_also_where_it_rounded_them(dinov3, tmp_path):
    rounded = dinov3.rope.periods.to(torch.bfloat16)
    torch.save(dinov3_file(dinov3, rounded), tmp_path / "rounded.pth")
    backbone = load_backbone(f"timm:{DINOV3}", tmp_path / "rounded.pth", **STATED)
    assert torch.equal(backbone.encoder.rope.periods, rounded.float())
    assert "rounded to bfloat16" in backbone.info.note
    with pytest.raises(CheckpointError, match="has 3 rotary periods, but the architecture has 16"):
        embedder(f"timm:{DINOV3}", tmp_path)(dinov3_file(dinov3, torch.ones(3)))


def test_dinov3_uses_every_tensor(dinov3, tmp_path):
    spare = ["mask_token", "local_cls_norm"]
    assert_nothing_is_dropped(dinov3_file(dinov3), embedder(f"timm:{DINOV3}", tmp_path), spare)


@pytest.mark.parametrize("side", [32, 48])
def test_open_clip_uses_every_tensor(side, tiny_clip, tmp_path):
    text = ("transformer", "token_embedding", "positional_embedding", "ln_final", "text_projection", "logit_scale")
    assert_nothing_is_dropped(tiny_clip.state_dict(), embedder(f"open_clip:{TINY_CLIP}", tmp_path, side=side), text)


@pytest.mark.parametrize("kind", golden.KINDS)
def test_transformers_folders_use_every_tensor(kind, tmp_path):
    folder = golden.write_folder(kind, tmp_path / kind)
    spare = (
        "text_model",
        "text_projection",
        "logit_scale",
        "logit_bias",
        "decoder",
        "predictor",
        "pooler",
        "classifier",
    )
    inside = ("embeddings.mask_token", "vit.embeddings.mask_token", "dinov2.embeddings.mask_token")

    def embed(state):
        save_file(state, folder / "model.safetensors")
        return load_backbone("hf:mine/x", folder, device="cpu", offline=True).encode(golden.images(16))

    # A copy: some versions of safetensors map the file, which `embed` writes over.
    state = {name: tensor.clone() for name, tensor in load_file(folder / "model.safetensors").items()}
    assert_nothing_is_dropped(state, embed, (*spare, *inside))


def test_another_rope_base_of_a_transformers_folder_counts_in_the_id(tmp_path):
    folder = golden.write_folder("dinov3", tmp_path / "dinov3")
    config = json.loads((folder / "config.json").read_text())
    native = load_backbone("hf:mine/x", folder, device="cpu")
    (folder / "config.json").write_text(json.dumps({**config, "rope_theta": 10.0, "rope_parameters": None}))
    other = load_backbone("hf:mine/x", folder, device="cpu")
    assert not torch.allclose(native.encode(golden.images(16)), other.encode(golden.images(16)), atol=1e-4)
    assert native.info.backbone_id != other.info.backbone_id


@pytest.mark.parametrize(
    ("release", "options", "beside"),
    [
        ("ijepa", {"class_token": False}, {}),
        ("ibot", {}, {"masked_embed": torch.ones(1, 192)}),
        ("mocov3", {}, {"momentum_encoder.norm.bias": torch.ones(192), "predictor.0.weight": torch.ones(4, 4)}),
        ("lejepa", {}, {"proj.0.weight": torch.ones(4, 4), "online_probe.weight": torch.ones(4, 4)}),
    ],
)
def test_releases_use_every_tensor(release, options, beside, tmp_path):
    prefix = {"mocov3": "base_encoder.", "lejepa": "backbone."}.get(release, "")
    state = {
        f"{prefix}{name}": value for name, value in randomised(PlainVit(depth=FEW, **options)).state_dict().items()
    }
    embed = embedder(f"{release}:{TINY}", tmp_path)
    assert_nothing_is_dropped({**state, **beside}, embed, list(beside))
    with pytest.raises(CheckpointError, match=r"adapter\.weight \[2\]"):
        embed({**state, **beside, "adapter.weight": torch.ones(2)})


def test_a_bundled_encoder_uses_every_tensor(tmp_path):
    source = sorted(WEIGHTS_FOLDER.glob("*.json"))[0]
    shutil.copy(source, tmp_path / source.name)
    size = json.loads(source.read_text())["preprocessing"]
    channels = len(size["mean"])

    def embed(state):
        save_file(state, tmp_path / f"{source.stem}.safetensors")
        batch = images(size["height"])[:, :channels]
        return load_backbone(str(tmp_path / source.stem), device="cpu").encode(batch)

    state = dict(load_file(source.with_suffix(".safetensors")))
    assert_nothing_is_dropped(state, embed)
    with pytest.raises(CheckpointError, match=r"stranger"):
        embed({**state, "stranger": torch.ones(1)})
