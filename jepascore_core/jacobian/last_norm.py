"""Bound the rank of the outputs after a last LayerNorm, from the graph that autograd recorded.

LayerNorm removes the mean of its input exactly, and its length except for a share of eps / (variance + eps). That share
carries no information about an image, so neither direction counts towards the rank, whatever eps is. The graph shows
for any encoder whether such a norm comes last, however its modules are named and whichever passes measure it.
"""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

_NORM = "NativeLayerNormBackward0"

#: Linear in the part that depends on the images, separately for each row of the last axis.
_BY_ROW = (
    "AddBackward0",
    "AddmmBackward0",
    "AliasBackward0",
    "CloneBackward0",
    "DivBackward0",
    "LinearBackward0",
    "MmBackward0",
    "MulBackward0",
    "ReshapeAliasBackward0",
    "SelectBackward0",
    "SliceBackward0",
    "SqueezeBackward0",
    "SqueezeBackward1",
    "SubBackward0",
    "ToCopyBackward0",
    "UnsafeViewBackward0",
    "UnsqueezeBackward0",
    "ViewBackward0",
)
#: Linear too, of several rows or axes.
_MIXING = (
    "BmmBackward0",
    "ConvolutionBackward0",
    "IndexBackward0",
    "MeanBackward0",
    "MeanBackward1",
    "PermuteBackward0",
    "SqueezeBackward2",
    "SumBackward1",
    "TransposeBackward0",
)
#: They change the length of the last axis by a matrix; any other operation that does breaks up rows.
_MATRIX = ("AddmmBackward0", "LinearBackward0", "MmBackward0")


def most_directions(outputs: Tensor, inputs: Tensor) -> int | None:
    """Return the upper bound of the rank of each image's Jacobian set by a last LayerNorm, None if not below K.

    Any linear operation may follow it, as long as it uses a single vector per image: several of them together (for
    example an average of tokens) reach every direction except the mean.

    Args:
        outputs: [B, K], with the graph of a forward pass.
        inputs: the leaf of that graph.
    """
    depending = _depending(outputs.grad_fn, inputs)
    node: Any = outputs.grad_fn
    shape, by_row = tuple(outputs.shape), True
    while node in depending:
        name = node.name()
        if name == _NORM:
            width = math.prod(node._saved_normalized_shape)
            is_single = math.prod(shape) == width * len(outputs) or (by_row and shape[-1] == width)
            return width - 2 if is_single and width - 2 < outputs.shape[1] else None
        sources = [item for item in node.next_functions if item[0] in depending]
        if name not in (*_BY_ROW, *_MIXING) or len(sources) != 1:
            return None
        if name == "DivBackward0" and node.next_functions[0][0] not in depending:
            return None
        before = tuple(sources[0][0]._input_metadata[sources[0][1]].shape)
        by_row = by_row and name in _BY_ROW and _keeps_rows(node, before, shape)
        node, shape = sources[0][0], before
    return None


def _keeps_rows(node: Any, before: tuple[int, ...], after: tuple[int, ...]) -> bool:
    """Return whether each row of the last axis becomes one row, or is left out."""
    if node.name() in _MATRIX:
        # A matrix from the left would mix rows.
        return len(before) > 1 and before[:-1] == after[:-1]
    if not before or not after or before[-1] != after[-1]:
        return False
    if node.name() in ("SelectBackward0", "SliceBackward0"):
        # Stored as an unsigned number.
        axis = node._saved_dim - 2**64 if node._saved_dim >= 2**63 else node._saved_dim
        return bool(axis % len(before) != len(before) - 1)
    return True


def _depending(root: Any, leaf: Tensor) -> set[Any]:
    """Return the nodes of the graph under `root` that depend on the leaf."""
    users: dict[Any, list[Any]] = {}
    seen, stack = {root}, [root]
    while stack:
        node = stack.pop()
        for source, _ in node.next_functions:
            if source is not None:
                users.setdefault(source, []).append(node)
                if source not in seen:
                    seen.add(source)
                    stack.append(source)
    found = {node for node in seen if getattr(node, "variable", None) is leaf}
    stack = list(found)
    while stack:
        for node in users.get(stack.pop(), []):
            if node not in found:
                found.add(node)
                stack.append(node)
    return found
