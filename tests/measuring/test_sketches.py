"""Sketches against closed forms: full size is exact, a smaller one is the beginning of a larger one."""

import numpy as np
import pytest
import torch
from torch import nn

import jepascore_core as js
from jepascore_core.errors import UnknownNameError
from jepascore_core.measuring.estimators import build_engine, measure_with
from jepascore_core.measuring.rows import to_rows
from jepascore_core.measuring.sketches import nested_singular_values, sketch_cotangents
from jepascore_core.records.approximation import nested_sizes
from jepascore_core.records.measurements import MeasurementSpec

K, SIDE = 20, 5


class Encoder(nn.Module):
    def __init__(self, rank=K):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        first = torch.randn(SIDE * SIDE, 24, generator=generator, dtype=torch.float64)
        second = torch.randn(24, rank, generator=generator, dtype=torch.float64)
        third = torch.randn(rank, K, generator=generator, dtype=torch.float64)
        self.first, self.second = nn.Parameter(first), nn.Parameter(second @ third)

    def forward(self, images):
        return torch.tanh(images.flatten(1) @ self.first / 5) @ self.second


@pytest.fixture
def images():
    return torch.randn(3, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def backbone(rank=K):
    return js.wrap_encoder(Encoder(rank).eval(), "toy")


def jacobians(toy, images):
    """The slow, obvious way. -> [B, K, D]."""
    return torch.func.vmap(torch.func.jacrev(lambda image: toy.encoder(image[None])[0]))(images).flatten(2).detach()


def test_cotangents_are_orthonormal_nested_and_named_by_their_seed():
    large = sketch_cotangents(12, 3, K)
    assert large.shape == (12, K)
    torch.testing.assert_close(large @ large.T, torch.eye(12, dtype=torch.float64))
    torch.testing.assert_close(sketch_cotangents(5, 3, K), large[:5])
    assert (sketch_cotangents(12, 4, K) - large).abs().max() > 0.1
    assert sketch_cotangents(99, 3, K).shape == (K, K)


def test_cotangents_are_the_same_on_every_machine():
    expected = [0.0003, 0.0810, -0.0743]
    np.testing.assert_allclose(sketch_cotangents(4, 7, K)[0, :3], expected, atol=1e-4)


def test_a_sketch_of_full_size_is_exact(images):
    exact = js.measure(backbone(), images, "exact", "float64")
    full = js.measure(backbone(), images, "sketch", "float64", probes=K)
    torch.testing.assert_close(full.singular_values, exact.singular_values, rtol=1e-9, atol=0)
    torch.testing.assert_close(full.score, exact.score, rtol=1e-9, atol=0)


def test_a_sketch_is_the_log_volume_of_its_combinations(images):
    combined = sketch_cotangents(6, 2, K) @ jacobians(backbone(), images)
    found = js.measure(backbone(), images, "sketch", "float64", probes=6, seed=2)
    expected = torch.linalg.svdvals(combined)
    torch.testing.assert_close(found.singular_values, expected, rtol=1e-9, atol=0)
    torch.testing.assert_close(found.score, expected.log().sum(1), rtol=1e-9, atol=0)


def test_a_linear_encoder_has_the_same_sketch_for_every_image():
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, K)).double().eval()
    found = js.measure(js.wrap_encoder(encoder, "linear"), torch.rand(4, 1, SIDE, SIDE).double(), "sketch", probes=7)
    torch.testing.assert_close(found.score, found.score[:1].expand(4))


def test_by_products_of_an_exact_measurement_equal_sketches_of_each_size(images):
    toy, exact = backbone(), MeasurementSpec(precision="float64")
    sizes = nested_sizes(K)
    nested = exact.nested(sizes[-1])
    engine = build_engine(toy, exact)
    beside = measure_with(engine, toy.device, images, exact, nested=nested).nested
    direct = measure_with(engine, toy.device, images, nested).nested
    torch.testing.assert_close(beside, direct, rtol=1e-9, atol=1e-9)
    for size, found in zip(sizes, beside.split(sizes, dim=1), strict=True):
        expected = js.measure(toy, images, "sketch", "float64", probes=size)
        torch.testing.assert_close(found, expected.singular_values.log(), rtol=1e-9, atol=1e-9)


def test_a_rank_deficient_encoder_sketches_no_more_than_its_rank(images):
    toy = backbone(rank=5)
    small, large = nested_singular_values(jacobians(toy, images), (4, 8), sketch_cotangents(8, 0, K))
    assert (small[:, -1] > 1e-3).all()
    assert (large[:, 5:] < 1e-12).all()
    assert js.measure(toy, images, "sketch", "float64", probes=8).rank.tolist() == [5, 5, 5]


def test_rows_hold_what_a_calibration_needs(images):
    toy, spec = backbone(), MeasurementSpec("nested", "float64", 8)
    found = measure_with(build_engine(toy, spec), toy.device, images, spec)
    rows = to_rows(["a", "b", "c"], found, 0.5)
    assert [row.content_id for row in rows] == ["a", "b", "c"]
    assert len(rows[0].log_singular_values) == sum(size for size in nested_sizes(K) if size <= 8)
    assert rows[1].features[-1] == pytest.approx(float(found.embedding[1].norm().log()), rel=1e-5)
    silent = backbone()
    with torch.no_grad():
        silent.encoder.second.zero_()
    assert np.isfinite(
        to_rows(["a"], measure_with(build_engine(silent, spec), toy.device, images[:1], spec), 0.0)[0].features
    ).all()


def test_a_number_of_probes_makes_no_sense_for_exact_scores(images):
    with pytest.raises(UnknownNameError, match="only a sketch"):
        js.measure(backbone(), images, "exact", probes=3)
