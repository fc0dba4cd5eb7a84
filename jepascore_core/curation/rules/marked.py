"""Conditions on what people said of a sample: its tags, a corrected label, a region of a map that they marked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, get_args

from jepascore_core.errors import RuleError, one_of
from jepascore_core.storage.sample_lists import SampleList

MarkName = Literal["tag", "relabelled", "region"]
Corner = tuple[float, float]

MARKS: tuple[MarkName, ...] = get_args(MarkName)
#: Those that are written like functions; a region is written `in region "..."`.
CALLED_MARKS: tuple[MarkName, ...] = ("tag", "relabelled")


@dataclass(frozen=True, slots=True)
class RegionShape:
    """A polygon on a map: the kind and identity of the layout, the measurement key of its embeddings, the corners."""

    kind: str
    layout: str
    scores: str
    corners: tuple[Corner, ...]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Invert `dataclasses.asdict`.

        Raises:
            KeyError, TypeError, ValueError: for any other value.
        """
        corners = tuple((float(x), float(y)) for x, y in values["corners"])
        return cls(str(values["kind"]), str(values["layout"]), str(values["scores"]), corners)


@dataclass(frozen=True, slots=True)
class Marked:
    """The sample has a tag, a corrected label, or lies in a region of a map.

    As text: `tag("blurred")`, `relabelled`, `relabelled("cat")` for this label, `in region "corner"`. `samples` are
    those that a recipe records; None = those that are marked now. They are not part of the text, nor is the `shape` of
    a region in a recipe, which says where it came from.
    """

    name: MarkName
    value: str | None = None
    samples: SampleList | None = field(default=None, repr=False)
    shape: RegionShape | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        one_of(self.name, MARKS, "condition", RuleError)
        if self.name == "tag" and not self.value:
            raise RuleError('Name the tag, as in tag("blurred").')
        if self.name == "region" and not self.value:
            raise RuleError('Write the name of the region after it: in region "corner".')
        if self.value == "":
            raise RuleError('Name the label, as in relabelled("cat"), or leave the parentheses out.')
