"""Jacobians by batched VJPs against closed forms and the paper's listing."""

import pytest
import torch
from torch import nn

from jepascore_core.errors import EncoderError
from jepascore_core.jacobian.generic import jacobian
from tests.reference import listing_jacobian


class Linear(nn.Module):
    """x -> A vec(x) + b, whose Jacobian is A everywhere."""

    def __init__(self, matrix):
        super().__init__()
        self.matrix = nn.Parameter(matrix, requires_grad=False)

    def forward(self, images):
        return images.flatten(1) @ self.matrix.T + 1.0


class ElementwiseSquare(nn.Module):
    """x -> vec(x)^2, whose Jacobian is diag(2 x)."""

    def forward(self, images):
        return images.flatten(1).square()


def images(batch=3, channels=1, side=4, dtype=torch.float64):
    return torch.randn(batch, channels, side, side, dtype=dtype, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("chunk", [1, 2, 5, 64, None])
def test_linear_encoder_has_its_matrix_as_jacobian(chunk):
    matrix = torch.randn(5, 16, dtype=torch.float64)
    embedding, rows = jacobian(Linear(matrix).eval(), images(), chunk=chunk)
    torch.testing.assert_close(rows, matrix.expand(3, 5, 16))
    torch.testing.assert_close(embedding, images().flatten(1) @ matrix.T + 1.0)


def test_known_nonlinear_jacobian():
    _, rows = jacobian(ElementwiseSquare().eval(), images())
    torch.testing.assert_close(rows, torch.diag_embed(2 * images().flatten(1)))


def convolutional():
    torch.manual_seed(0)
    return (
        nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.GELU(), nn.Flatten(), nn.Linear(16, 6)).double().eval()
    )


def test_equals_the_papers_listing():
    encoder = convolutional().requires_grad_(False)
    _, rows = jacobian(encoder, images())
    torch.testing.assert_close(rows, listing_jacobian(encoder, images()))


def test_does_not_depend_on_neighbours_in_the_batch():
    encoder = convolutional()
    together = jacobian(encoder, images(5))[1]
    alone = torch.cat([jacobian(encoder, one[None])[1] for one in images(5)])
    torch.testing.assert_close(together, alone)


class Unbatchable(torch.autograd.Function):
    """Squares its input; its backward pass cannot run under vmap."""

    @staticmethod
    def forward(ctx, values):
        ctx.save_for_backward(values)
        return values.square()

    @staticmethod
    def backward(ctx, gradient):
        (values,) = ctx.saved_tensors
        assert float(gradient.abs().sum()) >= 0  # reads a value, which vmap forbids
        return 2 * values * gradient


class UnbatchableSquare(nn.Module):
    def forward(self, images):
        return Unbatchable.apply(images).flatten(1)


def test_an_operation_without_batching_rule_still_gives_the_right_jacobian():
    _, rows = jacobian(UnbatchableSquare().eval(), images())
    torch.testing.assert_close(rows, torch.diag_embed(2 * images().flatten(1)))


def test_on_chunk_counts_and_may_stop():
    seen = []
    jacobian(Linear(torch.randn(5, 16, dtype=torch.float64)).eval(), images(), chunk=2, on_chunk=seen.append)
    assert seen == [2, 4, 5]

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        jacobian(Linear(torch.randn(5, 16, dtype=torch.float64)).eval(), images(), chunk=2, on_chunk=stop)


class NoGradient(nn.Module):
    def forward(self, images):
        return images.detach().flatten(1)


@pytest.mark.parametrize(
    ("encoder", "says"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(16, 2), nn.Dropout()).double().train(), "eval mode"),
        (nn.Sequential(nn.BatchNorm2d(1), nn.Flatten()).double().train(), "eval mode"),
        (nn.Conv2d(1, 2, 3).double().eval(), r"returned \[3, 2, 2, 2\]"),
        (NoGradient().eval(), "differentiably"),
    ],
)
def test_a_broken_contract_is_a_clear_error(encoder, says):
    with pytest.raises(EncoderError, match=says):
        jacobian(encoder, images())
