"""`js.curate`: apply rules to a measured dataset; inspect what they keep, decide, save and export it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Self

import pandas as pd
import pyarrow as pa

from jepascore_core.api.actions import SampleActions
from jepascore_core.api.datasets import index_source
from jepascore_core.api.progress import Progress, titled
from jepascore_core.api.rule_input import RuleLike, curation_from
from jepascore_core.api.summary_html import summary_html
from jepascore_core.curation.decisions import decisions_of
from jepascore_core.curation.evaluation.evaluate import Decisions, Evaluation, evaluate
from jepascore_core.curation.precompute.steps import precompute_all
from jepascore_core.curation.recipes import Recipe, make_recipe, with_ids_of_paths
from jepascore_core.curation.rules.model import Curation
from jepascore_core.curation.rules.printer import to_text
from jepascore_core.curation.saved_recipes import save_recipe
from jepascore_core.curation.summary import CurationCounts, CurationResult, summarize
from jepascore_core.datasets.manifest import Dataset
from jepascore_core.errors import one_of
from jepascore_core.exporters import (
    WHICH,
    ExportFormat,
    ExportOptions,
    ExportReport,
    ExtraColumns,
    Labels,
    Link,
    Which,
    export,
)
from jepascore_core.exporters.query import ExportQuery, condition_of
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.score import DEFINITIONS, Definition
from jepascore_core.scores.naming import find_measured
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.scores.titles import measured_titles
from jepascore_core.storage.sample_lists import SAMPLE_LIST_SCHEMA
from jepascore_core.storage.store import Store
from jepascore_core.trust.evidence import compute_checks, trust_verdict
from jepascore_core.trust.verdict import TrustVerdict

#: Rows read at a time.
BATCH_ROWS = 65_536


def curate(
    dataset: str | Path | Dataset,
    rules: RuleLike | Sequence[RuleLike] = (),
    *,
    backbone: str | None = None,
    definition: Definition = "rank",
    progress: Progress | None = None,
) -> CuratedDataset:
    """Apply rules to a measured dataset: the same rules, decisions and results as on the Curate page.

    Existing decisions about the dataset apply, whoever made them, and override the rules. What rules need besides
    scores (near duplicates, baseline scores, clusters) is computed first and cached.

    Args:
        dataset: name of a dataset, its source path, or the result of `open_dataset`.
        rules: what to keep: expressions, steps (`one_per`, `budget`) and texts. All rules of a list must hold; steps
            choose among what the rules leave. Empty = keep everything.
        backbone: whose scores rules use by default: name, id ("id" or "id@spec"), title or path; only needed if the
            dataset was measured with several.
        definition: score definition that rules use by default.
        progress: called with a title and a share, 0 to 1, during long computations.

    Raises:
        RuleError: for invalid rules, or rules that name a column that the dataset does not have.
        UnknownNameError: for an unknown dataset, backbone or definition; lists the available ones.
        JepaScoreError: if it was measured with several backbones and none is named.
        DatasetNotReadyError: if the dataset has no index yet.

    Examples:
        >>> import jepascore_core as js
        >>> curated = js.curate("digits-demo", js.col("class_percentile") >= 5, backbone="bundled:digits-vit")
        >>> curated.counts.kept + curated.counts.dropped == len(curated)
        True
        >>> steps = [js.col("class_percentile") >= 5, ~js.flag("leak"), js.one_per(keep="largest")]
        >>> curated.with_rules(steps).rules
        'class_percentile >= 5 and not leak | one per exact keep largest'
    """
    one_of(definition, DEFINITIONS, "definition")
    curation = curation_from(rules)
    store = Store()
    record = index_source(store, dataset)
    measured = find_measured(store, record, backbone, option='backbone="..."', command="js.score_dataset")
    scores = measured.scores(record.dataset_id, definition)
    return _curated(store, scores, with_ids_of_paths(store, curation), progress)


def _curated(store: Store, scores: ScoreSet, curation: Curation, progress: Progress | None) -> CuratedDataset:
    """Compute what a curation needs, and evaluate it, so that errors in it are raised here."""
    decisions = decisions_of(store, scores.dataset_id)

    precompute_all(store, scores, curation, decisions, lambda work: titled(progress, work.title))
    evaluate(store, scores, curation, decisions)
    return CuratedDataset(store, scores, curation, decisions)


@dataclass(frozen=True, eq=False, repr=False)
class CuratedDataset(SampleActions):
    """A dataset with the verdict of rules and decisions on every sample. Made by `curate`; immutable.

    `decide` and `undo` are recorded in the home folder, like those on the Review page, and return a new curated
    dataset. Notebooks show it as a table of counts.
    """

    store: Store
    scores: ScoreSet
    curation: Curation
    decisions: Decisions

    @property
    def backbone(self) -> str:
        """Title of the backbone whose scores rules use by default."""
        return measured_titles(self.store)[self.scores.key]

    @property
    def rules(self) -> str:
        """Rules and steps as text; "" keeps everything."""
        return to_text(self.curation)

    @property
    def trust_verdict(self) -> TrustVerdict:
        """Whether to cut by the default score here, from all checks that were made; `sentence` says it.

        Checks that need no measuring are made now; `jepascore trust plant` plants defects, without which it is grey.
        """
        compute_checks(self.store, self.scores)
        return trust_verdict(self.store, self.scores)

    @cached_property
    def counts(self) -> CurationCounts:
        """Samples by verdict.

        `kept`, `dropped` and `unscored` add up to all samples; `decided` counts those decided by a person, and
        `num_unreadable` the unreadable files, which are in none of these.
        """
        return self._result.counts

    def kept(self) -> list[str]:
        """Return the keys of the samples to keep, in order."""
        return self._keys("kept")

    def dropped(self) -> list[str]:
        """Return the keys of the samples to drop, in order."""
        return self._keys("dropped")

    def unscored(self) -> list[str]:
        """Return the keys of the samples without a verdict, because a rule needs a missing measurement, in order."""
        return self._keys("unscored")

    def preview(self, n: int = 10, which: Which = "dropped") -> pd.DataFrame:
        """Return a fixed random selection of n samples of a list, with the columns of `to_pandas`.

        Args:
            n: maximum number of samples.
            which: "kept", "dropped", "unscored" or "all".

        Raises:
            UnknownNameError: for any other list.
        """
        found = self._frame(one_of(which, WHICH, "list of samples"))
        return found.sample(min(n, len(found)), random_state=0).sort_index().reset_index(drop=True)

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per sample, in order of the keys, as in an export of all samples.

        Columns: sample_key, uri, label, split, score (nats, higher = more likely), class_percentile, percentile,
        verdict ("keep", "drop" or "unscored"), and as reason the rule or step that drops it, or "decision".
        """
        return self._frame("all")

    def with_rules(self, rules: RuleLike | Sequence[RuleLike], progress: Progress | None = None) -> CuratedDataset:
        """Apply other rules to the same scores; faster than `curate`, because it reuses what is in memory.

        Raises:
            RuleError, UnknownNameError: as `curate`.
        """
        return _curated(self.store, self.scores, with_ids_of_paths(self.store, curation_from(rules)), progress)

    @cached_property
    def recipe(self) -> Recipe:
        """Return the rules, decisions, backbone ids and dataset fingerprint, which reproduce the list."""
        return self._recipe(self.name)

    def save(self, name: str, *, overwrite: bool = False) -> Recipe:
        """Save the recipe under a name, for the app, `jepascore export --recipe` and `jepascore recipes`.

        Raises:
            RuleError: if a recipe with this name exists and `overwrite` is not set.
        """
        evaluation = self._evaluation()
        recipe = make_recipe(self.store, evaluation, name)
        save_recipe(self.store, self.scores.dataset_id, recipe, overwrite, evaluation)
        return recipe

    def export(
        self,
        path: str | Path,
        format: ExportFormat | None = None,
        *,
        which: Which = "kept",
        root: str | Path | None = None,
        link: Link = "copy",
        columns: Sequence[ExtraColumns] = (),
        labels: Labels = "original",
        overwrite: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> ExportReport:
        """Write a list or folder with a provenance file beside it; all or nothing. Sources are only read.

        Args:
            path: the file or folder; its parent must exist.
            format: one of those listed in [curating](curating.md#exports); None = from the suffix of `path`.
            which: "kept", "dropped", "unscored", or "all" with a verdict.
            root: folder that paths are written relative to.
            link: how images are placed in a folder: "copy", "symlink" or "hardlink".
            columns: more columns of CSV, JSONL or Parquet: "quality" (image quality), "labels" (label issues).
            labels: which ones folders and class numbers go by where some were corrected: "original" or "corrected".
            overwrite: replace an existing file; folders are never replaced.
            progress: called with the number of samples written and the total.

        Raises:
            ExportError: if it cannot be written completely; nothing is left behind.

        Examples:
            >>> import jepascore_core as js
            >>> curated = js.curate("digits-demo", "class_percentile >= 5", backbone="bundled:digits-vit")
            >>> report = curated.export("kept.csv")
            >>> report.num_rows == curated.counts.kept
            True
        """
        base = str(Path(root).expanduser().resolve()) if root is not None else None
        options = ExportOptions(which, base, link, tuple(columns), labels)
        return export(
            self.store,
            self.scores.dataset_id,
            self.recipe,
            Path(path).expanduser(),
            file_format=format,
            options=options,
            evaluation=self._evaluation(),
            overwrite=overwrite,
            progress=progress,
        )

    def __len__(self) -> int:
        return self.counts.total

    def __repr__(self) -> str:
        counts = self.counts
        unscored = f", {counts.unscored:,} not measured" if counts.unscored else ""
        return f"<CuratedDataset {self.name}: {counts.kept:,} kept, {counts.dropped:,} dropped{unscored}>"

    def _repr_html_(self) -> str:
        return summary_html(f"{self.name}, {self.backbone}", self._result)

    @property
    def _record(self) -> DatasetRecord:
        return self.store.catalogue.dataset(self.scores.dataset_id)

    @cached_property
    def _result(self) -> CurationResult:
        return summarize(self.store, self._evaluation())

    def _evaluation(self) -> Evaluation:
        # Evaluated again each time: its columns in memory may have been evicted.
        return evaluate(self.store, self.scores, self.curation, self.decisions)

    def _recipe(self, name: str) -> Recipe:
        return make_recipe(self.store, self._evaluation(), name)

    def _again(self) -> Self:
        return replace(self, decisions=_curated(self.store, self.scores, self.curation, None).decisions)

    def _keys(self, which: Which) -> list[str]:
        keys: list[str] = self._listed(which)["sample_key"].to_pylist()
        return keys

    def _listed(self, which: Which) -> pa.Table:
        evaluation = self._evaluation()
        sql = f"""SELECT sample_key, content_id FROM {evaluation.base} POSITIONAL JOIN {evaluation.table}
            WHERE {condition_of(which)} ORDER BY row_id"""
        return self.store.query(sql).cast(SAMPLE_LIST_SCHEMA)

    def _frame(self, which: Which) -> pd.DataFrame:
        query = ExportQuery(self.store, self.recipe, self._evaluation())
        table = pa.Table.from_batches(query.rows(which, BATCH_ROWS, None), query.row_schema).select(query.schema.names)
        frame: pd.DataFrame = table.to_pandas()
        return frame
