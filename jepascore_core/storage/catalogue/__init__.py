"""The SQLite catalogue: datasets, requests and their state. Any process may read and write it at any time.

One module per table. Each adds its methods to one class, since their names already say which table they use
(`catalogue.update_run`).
"""

from __future__ import annotations

from jepascore_core.storage.catalogue.backbones import BackboneTable
from jepascore_core.storage.catalogue.database import new_id, utc_now
from jepascore_core.storage.catalogue.datasets import DatasetTable
from jepascore_core.storage.catalogue.exports import ExportTable
from jepascore_core.storage.catalogue.probes import ProbeTable
from jepascore_core.storage.catalogue.runs import RunTable

__all__ = ["Catalogue", "new_id", "utc_now"]


class Catalogue(DatasetTable, BackboneTable, RunTable, ProbeTable, ExportTable):
    """Typed access to every table of `catalogue.sqlite`; thread-safe."""
