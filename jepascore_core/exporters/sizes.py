"""Estimate the size of an export before it is written."""

from __future__ import annotations

from dataclasses import dataclass

from jepascore_core.curation import Evaluation
from jepascore_core.exporters.formats import SPECS, ExportFormat, Which
from jepascore_core.exporters.query import condition_of
from jepascore_core.storage.store import Store

#: What a page can create within seconds and a browser accepts; larger exports are for the worker.
DOWNLOAD_ROWS = 100_000
DOWNLOAD_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class ListSize:
    """Number of samples of a list, and the bytes of their images."""

    num_rows: int
    num_bytes: int

    def fits_download(self, file_format: ExportFormat) -> bool:
        """Return whether it is small enough to be created while a visitor waits."""
        spec = SPECS[file_format]
        is_light = not spec.has_images or self.num_bytes <= DOWNLOAD_BYTES
        return not spec.is_folder and self.num_rows <= DOWNLOAD_ROWS and is_light


def list_size(store: Store, evaluation: Evaluation, which: Which) -> ListSize:
    """Return the size of one of the lists of an evaluation."""
    sql = f"""SELECT count(*) AS num_rows, coalesce(sum(num_bytes), 0)::BIGINT AS num_bytes
        FROM {evaluation.base} POSITIONAL JOIN {evaluation.table} WHERE {condition_of(which)}"""
    return ListSize(**store.query(sql).to_pylist()[0])
