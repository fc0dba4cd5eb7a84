"""A curated list as a file, with a provenance file beside it that says how it came about."""

from jepascore_core.exporters.export import (
    FORMATS,
    WHICH,
    Download,
    ExportFormat,
    ExportReport,
    Which,
    export,
    export_bytes,
    suggested_name,
)

__all__ = [
    "FORMATS",
    "WHICH",
    "Download",
    "ExportFormat",
    "ExportReport",
    "Which",
    "export",
    "export_bytes",
    "suggested_name",
]
