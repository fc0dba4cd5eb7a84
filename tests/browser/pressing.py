"""What a person pressed to decide, noted in the browser, against what the catalogue says was decided."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jepascore_core.curation.journal import Action, history
from jepascore_core.storage.store import Store

#: Tells `notePress` every key and every click that could decide something: "key d", "click Keep", "click tile".
NOTE = """(() => {
  const isField = (e) => e.matches?.('input:not([type="range"]):not([type="checkbox"]), textarea');
  document.addEventListener('keydown', (event) => {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.repeat;
    if (plain && !isField(event.composedPath()[0])) window.notePress?.(`key ${event.key.toLowerCase()}`);
  }, true);
  document.addEventListener('click', (event) => {
    const path = event.composedPath();
    const button = path.find((e) => e.matches?.('button'));
    const tile = path.find((e) => e.matches?.('.tile'));
    if (button) window.notePress?.(`click ${button.innerText.trim()}`);
    else if (tile) window.notePress?.('click tile');
  }, true);
})()"""
#: What may lead to an action of each kind; words of buttons may come after those of their icons.
DECIDES = ("key k", "key d", "key u", "click tile", "Keep", "Drop", "Undecided")
UNDOES = ("key z", "Undo")
REDOES = ("key y", "Redo")


def journal(home: Path) -> tuple[Action, ...]:
    """All that was decided about all datasets of a home."""
    if not (home / "catalogue.sqlite").exists():
        return ()
    store = Store(home)
    datasets = store.catalogue.datasets()
    return tuple(action for dataset in datasets for action in history(store, dataset.dataset_id, 10_000))


def not_pressed(actions: Sequence[Action], presses: Sequence[str]) -> list[str]:
    """Kinds of action of which there are more than anybody asked for by a key or a click."""
    found = []
    for kind, words in (("decide", DECIDES), ("undo", UNDOES), ("redo", REDOES)):
        made = sum(action.kind == kind for action in actions)
        asked = sum(press in words or any(word in press for word in words if word[0].isupper()) for press in presses)
        if made > asked:
            found.append(f"{made} actions of the kind {kind!r} for {asked} presses: {list(presses)}")
    return found
