"""Spectra against closed forms and numpy's SVD."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from jepascore_core.jacobian.gram import COLUMN_BLOCK, eigen_threads, gram_matrix, singular_values


def with_spectrum(values, columns, seed=0, dtype=torch.float64):
    """A [1, K, D] Jacobian with the given singular values."""
    rng = np.random.default_rng(seed)
    size = len(values)
    left, _ = np.linalg.qr(rng.standard_normal((size, size)))
    right, _ = np.linalg.qr(rng.standard_normal((columns, size)))
    return torch.from_numpy((left * np.asarray(values)) @ right.T).to(dtype)[None]


@settings(max_examples=30, deadline=None)
@given(size=st.integers(1, 12), columns=st.integers(12, 80), seed=st.integers(0, 1000))
def test_equals_numpy_svd(size, columns, seed):
    rows = np.random.default_rng(seed).standard_normal((3, size, columns))
    expected = np.linalg.svd(rows, compute_uv=False)
    np.testing.assert_allclose(singular_values(torch.from_numpy(rows)), expected, rtol=1e-9)


def test_small_singular_values_survive_the_squaring_of_the_condition_number():
    wanted = [192.0, 46.0, 0.3, 1e-3, 1e-6, 3e-9]
    found = singular_values(with_spectrum(wanted, 400))[0]
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_null_directions_come_out_at_rounding_level():
    found = singular_values(with_spectrum([200.0, 5.0, 1.0, 0.0, 0.0], 300))[0]
    assert found[3:].max() < 1e-11
    # Squares are rounded at that of the greatest, 4e4: 9e-12, of which the root of 1 keeps a half.
    np.testing.assert_allclose(found[:3], [200.0, 5.0, 1.0], rtol=1e-11)


def test_more_outputs_than_inputs_leaves_zeros():
    rows = torch.randn(2, 7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = singular_values(rows)
    assert found.shape == (2, 7)
    assert found[:, 4:].max() < 1e-12
    np.testing.assert_allclose(found[:, :4], np.linalg.svd(rows.numpy(), compute_uv=False), rtol=1e-9)


def test_columns_beyond_one_block_count():
    rows = torch.randn(3, 2 * COLUMN_BLOCK + 5, generator=torch.Generator().manual_seed(1))
    wide = rows.double()
    torch.testing.assert_close(gram_matrix(rows), wide @ wide.T)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_is_descending_float64_on_cpu(dtype):
    found = singular_values(torch.randn(2, 5, 40, dtype=dtype))
    assert found.dtype == torch.float64
    assert (found.diff(dim=1) <= 0).all()


def test_threads_for_eigenvalues_compute_alone_and_leave_others_be():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with eigen_threads(2) as pool:
            assert list(pool.map(lambda _: torch.get_num_threads(), range(4))) == [1] * 4
        assert torch.get_num_threads() == 3
        with ThreadPoolExecutor(1) as later:
            assert later.submit(torch.get_num_threads).result() == 3
    finally:
        torch.set_num_threads(before)
