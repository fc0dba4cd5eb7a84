"""Text from outside, made harmless before Streamlit reads it as Markdown."""

from __future__ import annotations

import re

_CODE = re.compile(r"(`[^`\n]+`)")
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def plain(text: str) -> str:
    """`text` for any Streamlit call that takes Markdown, shown as it is.

    File names and labels are hostile: an image link in one would make the browser call a stranger. Only `code` between
    single backticks keeps its meaning, since our own messages name commands that way and nothing inside it has any.
    What is copied from the page is `text` itself: nothing that is not seen is put into it.
    """
    parts = _CODE.split(_CONTROL.sub(" ", text))
    return "".join(part if position % 2 else _PUNCTUATION.sub(r"\\\1", part) for position, part in enumerate(parts))
