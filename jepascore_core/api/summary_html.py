"""Show a curated dataset in a notebook: a table of counts, and one of what each rule drops."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from jepascore_core.curation.summary import CurationResult


def summary_html(title: str, result: CurationResult) -> str:
    """Return the counts of a curation as HTML, with every text escaped."""
    counts = result.counts
    rows = [("kept", counts.kept), ("dropped", counts.dropped), ("not measured", counts.unscored)]
    rows += [("decided by a person", counts.decided)] if counts.decided else []
    rows += [("unreadable files", counts.num_unreadable)] if counts.num_unreadable else []
    by_verdict = table_html(("", "samples", "share"), ((name, f"{n:,}", _share(n, counts.total)) for name, n in rows))
    by_clause = table_html(
        ("rule or step", "drops alone", "only it drops"),
        ((clause.text, f"{clause.alone:,}", f"{clause.only:,}") for clause in result.clauses),
    )
    return f"<p><b>{escape(title)}</b></p>{by_verdict}{by_clause if result.clauses else ''}"


def _share(number: int, total: int) -> str:
    return f"{100 * number / total:.1f} %" if total else ""


def table_html(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table, with every text escaped."""
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
