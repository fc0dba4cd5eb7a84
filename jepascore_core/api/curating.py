"""`js.curate`: apply rules to a measured dataset; look at what they keep, decide, save and export it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import pandas as pd
import pyarrow as pa

from jepascore_core.api.datasets import index_source
from jepascore_core.api.expressions import ColumnExpression, Expression
from jepascore_core.api.summary_html import summary_html
from jepascore_core.curation.decisions import DecisionVerdict, decide, decisions_of, find_samples, redo, undo, user_name
from jepascore_core.curation.evaluation.evaluate import Decisions, Evaluation, evaluate
from jepascore_core.curation.precompute.steps import PrecomputeStep, prepare_all
from jepascore_core.curation.recipes import Recipe, make_recipe, with_ids_of_paths
from jepascore_core.curation.rules.model import Budget, Clause, Curation, Deduplicate, Step, curation_of
from jepascore_core.curation.rules.parser import parse, parse_rule
from jepascore_core.curation.rules.printer import rule_text, to_text
from jepascore_core.curation.saved_recipes import save_recipe
from jepascore_core.curation.summary import CurationCounts, CurationResult, summarize
from jepascore_core.datasets.manifest import Dataset
from jepascore_core.errors import RuleError, one_of
from jepascore_core.exporters import WHICH, ExportFormat, ExportOptions, ExportReport, Link, Which, export
from jepascore_core.exporters.context import EXPORT_SCHEMA, ROW_SCHEMA
from jepascore_core.exporters.query import ExportQuery, condition_of
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.score import DEFINITIONS, Definition
from jepascore_core.scores.naming import find_measured
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.scores.titles import measured_titles
from jepascore_core.storage.store import Store

#: One rule or step, as an expression or as text; a text may hold several.
RuleLike = Expression | Step | Curation | str

#: Rows that are read at a time.
BATCH_ROWS = 65_536

#: Called with what is being computed and the share that is done, 0 to 1.
Progress = Callable[[str, float], None]


def curate(
    dataset: str | Path | Dataset,
    rules: RuleLike | Sequence[RuleLike] = (),
    *,
    backbone: str | None = None,
    definition: Definition = "rank",
    progress: Progress | None = None,
) -> CuratedDataset:
    """Apply rules to a measured dataset: the same rules, decisions and results as on the Curate page.

    Decisions that were made about the dataset count, whoever made them, and override the rules. What rules need besides
    scores (near duplicates, baseline scores, clusters) is computed first and kept.

    Args:
        dataset: name of a dataset, where one is, or what `open_dataset` returned.
        rules: what to keep: expressions, steps (`one_per`, `budget`) and texts; all of a list must hold, and steps
            choose among what the rules leave. Nothing = keep everything.
        backbone: whose scores rules mean where they name none: name, id ("id" or "id@spec"), title or path; only needed
            if the dataset was measured with several.
        definition: of the score, where rules name none.
        progress: called with a title and a share, 0 to 1, while something is computed that takes a while.

    Raises:
        RuleError: for rules that make no sense, or that name a column that the dataset does not have.
        UnknownNameError: for a dataset, backbone or definition that there is not; lists what there is.
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


def curation_from(rules: RuleLike | Sequence[RuleLike]) -> Curation:
    """Return what expressions, steps and texts stand for together.

    Raises:
        RuleError: for a text that is not a rule, two budgets, or rules that are nested too deeply to be written down.
        TypeError: for anything else than rules.
    """
    listed = [rules] if isinstance(rules, Expression | Deduplicate | Budget | Curation | str) else rules
    if isinstance(listed, ColumnExpression) or not isinstance(listed, Iterable):
        raise TypeError(f"Rules are expressions, steps, texts, or a list of these, not {rules!r}.")
    curation = curation_of(chip for item in listed for chip in _chips(item))
    for rule in curation.rules:
        parse_rule(rule_text(rule))  # recipes hold rules as text
    return curation


