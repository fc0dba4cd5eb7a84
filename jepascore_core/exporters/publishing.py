"""Several files and folders at once or not at all: written under temporary names, flushed, then given their names."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from jepascore_core.errors import ExportError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextlib.contextmanager
def staged(targets: list[Path], overwrite: bool = False, token: str | None = None) -> Iterator[list[Path]]:
    """Gives a temporary path for each target; if the block ends well, all of them get their names, else none does.

    A target may become a file or a folder. A folder that exists is never replaced, a file only with `overwrite`. The
    first target is named last: once it is there, everything is. A `token` is part of the temporary names: what an
    attempt that was killed left under it is removed.

    Raises:
        ExportError: saying what to do: a target exists already, the folder above it is missing or must not be written
            to, the disk is full.
    """
    temporary = [temporary_path(target, token or secrets.token_hex(4)) for target in targets]
    try:
        check_targets(targets, overwrite)
        for path in temporary:
            remove(path)
        yield temporary
        for path in temporary:
            _flush(path)
        _publish(list(zip(temporary, targets, strict=True))[::-1], overwrite)
    except OSError as error:
        raise ExportError(explain(error, targets[0])) from error
    finally:
        for path in temporary:
            remove(path)


def temporary_path(target: Path, token: str) -> Path:
    """Where something is written before it gets its name: beside the target, hidden."""
    return target.with_name(f".{target.name}.{token}.tmp")


def check_targets(targets: list[Path], overwrite: bool = False) -> None:
    """Refuse what cannot be written to.

    Raises:
        ExportError: as `staged`, at its beginning.
    """
    for target in targets:
        if not target.parent.is_dir():
            raise ExportError(f"The folder {target.parent} does not exist. Make it, or choose another one.")
        _refuse(target, overwrite)


def explain(error: OSError, target: Path) -> str:
    """What happened and what to do, in one or two sentences."""
    if error.errno in _FULL:
        return f"There is no space for {target} ({error.strerror}). Free some, or choose another folder."
    if error.errno in _FORBIDDEN:
        return f"{target.parent} must not be written to ({error.strerror}). Choose another folder."
    return f"{target} cannot be written ({error.strerror or error}). Choose another name or folder."


def remove(path: Path) -> None:
    """Remove a file or folder of ours; a link in it is removed, not what it leads to."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    if path.is_dir():
        # One by one, a million small files would take hours.
        os.sync()
        return
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _refuse(target: Path, overwrite: bool) -> None:
    if target.is_dir():
        raise ExportError(f"{target} is a folder. Choose another name.")
    if not overwrite and os.path.lexists(target):
        raise _exists(target)


def _exists(target: Path) -> ExportError:
    return ExportError(f"{target} exists already. Choose another name, or ask for it to be overwritten.")


def _publish(pairs: list[tuple[Path, Path]], overwrite: bool) -> None:
    """Give the names; what went before is put back if one of them cannot be given."""
    published: list[tuple[Path, Path | None]] = []
    try:
        for temporary, target in pairs:
            _refuse(target, overwrite)
            if overwrite and os.path.lexists(target):
                published.append((target, _second_name(target, temporary.with_suffix(".old"))))
                temporary.replace(target)
            else:
                _give_name(temporary, target)
                published.append((target, None))
    except BaseException:
        for target, backup in reversed(published):
            if backup is None:
                remove(target)
            else:
                backup.replace(target)
                backup.unlink(missing_ok=True)  # two names of one file are not replaced by each other
        raise
    for _, backup in published:
        if backup is not None:
            with contextlib.suppress(OSError):
                backup.unlink()


def _second_name(target: Path, backup: Path) -> Path:
    """Keep what is there under another name, and where the file system knows hard links under its own, too."""
    try:
        os.link(target, backup)
    except OSError:
        target.rename(backup)
    return backup


def _give_name(temporary: Path, target: Path) -> None:
    """Rename, but never onto a file that appeared meanwhile, where the file system can tell (it knows hard links)."""
    if temporary.is_dir():
        _refuse(target, overwrite=False)
        temporary.rename(target)  # fails by itself on a folder that is not empty
        return
    try:
        os.link(temporary, target)
    except FileExistsError as error:
        raise _exists(target) from error
    except OSError:
        _refuse(target, overwrite=False)
        temporary.rename(target)
