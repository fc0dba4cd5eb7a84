"""What could be typed next in the text of rules: columns, functions, words of the grammar, and names of the dataset.

The parser says what could follow (`wanted_after`), so that there is one grammar; here that becomes suggestions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from jepascore_core.curation.columns.quality import ISSUES, NO_ISSUE
from jepascore_core.curation.rules.about import ABOUT
from jepascore_core.curation.rules.column import COLUMNS, META, SIMILARITIES
from jepascore_core.curation.rules.marked import MARKS
from jepascore_core.curation.rules.model import FLAGS
from jepascore_core.curation.rules.parser import wanted_after
from jepascore_core.curation.rules.printer import quoted
from jepascore_core.curation.rules.token_stream import Named, Wanted
from jepascore_core.embeddings.baselines import BASELINES
from jepascore_core.errors import RuleSyntaxError
from jepascore_core.score import DEFINITIONS

#: What is suggested, in the order in which it is listed.
Kind = Literal[
    "class", "split", "tag", "region", "quality issue", "own column", "dataset", "backbone",
    "column", "flag", "function", "score", "operator", "word",
]  # fmt: skip

MAX_SUGGESTIONS = 50
#: So many words may follow each other without a choice: "one per", "at least", "similar(".
_MAX_CHAIN = 4
_PUNCTUATION = ("(", ")", "[", "]", ",", "%")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*$|[<>=!]+$|\|$")
_REST_OF_WORD = re.compile(r"[A-Za-z0-9_]*")
_REST_OF_TEXT = re.compile(r'(?:[^"\\]|\\.)*"', re.DOTALL)
#: After these a word begins; directly after anything else the last one may still be going on.
_BEFORE_A_WORD = re.compile(r"(?:^|[\s(\[,|<>=!])$")
_KINDS: Mapping[Named, Kind] = {
    "label": "class", "likely_label": "class", "split": "split", "tag": "tag", "region": "region",
    "quality_issue": "quality issue",
    "column": "own column", "dataset": "dataset", "backbone": "backbone",
}  # fmt: skip
_ORDER: tuple[Kind, ...] = ("column", "flag", "function", "score", "operator", "word")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names that rules about a dataset may use, in the order in which they are offered."""

    labels: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    own_columns: tuple[str, ...] = ()
    backbones: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()

    def names(self, named: Named) -> tuple[str, ...]:
        """Return what a text in double quotes may be; () where it may be anything."""
        match named:
            case "label" | "likely_label":
                return self.labels
            case "split":
                return self.splits
            case "tag":
                return self.tags
            case "column":
                return self.own_columns
            case "backbone":
                return self.backbones
            case "dataset":
                return self.datasets
            case "region":
                return self.regions
            case "quality_issue":
                return (*ISSUES, NO_ISSUE)
        return ()


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`text` takes the place of what was typed; `title` is how it is listed, and `about` what it is."""

    text: str
    title: str
    kind: Kind
    about: str = ""


@dataclass(frozen=True, slots=True)
class Completion:
    """The characters [start, end) of the text, counted from 0, which a suggestion replaces, and the suggestions."""

    start: int
    end: int
    suggestions: tuple[Suggestion, ...] = field(default=())


def complete(text: str, cursor: int, vocabulary: Vocabulary) -> Completion:
    """Return what the word at the cursor, or one that begins there, could be; nothing where the text before is wrong.

    Names that begin with what was typed come before those that contain it; upper and lower case are the same.
    """
    cursor = min(max(cursor, 0), len(text))
    start, is_text = _start(text[:cursor])
    typed = _typed(text[start:cursor], is_text)
    end = _end(text, cursor, is_text, typed)
    try:
        wanted = wanted_after(text[:start])
    except RuleSyntaxError:
        wanted = None
    nothing = Completion(start, end)
    if wanted is None or not (typed or is_text or _BEFORE_A_WORD.search(text[:start])):
        return nothing
    offered = [*_names(wanted, vocabulary), *([] if is_text else _words(wanted))]
    found = [_whole(text[:start], item, text[end:]) for item in _matching(offered, typed)[: MAX_SUGGESTIONS + 1]]
    new = [item for item in found if item.text.strip() != text[start:end]]
    return Completion(start, end, tuple(new[:MAX_SUGGESTIONS]))


def _start(before: str) -> tuple[int, bool]:
    """Return where the word that ends at the cursor begins, and whether it is a text in double quotes."""
    at = 0
    for found in re.finditer(r'"(?:[^"\\]|\\.)*(?:"|$)', before, re.DOTALL):
        if len(found[0]) == 1 or not _is_closed(found[0]):
            return found.start(), True
        at = found.end()
    word = _WORD.search(before, at)
    return (word.start() if word else len(before)), False


def _is_closed(text: str) -> bool:
    return re.fullmatch(_REST_OF_TEXT, text[1:]) is not None


def _typed(word: str, is_text: bool) -> str:
    if not is_text:
        return word
    try:
        return str(json.loads(f'{word}"', strict=False))
    except ValueError:
        return word[1:]


def _end(text: str, cursor: int, is_text: bool, typed: str) -> int:
    """Return where the word at the cursor ends: a text does at its quote, if the quotes of the whole come in pairs."""
    if not is_text:
        rest = _REST_OF_WORD.match(text, cursor) if re.match(r"[A-Za-z_]", typed) else None
        return rest.end() if rest else cursor
    closing = _REST_OF_TEXT.match(text, cursor)
    return closing.end() if closing and len(re.findall(r'(?<!\\)"', text)) % 2 == 0 else cursor


def _names(wanted: Wanted, vocabulary: Vocabulary) -> Iterator[Suggestion]:
    if wanted.named is not None:
        kind = _KINDS.get(wanted.named, "word")
        for name in vocabulary.names(wanted.named):
            yield Suggestion(quoted(name), name, kind, kind)


def _words(wanted: Wanted) -> list[Suggestion]:
    words = [word for word in wanted.operators or wanted.words if word not in _PUNCTUATION]
    return sorted((Suggestion(word, word, _kind(word)) for word in words), key=lambda item: _ORDER.index(item.kind))


def _kind(word: str) -> Kind:
    if word in COLUMNS:
        return "column"
    if word in (*FLAGS, *MARKS):
        return "flag"
    if word in (META, *SIMILARITIES):
        return "function"
    if word in (*DEFINITIONS, *BASELINES):
        return "score"
    return "word" if (word.isalpha() and word not in ("in", "is", "like")) or word == "|" else "operator"


def _matching(offered: Sequence[Suggestion], typed: str) -> list[Suggestion]:
    wanted = typed.casefold()
    titles = [(item, item.title.casefold()) for item in offered]
    first = [item for item, title in titles if title.startswith(wanted)]
    return first + [item for item, title in titles if wanted in title and not title.startswith(wanted)]


def _whole(before: str, item: Suggestion, rest: str) -> Suggestion:
    """Return a suggestion with what has to follow it, where there is no choice and it is not there already."""
    text, title = item.text, item.title
    for _ in range(_MAX_CHAIN):
        only = _only(f"{before}{text}")
        if only is None or rest.lstrip().startswith(only):
            break
        space = "" if only in _PUNCTUATION and text != "in" else " "
        text += f"{space}{only}"
        title += f"{space}{only}" if item.kind in _ORDER and only not in (")", "]") else ""
    goes_on = text[-1] not in "([" and item.kind in _ORDER and not rest[:1].isspace()
    about = item.about or ABOUT.get(item.text, "")
    return Suggestion(f"{text} " if goes_on else text, title, item.kind, about)


def _only(text: str) -> str | None:
    """Return the word or symbol that must follow a text; None if there is a choice, or a name or number to write."""
    try:
        wanted = wanted_after(text)
    except RuleSyntaxError:
        return None
    if wanted is None or wanted.is_number or wanted.named is not None or wanted.operators or len(wanted.words) != 1:
        return None
    return next(iter(wanted.words))
