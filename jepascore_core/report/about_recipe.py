"""The section of a report about rules: what they keep and drop, by rule and by class, with pictures."""

from __future__ import annotations

from jepascore_core.curation import to_text
from jepascore_core.curation.evaluation.evaluate import Evaluation
from jepascore_core.curation.summary import summarize
from jepascore_core.formatting import class_title, count_text, percent_text, plural
from jepascore_core.report.content import Gallery, Picture, Section, Table
from jepascore_core.storage.store import Store
from jepascore_core.views.curation import most_changed, preview

NUM_CLASSES, NUM_PICTURES = 15, 12


def describe_recipe(store: Store, evaluation: Evaluation, name: str = "") -> Section:
    """Say what rules and decisions keep; `name` is that of a saved recipe."""
    result, shown = summarize(store, evaluation), preview(store, evaluation, NUM_PICTURES)
    counts = result.counts
    share = percent_text(counts.kept / counts.total) if counts.total else percent_text(0)
    rules = to_text(evaluation.curation) or "all"
    texts = [
        f"Rules: {rules}",
        f"{count_text(counts.kept)} of {plural(counts.total, 'sample')} kept ({share}), "
        f"{count_text(counts.dropped)} dropped.",
    ]
    if counts.decided:
        texts.append(f"{count_text(counts.decided)} decided by a person.")
    if counts.unscored:
        texts.append(f"{count_text(counts.unscored)} not measured, so the rules say nothing of them.")
    tables = []
    if result.clauses:
        rows = tuple((item.text, count_text(item.alone), count_text(item.only)) for item in result.clauses)
        tables.append(Table(("rule or step", "drops alone", "only it drops"), rows))
    if len(result.balance) > 1:
        changed = most_changed(result.balance, NUM_CLASSES)
        classes = tuple((class_title(item.label), count_text(item.total), count_text(item.dropped)) for item in changed)
        tables.append(Table(("class", "samples", "dropped"), classes))
    kinds = (
        ("Dropped, furthest beyond a limit", shown.extreme),
        ("Dropped, nearest to a limit", shown.nearest),
        ("Dropped, at random", shown.random),
        ("Narrowly kept", shown.narrowly_kept),
    )
    galleries = tuple(
        Gallery(title, tuple(Picture(item.sample_key, item.content_id, class_title(item.label)) for item in samples))
        for title, samples in kinds
        if samples
    )
    return Section(f"Recipe {name}" if name else "Rules", tuple(texts), tuple(tables), galleries)
