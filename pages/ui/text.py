"""Text from outside, made harmless before Streamlit reads it as Markdown."""

from __future__ import annotations

import re

_CODE = re.compile(r"(`[^`\n]+`)")
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
#: Browsers end a line behind these, but not where a word joiner follows.
_BREAKS = re.compile(r"(?<=[-/])(?=[^\s-])")
WORD_JOINER = "\u2060"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def plain(text: str) -> str:
    """`text` for any Streamlit call that takes Markdown, shown as it is.

    File names and labels are hostile: an image link in one would make the browser call a stranger. Only `code` between
    single backticks keeps its meaning, since our own messages name commands that way and nothing inside it has any.
    """
    parts = _CODE.split(_CONTROL.sub(" ", text))
    return "".join(part if position % 2 else _PUNCTUATION.sub(r"\\\1", part) for position, part in enumerate(parts))


def unbroken(title: str) -> str:
    """A title to be read, such as "garden, ViT-Ti/16 (timm)": its lines end between words, not within a name.

    What does not fit a line by itself is broken all the same. Not for what is to be copied.
    """
    return _BREAKS.sub(WORD_JOINER, title)
