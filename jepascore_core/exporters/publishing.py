"""Several files and folders at once or not at all: written under temporary names, flushed, then given their names."""

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
    """Gives a temporary path for each target; if the block ends well, all of them get their names, else none does.

    A target may become a file or a folder. A folder, link, pipe or device that exists is never replaced, a file only
    with `overwrite`. The first target is named last: once it is there, everything is. What an attempt that was killed
    left is removed first. A `token` is part of the temporary names.

    Raises:
        ExportError: saying what to do: a target exists already, another process is writing it, the folder above it is
            missing or must not be written to, the disk is full.
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
    """The file or folder of an export, and the provenance file beside it.

    Raises:
        ExportError: for a path without a name of its own, such as "/" or ".".
    """
    if not path.name:
        raise ExportError(f"{path} is a folder. Choose a name in it.")
    return path, path.with_name(f"{path.name}.provenance.json")


def check_targets(targets: list[Path], overwrite: bool = False) -> None:
    """Refuse what cannot be written to.

    Raises:
        ExportError: as `staged`, at its beginning.
    """
    _check_folders(targets)
    for target in targets:
        _refuse(target, overwrite)


def _check_folders(targets: list[Path]) -> None:
    for target in targets:
        if not target.parent.is_dir():
            raise ExportError(f"The folder {target.parent} does not exist. Make it, or choose another one.")


def explain(error: OSError, target: Path) -> str:
    """What happened and what to do, in one or two sentences."""
    if error.errno in _FULL:
        return f"There is no space for {target} ({error.strerror}). Free some, or choose another folder."
    if error.errno in _FORBIDDEN:
        return f"{target.parent} must not be written to ({error.strerror}). Choose another folder."
    return f"{target} cannot be written ({error.strerror or error}). Choose another name or folder."


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
        # Renaming onto them would put a file in the place of /dev/null.
        raise ExportError(f"{target} is a link, pipe or device, which is never replaced. Choose another name.")
    if not overwrite and os.path.lexists(target):
        raise _exists(target)


def _exists(target: Path) -> ExportError:
    return ExportError(f"{target} exists already. Choose another name, or ask for it to be overwritten (--overwrite).")


def _publish(pairs: list[tuple[Path, Path]], overwrite: bool) -> None:
    """Give the names; what went before is put back if one of them cannot be given."""
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


def _replace(temporary: Path, target: Path) -> None:
    """Put it in the place of a file. Where hard links are known it keeps its temporary name: it tells whose it is."""
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
