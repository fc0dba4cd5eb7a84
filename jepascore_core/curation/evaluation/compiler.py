"""Compile rules to SQL: for each one "does it hold" and "by how much", over the columns of a dataset."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from jepascore_core.curation.columns.baselines import FITTED, baseline_column
from jepascore_core.curation.columns.cache import Columns, columns
from jepascore_core.curation.columns.greyscale import known_grey
from jepascore_core.curation.columns.label_issues import label_issue_column
from jepascore_core.curation.columns.near_duplicates import near_groups
from jepascore_core.curation.columns.perceptual_duplicates import perceptual_groups
from jepascore_core.curation.columns.quality import QUALITIES, QUALITY_ISSUE
from jepascore_core.curation.columns.reference import (
    reference_distance_column,
    reference_percentile_column,
    reference_scores,
)
from jepascore_core.curation.columns.similarity import similarity_column
from jepascore_core.curation.evaluation.mark_column import mark_column
from jepascore_core.curation.evaluation.measured import find_measured
from jepascore_core.curation.rules.column import (
    LABEL_ISSUE,
    LIKELY_LABEL,
    META,
    REFERENCE_DISTANCE,
    SCORES,
    SIMILARITIES,
    VIEW_SPREAD,
    Column,
)
from jepascore_core.curation.rules.marked import Marked
from jepascore_core.curation.rules.model import (
    And,
    AtLeast,
    Between,
    Budget,
    Deduplicate,
    Flag,
    IsIn,
    Like,
    Not,
    Or,
    Rule,
)
from jepascore_core.embeddings.baselines import BASELINES
from jepascore_core.errors import RuleError, matching
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.score import DEFINITIONS
from jepascore_core.scores.no_scores import no_scores_text
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store

#: Percentiles are quotients: without this a rounding error would decide about a sample exactly at a limit.
PERCENTILE_SLACK = 1e-9
#: Up to this many ways to choose m of n conditions are compared one by one.
MAX_COMBINATIONS = 40

_WITHIN = {"percentile": None, "class_percentile": "label", "split_percentile": "split"}
_PROPERTY_SQL = {
    "width": "width",
    "height": "height",
    "pixels": "(width::BIGINT * height)",
    "aspect": "(width::DOUBLE / greatest(height, 1))",
    "bytes": "num_bytes",
    "label": "label",
    "split": "split",
    "key": "sample_key",
}


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """SQL of a rule: `holds`, true, false or NULL where it is unknown; and `margin`.

    The margin is how many percentile points the limits may move (if negative: must move) until the rule changes its
    result: infinite where it does not depend on a limit, NULL where it is unknown.
    """

    holds: str
    margin: str


@dataclass
class Compiler:
    """Compile rules about one dataset; `scores` are the default for rules that name no backbone or definition.

    Collects the columns and parameters that the SQL needs; see `relation`.
    """

    store: Store
    scores: ScoreSet
    parameters: list[Any] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)

    @cached_property
    def dataset(self) -> DatasetRecord:
        """The dataset, read from the catalogue once."""
        return self.store.catalogue.dataset(self.scores.dataset_id)

    @property
    def columns(self) -> Columns:
        """The cached columns of the store."""
        return columns(self.store)

    def relation(self) -> str:
        """Return the FROM clause in which everything compiled so far can be named."""
        base = self.columns.base(self.dataset)
        return " POSITIONAL JOIN ".join(dict.fromkeys([base, *self.tables]))

    def use(self, table: str) -> str:
        """Add a column to the relation; return it quoted."""
        self.tables.append(table)
        return f'"{table}"'

    def compile_rule(self, rule: Rule) -> CompiledRule:
        """Compile one rule to SQL.

        Raises:
            RuleError, UnknownNameError: if it names something that does not exist.
        """
        match rule:
            case Between(column, low, high):
                return self._between(column, low, high)
            case IsIn(column, values):
                return _by_itself(self._where_known(column, self._among(column, values)))
            case Like(column, pattern):
                # Brackets are special in GLOB, but not here.
                text = self._parameter(pattern.replace("[", "[[]"), "VARCHAR")
                matches = f"({self.text(column)} GLOB {text})"
                if column.name != QUALITY_ISSUE:
                    matches = f"coalesce({matches}, false)"
                return _by_itself(self._where_known(column, matches))
            case Flag() | Marked():
                return _by_itself(
                    self._flag(rule)
                    if isinstance(rule, Flag)
                    else self.use(mark_column(self.store, self.dataset, rule))
                )
            case Not(inner):
                compiled = self.compile_rule(inner)
                return CompiledRule(f"(NOT {compiled.holds})", f"(-{compiled.margin})")
            case And(rules):
                return self._joined(rules, "AND", "least")
            case Or(rules):
                return self._joined(rules, "OR", "greatest")
            case AtLeast(m, rules):
                return self._at_least(m, rules)

    def score(self, backbone: str | None = None, definition: str | None = None) -> str:
        """Return the score column of a backbone and definition, or baseline score.

        Raises:
            TooFewImagesError: if a baseline score needs more images than are measured.
            RuleError: if the backbone has embeddings only, and a baseline score is not what is asked for.
        """
        baseline = matching(definition, BASELINES)
        chosen = matching(definition, DEFINITIONS) or self.scores.definition
        named = self.score_set(backbone)
        if baseline is None and not named.key.has_scores:
            reason = no_scores_text(self.store, named.dataset_id, named.key)
            raise RuleError(f"{reason} Baseline scores need embeddings only: write for example percentile[knn] >= 5.")
        if baseline in FITTED:
            return baseline_column(self.store, named, baseline)
        wanted = ScoreSet(named.dataset_id, named.key, chosen)
        return self.columns.score(self.dataset, wanted, baseline)

    def score_set(self, backbone: str | None) -> ScoreSet:
        """Return the score set of a rule's backbone: "id@spec", an id, a name or a title; None = the page's.

        Raises:
            UnknownNameError: if nothing, or more than one thing, fits.
        """
        if backbone is None:
            return self.scores
        measured = find_measured(self.store, backbone)
        return ScoreSet(self.scores.dataset_id, measured, self.scores.definition)

    def budget_reference(self, step: Budget) -> ScoreSet | None:
        """Return the scores of the dataset that a budget is to be far from, if it names one.

        Raises:
            UnknownNameError, DatasetNotReadyError: as `reference_scores`.
        """
        named = self.score_set(step.backbone)
        return None if step.reference is None else reference_scores(self.store, named, step.reference)

    def groups(self, radius: float | None, backbone: str | None) -> str:
        """Return the column of groups of exact duplicates or, with a radius, near ones."""
        if radius is None:
            return self.columns.exact_groups(self.dataset)
        found = near_groups(self.store, self.score_set(backbone), radius)
        return self.columns.groups(self.dataset, found.groups, [found.key])

    def groups_of(self, step: Deduplicate) -> str:
        """Return the column of the groups of which a step keeps one each.

        With a perceptual hash they are joined with those of the same bytes, which look alike, too.
        """
        if step.perceptual:
            return perceptual_groups(self.store, self.dataset)
        return self.groups(step.radius, step.backbone)

    def _parameter(self, value: Any, kind: str) -> str:
        self.parameters.append(value)
        return f"${len(self.parameters)}::{kind}"

    def _between(self, column: Column, low: float | None, high: float | None) -> CompiledRule:
        value = self.number(column)
        slack = PERCENTILE_SLACK if column.is_percentile else 0.0
        tests, margins = [], []
        for limit, sign in ((low, ">="), (high, "<=")):
            if limit is None:
                continue
            shifted = self._parameter(limit - slack if sign == ">=" else limit + slack, "DOUBLE")
            tests.append(f"{value} {sign} {shifted}")
            if column.is_score or column.is_percentile:
                margins.append(self._distance(column, value, limit, sign))
        holds = f"({' AND '.join(tests)})"
        if column.name in (*QUALITIES, VIEW_SPREAD, REFERENCE_DISTANCE, *SIMILARITIES):
            return _by_itself(holds)
        if not margins:
            return _by_itself(self._where_known(column, f"coalesce({holds}, false)"))
        return CompiledRule(holds, f"least({', '.join(margins)})" if len(margins) > 1 else margins[0])

    def _distance(self, column: Column, value: str, limit: float, sign: str) -> str:
        if column.name == "score":
            # The limit's own percentile makes its distances comparable with those of other rules.
            score = value.strip('"')
            beyond = "<" if sign == ">=" else "<="
            share = f'100.0 * count(*) FILTER ("{score}" {beyond} $1) / greatest(count("{score}"), 1)'
            found = self.store.query(f"SELECT {share} AS share FROM {score}", [limit])
            limit = float(found["share"][0].as_py())
            value = self.use(self.columns.percentile(self.dataset, score, None))
        at = self._parameter(limit, "DOUBLE")
        return f"({value} - {at})" if sign == ">=" else f"({at} - {value})"

    def number(self, column: Column) -> str:
        """Return the SQL of a column of numbers in `relation`, without parameters.

        Raises:
            RuleError, UnknownNameError: if it names something that does not exist.
            TooFewImagesError: if it cannot be computed.
        """
        if column.name in SCORES:
            score = self.score(column.backbone, column.definition)
            if column.name == "score":
                return self.use(score)
            return self.use(self.columns.percentile(self.dataset, score, _WITHIN[column.name]))
        if column.reference is not None or column.is_similarity:
            return self.use(self._compared(column))
        if column.name == VIEW_SPREAD:
            if not self.store.has_views(self.score_set(column.backbone).key):
                raise RuleError(
                    "These scores have no view_spread: the images themselves were measured. Measure views with "
                    "`jepascore score --views 8`, and choose those scores."
                )
            name = self.score(column.backbone, column.definition)
            self.use(name)
            return f'"{name}_view_spread"'
        if column.name in QUALITIES:
            return self.use(self.columns.quality(self.dataset, column.name))
        if column.name == LABEL_ISSUE:
            return self.use(self._label_issues(column))
        if column.name == META:
            name = self.columns.metadata(self.dataset, column.key or "")
            self.use(name)
            return f'"{name}_number"'
        if column.name == "class_size":
            return self.use(self.columns.class_size(self.dataset))
        return _PROPERTY_SQL[column.name]

    def _compared(self, column: Column) -> str:
        if column.is_similarity:
            return similarity_column(self.store, self.score_set(column.backbone), column)
        return self.reference_column(column, str(column.reference))

    def reference_column(self, column: Column, reference: str) -> str:
        """Return the column that compares with a reference dataset.

        Raises:
            UnknownNameError, DatasetNotReadyError: if that is not there, or was not measured in the same way.
        """
        named = self.score_set(column.backbone)
        if column.name == REFERENCE_DISTANCE:
            return reference_distance_column(self.store, named, reference, column.k or 1)
        chosen = matching(column.definition, DEFINITIONS) or self.scores.definition
        return reference_percentile_column(self.store, ScoreSet(named.dataset_id, named.key, chosen), reference)

    def _label_issues(self, column: Column) -> str:
        return label_issue_column(self.store, self.score_set(column.backbone))

    def _where_known(self, column: Column, holds: str) -> str:
        """Unknown where an image has no embedding yet; what has one but no value is like a missing number or text."""
        return (
            f'(CASE WHEN "{self._label_issues(column)}_embedded" THEN {holds} END)' if column.is_label_issue else holds
        )

    def text(self, column: Column) -> str:
        """Return the SQL of a column of texts in `relation`, without parameters.

        Raises:
            RuleError, UnknownNameError: if it names something that does not exist.
        """
        if column.name == LIKELY_LABEL:
            name = self._label_issues(column)
            self.use(name)
            return f'"{name}_likely"'
        if column.name == META:
            return self.use(self.columns.metadata(self.dataset, column.key or ""))
        if column.name == QUALITY_ISSUE:
            return self.use(self.columns.quality(self.dataset, column.name))
        return _PROPERTY_SQL[column.name]

    def _among(self, column: Column, values: Sequence[str | None]) -> str:
        text = self.text(column)
        named = self._parameter([value for value in values if value is not None], "VARCHAR[]")
        # Where quality was not measured nobody knows which issue it would be; a missing label is like no other.
        missing = "true" if None in values else "NULL" if column.name == QUALITY_ISSUE else "false"
        return f"(CASE WHEN {text} IS NULL THEN {missing} ELSE list_contains({named}, {text}) END)"

    def _flag(self, flag: Flag) -> str:
        if flag.name == "measured":
            return self._measured(flag.backbone)
        if flag.name == "grey":
            return self.use(self._grey())
        if flag.name == "perceptual_duplicate":
            alike = self.use(perceptual_groups(self.store, self.dataset))
            known = self.use(self.columns.quality(self.dataset, "brightness"))
            return f"(CASE WHEN {alike} IS NOT NULL THEN true WHEN {known} IS NOT NULL THEN false END)"
        groups = self.groups(flag.radius, flag.backbone)
        if flag.name in ("exact_duplicate", "near_duplicate"):
            found = f"({self.use(groups)} IS NOT NULL)"
        else:
            differ = "split" if flag.name == "leak" else "label"
            found = self.use(self.columns.group_flag(self.dataset, groups, differ))
        if flag.radius is None:
            return found
        return f"(CASE WHEN {found} THEN true WHEN {self._measured(flag.backbone)} THEN false END)"

    def _measured(self, backbone: str | None) -> str:
        """Return the SQL of whether a sample has a score, or an embedding where that is all that there is."""
        named = self.score_set(backbone)
        return f"({self.use(self.columns.measured(self.dataset, named))} IS NOT NULL)"

    def _grey(self) -> str:
        known, state = known_grey(self.store)
        base = self.columns.base(self.dataset)
        table = self.columns.cache_table(["known grey", state], known)
        sql = f'SELECT grey AS "{{name}}" FROM {base} LEFT JOIN {table} USING (content_id) ORDER BY row_id'
        return self.columns.cache_query(["grey", base, state], sql)

    def _joined(self, rules: Sequence[Rule], word: str, choice: str) -> CompiledRule:
        compiled = [self.compile_rule(rule) for rule in rules]
        return CompiledRule(
            f"({f' {word} '.join(item.holds for item in compiled)})",
            f"{choice}({', '.join(item.margin for item in compiled)})",
        )

    def _at_least(self, m: int, rules: Sequence[Rule]) -> CompiledRule:
        compiled = [self.compile_rule(rule) for rule in rules]
        sure = " + ".join(f"coalesce({item.holds}, false)::INT" for item in compiled)
        possible = " + ".join(f"coalesce({item.holds}, true)::INT" for item in compiled)
        # Unknown conditions must not matter: they come last if enough hold without them, and first if too few do.
        known, assumed = (
            _largest([f"coalesce({item.margin}, {end}'Infinity'::DOUBLE)" for item in compiled], m) for end in ("-", "")
        )
        return CompiledRule(
            f"(CASE WHEN {sure} >= {m} THEN true WHEN {possible} < {m} THEN false END)",
            f"(CASE WHEN {sure} >= {m} THEN {known} WHEN {possible} < {m} THEN {assumed} END)",
        )


def _largest(values: list[str], m: int) -> str:
    """Return SQL of the m-th largest of some values that are not NULL."""
    if math.comb(len(values), m) > MAX_COMBINATIONS:
        return f"list_sort([{', '.join(values)}], 'DESC')[{m}]"
    # Lists take five times as long as this at a million samples.
    smallest = [f"least({', '.join(chosen)})" for chosen in itertools.combinations(values, m)]
    return f"greatest({', '.join(smallest)})"


def _by_itself(holds: str) -> CompiledRule:
    """Compile a condition without a distance."""
    infinite = "'Infinity'::DOUBLE"
    return CompiledRule(holds, f"(CASE WHEN {holds} THEN {infinite} WHEN NOT {holds} THEN -{infinite} END)")
