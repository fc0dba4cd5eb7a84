"""What a last LayerNorm leaves of the outputs' directions, read from the graph that autograd has recorded.

LayerNorm takes away the mean of its input, exactly, and its length, but for a share of eps / (variance + eps). How much
that is says nothing of an image, so neither direction counts towards the rank, whatever eps is. The graph tells of
every encoder whether such a norm comes last, however its modules are named and whichever passes measure it.
"""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

_NORM = "NativeLayerNormBackward0"

#: Linear in what depends on the images, each row of the last axis by itself.
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
#: They change the length of the last axis by a matrix; any other that does breaks rows.
_MATRIX = ("AddmmBackward0", "LinearBackward0", "MmBackward0")


def most_directions(outputs: Tensor, inputs: Tensor) -> int | None:
    """Upper bound of the rank of each image's Jacobian that a last LayerNorm sets, None where it sets none below K.

    Between it and the outputs there may be anything linear, as long as a single vector of it goes in for each image:
    all of them together (an average of tokens, say) reach every direction but the mean.

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
        # From the left a matrix would mix them.
        return len(before) > 1 and before[:-1] == after[:-1]
    if not before or not after or before[-1] != after[-1]:
        return False
    if node.name() in ("SelectBackward0", "SliceBackward0"):
        # Saved as an unsigned number.
        axis = node._saved_dim - 2**64 if node._saved_dim >= 2**63 else node._saved_dim
        return bool(axis % len(before) != len(before) - 1)
    return True


def _depending(root: Any, leaf: Tensor) -> set[Any]:
    """Nodes of the graph under `root` through which the leaf has an effect."""
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
