"""`js.similar`: the similarity of images to words or to a sample, as a column of rules."""

from __future__ import annotations

from jepascore_core.api.expressions import ColumnExpression
from jepascore_core.curation.rules.column import SIMILAR, SIMILAR_TO, Column
from jepascore_core.errors import RuleError


def similar(words: str | None = None, *, sample: str | None = None, backbone: str | None = None) -> ColumnExpression:
    """Name the similarity of images to words or to a sample: the cosine of embeddings, -1 to 1.

    Args:
        words: compared by the text tower of a CLIP model that measured the images.
        sample: sample key or content id, instead of words; works with any backbone.
        backbone: whose embeddings to compare; None = the one of `curate`.

    Raises:
        RuleError: unless either words or a sample are given.

    Examples:
        >>> import jepascore_core as js
        >>> print(js.similar("a watermark") < 0.25)
        similar("a watermark") < 0.25
        >>> print(js.similar(sample="cat/01.jpg") >= 0.8)
        similar_to("cat/01.jpg") >= 0.8
    """
    if (words is None) == (sample is None):
        raise RuleError('Give either words or a sample, as in js.similar("a watermark").')
    name = SIMILAR_TO if words is None else SIMILAR
    return ColumnExpression(Column(name, backbone, query=sample if words is None else words))
