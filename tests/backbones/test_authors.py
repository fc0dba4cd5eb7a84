"""What the authors of a family evaluate: positions at other sizes and preprocessing, against independent versions."""

import math

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Normalize, Resize, ToTensor, v2

from jepascore_core.backbones.build import load_backbone
from jepascore_core.backbones.positions import resampled
from jepascore_core.backbones.registry import find_spec
from jepascore_core.backbones.table import TABLE
from jepascore_core.backbones.transforms import build_transform
from jepascore_core.errors import PreprocessingError, UnknownNameError
from jepascore_core.records.backbones import BackboneRef
from tests.backbones.conftest import FEW, TINY, TINY_CLIP, few_blocks, randomised
from tests.backbones.plain_vit import PlainVit

STATED = {"mean": 0.5, "std": 0.25, "device": "cpu", "offline": True}
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def cubic(distance, sharpness):
    """Keys' convolution kernel."""
    x = np.abs(distance)
    near = (sharpness + 2) * x**3 - (sharpness + 3) * x**2 + 1
    far = sharpness * (x**3 - 5 * x**2 + 8 * x - 4)
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def sampling(old, new, scale, antialias):
    """Weights [new, old] of bicubic sampling at (i + 1/2) / scale - 1/2: at the border the last value goes on."""
    weights = np.zeros((new, old))
    for row in range(new):
        centre = (row + 0.5) / scale - 0.5
        if antialias:  # the kernel grows with the step, and is cut off at the border
            weights[row] = cubic((np.arange(old) - centre) * min(scale, 1.0), -0.5)
            weights[row] /= weights[row].sum()
        else:
            for tap in range(math.floor(centre) - 1, math.floor(centre) + 3):
                weights[row, min(max(tap, 0), old - 1)] += cubic(centre - tap, -0.75)
    return weights


def authors_positions(positions, new, prefix, way):
    """Positions [1, prefix + old * old, width] for new * new patches, in float64 without torch's interpolation."""
    old = math.isqrt(positions.shape[1] - prefix)
    scale = (new + 0.1) / old if way == "dino" else new / old
    weights = sampling(old, new, scale, way == "timm")
    grid = positions[0, prefix:].double().numpy().reshape(old, old, -1)
    moved = np.einsum("ri,cj,ijk->rck", weights, weights, grid).reshape(new * new, -1)
    return torch.cat([positions[:, :prefix], torch.from_numpy(moved).float()[None]], dim=1)


@pytest.mark.parametrize("way", ["dino", "plain", "timm"])
@pytest.mark.parametrize(("old", "new", "prefix"), [(37, 16, 1), (14, 7, 1), (4, 6, 0), (5, 7, 1), (16, 27, 1)])
def test_positions_are_those_of_an_independent_version(way, old, new, prefix):
    positions = torch.randn(1, prefix + old * old, 8, generator=torch.Generator().manual_seed(0))
    found = resampled(positions, (new, new), prefix, way)
    torch.testing.assert_close(found, authors_positions(positions, new, prefix, way), rtol=0, atol=1e-5)


def test_positions_of_the_own_size_or_of_no_square_stay():
    for count in (17, 13):
        positions = torch.randn(1, count, 8)
        assert resampled(positions, (4, 4), 1, "dino") is positions


def images(side):
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))


def with_positions(module, other, way, prefix=1):
    """`other`, which is for another size, with the module's weights and its positions in the authors' way."""
    grid = math.isqrt(other.pos_embed.shape[1] - prefix)
    state = module.state_dict()
    other.load_state_dict({**state, "pos_embed": authors_positions(state["pos_embed"], grid, prefix, way)})
    return other.eval()


def assert_embeds(backbone, module, side):
    with torch.no_grad():
        torch.testing.assert_close(backbone.encode(images(side)), module(images(side)), rtol=1e-5, atol=1e-5)


@pytest.fixture
def few():
    """Encoders of few blocks: positions come before them."""
    with few_blocks(
        "vit_small_patch14_dinov2",
        "vit_small_patch14_reg4_dinov2",
        "vit_small_patch16_dinov3",
        "vit_small_patch16_224",
        "vit_base_patch16_224",
        TINY,
    ):
        yield


@pytest.mark.parametrize(
    ("name", "way", "options"),
    [("ibot", "dino", {}), ("ijepa", "plain", {"class_token": False}), ("visreg", "timm", {}), ("mocov3", "timm", {})],
)
def test_releases_are_resampled_as_their_authors_do(name, way, options, few, tmp_path):
    module = randomised(PlainVit(size=64, depth=FEW, **options))
    expected = with_positions(
        module, PlainVit(size=96, depth=FEW, **options), way, int(options.get("class_token", True))
    )
    torch.save(module.state_dict(), tmp_path / "file.pth")
    backbone = load_backbone(f"{name}:{TINY}", tmp_path / "file.pth", image_size=96, **STATED)
    assert_embeds(backbone, expected, 96)
    assert "resampled from" in backbone.info.note
    assert ("as its authors do" in backbone.info.note) == (way != "timm")


