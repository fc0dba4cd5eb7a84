"""How much of a dataset has scores, and whether anything is left to be measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jepascore_core.formatting import plural
from jepascore_core.records.canonical import short_hash
from jepascore_core.records.runs import Run
from jepascore_core.scores.memo import memoized
from jepascore_core.scores.score_set import (
    ScoreSet,
    manifest_sql,
    read_version,
    table_of,
)
from jepascore_core.scores.tables import table_sql
from jepascore_core.storage.store import Store

#: A shelf of their own for counts, which are small: lists of datasets ask for all of them again and again.
_SHELF = "coverage", 10_000


@dataclass(frozen=True, slots=True)
class Coverage:
    """Samples of a dataset under one backbone and spec: with a score, failed when a run tried them, and all."""

    num_scored: int
    num_failed: int
    num_samples: int

    @property
    def num_pending(self) -> int:
        """Samples that were not tried yet."""
        return self.num_samples - self.num_scored - self.num_failed

    @property
    def is_complete(self) -> bool:
        """Whether all that can be measured is: a run would have nothing to do."""
        return self.num_pending <= 0


def coverage(store: Store, scores: ScoreSet) -> tuple[int, int]:
    """Count the samples with a measurement, and all."""

    def count() -> tuple[int, int]:
        table = table_of(store, scores)
        if table is not None:
            sql = f"SELECT count(is_exact) AS num_scored, count(*) AS num_samples FROM ({table_sql(table, 'rank')})"
        else:
            measured = store.measurements_sql(scores.key)
            sql = f"""
                WITH manifest AS (SELECT content_id FROM ({manifest_sql(store, scores.dataset_id)}))
                SELECT count(*) AS num_scored, (SELECT count(*) FROM manifest) AS num_samples
                FROM manifest SEMI JOIN ({measured}) USING (content_id)
            """
        (row,) = store.query(sql).to_pylist()
        return row["num_scored"], row["num_samples"]

    about = "coverage", scores.dataset_id, scores.key, read_version(store, scores)
    return memoized(store, about, count, *_SHELF)


def scores_state(store: Store, scores: ScoreSet) -> str:
    """Return a text that changes when a dataset is indexed anew or more or fewer of its samples are measured.

    Unlike `version_key` it stays when another dataset is measured with the same backbone.
    """
    version = store.catalogue.dataset(scores.dataset_id).version
    return short_hash([version, coverage(store, scores)[0]])


def full_coverage(store: Store, scores: ScoreSet, runs: Sequence[Run] | None = None) -> Coverage:
    """Count scored, failed and all samples; `runs` are those of the catalogue, for a caller that has them.

    An image that failed in any dataset's run failed here, too: it is the same bytes under the same backbone.
    """
    num_scored, num_samples = coverage(store, scores)
    if num_scored == num_samples:
        return Coverage(num_scored, 0, num_samples)
    tried = [run for run in (store.catalogue.runs() if runs is None else runs) if run.key == scores.key]
    failures = [failure for run in tried if run.num_failed for failure in store.catalogue.run_failures(run.run_id)]
    failed = sorted({failure.content_id for failure in failures if failure.content_id})
    return Coverage(num_scored, _num_failed(store, scores, failed) if failed else 0, num_samples)


def _num_failed(store: Store, scores: ScoreSet, failed: Sequence[str]) -> int:
    def count() -> int:
        sql = f"""SELECT count(*) AS n FROM ({manifest_sql(store, scores.dataset_id)})
            WHERE content_id IN (SELECT unnest($1::VARCHAR[])) AND content_id NOT IN (SELECT content_id FROM
                ({store.measurements_sql(scores.key)}))"""
        return int(store.query(sql, [list(failed)])["n"][0].as_py())

    key = "failed", scores, read_version(store, scores), tuple(failed)
    return memoized(store, key, count, *_SHELF)


@dataclass(frozen=True, slots=True)
class PartialScores:
    """Scores that are not complete, and the way on.

    `run` is the newest run of the dataset that measured them: under way, or to be resumed; None where the scores come
    from runs of other datasets with the same images.
    """

    scores: ScoreSet
    coverage: Coverage
    run: Run | None

    @property
    def can_be_completed(self) -> bool:
        """Whether a run could measure the rest; imported embeddings have no encoder."""
        return self.run is None or not self.run.backbone.is_own

    @property
    def text(self) -> str:
        """How many images are scored, or embedded: "18 of 720 images scored, 2 failed"."""
        found, done = self.coverage, "scored" if self.scores.key.has_scores else "embedded"
        text = f"{found.num_scored:,} of {plural(found.num_samples, 'image')} {done}"
        return f"{text}, {found.num_failed:,} failed" if found.num_failed else text


def partial_scores(store: Store, score_sets: Sequence[ScoreSet]) -> tuple[PartialScores, ...]:
    """Find those of some score sets that lack images which a run could measure."""
    runs = store.catalogue.runs()
    found = []
    for scores in dict.fromkeys(score_sets):
        counted = full_coverage(store, scores, runs)
        if not counted.is_complete:
            own = (run for run in runs if run.dataset_id == scores.dataset_id and run.key == scores.key)
            found.append(PartialScores(scores, counted, next(own, None)))
    return tuple(found)


#: Correlations of fewer samples are noise: of 18 unrelated ones every twentieth pair shows 0.47 or more.
MIN_COMMON = 30
