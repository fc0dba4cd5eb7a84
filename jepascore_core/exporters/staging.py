"""Hidden names beside a target, under which it is written before it is renamed, and the lock that protects them.

A process that writes a target holds its lock, which the system releases however the process ends. So hidden names
without a held lock were certainly left by a killed process.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from jepascore_core.errors import ExportError

#: Seconds until a lock counts as held: that of a process that was just killed is released within a moment.
PATIENCE = 1.0

#: Tokens: eight random digits, or the id of a requested export.
_HIDDEN = r"\.{name}\.([0-9a-f]{{8}}|[0-9a-z]{{26}})\.(?:tmp|new|old)"


def new_token() -> str:
    """Return a token that distinguishes the hidden names of one attempt from those of others."""
    return secrets.token_hex(4)


def temporary_path(target: Path, token: str) -> Path:
    """Return the hidden path beside the target under which it is written."""
    return target.with_name(f".{target.name}.{token}.tmp")


def staging_link(temporary: Path) -> Path:
    """Return a second path of what is written, which is renamed onto a file that is to be replaced."""
    return temporary.with_suffix(".new")


def backup_path(temporary: Path) -> Path:
    """Return a second path of a file that is to be replaced."""
    return temporary.with_suffix(".old")


@contextlib.contextmanager
def exclusive(targets: Sequence[Path]) -> Iterator[None]:
    """Hold the lock on these targets, whose folders exist; recover what a killed process left first.

    Raises:
        ExportError: if another process is writing the first of them.
        OSError: if no file can be created beside it.
    """
    path = _lock_path(targets[0])
    was_left = path.exists()
    lock = FileLock(path)
    # FileLock mistakes a folder in which no file can be created, as below /proc, for one whose lock is held.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o644))
    try:
        lock.acquire(timeout=PATIENCE)
    except Timeout as error:
        raise ExportError(
            f"{targets[0]} is being written by another process. Wait for it, or choose another name."
        ) from error
    try:
        if was_left:
            _put_right(targets)
        try:
            yield
        finally:
            # The lock remains as long as any leftovers do, as their mark.
            if not _tokens(targets):
                with contextlib.suppress(OSError):
                    path.unlink()
    finally:
        lock.release()


def recover(targets: Sequence[Path]) -> None:
    """Remove what a killed process left of these targets: afterwards either all or none of them have their names.

    The first target is renamed last, so its name implies that all have theirs.

    Raises:
        ExportError: if another process is writing them.
    """
    if _lock_path(targets[0]).exists():
        # Nothing can be recovered in a folder that is not writable.
        with contextlib.suppress(OSError), exclusive(targets):
            pass


def remove(path: Path) -> None:
    """Remove a file or folder of ours; a link itself is removed, not its target."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _lock_path(target: Path) -> Path:
    return target.with_name(f".{target.name}.jepascore.lock")


def _tokens(targets: Sequence[Path]) -> set[str]:
    """Return the tokens of all attempts with leftovers."""
    tokens = set()
    for target in targets:
        pattern = re.compile(_HIDDEN.format(name=re.escape(target.name)))
        tokens |= {found[1] for name in os.listdir(target.parent) if (found := pattern.fullmatch(name))}  # noqa: PTH208
    return tokens


def _put_right(targets: Sequence[Path]) -> None:
    for token in _tokens(targets):
        hidden = [temporary_path(target, token) for target in targets]
        if os.path.lexists(hidden[0]) and not _is_same(hidden[0], targets[0]):
            for temporary, target in zip(hidden, targets, strict=True):
                _take_back(temporary, target)
        for temporary, target in zip(hidden, targets, strict=True):
            remove(staging_link(temporary))
            if os.path.lexists(target):  # otherwise it is the only copy
                remove(backup_path(temporary))
            remove(temporary)


def _take_back(temporary: Path, target: Path) -> None:
    """Remove a name that an attempt gave, provided that the file certainly belongs to that attempt."""
    backup = backup_path(temporary)
    if os.path.lexists(target) and not _is_same(temporary, target):
        return
    if os.path.lexists(backup):
        backup.replace(target)
    else:
        remove(target)


def _is_same(temporary: Path, target: Path) -> bool:
    with contextlib.suppress(OSError):
        return temporary.samefile(target)
    return False
