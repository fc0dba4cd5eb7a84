"""Tars made on the spot: by the real webdataset package, or member by member."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jepascore_core.datasets.candidates import Candidate, ScanPlan, SourceOptions
from jepascore_core.datasets.sources import scan
from jepascore_core.records.datasets import SampleFailure
from tests.datasets.images import encode, noise


def png(seed: int = 0) -> bytes:
    return encode(noise(seed, 6, 8), "PNG")


def keys(found: Iterable[Candidate | SampleFailure]) -> list[str]:
    return [item.sample_key for item in found]


def write_tar(
    path: Path, members: Mapping[str, bytes] | list[tuple[str, bytes]], form: int = tarfile.PAX_FORMAT
) -> Path:
    """Write members in the order that is given, names as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=form) as sink:
        for name, data in members.items() if isinstance(members, Mapping) else members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            sink.addfile(member, io.BytesIO(data))
    return path


def write_shard(path: Path, samples: list[dict[str, Any]]) -> Path:
    """Write a shard as its users do; each sample has `__key__` and values by their extensions."""
    import webdataset as wds

    path.parent.mkdir(parents=True, exist_ok=True)
    with wds.TarWriter(str(path)) as sink:
        for sample in samples:
            sink.write(sample)
    return path


def planned(source: Path | str, **options: str) -> tuple[list[Candidate], list[SampleFailure], ScanPlan]:
    """Scan a source: its candidates, its failures, and the plan when both are there."""
    plan = scan(source, SourceOptions(**options), Path("unused"))
    items = list(plan.items)
    return (
        [item for item in items if isinstance(item, Candidate)],
        [item for item in items if isinstance(item, SampleFailure)],
        plan,
    )