@pytest.mark.parametrize("side", [28, 98])
def test_dinov2_is_resampled_as_its_authors_do_and_as_timm_if_asked(side, few, tmp_path):
    module = randomised(timm.create_model("vit_small_patch14_dinov2", img_size=70))
    torch.save({**module.state_dict(), "mask_token": torch.ones(1, 384)}, tmp_path / "file.pth")
    other = timm.create_model("vit_small_patch14_dinov2", img_size=side)
    found = {}
    for asked, way in ((None, "dino"), ("timm", "timm")):
        found[way] = load_backbone(
            "timm:vit_small_patch14_dinov2", tmp_path / "file.pth", image_size=side, preprocessing=asked, **STATED
        )
        assert_embeds(found[way], with_positions(module, other, way), side)
    assert found["dino"].info.backbone_id != found["timm"].info.backbone_id
    assert [found[way].info.preprocessing.resize for way in ("dino", "timm")] == [int(side / 0.875), side]


def test_dinov2_with_registers_is_resampled_as_its_authors_do_and_at_its_own_size_not_at_all(few, tmp_path):
    name = "vit_small_patch14_reg4_dinov2"
    module = randomised(timm.create_model(name, img_size=70))
    state = module.state_dict()
    file = {**state, "register_tokens": state["reg_token"], "mask_token": torch.ones(1, 384)}
    del file["reg_token"]
    # The authors add a position to the class token, too.
    file |= {"pos_embed": torch.cat([torch.zeros(1, 1, 384), state["pos_embed"]], dim=1)}
    torch.save(file, tmp_path / "file.pth")
    native, larger = (
        load_backbone(f"timm:{name}", tmp_path / "file.pth", image_size=side, **STATED) for side in (70, 98)
    )
    assert native.info.note == ""
    assert_embeds(native, module, 70)
    assert_embeds(larger, with_positions(module, timm.create_model(name, img_size=98), "timm", 0), 98)
    assert "resampled from 26 to 49 tokens" in larger.info.note


@pytest.mark.parametrize(
    ("row", "way"), [("vit_small_patch16_224.dino", "dino"), ("vit_base_patch16_224.mae", "plain")]
)
def test_rows_of_timm_are_resampled_as_their_authors_do(row, way, few, tmp_path):
    base = "base" in row
    size = {"width": 768, "heads": 12} if base else {"width": 384, "heads": 6}
    module = randomised(PlainVit(size=224, depth=FEW, **size))
    torch.save(module.state_dict(), tmp_path / "file.pth")
    backbone = load_backbone(f"timm:{row}", tmp_path / "file.pth", image_size=112, device="cpu")
    assert_embeds(backbone, with_positions(module, PlainVit(size=112, depth=FEW, **size), way), 112)
    assert backbone.info.preprocessing.resize == 128


def photo():
    generator = np.random.default_rng(2)
    return Image.fromarray(generator.integers(0, 256, (300, 400, 3), dtype=np.uint8)).resize((400, 300))


def crop_256(interpolation):
    steps = [Resize(256, interpolation=interpolation), CenterCrop(224), ToTensor(), Normalize(MEAN, STD)]
    return Compose(steps)


BICUBIC, BILINEAR = InterpolationMode.BICUBIC, InterpolationMode.BILINEAR


@pytest.mark.parametrize(
    ("name", "transform"),
    [
        ("timm:vit_small_patch14_dinov2.lvd142m", crop_256(BICUBIC)),
        ("timm:vit_small_patch14_reg4_dinov2.lvd142m", crop_256(BICUBIC)),
        ("timm:vit_small_patch16_224.dino", crop_256(BICUBIC)),
        ("timm:vit_base_patch16_224.mae", crop_256(BICUBIC)),
        ("ibot:vit_small_patch16_224.in1k", crop_256(BICUBIC)),
        ("visreg:vit_base_patch16_224.inet1k", crop_256(BICUBIC)),
        ("mocov3:vit_small_patch16_224.300ep", crop_256(BILINEAR)),
    ],
)
def test_images_become_inputs_as_the_authors_evaluate(name, transform):
    assert torch.equal(build_transform(find_spec(name).preprocessing)(photo()), transform(photo()))


