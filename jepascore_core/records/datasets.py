"""A dataset, its samples and the failures of reading them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from jepascore_core.records.canonical import JsonRecord
from jepascore_core.records.counted import Counted
from jepascore_core.records.quality import ImageQuality


@dataclass(frozen=True, slots=True)
class SampleFailure(JsonRecord):
    """Why a sample has no manifest row or no measurement."""

    sample_key: str
    uri: str
    stage: str
    error_class: str
    message: str
    content_id: str | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of a manifest. `content_id` is the xxh3-128 of the encoded bytes; `metadata` holds the user's columns.

    `quality` is None in an index made before image quality was measured.
    """

    sample_key: str
    uri: str
    label: str | None
    split: str | None
    content_id: str
    width: int
    height: int
    num_bytes: int
    modified_ns: int
    metadata: dict[str, Any] = field(default_factory=dict)
    quality: ImageQuality | None = None


class DatasetState(StrEnum):
    """Life of a dataset's index."""

    INDEXING = "indexing"
    READY = "ready"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def is_active(self) -> bool:
        """Whether a worker is, or will be, busy with it."""
        return self is DatasetState.INDEXING


@dataclass(frozen=True, slots=True)
class DatasetRecord(Counted):
    """A dataset in the catalogue. `version` names the folder with the current manifest (None before the first one).

    The counters always obey `num_indexed + num_failed + num_pending = num_total`. `rate` is in samples per second.
    `ignored` counts the files that the current index passed over, by extension.

    Where there is an index, what is asked for the next one is in `wanted` ("kind" and "options") until that is
    complete; if it fails the dataset stays what it was, and `error` says why.

    A dataset with a `purpose` ("planted") serves a check of the dataset `parent_id`: it is hidden from every list and
    is removed with that one.
    """

    dataset_id: str
    name: str
    source: str
    kind: str
    options: dict[str, Any]
    state: DatasetState
    version: str | None
    num_total: int
    num_indexed: int
    num_failed: int
    rate: float | None
    message: str
    cancel_requested: bool
    created_at: str
    heartbeat: float | None
    ignored: dict[str, int]
    error: str | None = None
    wanted: dict[str, Any] | None = None
    purpose: str = ""
    parent_id: str | None = None

    @property
    def num_processed(self) -> int:
        """Samples that are indexed or failed."""
        return self.num_indexed + self.num_failed
