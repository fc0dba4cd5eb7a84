import pytest
import torch

from jepascore_core.backbones.devices import available_devices, resolve_device
from jepascore_core.errors import UnknownNameError


def test_auto_is_the_best_device_of_this_machine():
    best = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert resolve_device("auto").type == best
    assert resolve_device().type == best


def test_cpu_is_always_there():
    assert available_devices()[-1] == "cpu"
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize("name", ["cuda:99", "gpu", "", "cpu:1"])
def test_a_device_that_is_not_there_is_an_error_that_names_those_that_are(name):
    with pytest.raises(UnknownNameError, match="cpu"):
        resolve_device(name)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_the_bare_name_is_the_first_device():
    assert resolve_device("cuda") == resolve_device("cuda:0") == torch.device("cuda:0")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_cuda_is_never_replaced_silently():
    with pytest.raises(UnknownNameError, match='Unknown device "cuda"'):
        resolve_device("cuda")