@pytest.mark.parametrize(
    ("name", "mean", "std"),
    [
        ("timm:vit_small_patch16_dinov3.lvd1689m", MEAN, STD),
        ("timm:convnext_tiny.dinov3_lvd1689m", MEAN, STD),
        ("timm:vit_large_patch16_dinov3.sat493m", (0.43, 0.411, 0.296), (0.213, 0.156, 0.143)),
    ],
)
def test_dinov3s_inputs_are_those_of_its_readme(name, mean, std):
    steps = [v2.ToImage(), v2.Resize((256, 256), antialias=True), v2.ToDtype(torch.float32, scale=True)]
    expected = v2.Compose([*steps, v2.Normalize(mean, std)])(photo())
    # The README resizes tensors, we resize pictures: a rounded grey level lies between, 1 / 255 / std.
    found = build_transform(find_spec(name).preprocessing)(photo())
    torch.testing.assert_close(found, torch.as_tensor(expected), rtol=0, atol=1.5 / 255 / min(std))


def test_every_row_says_how_its_authors_evaluate_and_where_they_say_so():
    for spec in TABLE:
        assert bool(spec.evaluation) == (spec.preprocessing is not None), spec.name


def test_dinov3_pools_its_class_token_from_files_and_tags_alike(few, tmp_path):
    module = randomised(timm.create_model("vit_small_patch16_dinov3", img_size=32))
    torch.save(module.state_dict(), tmp_path / "file.pth")
    name = "timm:vit_small_patch16_dinov3"
    own = load_backbone(name, tmp_path / "file.pth", image_size=32, **STATED).info
    copy = load_backbone(f"{name}.lvd1689m", tmp_path / "file.pth", image_size=32, **STATED).info
    assert own.backbone_id == copy.backbone_id
    assert (own.pooling, own.preprocessing.fit, own.preprocessing.interpolation) == ("token", "squash", "bilinear")
    as_timm = load_backbone(name, tmp_path / "file.pth", image_size=32, preprocessing="timm", **STATED).info
    assert (as_timm.pooling, as_timm.preprocessing.fit, as_timm.preprocessing.interpolation) == (
        "avg",
        "crop",
        "bicubic",
    )


def test_authors_is_the_default_and_nothing_else_is_known(vit_file):
    options = {"image_size": 32, **STATED}
    default = load_backbone(f"timm:{TINY}", vit_file, **options).info
    for asked in ("authors", "timm"):
        assert load_backbone(f"timm:{TINY}", vit_file, preprocessing=asked, **options).info == default
    with pytest.raises(UnknownNameError, match=r'Unknown preprocessing "mine"\. Available: authors, timm'):
        load_backbone(f"timm:{TINY}", vit_file, preprocessing="mine", **options)
    with pytest.raises(PreprocessingError, match="leave --preprocessing out"):
        load_backbone(f"open_clip:{TINY_CLIP}", vit_file, preprocessing="timm", **options)
    with pytest.raises(PreprocessingError, match="leave those options out"):
        load_backbone("bundled:digits-vit", preprocessing="timm", device="cpu")


@pytest.mark.parametrize(
    ("name", "size", "earlier", "now"),
    [
        ("vit_tiny_patch16_224.augreg_in21k_ft_in1k", 32, "014c83aed631", "014c83aed631"),
        ("vit_small_patch16_224.dino", 32, "96071848d5a3", "34db0d73f75f"),
        ("vit_small_patch16_dinov3.lvd1689m", 32, "7b74bd959784", "a1817fee55ab"),
        ("vit_small_patch14_dinov2.lvd142m", 28, "2400198ebd3b", "414175333c08"),
    ],
)
def test_ids_change_where_results_do_and_timms_are_those_of_earlier_versions(name, size, earlier, now, tmp_path):
    # Measurements are found by them: change them only with a migration.
    generator = np.random.default_rng(0)
    shapes = timm.create_model(name.partition(".")[0], img_size=size, num_classes=0).state_dict()
    state = {
        key: torch.from_numpy(generator.standard_normal(tuple(value.shape), dtype=np.float32) * np.float32(0.05))
        for key, value in sorted(shapes.items())
    }
    torch.save(state, tmp_path / "file.pth")
    found = [
        load_backbone(f"timm:{name}", tmp_path / "file.pth", image_size=size, preprocessing=asked, **STATED).info
        for asked in ("timm", "authors")
    ]
    assert [info.backbone_id[-12:] for info in found] == [earlier, now]


def test_what_was_asked_for_earlier_is_kept_in_the_same_words():
    # Runs are found again by the text of what was asked for.
    assert "preprocessing" not in BackboneRef("timm:x").to_dict()
    asked = BackboneRef("timm:x", preprocessing="timm")
    assert BackboneRef.from_dict(asked.to_dict()) == asked
