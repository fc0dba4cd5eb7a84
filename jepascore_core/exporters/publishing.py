"""Write several files and folders atomically: under temporary names, flushed, then renamed."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from jepascore_core.errors import ExportError
from jepascore_core.exporters.staging import backup_path, exclusive, new_token, remove, staging_link, temporary_path

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextlib.contextmanager
def staged(targets: list[Path], overwrite: bool = False, token: str | None = None) -> Iterator[list[Path]]:
    """Yield a temporary path for each target; if the block succeeds, all are renamed, otherwise none.

    A target may become a file or a folder. An existing folder, link, pipe or device is never replaced, a file only with
    `overwrite`. The first target is renamed last: once it exists, everything does. Leftovers of killed attempts are
    removed first. A `token` is part of the temporary names.

    Raises:
        ExportError: if a target exists already, another process is writing it, its folder is missing or not writable,
        or
            the disk is full; the message says what to do.
    """
    token = token or new_token()
    temporary = [temporary_path(target, token) for target in targets]
    try:
        _check_folders(targets)
        with exclusive(targets):
            check_targets(targets, overwrite)
            try:
                for path in temporary:
                    remove(path)
                yield temporary
                for path in temporary:
                    _flush(path)
                _publish(list(zip(temporary, targets, strict=True))[::-1], overwrite)
            finally:
                for path in temporary:
                    remove(path)
    except OSError as error:
        raise ExportError(explain(error, targets[0])) from error


def targets_of(path: Path) -> tuple[Path, Path]:
    """Return the file or folder of an export, and the provenance file beside it.

    Raises:
        ExportError: for a path without a file name, such as "/" or ".".
    """
    if not path.name:
        raise ExportError(f"{path} is a folder. Choose a name in it.")
    return path, path.with_name(f"{path.name}.provenance.json")


def check_targets(targets: list[Path], overwrite: bool = False) -> None:
    """Refuse targets that cannot be written.

    Raises:
        ExportError: as `staged` at its start.
    """
    _check_folders(targets)
    for target in targets:
        _refuse(target, overwrite)


def _check_folders(targets: list[Path]) -> None:
    for target in targets:
        if not target.parent.is_dir():
            raise ExportError(f"The folder {target.parent} does not exist. Create it, or choose another one.")


def explain(error: OSError, target: Path) -> str:
    """Return what failed and what to do, in one or two sentences."""
    if error.errno in _FULL:
        return f"{target} cannot be written: no space left ({error.strerror}). Free some, or choose another folder."
    if error.errno in _FORBIDDEN:
        return f"{target.parent} is not writable: {error.strerror}. Choose another folder."
    return f"{target} cannot be written: {error.strerror or error}. Choose another name or folder."


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
    if os.path.lexists(target) and (target.is_symlink() or not target.is_file()):
        # Renaming onto them would replace /dev/null with a file.
        raise ExportError(f"{target} is a link, pipe or device, which is never replaced. Choose another name.")
    if not overwrite and os.path.lexists(target):
        raise _exists(target)


def _exists(target: Path) -> ExportError:
    return ExportError(f"{target} already exists. Choose another name, or allow overwriting (--overwrite).")


def _publish(pairs: list[tuple[Path, Path]], overwrite: bool) -> None:
    """Rename the files; restore the previous ones if one rename fails."""
    published: list[tuple[Path, Path | None]] = []
    try:
        for temporary, target in pairs:
            _refuse(target, overwrite)
            if overwrite and os.path.lexists(target):
                published.append((target, _second_name(target, backup_path(temporary))))
                _replace(temporary, target)
            else:
                _give_name(temporary, target)
                published.append((target, None))
    except BaseException:
        for target, backup in reversed(published):
            if backup is None:
                remove(target)
            else:
                backup.replace(target)
                backup.unlink(missing_ok=True)  # renaming one hard link onto another does nothing
        raise
    for _, backup in published:
        if backup is not None:
            with contextlib.suppress(OSError):
                backup.unlink()


def _second_name(target: Path, backup: Path) -> Path:
    """Keep an existing file under a second name; where hard links are supported, under its own name, too."""
    try:
        os.link(target, backup)
    except OSError:
        target.rename(backup)
    return backup


def _give_name(temporary: Path, target: Path) -> None:
    """Rename, but never onto a file that appeared meanwhile, where hard links allow to detect that."""
    if temporary.is_dir():
        _refuse(target, overwrite=False)
        temporary.rename(target)  # fails on a folder that is not empty
        return
    try:
        os.link(temporary, target)
    except FileExistsError as error:
        raise _exists(target) from error
    except OSError:
        _refuse(target, overwrite=False)
        temporary.rename(target)


def _replace(temporary: Path, target: Path) -> None:
    """Replace a file. Where hard links are supported it keeps its temporary name, which identifies its owner."""
    twin = staging_link(temporary)
    try:
        os.link(temporary, twin)
    except OSError:
        temporary.replace(target)
        return
    try:
        twin.replace(target)
    finally:
        remove(twin)
