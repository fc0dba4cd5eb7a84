"""Write a curation as a file or folder that other programs read, with a provenance file."""

from jepascore_core.exporters.export import Download, ExportReport, export, export_bytes
from jepascore_core.exporters.extras import extras_work
from jepascore_core.exporters.formats import (
    EXTRA_COLUMNS,
    FORMATS,
    LABELS,
    LINKS,
    SPECS,
    WHICH,
    ExportFormat,
    ExtraColumns,
    FormatSpec,
    Labels,
    Link,
    Which,
)
from jepascore_core.exporters.options import ExportOptions, suggested_name
from jepascore_core.exporters.requests import cancel_export, repeat_export, request_export
from jepascore_core.exporters.sizes import ListSize, list_size
from jepascore_core.exporters.snippets import snippet
from jepascore_core.exporters.writers import differing_csv

__all__ = [
    "EXTRA_COLUMNS",
    "FORMATS",
    "LABELS",
    "LINKS",
    "SPECS",
    "WHICH",
    "Download",
    "ExportFormat",
    "ExportOptions",
    "ExportReport",
    "ExtraColumns",
    "FormatSpec",
    "Labels",
    "Link",
    "ListSize",
    "Which",
    "cancel_export",
    "differing_csv",
    "export",
    "export_bytes",
    "extras_work",
    "list_size",
    "repeat_export",
    "request_export",
    "snippet",
    "suggested_name",
]
