"""Lists of samples as compact bytes: a million take some tens of megabytes, and no Python object each."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from jepascore_core.errors import StoreError

#: Sample keys and content ids.
SAMPLE_LIST_SCHEMA = pa.schema([("sample_key", pa.string()), ("content_id", pa.string())])


@dataclass(frozen=True, slots=True)
class SampleList:
    """Samples (sample key, content id), as a compressed Arrow stream."""

    num_samples: int
    packed: bytes

    @property
    def table(self) -> pa.Table:
        """The samples as a table of `SAMPLE_LIST_SCHEMA`.

        Raises:
            StoreError: if the bytes are damaged.
        """
        return unpack_samples(self.packed)

    @property
    def text(self) -> str:
        """The bytes as text; see `sample_list_of_text`."""
        return base64.b64encode(self.packed).decode("ascii")


def sample_table(samples: Iterable[tuple[str, str]]) -> pa.Table:
    """Return samples (sample key, content id) as a table of `SAMPLE_LIST_SCHEMA`."""
    rows = list(samples)
    return pa.table([[key for key, _ in rows], [content_id for _, content_id in rows]], schema=SAMPLE_LIST_SCHEMA)


def sample_list(samples: pa.Table) -> SampleList:
    """Pack a table with at least the columns of `SAMPLE_LIST_SCHEMA`."""
    table = samples.select(SAMPLE_LIST_SCHEMA.names).cast(SAMPLE_LIST_SCHEMA).combine_chunks()
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, SAMPLE_LIST_SCHEMA, options=options) as writer:
        writer.write_table(table)
    return SampleList(table.num_rows, sink.getvalue().to_pybytes())


def sample_list_of_text(text: str) -> SampleList:
    """Invert `SampleList.text`.

    Raises:
        StoreError: for any other text.
    """
    try:
        packed = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise StoreError(f"A list of samples cannot be read: {error}.") from error
    return SampleList(unpack_samples(packed).num_rows, packed)


def unpack_samples(packed: bytes) -> pa.Table:
    """Return the samples that `sample_list` packed.

    Raises:
        StoreError: if the bytes are damaged.
    """
    try:
        with pa.ipc.open_stream(packed) as reader:
            return reader.read_all().select(SAMPLE_LIST_SCHEMA.names)
    except (pa.ArrowException, KeyError, OSError) as error:
        raise StoreError(f"A list of samples is damaged: {error}. Restore the catalogue from a backup.") from error
