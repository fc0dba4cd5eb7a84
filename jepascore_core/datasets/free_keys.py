"""Sample keys that are unique across the files of a source, at about 100 bytes of memory each."""

from __future__ import annotations

import xxhash

from jepascore_core.datasets.uris import sample_key

#: A field or column of this name is the sample key, as in exports of this project.
OWN_KEY = "sample_key"


class FreeKeys:
    """Gives every sample a key of its own; a key that an earlier file has, too, begins with the name of its file."""

    def __init__(self) -> None:
        self._taken: set[int] = set()

    def free(self, key: str, file: str) -> str:
        """Return the key, or if it is taken one that begins with the file's name."""
        free, repeat = key, 0
        while (digest := xxhash.xxh3_64_intdigest(free.encode())) in self._taken:
            repeat += 1
            free = f"{sample_key(file)}/{key}" + (f"#{repeat}" if repeat > 1 else "")
        self._taken.add(digest)
        return free
