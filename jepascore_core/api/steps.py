"""Steps of a curation in Python: `js.one_per` and `js.budget`, which choose among what the rules leave."""

from __future__ import annotations

from jepascore_core.api.expressions import ColumnExpression, limit_of
from jepascore_core.curation.rules.model import Budget, Deduplicate, Draw, Keeper, Part
from jepascore_core.curation.rules.parser import parse_column


def one_per(
    *,
    near: float | None = None,
    perceptual: bool = False,
    keep: Keeper = "most_likely",
    backbone: str | None = None,
) -> Deduplicate:
    """Keep one sample of each group of duplicates among what the rules leave.

    Args:
        near: cosine distance of embeddings that counts as near, above 0 and up to 1; None = the same bytes.
        perceptual: images that look alike by their perceptual hash; needs no measurement.
        keep: which sample of a group: "most_likely", "largest" (pixels, then bytes), or "first" (by key).
        backbone: whose embeddings to use; None = those of `curate`.

    Examples:
        >>> import jepascore_core as js
        >>> rules = [js.col("class_percentile") >= 5, js.one_per(near=0.05, keep="largest")]
        >>> rules = [js.one_per(perceptual=True, keep="largest")]
    """
    return Deduplicate(limit_of(near), keep, backbone, perceptual)


def budget(
    n: int,
    draw: Draw | None = None,
    *,
    per: Part | None = None,
    clusters: int | None = None,
    seed: int = 0,
    backbone: str | None = None,
    reference: str | None = None,
    by: ColumnExpression | str | None = None,
) -> Budget:
    """Keep `n` samples of what rules and `one_per` leave, or `n` of each class or split.

    Args:
        n: number of samples.
        draw: "random" (the default); "balanced": equally many of each class, the shortfall of small classes spread
            over the others; "diverse": far from each other; "clusters" (default with `clusters`): equally many of each;
            "farthest" (default with `reference`): the farthest from that dataset; "highest" (default with `by`) and
            "lowest": those with the largest or smallest number in a column.
        per: "class" or "split", for `n` of each.
        clusters: number of k-means clusters of the embeddings.
        seed: random seed.
        backbone: whose embeddings "diverse", "clusters" and "farthest" use; None = those of `curate`.
        reference: name of a dataset; with it a "diverse" draw is far from that, too.
        by: column of numbers of a "highest" or "lowest" draw.

    Examples:
        >>> import jepascore_core as js
        >>> rules = [js.col("class_percentile") >= 5, js.budget(1000, "balanced")]
        >>> rules = [js.budget(10_000, reference="old photos")]
        >>> rules = [js.budget(100, by=js.similar("a watermark", backbone="open_clip:ViT-B-32-quickgelu:openai"))]
    """
    usual: Draw = "clusters" if clusters is not None else "random" if reference is None else "farthest"
    usual = "highest" if by is not None else usual
    column = parse_column(str(by)) if by is not None else None
    return Budget(n, draw or usual, per, clusters, seed, backbone, reference, column)
