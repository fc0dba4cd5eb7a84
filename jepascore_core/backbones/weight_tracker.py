"""Track which tensors of a file reach an encoder, through renaming, slicing, joining and resampling.

Names do not show whether a library's converter used a weight: it may rename, split, join or drop it. A mark on the
tensor shows it, when the values are copied into a parameter or buffer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor

from jepascore_core.errors import CheckpointError

_MAX_LISTED = 10
#: Below 1, since shares are summed in floating point.
_WHOLE = 1 - 1e-6

#: Functions whose output is a part of their first argument.
_CUTS = frozenset(
    {
        Tensor.__getitem__,
        *(getattr(place, name) for place in (Tensor, torch) for name in ("chunk", "split", "narrow", "select")),
        *(getattr(place, name) for place in (Tensor, torch) for name in ("unbind", "index_select", "tensor_split")),
        Tensor.split_with_sizes,
    }
)
#: Functions whose output contains all of their arguments, so that parts of one tensor add up.
_JOINTS = frozenset({torch.cat, torch.concat, torch.concatenate, torch.stack, torch.hstack, torch.vstack})
#: Functions that write their last argument into their first.
_WRITES = frozenset({Tensor.copy_, Tensor.__setitem__})


@dataclass(eq=False)
class WeightTracker:
    """Records which tensors of a file reached an encoder, or are listed as not needed."""

    _shapes: dict[str, list[int]] = field(default_factory=dict)
    _accounted: dict[str, float] = field(default_factory=dict)

    def mark(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the same tensors (no copies), marked so that their use is recorded."""
        self._shapes.update({name: list(value.shape) for name, value in state.items() if value.numel()})
        return {name: _Marked.of(value, {name: 1.0}, self) for name, value in state.items()}

    def account(self, shares: Mapping[str, float]) -> None:
        """Record that these shares of these tensors were used."""
        for name, share in shares.items():
            self._accounted[name] = self._accounted.get(name, 0.0) + share

    def unused(self) -> dict[str, list[int]]:
        """Return names and shapes of the tensors that were not fully used and are not marked as not needed."""
        return {name: shape for name, shape in self._shapes.items() if self._accounted.get(name, 0.0) < _WHOLE}

    def require_all_used(self, source: str) -> None:
        """Raise an error if weights of the file would be dropped.

        Raises:
            CheckpointError: with their names and shapes.
        """
        if not (unused := self.unused()):
            return
        named = "; ".join(f"{name} {shape}" for name, shape in list(unused.items())[:_MAX_LISTED])
        dots = "; ..." if len(unused) > _MAX_LISTED else ""
        raise CheckpointError(
            f"{source} does not fit the architecture: {len(unused)} of its weights would be dropped ({named}{dots}). "
            "Choose the architecture that it was trained with, or save the encoder's own weights alone."
        )


def mark_unneeded(values: Iterable[Tensor]) -> None:
    """Record that weights are not needed; weights without a mark are ignored."""
    for value in values:
        if isinstance(value, _Marked):
            value.tracker.account(value.shares)


def unmarked(value: Tensor) -> Tensor:
    """Return the tensor without its mark."""
    return value.as_subclass(Tensor) if isinstance(value, _Marked) else value


class _Marked(Tensor):
    """A tensor with the shares of a file's tensors that its values come from."""

    shares: Mapping[str, float]
    tracker: WeightTracker

    @classmethod
    def of(cls, value: Tensor, shares: Mapping[str, float], tracker: WeightTracker) -> Self:
        """Return the same values, marked."""
        with torch._C.DisableTorchFunctionSubclass():
            marked = value.as_subclass(cls)
        marked.shares, marked.tracker = shares, tracker
        return marked

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # timm copies its configuration, including weights, which nothing modifies.
        return self

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run the function and propagate the marks of its arguments to its output."""
        with torch._C.DisableTorchFunctionSubclass():
            result = func(*args, **(kwargs or {}))
            sources = list(_marked_in((args, kwargs)))
            if func not in _WRITES:
                return _passed_on(result, sources, func) if sources else result
        if isinstance(args[-1], _Marked):
            args[-1].tracker.account(args[-1].shares)
        return result


def _marked_in(value: Any) -> Iterator[_Marked]:
    if isinstance(value, _Marked):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _marked_in(item)
    elif isinstance(value, dict):
        yield from _marked_in(list(value.values()))


def _passed_on(result: Any, sources: list[_Marked], func: Callable[..., Any]) -> Any:
    """Return the function's result, its tensors marked with the sources of their values."""
    if isinstance(result, Tensor):
        shares: dict[str, float] = {}
        for source in sources[:1] if func in _CUTS else sources:
            part = result.numel() / source.numel() if func in _CUTS and source.numel() else 1.0
            for name, share in source.shares.items():
                found = shares.get(name, 0.0)
                shares[name] = min(found + share, 1.0) if func in _JOINTS else max(found, share * part)
        return _Marked.of(result, shares, sources[0].tracker)
    if type(result) in (list, tuple):
        return type(result)(_passed_on(item, sources, func) for item in result)
    return result
