"""Read the tokens of a rule one by one: what the methods of the parser share."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar, get_args

from jepascore_core.curation.tokens import Token, tokens
from jepascore_core.errors import RuleError, RuleSyntaxError, did_you_mean

_Built = TypeVar("_Built")

#: What a text in double quotes names: a value of a column of texts, or something else.
Named = Literal[
    "label", "likely_label", "split", "key", "quality_issue", "meta", "number",
    "backbone", "dataset", "tag", "column", "words", "sample", "region",
]  # fmt: skip
NAMED: tuple[Named, ...] = get_args(Named)


@dataclass
class Wanted:
    """What could follow a text.

    Attributes:
        words: symbols and names, in the order in which they were looked for.
        operators: those that may compare the column that the text ends with; () if it does not end with one.
        is_number: whether a number could.
        named: what a text in double quotes would name; None if none could follow.
    """

    words: dict[str, None] = field(default_factory=dict)
    operators: tuple[str, ...] = ()
    is_number: bool = False
    named: Named | None = None


class TokenStream:
    """A text's tokens and a position among them.

    Methods advance past what they return; all raise `RuleSyntaxError` where something else stands there. What is looked
    for after the last token is noted as `wanted`.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.wanted = Wanted()
        self._all = tokens(text)
        self._at = 0

    @property
    def here(self) -> Token:
        """Return the current token."""
        return self._all[self._at]

    def advance(self) -> Token:
        """Return the current token and step to the next; the end stays the current one."""
        token = self.here
        self._at += token.kind != "end"
        return token

    def sees(self, *texts: str) -> bool:
        """Return whether the current token is one of these symbols or names."""
        if self.here.kind == "end":
            self.wanted.words.update(dict.fromkeys(texts))
        return self.here.kind in ("symbol", "name") and self.here.text in texts

    def takes(self, *texts: str) -> str | None:
        """Advance past one of these, if it is the current token."""
        return self.advance().text if self.sees(*texts) else None

    def needs(self, *texts: str) -> str:
        """Advance past one of these."""
        found = self.takes(*texts)
        if found is None:
            raise self.expected(" or ".join(f'"{text}"' for text in texts), texts)
        return found

    def expected(self, what: str, words: Sequence[str] = ()) -> RuleSyntaxError:
        """Return the error for the current token; a similar one of the possible `words` is suggested."""
        found = f'"{self.here.text}"' if self.here.kind != "end" else "the end"
        hint = did_you_mean(self.here.text, words) if self.here.kind == "name" else ""
        return RuleSyntaxError(f"Expected {what}, found {found}", self.text, self.here.at, hint)

    def built(self, make: Callable[[], _Built], at: int) -> _Built:
        """Build a rule; an invalid one is an error at its position."""
        try:
            return make()
        except RuleSyntaxError:
            raise
        except RuleError as error:
            raise RuleSyntaxError(str(error), self.text, at) from error

    def ends(self, what: str, words: Sequence[str] = ()) -> None:
        """Require the end of the text; `what` names all that could stand here."""
        if self.here.kind != "end":
            raise self.expected(what, words)

    def sees_text(self, named: Named) -> bool:
        """Return whether the current token is a text in double quotes."""
        if self.here.kind == "end":
            self.wanted.named = named
        return self.here.kind == "text"

    def string(self, named: Named) -> str:
        """Advance past a text in double quotes."""
        if not self.sees_text(named):
            raise self.expected('a text in double quotes, such as "cat"')
        token = self.advance()
        try:
            return str(json.loads(token.text, strict=False))
        except ValueError as error:
            raise RuleSyntaxError("This text contains an invalid escape sequence.", self.text, token.at) from error

    def sees_number(self) -> bool:
        """Return whether the current token is a number."""
        self.wanted.is_number |= self.here.kind == "end"
        return self.here.kind == "number"

    def number(self) -> float:
        """Advance past a number."""
        if not self.sees_number():
            raise self.expected("a number")
        return float(self.advance().text)

    def percent(self) -> int | None:
        """Return the position of a percent sign, if it is the current token."""
        at = self.here.at
        return at if self.takes("%") else None

    def whole(self) -> int:
        """Advance past a number of digits alone."""
        if not self.sees_number() or not self.here.text.isdigit():
            raise self.expected("a whole number")
        return int(self.advance().text)
