"""Results that stay true as long as their key does: counts of an index, views of unchanged shards."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from jepascore_core.store import Store

T = TypeVar("T")

#: Results kept for a store; the longest unused one goes first.
MAX_RESULTS = 256

_kept: weakref.WeakKeyDictionary[Store, OrderedDict[Hashable, Any]] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def remembered(store: Store, key: Hashable, make: Callable[[], T]) -> T:
    """The result of `make`, or the one that was made for the same key. The key names everything that it depends on."""
    with _lock:
        results = _kept.setdefault(store, OrderedDict())
        if key in results:
            results.move_to_end(key)
            found: T = results[key]
            return found
    made = make()
    with _lock:
        results[key] = made
        results.move_to_end(key)
        while len(results) > MAX_RESULTS:
            results.popitem(last=False)
    return made
