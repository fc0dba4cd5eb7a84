"""The hash over weights: sensitive to every bit of them, blind to everything else."""

import pytest
import torch
from torch import nn

from jepascore_core.backbones.weights import hash_weights
from jepascore_core.errors import EncoderError


class Holder(nn.Module):
    def __init__(self, **tensors):
        super().__init__()
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)


def test_order_gradients_mode_and_memory_layout_do_not_matter():
    a, b = torch.arange(6.0).reshape(2, 3), torch.ones(4)
    first = Holder(a=a, b=b).train()
    second = Holder(b=b.clone(), a=a.T.contiguous().T).eval()
    assert not second.a.is_contiguous()
    assert hash_weights(first) == hash_weights(second)
    layer = nn.Linear(2, 2)
    before = hash_weights(layer)
    assert hash_weights(layer.requires_grad_(False)) == before
    assert len(before) == 32


@pytest.mark.parametrize(
    "other",
    [
        {"a": torch.tensor([1.0, 2.0000002])},
        {"b": torch.tensor([1.0, 2.0])},
        {"a": torch.tensor([[1.0, 2.0]])},
        {"a": torch.tensor([1.0, 2.0]).view(torch.int32)},
        {"a": torch.tensor([1.0, 2.0]), "b": torch.zeros(0)},
        {},
    ],
    ids=["one bit", "name", "shape", "dtype", "one more", "nothing"],
)
def test_every_ingredient_matters(other):
    assert hash_weights(Holder(**other)) != hash_weights(Holder(a=torch.tensor([1.0, 2.0])))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64, torch.bool, torch.int64])
def test_every_dtype_can_be_hashed(dtype):
    tensor = torch.tensor([0, 1, 1]).to(dtype)
    assert hash_weights(Holder(a=tensor)) == hash_weights(Holder(a=tensor.clone()))
    assert hash_weights(Holder(a=tensor)) != hash_weights(Holder(a=tensor.flip(0)))
    assert hash_weights(Holder(a=tensor[0])) != hash_weights(Holder(a=tensor[1]))


def test_a_state_that_is_not_made_of_tensors_is_refused():
    class Odd(nn.Module):
        def get_extra_state(self):
            return {"setting": 3}

        def set_extra_state(self, state):
            pass

    with pytest.raises(EncoderError, match="dict"):
        hash_weights(Odd())
