"""What the sample window says of a sample at once, without a run of the page: a record for its script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jepascore_core.curation.columns.marks import corrected_labels_about, tags_about
from jepascore_core.curation.decisions import decisions_about
from jepascore_core.formatting import class_title
from jepascore_core.records.datasets import Sample
from jepascore_core.scores.score_set import ScoreSet, has_labels
from jepascore_core.storage.store import Store
from jepascore_core.views.alike import Alike, exact_copies, look_alikes
from jepascore_core.views.neighbours import nearest_samples
from pages.ui.sample import texts


def sample_card(store: Store, dataset_id: str, sample: Sample) -> dict[str, Any]:
    """Return size in pixels, lines of text, decision and tags of a sample."""
    dataset = store.catalogue.dataset(dataset_id)
    about = {sample.sample_key: sample.content_id}
    decided = decisions_about(store, dataset_id, about).get(sample.sample_key)
    corrected = corrected_labels_about(store, dataset, about).get(sample.sample_key)
    title = class_title(sample.label, alone=sample.label is None and not has_labels(store, dataset_id))
    return {
        "sample_key": sample.sample_key,
        "content_id": sample.content_id,
        "width": sample.width,
        "height": sample.height,
        "lines": [
            texts.class_and_split(title, sample.split, corrected),
            texts.size(sample.width, sample.height, sample.num_bytes),
        ],
        "verdict": None if decided is None or decided.verdict == "undecided" else decided.verdict,
        "decided_by": "" if decided is None else decided.who,
        "tags": tags_about(store, dataset, about).get(sample.sample_key, ()),
    }


def copies_beside(store: Store, dataset_id: str, sample: Sample) -> list[dict[str, Any]]:
    """Return groups of exact copies and of samples that look like this one; those without any are left out."""
    dataset = store.catalogue.dataset(dataset_id)
    exact = _group(texts.EXACT_COPIES, exact_copies(store, sample, dataset), lambda _: texts.SAME_BYTES)
    alike = _group(texts.LOOK_ALIKES, look_alikes(store, sample, dataset), texts.bits)
    return [group for group in (exact, alike) if group["samples"]]


def _group(title: str, found: Alike, note: Callable[[int], str]) -> dict[str, Any]:
    samples = [
        {"sample_key": item.sample_key, "content_id": item.content_id, "note": note(item.bits)}
        for item in found.samples
    ]
    return {"title": title, "about": texts.listed(len(samples), found.number), "samples": samples}


def nearest_beside(store: Store, scores: ScoreSet, sample: Sample) -> list[dict[str, Any]]:
    """Return the group of images whose embeddings are nearest; none where this one has no embedding.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `nearest_samples`.
    """
    found = nearest_samples(store, scores, sample.content_id) if scores.is_measured else ()
    samples = [
        {
            "sample_key": item.sample.sample_key,
            "content_id": item.sample.content_id,
            "note": texts.cosine_distance(item.distance),
        }
        for item in found
    ]
    about = texts.nearest([item.distance for item in found])
    return [{"title": texts.NEAREST, "about": about, "samples": samples}] if samples else []
