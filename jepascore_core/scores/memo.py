"""Results that stay true as long as their key does: counts of an index, views of unchanged shards."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, TypeVar

from jepascore_core.storage.store import Store

T = TypeVar("T")

#: Results kept for a store; the longest unused one goes first.
MAX_RESULTS = 256

_kept: weakref.WeakKeyDictionary[Store, dict[str, OrderedDict[Hashable, Any]]] = weakref.WeakKeyDictionary()
_making: weakref.WeakKeyDictionary[Store, dict[Hashable, Future[Any]]] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def memoized(store: Store, key: Hashable, make: Callable[[], T], shelf: str = "", most: int = MAX_RESULTS) -> T:
    """Return the result of `make`, or the cached one for the same key, which must name everything that it depends on.

    A caller that asks while another thread computes the result waits for that thread. Large results go to a `shelf` of
    their own, which holds the `most` recently used ones.
    """
    about = shelf, key
    with _lock:
        results = _kept.setdefault(store, {}).setdefault(shelf, OrderedDict())
        making = _making.setdefault(store, {})
        if key in results:
            results.move_to_end(key)
            found: T = results[key]
            return found
        other = making.get(about)
        mine: Future[Any] = Future()
        if other is None:
            making[about] = mine
    if other is not None:
        awaited: T = other.result()
        return awaited
    try:
        made = make()
    except BaseException as error:
        with _lock:
            del making[about]
        mine.set_exception(error)
        raise
    with _lock:
        del making[about]
        results[key] = made
        results.move_to_end(key)
        while len(results) > most:
            results.popitem(last=False)
    mine.set_result(made)
    return made


def remembered(store: Store, key: Hashable) -> Any:
    """Return what `memoized` keeps under a key; None if that is nothing."""
    with _lock:
        results = _kept.get(store, {}).get("")
        return None if results is None else results.get(key)


def prefetch(*views: Callable[[], object]) -> None:
    """Begin with views that a page will ask for further down, each of which remembers its result.

    What goes wrong is told to the page when it asks itself.
    """

    def look() -> None:
        for view in views:
            with contextlib.suppress(Exception):
                view()

    # Not a daemon: one that Python stops in the midst of DuckDB or faiss takes the process down with an abort.
    threading.Thread(target=look, name="look ahead").start()
