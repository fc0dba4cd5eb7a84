"""Decode names in zip archives: as UTF-8 if the archive says so, otherwise in an encoding guessed from all names.

Archives created on macOS use UTF-8 without saying so, those created on Windows the code page of the machine.
"""

from __future__ import annotations

import codecs
import unicodedata
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

from jepascore_core.datasets.candidates import Question
from jepascore_core.errors import SourceError, unknown

#: Code pages that are tried; the first one wins if names are equally plausible in several.
CODE_PAGES = ("cp437", "cp850", "cp1252", "gbk", "cp866", "cp1251", "cp932", "big5", "cp949", "cp1250", "cp1253")

_UTF8_FLAG = 0x800
_MAX_NAMES = 5000


@dataclass(frozen=True, slots=True)
class ZipNames:
    """Names of members, in order; the encoding, if the archive does not state it; and the question about it."""

    names: list[str]
    encoding: str | None = None
    questions: tuple[Question, ...] = ()


def zip_names(infos: Sequence[zipfile.ZipInfo], where: str, encoding: str | None = None) -> ZipNames:
    """Decode the names of an archive's members; `encoding` is that of names whose encoding is not stated, if known.

    Raises:
        SourceError: if the encoding does not exist, or a name is not valid in it.
    """
    raw = {number: _raw(info) for number, info in enumerate(infos) if not info.flag_bits & _UTF8_FLAG}
    unsaid = {number: name for number, name in raw.items() if not name.isascii()}
    names = [info.filename for info in infos]
    if not unsaid:
        return ZipNames(names)
    some = list(unsaid.values())[:_MAX_NAMES]
    chosen = known_encoding(encoding) if encoding else guess_encoding(some)
    try:
        for number, name in unsaid.items():
            names[number] = name.decode(chosen)
    except UnicodeDecodeError as error:
        if encoding is None:  # among the names that were not sampled
            return ZipNames([info.filename for info in infos], "cp437", (_question(where, "cp437", some),))
        raise SourceError(
            f"The names in {where} are not valid {encoding} ({error}): give another encoding, or none to detect it."
        ) from error
    is_sure = encoding is not None or chosen == "utf-8"
    return ZipNames(names, chosen, () if is_sure else (_question(where, chosen, some),))


def known_encoding(name: str) -> str:
    """Return the name of an encoding as Python spells it.

    Raises:
        SourceError: if there is no such encoding.
    """
    try:
        return codecs.lookup(name).name
    except LookupError as error:
        raise unknown("encoding", name, ("utf-8", *CODE_PAGES), SourceError) from error


def guess_encoding(names: Sequence[bytes]) -> str:
    """Return UTF-8 if all names are valid in it, otherwise the code page in which they look most like words."""
    if _decoded(names, "utf-8") is not None:
        return "utf-8"
    plausible = [(_plausibility(found), page) for page in CODE_PAGES if (found := _decoded(names, page)) is not None]
    best = max((score for score, _ in plausible), default=0.0)
    return next((page for score, page in plausible if score == best), "cp437")


def _question(where: str, chosen: str, names: Sequence[bytes]) -> Question:
    choices = [page for page in ("utf-8", *CODE_PAGES) if page == chosen or _decoded(names, page) is not None]
    example = names[0].decode(chosen)
    text = f"The names in {where} are in an encoding that it does not state; they are read as {chosen}: {example}."
    return Question("encoding", text, (chosen, *(page for page in choices if page != chosen)), chosen)


def _raw(info: zipfile.ZipInfo) -> bytes:
    # Undo how zipfile decodes bytes without the UTF-8 flag.
    return info.orig_filename.encode("cp437")


def _decoded(names: Sequence[bytes], encoding: str) -> list[str] | None:
    try:
        return [name.decode(encoding) for name in names]
    except UnicodeDecodeError:
        return None


def _plausibility(names: Sequence[str]) -> float:
    """Return from -1 to 1 how much the non-ASCII letters look like words in a single script."""
    scores = []
    scripts = set()
    for name in names:
        for before, letter, after in zip(f" {name}", name, f"{name[1:]} ", strict=False):
            if not letter.isascii():
                scores.append(_letter(before, letter, after))
                scripts.add(unicodedata.name(letter, "?").split(" ")[0])
    if not scores:
        return -1.0
    return sum(scores) / len(scores) - 0.1 * (len(scripts) - 1)


def _letter(before: str, letter: str, after: str) -> float:
    if unicodedata.category(letter)[0] != "L" or unicodedata.name(letter, "").startswith("HALFWIDTH"):
        return -1.0
    is_wide = ord(letter) >= 0x2E80
    beside_ascii = any(other.isascii() and other.isalpha() for other in (before, after))
    if is_wide:
        return 0.0 if beside_ascii else 1.0 if _is_common(letter) else 0.5
    is_latin = unicodedata.name(letter, "").startswith("LATIN")
    if beside_ascii and not is_latin:
        return -0.5
    # Accented letters mostly stand between plain ones; whole words of them belong to another script.
    is_crowded = is_latin and any(not other.isascii() for other in (before, after))
    return 0.3 if is_crowded or (letter.isupper() and before.islower()) else 0.9


def _is_common(letter: str) -> bool:
    try:
        return letter.encode("gb2312")[0] < 0xD8
    except UnicodeEncodeError:
        return "\u3040" <= letter <= "\u30ff"
