"""The keys of every page, stated once: galleries, the sample window, Review and Duplicates go by them."""

from __future__ import annotations

from typing import Literal

Command = Literal["keep", "drop", "undecided", "undo", "redo", "help"]

#: A key alone: with Ctrl, Alt or Shift it is the browser's, and in a text field it is a letter.
KEYS: dict[Command, str] = {"keep": "k", "drop": "d", "undecided": "u", "undo": "z", "redo": "y", "help": "?"}
