"""Pieces of a rule's text, and what may have been meant by what is not a rule."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from jepascore_core.errors import RuleSyntaxError, suggestion

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    | (?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<text>"(?:[^"\\]|\\.)*")
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<symbol>==|=>|=<|<>|&&|\|\||>=|<=|!=|[=<>()\[\],|%!&])""",
    re.VERBOSE | re.DOTALL,
)
#: What other languages write, and what a rule writes for it.
_FOREIGN = {
    "==": "=", "=>": ">=", "=<": "<=", "<>": "!=", "&&": "and", "&": "and", "||": "or", "!": "not",
}  # fmt: skip
#: Words of a wish in plain language: these begin by what goes, rules say what stays.
_WISHES = ("drop", "remove", "delete", "exclude", "without", "discard", "keep", "worst", "lowest", "best", "top")
_WISH_HINT = (
    "A rule says what to keep: to drop the lowest {0} % write percentile >= {0}, and to drop the lowest {0} % of each "
    "class write class_percentile >= {0}."
)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text; `kind` is number, text, name, symbol or end, `at` its place counted from 0."""

    kind: str
    text: str
    at: int


def tokens(text: str) -> list[Token]:
    """The pieces of a text, and behind them one of the kind "end".

    Raises:
        RuleSyntaxError: for what is not a piece of any rule.
    """
    found_ones: list[Token] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            what = "A text does not end" if text[at] == '"' else f"{text[at]!r} means nothing in a rule"
            hint = 'Texts stand in double quotes, such as "cat".' if text[at] in "'\"`" else ""
            raise RuleSyntaxError(what, text, at, hint)
        if found[0] in _FOREIGN:
            raise RuleSyntaxError(f'"{found[0]}" means nothing in a rule', text, at, f"Write {_FOREIGN[found[0]]}.")
        if found.lastgroup != "space":
            found_ones.append(Token(found.lastgroup, found[0], at))
        at = found.end()
    return [*found_ones, Token("end", "", len(text))]


def name_hint(name: str, text: str, known: Sequence[str]) -> str:
    """What may have been meant by an unknown name of a text: a wish in plain language, or one of the known names."""
    if name.lower() in _WISHES:
        number = re.search(r"\d+(?:\.\d+)?", text)
        return _WISH_HINT.format(number[0] if number else "5")
    return suggestion(name, known)
