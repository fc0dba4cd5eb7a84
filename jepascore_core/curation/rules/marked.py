"""Conditions on what people said of a sample: its tags, and whether they corrected its label."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from jepascore_core.errors import RuleError, one_of
from jepascore_core.storage.sample_lists import SampleList

MarkName = Literal["tag", "relabelled"]

MARKS: tuple[MarkName, ...] = get_args(MarkName)


@dataclass(frozen=True, slots=True)
class Marked:
    """The sample has a tag (`tag("blurred")`), a corrected label (`relabelled`), or this one (`relabelled("cat")`).

    `samples` are those that a recipe records; None = those that are marked now. They are not part of the text.
    """

    name: MarkName
    value: str | None = None
    samples: SampleList | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        one_of(self.name, MARKS, "condition", RuleError)
        if self.name == "tag" and not self.value:
            raise RuleError('Name the tag, as in tag("blurred").')
        if self.value == "":
            raise RuleError('Name the label, as in relabelled("cat"), or leave the parentheses out.')
