"""The sections of a report that need no backbone: what the dataset is, what cannot be read, copies."""

from __future__ import annotations

from jepascore_core.curation.groups import DuplicateGroup, duplicate_groups
from jepascore_core.curation.rules.model import Deduplicate
from jepascore_core.formatting import class_title, count_text, plural
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.report.content import Gallery, Picture, Section, Table
from jepascore_core.scores.score_set import Label, ScoreSet
from jepascore_core.storage.store import Store
from jepascore_core.views.progress import failure_groups, index_failures

#: What a report shows at most, so that it stays small enough to send.
MAX_CLASSES, MAX_FAILURES, MAX_GROUPS, MAX_MEMBERS = 12, 8, 6, 6
PER_CLASS = 6


def describe_images(store: Store, dataset: DatasetRecord) -> Section:
    """Say how many images there are, of which classes and sizes, and show the first of each class."""
    manifest = store.manifest_sql(dataset)
    (facts,) = store.query(f"""
        SELECT count(*) AS samples, count(DISTINCT content_id) AS images, count(DISTINCT label) AS classes,
            count(DISTINCT split) AS splits, median(width)::INTEGER AS width, median(height)::INTEGER AS height,
            min(least(width, height)) AS least, max(greatest(width, height)) AS most
        FROM ({manifest})
    """).to_pylist()
    texts = [f"{plural(facts['samples'], 'sample')} with {plural(facts['images'], 'different image')}."]
    if facts["classes"]:
        texts.append(f"Labelled with {plural(facts['classes'], 'class')}.")
    if facts["splits"]:
        texts.append(f"In {plural(facts['splits'], 'split')}.")
    if facts["width"]:
        sizes = f"Median size {facts['width']:,} x {facts['height']:,} pixels"
        texts.append(f"{sizes}; sides from {facts['least']:,} to {facts['most']:,}.")
    rows = store.query(f"""
        SELECT label, count(*) AS samples, min(struct_pack(sample_key, content_id), {PER_CLASS}) AS first
        FROM ({manifest}) GROUP BY label ORDER BY samples DESC, label LIMIT {MAX_CLASSES}
    """).to_pylist()
    alone = len(rows) == 1
    galleries = [Gallery(_class_text(row["label"], row["samples"], alone), _pictures(row["first"])) for row in rows]
    if facts["classes"] > MAX_CLASSES:
        texts.append(f"Shown are the first images of the {MAX_CLASSES} largest classes.")
    return Section("What it is", tuple(texts), galleries=tuple(galleries))


def _class_text(label: Label, num_samples: int, alone: bool) -> str:
    return f"{class_title(label, alone)}: {plural(num_samples, 'sample')}"


def _pictures(rows: list[dict[str, str]]) -> tuple[Picture, ...]:
    return tuple(Picture(row["sample_key"], row["content_id"], "") for row in rows)


def describe_unreadable(store: Store, dataset: DatasetRecord) -> Section | None:
    """List the reasons why files could not be read; None if all could, and nothing was passed over."""
    groups = failure_groups(index_failures(store, dataset))
    texts = []
    if groups:
        texts.append(f"{plural(sum(group.count for group in groups), 'file')} could not be read:")
    if dataset.ignored:
        passed = ", ".join(f"{count_text(number)} {kind}" for kind, number in sorted(dataset.ignored.items()))
        texts.append(f"Passed over, as they are no images: {passed}.")
    rows = tuple(
        (count_text(group.count), group.examples[0].message, group.examples[0].sample_key)
        for group in groups[:MAX_FAILURES]
    )
    if not texts:
        return None
    return Section(
        "What is not in it", tuple(texts), (Table(("files", "reason", "for example"), rows),) if rows else ()
    )


def describe_copies(store: Store, scores: ScoreSet) -> Section:
    """Count and show groups of identical images, and of images that look alike by their perceptual hash."""
    texts, galleries = [], []
    for name, step in (
        ("identical files", Deduplicate(keep="largest")),
        ("images that look alike", Deduplicate(keep="largest", perceptual=True)),
    ):
        page = duplicate_groups(store, scores, step, limit=MAX_GROUPS // 2)
        if not page.num_groups:
            texts.append(f"No {name}.")
            continue
        texts.append(
            f"{plural(page.num_groups, 'group')} of {name}: keeping one of each would drop "
            f"{plural(page.num_surplus, 'sample')}."
        )
        galleries += [_group(name, group) for group in page.groups]
    return Section("Duplicates", tuple(texts), galleries=tuple(galleries))


def _group(name: str, group: DuplicateGroup) -> Gallery:
    shown = group.samples[:MAX_MEMBERS]
    title = f"{count_text(group.size)} {name}"
    if group.num_labels > 1:
        title += f", with {group.num_labels} labels"
    return Gallery(title, tuple(Picture(item.sample_key, item.content_id, class_title(item.label)) for item in shown))
