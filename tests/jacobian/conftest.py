"""Kernels are tested with the threads that they have in use, whatever share of the processors a test has elsewhere."""

import os
from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def all_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(os.cpu_count() or 1)
    yield
    torch.set_num_threads(before)
