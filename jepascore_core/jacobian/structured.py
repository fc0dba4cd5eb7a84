"""The engine of the structured passes: forward trace, head, backward pass by chunks, and a check against autograd."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from jepascore_core.jacobian.architecture import Architecture
from jepascore_core.jacobian.engine import Engine, GenericEngine, Pullback
from jepascore_core.jacobian.generic import Cotangents, math_attention, vector_jacobian
from jepascore_core.jacobian.guards import check_encoder, check_outputs
from jepascore_core.jacobian.kernel_choice import fastest_operations, fused_candidates
from jepascore_core.jacobian.last_norm import most_directions
from jepascore_core.jacobian.resolution import what_drowns
from jepascore_core.jacobian.trace import Trace, run_forward
from jepascore_core.jacobian.vit import PLAIN_OPERATIONS, Operations, fold_block, patch_factor, pull_back_tokens

#: On a CPU a chunk is a power of two of cotangents, about this many values per token: large enough for efficient
#: products, small enough for the caches. 32 measured best on ViT-Ti (192 wide), 16 on ViT-S (384; benchmarks/exact.py).
CPU_CHUNK_VALUES, CPU_CHUNK_MOST = 6144, 32

#: Share of a GPU's free memory for the cotangents of a chunk.
GPU_SHARE = 0.4

#: Cotangents on which the operations of a GPU are compared.
TRIAL_COTANGENTS = 64

#: Largest relative difference between the length of one cotangent pulled back by the structure and by autograd.
CHECK_TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-3, torch.bfloat16: 0.1}


def gpu_chunk(architecture: Architecture, products: torch.dtype, free: int) -> int:
    """Return the number of cotangents at once on a GPU with this much free memory, in bytes."""
    return max(1, int(GPU_SHARE * free / architecture.bytes_per_cotangent(products.itemsize)))


@dataclass(frozen=True)
class PassPrecision:
    """`trace`: of the forward pass, softmax and norms; `products`: of the matrix products of the backward pass."""

    trace: torch.dtype
    products: torch.dtype
    allow_tf32: bool = False

    @property
    def is_coarse(self) -> bool:
        """Whether rounding of the products may exceed the smallest singular values."""
        return self.allow_tf32 or self.products == torch.bfloat16

    @property
    def name(self) -> str:
        """Its name among the options."""
        return "tf32" if self.allow_tf32 else str(self.products).removeprefix("torch.")


class StructuredEngine:
    """Jacobians of a vision transformer whose architecture is known.

    Its first image is also differentiated once by autograd; if the two differ, the engine says so in `note` and uses
    the generic passes from then on, which are slower but correct. On a GPU the same image decides which `operations`
    are fastest. If coarse products do not resolve its rank, float32 is used from then on, and `note` says so.
    """

    name = "structured"

    def __init__(self, encoder: nn.Module, architecture: Architecture, precision: PassPrecision) -> None:
        self.note = ""
        self.operations = PLAIN_OPERATIONS
        self._encoder, self._architecture, self._precision = encoder, architecture, precision
        self._folded = tuple(fold_block(block, precision.products) for block in architecture.blocks)
        self._factor = patch_factor(architecture.patch)
        self._is_checked = False
        self._is_resolved = not precision.is_coarse
        self._most = architecture.rank
        self._fallback: Engine | None = None

    @property
    def is_coarse(self) -> bool:
        """Whether rounding of the products may exceed the smallest singular values."""
        return self._fallback is None and self._precision.is_coarse

    @property
    def structural_rank(self) -> int | None:
        """Upper bound of J's rank set by the architecture."""
        return self._fallback.structural_rank if self._fallback else self._most

    def default_chunk(self) -> int:
        """Cotangents at once: what fits into a CPU's cache or a GPU's memory."""
        if self._fallback is not None:
            return self._fallback.default_chunk()
        device = self._factor.device
        if device.type != "cuda":
            fitting = max(1, CPU_CHUNK_VALUES // self._factor.shape[0])
            return min(CPU_CHUNK_MOST, 1 << (fitting.bit_length() - 1))
        return gpu_chunk(self._architecture, self._precision.products, torch.cuda.mem_get_info(device)[0])

    def pull_back(
        self,
        images: Tensor,
        cotangents: Cotangents | None = None,
        chunk: int | None = None,
        on_chunk: Callable[[int], None] | None = None,
    ) -> Pullback:
        """Return embeddings, rows and forward features of a batch.

        Raises:
            EncoderError: if the encoder violates its contract.
        """
        if self._fallback is None and not self._is_checked:
            self._check(images[:1])
        if self._fallback is None and not self._is_resolved:
            self._resolve(images[:1], cotangents, on_chunk)
        if self._fallback is not None:
            return self._fallback.pull_back(images, cotangents, chunk, on_chunk)
        return self._pull_back(images, cotangents, chunk or self.default_chunk(), on_chunk)

    def _pull_back(
        self,
        images: Tensor,
        cotangents: Cotangents | None,
        chunk: int,
        on_chunk: Callable[[int], None] | None,
    ) -> Pullback:
        with math_attention(self._precision.allow_tf32):
            trace = run_forward(self._architecture, images, self._precision.products)
            live = trace.tokens[:, :1] if self._architecture.class_token_only else trace.tokens
            with torch.enable_grad():
                tokens = live.detach().requires_grad_(True)
                embedding = self._architecture.head(tokens)
            size = embedding.shape[1]
            identity = torch.eye(size, dtype=embedding.dtype, device=embedding.device)
            weights = identity if cotangents is None else cotangents(size).to(embedding)
            rows = self._rows(trace, tokens, embedding, weights, chunk, on_chunk)
        return Pullback(embedding.detach(), rows, trace.log_scales)

    def _rows(
        self,
        trace: Trace,
        tokens: Tensor,
        embedding: Tensor,
        weights: Tensor,
        chunk: int,
        on_chunk: Callable[[int], None] | None,
    ) -> Tensor:
        batch, num_patches = len(tokens), trace.tokens.shape[1] - self._architecture.num_prefix
        rows = self._factor.new_empty(batch, len(weights), num_patches * self._factor.shape[1])
        for start in range(0, len(weights), chunk):
            block = weights[start : start + chunk]
            upper = vector_jacobian(embedding, tokens, block[:, None].expand(-1, batch, -1)).transpose(0, 1)
            # TF32 represents all bfloat16 values: the last product rounds only the factor, finer than before.
            with torch.no_grad(), math_attention(self._precision.is_coarse):
                rows[:, start : start + chunk] = pull_back_tokens(
                    self._architecture,
                    self._folded,
                    self._factor,
                    trace,
                    upper.to(self._precision.products),
                    self.operations,
                )
            if on_chunk is not None:
                on_chunk(start + len(block))
        return rows

    def _check(self, images: Tensor) -> None:
        """Compare with autograd: the embedding, and the length of one random combination of the Jacobian's rows."""
        check_encoder(self._encoder, images)
        with torch.enable_grad(), math_attention(self._precision.allow_tf32):
            inputs = images.detach().requires_grad_(True)
            expected = self._encoder(inputs.clone())
            check_outputs(expected, images)
            bounds = [most for most in (self._architecture.rank, most_directions(expected, inputs)) if most is not None]
            self._most = min(bounds, default=None)
            generator = torch.Generator().manual_seed(0)
            weights = torch.randn(expected.shape[1], generator=generator, dtype=torch.float64).to(expected)
            gradient = vector_jacobian(expected, inputs, weights[None, None])[0]
        found = self._pull_back(images, lambda _: weights[None], 1, None)
        tolerance = CHECK_TOLERANCE[self._precision.products]
        lengths = found.rows.double().norm(), gradient.double().norm()
        # The caller reports values that are not finite, from any passes.
        is_finite = bool(torch.stack(lengths).isfinite().all())
        agree = torch.allclose(found.embedding.double(), expected.detach().double(), rtol=1e-3, atol=1e-4)
        if is_finite and not (agree and abs(lengths[0] - lengths[1]) <= tolerance * lengths[1]):
            self.note = (
                "Measured by the generic backward passes: the structured ones disagree with autograd on this encoder."
            )
            self._fallback = GenericEngine(self._encoder, self.note)
        elif is_finite:
            self._choose_operations(images)
        self._is_checked = True

    def _resolve(self, image: Tensor, cotangents: Cotangents | None, on_chunk: Callable[[int], None] | None) -> None:
        """Compare one image's spectrum with that of float32 products."""
        exact = StructuredEngine(self._encoder, self._architecture, PassPrecision(torch.float32, torch.float32))
        exact._is_checked, exact._most = True, self._most
        # These cotangents do not count as finished for the caller, which may still stop here.
        tick = None if on_chunk is None else lambda _: on_chunk(0)

        def rows(engine: StructuredEngine) -> Tensor:
            return engine._pull_back(image, cotangents, engine.default_chunk(), tick).rows

        drowning = what_drowns(rows(self), rows(exact), self._most)
        self._is_resolved = drowning is not None
        if drowning:
            self.note = f"{self._precision.name} does not resolve {drowning}. Measured in float32, which is slower."
            self._fallback = exact

    def _choose_operations(self, images: Tensor) -> None:
        """Choose the fastest operations on this device."""
        candidates, self.note = fused_candidates(images.device, self._precision.products)
        if not candidates:
            return
        trace = run_forward(self._architecture, images, self._precision.products)
        size = min(TRIAL_COTANGENTS, self.default_chunk())
        tokens = 1 if self._architecture.class_token_only else trace.tokens.shape[1]
        generator = torch.Generator(images.device).manual_seed(0)
        shape = len(images), size, tokens, trace.tokens.shape[2]
        cotangents = torch.randn(shape, generator=generator, device=images.device).to(self._precision.products)

        def run(operations: Operations) -> Tensor:
            return pull_back_tokens(
                self._architecture, self._folded, self._factor, trace, cotangents.clone(), operations
            )

        with torch.no_grad():
            self.operations, self.note = fastest_operations(run, candidates)
