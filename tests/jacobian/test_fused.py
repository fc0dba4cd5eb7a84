"""The fused kernels: what they find (in Triton's interpreter), that they compile for GPUs, and both on a GPU itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

triton = pytest.importorskip("triton", reason="Triton is not installed here: it comes with PyTorch for Linux.")

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
#: Bytes of shared memory that one program may have, by compute capability.
SHARED = {80: 163 * 1024, 89: 99 * 1024, 90: 227 * 1024}


@pytest.mark.slow
def test_kernels_equal_the_plain_operations_in_the_interpreter():
    command = [sys.executable, "-m", "pytest", "-p", "no:xdist", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [*command, str(HERE / "fused_interpreted.py")],
        cwd=ROOT,
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
    )
    if "only 0-dimensional arrays can be converted" in ran.stdout:
        pytest.skip("The interpreter of this Triton (3.6, of PyTorch 2.11) does not work with NumPy 2.5 and newer.")
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    assert " passed" in ran.stdout
    assert "skipped" not in ran.stdout


def compiled(kernel, constants, capability, warps, stages):
    """A kernel compiled for bfloat16 tensors on a GPU that need not be there."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    types, aligned = {}, {}
    for position, name in enumerate(kernel.arg_names):
        if name in constants:
            types[name] = "constexpr"
            continue
        types[name] = "i32" if name in SIZES else "*fp32" if name == "deltas" else "*bf16"
        # As at a call: addresses of tensors, and sizes that 16 divides, are told to the compiler.
        if name not in ("count", "length", "num_heads"):
            aligned[(position,)] = [["tt.divisibility", 16]]
    source = ASTSource(fn=kernel, signature=types, constexprs=constants, attrs=aligned)
    return triton.compile(
        source,
        target=GPUTarget("cuda", capability, 32),
        options={"num_warps": warps, "num_stages": stages, "enable_fp_fusion": True},
    )


SIZES = ("count", "length", "num_heads", "size", "stride", "width", "hidden_width")


@pytest.mark.slow
@pytest.mark.parametrize("capability", [80, 89, 90])
def test_kernels_compile_for_gpus_that_are_not_here(capability):
    from jepascore_core.jacobian import triton_kernels
    from jepascore_core.jacobian.fused import TILES

    tiles = TILES[1]
    for kernel, tile in (
        (triton_kernels.pull_back_queries, tiles.queries),
        (triton_kernels.pull_back_keys_and_values, tiles.keys),
    ):
        constants = {"rows_at_once": tile.rows, "keys_at_once": tile.keys, "channels": 64}
        found = compiled(kernel, constants, capability, tile.warps, tile.stages)
        assert found.metadata.shared <= SHARED[capability]
        # Matrix units, not multiplication one by one.
        assert ("wgmma" if capability == 90 else "mma.sync") in found.asm["ptx"]
    for kernel, constants in (
        (triton_kernels.scale_hidden, {"at_once": 2048, "group": 16}),
        (triton_kernels.add_norm, {"rows_at_once": 4, "channels": 512}),
    ):
        assert compiled(kernel, constants, capability, 4, 1).asm["cubin"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="There is no CUDA device here.")
def test_fused_operations_agree_with_plain_ones_on_a_gpu():
    import timm

    from jepascore_core.backbones.structure.recognise import recognise
    from jepascore_core.jacobian.fused import TILES, fused_operations
    from jepascore_core.jacobian.structured import PassPrecision, StructuredEngine

    encoder = timm.create_model("vit_tiny_patch16_224", num_classes=0).cuda().eval().requires_grad_(False)
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0)).cuda()
    engine = StructuredEngine(encoder, recognise(encoder), PassPrecision(torch.float32, torch.bfloat16))
    engine.pull_back(images[:1])
    assert engine.note == ""
    plain = StructuredEngine(encoder, recognise(encoder), PassPrecision(torch.float32, torch.float32))
    expected = plain.pull_back(images).rows
    for tiles in TILES:
        engine.operations = fused_operations(tiles)
        found = engine.pull_back(images).rows
        assert float((found - expected).norm() / expected.norm()) < 0.03
