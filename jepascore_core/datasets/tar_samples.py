"""Group the members of one tar into samples, as webdataset does: by their names up to the first dot of the file name.

An image and its `.cls`, `.json` and `.txt` are one sample even if other members are between them, as in tars that were
not sorted: the latest keys are kept open, so that memory use does not grow with the tar.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from jepascore_core.datasets.listing import PassedOver, extension, has_image_name, is_skipped
from jepascore_core.datasets.signatures import SIGNATURE_BYTES, format_of
from jepascore_core.datasets.tar_members import BadMember, Member, read_members

#: Larger sidecars are not read.
MAX_SIDECAR_BYTES = 2**20
#: Keys of which further members are waited for.
MAX_PENDING = 10_000
UNREADABLE = "unreadable {suffix}"

_SIDECARS = (".cls", ".json", ".txt")
_NAME = re.compile(r"((?:.*/)?[^./][^./]*)(?:\.([^/]*))?", re.DOTALL)


@dataclass(slots=True)
class TarSample:
    """Members with one key: images by their extensions, label, fields and caption. `strange` are other extensions."""

    key: str
    images: dict[str, Member] = field(default_factory=dict)
    label: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    caption: str | None = None
    sidecars: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)

    def has(self, suffix: str) -> bool:
        """Return whether there is a member with this extension already."""
        return suffix in self.images or suffix in self.sidecars or suffix in self.strange


def plain_name(name: str) -> str:
    """Return the name of a member without a leading `./`."""
    while name.startswith("./"):
        name = name[2:].lstrip("/")
    return name


def read_samples(path: Path, ignored: PassedOver) -> Iterator[TarSample | BadMember]:
    """Yield the samples of a tar, about in the order of their first members, and members that cannot be read.

    Raises:
        OSError: if it cannot be read.
    """
    pending: dict[str, TarSample] = {}
    with path.open("rb") as stream:
        for member in read_members(stream, path):
            if isinstance(member, BadMember):
                if member.name is None or _is_wanted(member.name):
                    yield member
                continue
            name = plain_name(member.name)
            found = _NAME.fullmatch(name)
            if found is None or any(is_skipped(part) for part in name.split("/") if part not in (".", "..")):
                continue
            key, suffix = found[1], (found[2] or "").lower()
            if key in pending and pending[key].has(suffix):
                yield pending.pop(key)
            sample = pending.setdefault(key, TarSample(key))
            _add(sample, suffix, member, stream, ignored)
            if len(pending) > MAX_PENDING:
                yield pending.pop(next(iter(pending)))
    yield from pending.values()


def _is_wanted(name: str) -> bool:
    return has_image_name(name) or extension(name) in _SIDECARS


def _add(sample: TarSample, suffix: str, member: Member, stream: IO[bytes], ignored: PassedOver) -> None:
    if has_image_name(f"_.{suffix}") or (not suffix and _begins_like_an_image(stream, member)):
        sample.images[suffix] = member
    elif f".{suffix}" in _SIDECARS:
        sample.sidecars.append(suffix)
        data = _beginning(stream, member, MAX_SIDECAR_BYTES)
        if not _read_sidecar(sample, suffix, data if len(data) == member.size else b"\xff"):
            reason = UNREADABLE.format(suffix=f".{suffix}")
            ignored[reason] += 1
            ignored.examples.setdefault(reason, plain_name(member.name))
    else:
        sample.strange.append(suffix)
        ignored.note(plain_name(member.name))


def _read_sidecar(sample: TarSample, suffix: str, data: bytes) -> bool:
    """Take over what a small file says; return whether it could be read."""
    if suffix == "txt":
        sample.caption = data.decode("utf-8", "replace").strip() or None
        return True
    try:
        text = data.decode("utf-8-sig")
        if suffix == "cls":
            sample.label = text.strip() or None
            return True
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return False
    sample.fields = fields if isinstance(fields, dict) else {}
    return isinstance(fields, dict)


def _begins_like_an_image(stream: IO[bytes], member: Member) -> bool:
    return format_of(_beginning(stream, member, SIGNATURE_BYTES)) is not None


def _beginning(stream: IO[bytes], member: Member, size: int) -> bytes:
    stream.seek(member.offset)
    return stream.read(min(size, member.size))


def images_of(sample: TarSample) -> Iterator[tuple[str, Member]]:
    """Yield the images of a sample and their keys, which name the extension if there are several."""
    for suffix, member in sample.images.items():
        yield (f"{sample.key}.{suffix}" if len(sample.images) > 1 and suffix else sample.key), member
