"""Headers of an uncompressed tar, one after the other: where each member's bytes are. Nothing is unpacked."""

from __future__ import annotations

import os
import shlex
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple, cast

from jepascore_core.datasets.uris import clean_text
from jepascore_core.errors import SourceError

#: Endings of tars; the compressed ones are refused with advice.
TAR_ENDINGS = (
    ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst",
)  # fmt: skip

_COMPRESSED = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)
_BLOCK = 512
#: Tars are filled up with zeros to a multiple of 10 kB, at most some hundred.
_LARGEST_FILLING = 2**20
_CUT = "if it should hold more, copy or download it again"
#: Extended headers are a few kilobytes; a damaged one may claim to be of any size, and is not read.
_LARGEST_HEADER = 2**20


class Member(NamedTuple):
    """A regular file in a tar: its name, and where its bytes are."""

    name: str
    offset: int
    size: int


class BadMember(NamedTuple):
    """What cannot be read: a member, or all that follows (a name of None)."""

    name: str | None
    message: str


def is_tar_name(path: Path) -> bool:
    """Return whether the name says that the file is a tar, compressed or not."""
    return path.name.lower().endswith(TAR_ENDINGS)


def check_tar(path: Path) -> None:
    """Check that a file begins like an uncompressed tar.

    Raises:
        SourceError: if it is compressed, empty, or something else.
        OSError: if it cannot be read.
    """
    with path.open("rb") as stream:
        block = stream.read(_BLOCK)
    packed = next((name for start, name in _COMPRESSED if block.startswith(start)), None)
    if packed is not None:
        raise SourceError(_unpack_it(path, packed))
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        if block == bytes(_BLOCK):  # an empty tar
            return
        problem = "is empty" if not block else f"is not a tar ({error})"
        raise SourceError(f"{path} {problem}: download or pack it again.") from error


def _unpack_it(path: Path, packed: str) -> str:
    stem = path.name[: len(path.name) - len(next(filter(path.name.lower().endswith, reversed(TAR_ENDINGS)), ""))]
    plain = path.with_name(f"{stem}{'-unpacked' if path.suffix.lower() == '.tar' else ''}.tar")
    command = f"{packed} -dc {shlex.quote(str(path))} > {shlex.quote(str(plain))}"
    return (
        f"{path} is compressed ({packed}), so its images cannot be read one by one. Decompress it, and add the result: "
        f"`{command}`."
    )


def read_members(stream: IO[bytes], path: Path) -> Iterator[Member | BadMember]:
    """Yield the members of a tar, without folders; the caller may read from `stream` meanwhile.

    Where the tar is cut off or damaged, what is complete comes first and the reason last.
    """
    size, last = os.fstat(stream.fileno()).st_size, None
    # Opened for reading, it would read ahead, and take a damaged header for the end. Nothing is written.
    headers = tarfile.TarFile(
        fileobj=cast("IO[bytes]", _Bounded(stream)), mode="w", encoding="utf-8", errors="surrogateescape"
    )
    while True:
        start = headers.offset
        stream.seek(start)
        block = stream.read(_BLOCK)
        if block in (b"", bytes(_BLOCK)):
            problem = _after_the_end(stream, last)
            if problem is not None:
                yield BadMember(None, problem)
            return
        stream.seek(start)
        try:
            info = tarfile.TarInfo.fromtarfile(headers)
        except (tarfile.TarError, ValueError, OverflowError) as error:
            is_cut = len(block) < _BLOCK
            yield _end(start, last, "ends in the middle of a header" if is_cut else f"is damaged ({error})")
            return
        if headers.offset <= start or info.size < 0:
            yield _end(start, last, "is damaged (a negative size)")
            return
        last = info.name
        if info.isdir():
            continue
        if not info.isreg() or info.sparse is not None:
            yield BadMember(info.name, _unusable(info))
        elif info.offset_data + info.size > size:
            yield BadMember(info.name, f"The tar ends inside this member: download {clean_text(path.name)} again.")
            return
        else:
            yield Member(info.name, info.offset_data, info.size)


def _after_the_end(stream: IO[bytes], last: str | None) -> str | None:
    """Return what is wrong with a tar that ends here: it holds nothing, or more follows than zeros to fill it up."""
    if last is None:
        return f"The tar holds no member: {_CUT}."
    num_zeros = 0
    while some := stream.read(_LARGEST_FILLING):
        if some.strip(b"\0"):
            return (
                f"Something follows the end of the tar, after the member {clean_text(last)}, and is not read: if tars "
                "were joined, `tar --ignore-zeros -xf` unpacks them all; otherwise download it again."
            )
        num_zeros += len(some)
    if num_zeros > _LARGEST_FILLING:
        return f"Nothing but zero bytes ({num_zeros}) follow the member {clean_text(last)}: {_CUT}."
    return None


def _end(start: int, last: str | None, problem: str) -> BadMember:
    after = f"after the member {clean_text(last)}" if last else "at its beginning"
    return BadMember(
        None, f"The tar {problem} {after}, at byte {start}, and what follows is not read: download or pack it again."
    )


def _unusable(info: tarfile.TarInfo) -> str:
    if info.issym() or info.islnk():
        return (
            f"The member is a link to {clean_text(info.linkname)}: pack the tar again with "
            "`tar --dereference --hard-dereference`."
        )
    if info.sparse is not None:
        return "The member is stored as a sparse file: pack the tar again, without `--sparse`."
    return "The member is a pipe or device, not a file: remove it from the tar."


class _Bounded:
    """A file of which headers of impossible sizes are not read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.seek, self.tell = stream.seek, stream.tell
        self._read = stream.read

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _LARGEST_HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._read(size)
