"""Corrected labels: decisions of people that a sample belongs to another class, beside the label of the dataset.

They are rows of the append-only journal and follow renamed files. The label of the dataset itself stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pyarrow as pa
import xxhash

from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.label_issues import label_issue_column
from jepascore_core.curation.columns.marks import label_rows, marks_state
from jepascore_core.curation.columns.names import class_labels
from jepascore_core.curation.journal import append_action, packed_mark, write_marks
from jepascore_core.errors import RuleError, unknown
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.sample_lists import SAMPLE_LIST_SCHEMA, sample_list
from jepascore_core.storage.store import Store

MAX_LABEL = 200


def relabel(
    store: Store,
    dataset_id: str,
    samples: Mapping[str | None, pa.Table],
    who: str,
    why: str = "",
    token: str | None = None,
    *,
    new_classes: bool = False,
) -> int:
    """Correct the labels of samples in one action, which is undone as a whole; return its id.

    Args:
        store: where the dataset is.
        dataset_id: its id.
        samples: label -> samples (sample key, content id) that get it, each sample once; None gives them the label of
            the dataset again.
        who: reviewer.
        why: a reason, which is recorded.
        token: of a request that may be repeated, as for `decide`.
        new_classes: whether labels may be given that no sample of the dataset has.

    Raises:
        UnknownNameError: for a label that no sample has, unless `new_classes`; similar ones are suggested.
        RuleError: for no samples, an empty or very long label, or no name of a reviewer.
    """
    given = {label: table for label, table in samples.items() if table.num_rows}
    if not given:
        raise RuleError("No sample is given: nothing was relabelled.")
    for label in given:
        if label is not None:
            _check(store, dataset_id, label, new_classes)
    marks = [packed_mark(label or "", label is not None, table) for label, table in given.items()]
    return append_action(store, dataset_id, "relabel", who, why, token, partial(write_marks, marks))


def _check(store: Store, dataset_id: str, label: str, new_classes: bool) -> None:
    if not label.strip() or len(label) > MAX_LABEL or not label.isprintable():
        raise RuleError(f"A label needs 1 to {MAX_LABEL} characters without line breaks, not {label!r}.")
    labels = class_labels(store, dataset_id)
    if not new_classes and label not in labels:
        raise unknown("class", label, labels, where=store.catalogue.dataset(dataset_id).name)


def likely_labels(store: Store, scores: ScoreSet, samples: pa.Table) -> dict[str | None, pa.Table]:
    """Return the likeliest other label of some samples (sample key, content id), as `relabel` takes them.

    Those without one, which were not judged, are left out.

    Raises:
        TooFewImagesError: if fewer than two classes can be judged.
        UnknownNameError, DatasetNotReadyError: as `label_issue_column`.
    """
    name, cached = label_issue_column(store, scores), columns(store)
    base = cached.base(store.catalogue.dataset(scores.dataset_id))
    listed = cached.cache_table(["asked", xxhash.xxh3_128_hexdigest(sample_list(samples).packed)], samples)
    found = store.query(
        f"""SELECT "{name}_likely" AS likely, list(sample_key ORDER BY row_id) AS keys,
            list(content_id ORDER BY row_id) AS content_ids
        FROM {base} POSITIONAL JOIN {name} SEMI JOIN {listed} USING (sample_key, content_id)
        WHERE "{name}_likely" IS NOT NULL GROUP BY likely ORDER BY likely"""
    ).to_pylist()
    return {row["likely"]: pa.table([row["keys"], row["content_ids"]], schema=SAMPLE_LIST_SCHEMA) for row in found}


def count_relabelled(store: Store, dataset_id: str) -> int:
    """Count the samples whose label was corrected to another one.

    Raises:
        DatasetNotReadyError: if anything was marked and the dataset has no index.
    """
    if not marks_state(store, dataset_id):
        return 0
    rows = label_rows(store, store.catalogue.dataset(dataset_id))
    return int(store.query(f"SELECT count(*) AS n FROM {rows}")["n"][0].as_py())