def _chips(item: object) -> tuple[Clause, ...]:
    match item:
        case Expression():
            return (item.rule,)
        case Deduplicate() | Budget():
            return (item,)
        case Curation():
            return item.chips
        case str():
            return parse(item).chips
        case ColumnExpression():
            raise TypeError(f"{item} is a column, not a rule: compare it first, as in js.col(...) >= 5.")
    raise TypeError(f"Rules are expressions, steps or texts, not {item!r}.")


def _curated(store: Store, scores: ScoreSet, curation: Curation, progress: Progress | None) -> CuratedDataset:
    """Compute what the curation needs, and evaluate it, so that what is wrong with it is said here."""
    decisions = decisions_of(store, scores.dataset_id)

    def follow(work: PrecomputeStep) -> Callable[[float], None]:
        return partial(progress or _unheard, work.title)

    prepare_all(store, scores, curation, decisions, follow)
    evaluate(store, scores, curation, decisions)
    return CuratedDataset(store, scores, curation, decisions)


def _unheard(_title: str, _share: float) -> None:
    """Nobody listens."""


@dataclass(frozen=True, eq=False, repr=False)
class CuratedDataset:
    """A dataset with the verdict of rules and decisions on every sample. Made by `curate`; it never changes.

    `decide` and `undo` are recorded in the home folder, as those on the Review page are, and return the curated dataset
    that follows from them. Notebooks show it as a table of counts.
    """

    store: Store
    scores: ScoreSet
    curation: Curation
    decisions: Decisions

    @property
    def name(self) -> str:
        """Name of the dataset."""
        return self._record.name

    @property
    def backbone(self) -> str:
        """Title of the backbone whose scores rules mean where they name none."""
        return measured_titles(self.store)[self.scores.key]

    @property
    def rules(self) -> str:
        """Rules and steps as text; "" keeps everything."""
        return to_text(self.curation)

    @cached_property
    def counts(self) -> CurationCounts:
        """Samples by verdict: `kept`, `dropped` and `unscored` are all of them. `decided` is how many have theirs from
        a person, `num_unreadable` how many files could not be read and are in none of these."""
        return self._result.counts

    def kept(self) -> list[str]:
        """Keys of the samples to keep, in order."""
        return self._keys("kept")

    def dropped(self) -> list[str]:
        """Keys of the samples to drop, in order."""
        return self._keys("dropped")

    def unscored(self) -> list[str]:
        """Keys of the samples that are neither, since a rule needs a measurement that is not there, in order."""
        return self._keys("unscored")

    def preview(self, n: int = 10, which: Which = "dropped") -> pd.DataFrame:
        """Return n samples of a list, drawn at random but always the same ones, with the columns of `to_pandas`.

        Args:
            n: how many, at most.
            which: "kept", "dropped", "unscored" or "all".

        Raises:
            UnknownNameError: for another list.
        """
        found = self._frame(one_of(which, WHICH, "list of samples"))
        return found.sample(min(n, len(found)), random_state=0).sort_index().reset_index(drop=True)

    def to_pandas(self) -> pd.DataFrame:
        """Return one row a sample, in order of the keys: what an export of all samples has.

        Columns: sample_key, uri, label, split, score (nats, higher = more likely), class_percentile, percentile,
        verdict ("keep", "drop" or "unscored"), and as reason the rule or step that drops it, or "decision".
        """
        return self._frame("all")

    def with_rules(self, rules: RuleLike | Sequence[RuleLike], progress: Progress | None = None) -> CuratedDataset:
        """Apply other rules to the same scores; faster than `curate`, since all that is in memory is used again.

        Raises:
            RuleError, UnknownNameError: as `curate`.
        """
        return _curated(self.store, self.scores, with_ids_of_paths(self.store, curation_from(rules)), progress)

    def decide(self, samples: str | Iterable[str], verdict: DecisionVerdict, why: str = "") -> CuratedDataset:
        """Decide about samples, whatever the rules say, in one action that `undo` undoes as a whole.

        Args:
            samples: one sample key or content id, or several.
            verdict: "keep", "drop", or "undecided" to leave them to the rules again.
            why: a reason that is recorded.

        Raises:
            UnknownNameError: if any of them is not a sample of the dataset; then nothing is decided.
            RuleError: for another verdict, or no samples.

        Examples:
            >>> import jepascore_core as js
            >>> curated = js.curate("digits-demo", "class_percentile >= 5", backbone="bundled:digits-vit")
            >>> wanted = curated.dropped()[:2]
            >>> decided = curated.decide(wanted, "keep", why="rare, but right")
            >>> decided.counts.kept - curated.counts.kept
            2
            >>> decided.undo().counts == curated.counts
            True
        """
        names = [samples] if isinstance(samples, str) else list(samples)
        found = find_samples(self.store, self.scores.dataset_id, names)
        decide(self.store, self.scores.dataset_id, found, verdict, user_name(), why)
        return self._again()

    def undo(self) -> CuratedDataset:
        """Undo your own last decision that still stands, wherever it was made.

        Raises:
            RuleError: if there is none.
        """
        if undo(self.store, self.scores.dataset_id, user_name()) is None:
            raise RuleError(f"There is no decision of yours about {self.name} to undo.")
        return self._again()

    def redo(self) -> CuratedDataset:
        """Redo what you undid last, unless you decided something since.

        Raises:
            RuleError: if there is nothing.
        """
        if redo(self.store, self.scores.dataset_id, user_name()) is None:
            raise RuleError(f"There is no decision of yours about {self.name} to redo.")
        return self._again()

    @cached_property
    def recipe(self) -> Recipe:
        """Rules, decisions, backbones by id and the fingerprint of the dataset: all that makes the same list again."""
        return self._recipe(self.name)

    def save(self, name: str, *, overwrite: bool = False) -> Recipe:
        """Save the recipe under a name, for the app, `jepascore export --recipe` and `jepascore recipes`.

        Raises:
            RuleError: if there is a recipe of this name and `overwrite` is not set.
        """
        recipe = self._recipe(name)
        save_recipe(self.store, self.scores.dataset_id, recipe, overwrite)
        return recipe

    def export(
        self,
        path: str | Path,
        format: ExportFormat | None = None,
        *,
        which: Which = "kept",
        root: str | Path | None = None,
        link: Link = "copy",
        overwrite: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> ExportReport:
        """Write a list or folder, and beside it how it came about; whole or not at all. Sources are only read.

        Args:
            path: the file or folder; its parent exists.
            format: one of those that [curating](curating.md#exports) lists; None = by the suffix of `path`.
            which: "kept", "dropped", "unscored", or "all" with a verdict.
            root: folder that paths are to be relative to.
            link: how a folder gets its images: "copy", "symlink" or "hardlink".
            overwrite: replace an existing file; never a folder.
            progress: called with how many samples are written, and how many there are.

        Raises:
            ExportError: if it cannot be written in whole; nothing of it is left behind.

        Examples:
            >>> import jepascore_core as js
            >>> curated = js.curate("digits-demo", "class_percentile >= 5", backbone="bundled:digits-vit")
            >>> report = curated.export("kept.csv")
            >>> report.num_rows == curated.counts.kept
            True
        """
        options = ExportOptions(which, str(Path(root).expanduser().resolve()) if root is not None else None, link)
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
        # Asked again each time: what is held in memory may have made room for others.
        return evaluate(self.store, self.scores, self.curation, self.decisions)

    def _recipe(self, name: str) -> Recipe:
        return make_recipe(self.store, self._evaluation(), name)

    def _again(self) -> CuratedDataset:
        return _curated(self.store, self.scores, self.curation, None)

    def _keys(self, which: Which) -> list[str]:
        evaluation = self._evaluation()
        sql = f"""SELECT sample_key FROM {evaluation.base} POSITIONAL JOIN {evaluation.table}
            WHERE {condition_of(which)} ORDER BY row_id"""
        keys: list[str] = self.store.query(sql)["sample_key"].to_pylist()
        return keys

    def _frame(self, which: Which) -> pd.DataFrame:
        query = ExportQuery(self.store, self.recipe, self._evaluation())
        table = pa.Table.from_batches(query.rows(which, BATCH_ROWS, None), ROW_SCHEMA).select(EXPORT_SCHEMA.names)
        frame: pd.DataFrame = table.to_pandas()
        return frame
