"""How large an export will be, known before it is written."""

from __future__ import annotations

from dataclasses import dataclass

from jepascore_core.curation import Curation, Decisions, evaluate
from jepascore_core.exporters.export import condition_of
from jepascore_core.exporters.formats import SPECS, ExportFormat, Which
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store

#: What a page makes by itself within seconds, and a browser takes; more is for the worker.
DOWNLOAD_ROWS = 100_000
DOWNLOAD_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class ListSize:
    """Samples of a list, and the bytes of their images."""

    num_rows: int
    num_bytes: int

    def fits_download(self, file_format: ExportFormat) -> bool:
        """Whether it is small enough to be made while somebody waits."""
        spec = SPECS[file_format]
        is_light = not spec.has_images or self.num_bytes <= DOWNLOAD_BYTES
        return not spec.is_folder and self.num_rows <= DOWNLOAD_ROWS and is_light


def list_size(
    store: Store, scores: ScoreSet, curation: Curation, which: Which, decisions: Decisions | None = None
) -> ListSize:
    """The size of one of the lists of a curation.

    Raises:
        UnknownNameError, DatasetNotReadyError, RuleError: as `evaluate`.
    """
    found = evaluate(store, scores, curation, decisions)
    sql = f"""SELECT count(*) AS num_rows, coalesce(sum(num_bytes), 0)::BIGINT AS num_bytes
        FROM {found.base} POSITIONAL JOIN {found.table} WHERE {condition_of(which)}"""
    return ListSize(**store.query(sql).to_pylist()[0])
