"""Split the text of a rule into tokens, and suggest what an invalid name may mean."""

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
#: Operators of other languages, and their equivalents in rules.
_FOREIGN = {
    "==": "=", "=>": ">=", "=<": "<=", "<>": "!=", "&&": "and", "&": "and", "||": "or", "!": "not",
}  # fmt: skip
#: Words that start a wish in plain language: these name what is dropped, but rules say what is kept.
_WISHES = ("drop", "remove", "delete", "exclude", "without", "discard", "keep", "worst", "lowest", "best", "top")
_WISH_HINT = (
    "A rule says what to keep: to drop the lowest {0} % write percentile >= {0}, and to drop the lowest {0} % of each "
    "class write class_percentile >= {0}."
)


@dataclass(frozen=True, slots=True)
class Token:
    """A token; `kind` is number, text, name, symbol or end, `at` its position counted from 0."""

    kind: str
    text: str
    at: int


def tokens(text: str) -> list[Token]:
    """Return the tokens of a text, and one of the kind "end" after them.

    Raises:
        RuleSyntaxError: for a character that starts no token.
    """
    found_ones: list[Token] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            what = "This text has no closing quote" if text[at] == '"' else f"Unexpected character {text[at]!r}"
            hint = 'Write texts in double quotes, such as "cat".' if text[at] in "'\"`" else ""
            raise RuleSyntaxError(what, text, at, hint)
        if found[0] in _FOREIGN:
            raise RuleSyntaxError(f'Unexpected "{found[0]}"', text, at, f"Write {_FOREIGN[found[0]]}.")
        if found.lastgroup != "space":
            found_ones.append(Token(found.lastgroup, found[0], at))
        at = found.end()
    return [*found_ones, Token("end", "", len(text))]


def name_hint(name: str, text: str, known: Sequence[str]) -> str:
    """Return a suggestion for an unknown name of a text: for a wish in plain language, or one of the known names."""
    if name.lower() in _WISHES:
        number = re.search(r"\d+(?:\.\d+)?", text)
        return _WISH_HINT.format(number[0] if number else "5")
    return suggestion(name, known)
