"""Rules as Python expressions: `(js.col("class_percentile") >= 5) & ~js.flag("leak")`, the rule language without text.

An expression wraps a rule of `curation.rules.model`: `str` of it is the rule's text, which `rule` parses again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Real
from typing import NoReturn

from jepascore_core.curation.rules.column import (
    COLUMNS,
    LABEL_ISSUE,
    META,
    REFERENCE_DISTANCE,
    TEXTS,
    Column,
)
from jepascore_core.curation.rules.marked import Marked
from jepascore_core.curation.rules.model import (
    FLAGS,
    And,
    AtLeast,
    Between,
    Budget,
    Deduplicate,
    Flag,
    Flagged,
    IsIn,
    Like,
    Not,
    Or,
    Rule,
)
from jepascore_core.curation.rules.parser import parse_column, parse_rule
from jepascore_core.curation.rules.printer import column_text, rule_text
from jepascore_core.errors import RuleError, one_of, unknown

_NO_TRUTH = """\
A rule has no truth value of its own: it is true or false for each sample. Write
  & for and, | for or, ~ for not, with parentheses around each comparison:
      (js.col("percentile") >= 5) & ~js.flag("leak")
  .between(5, 95) for a chained comparison such as 5 <= column <= 95
  .is_in(["cat", "dog"]) for in"""
_PARENTHESES = (
    "Put parentheses around each comparison, since & and | bind more tightly than comparisons: "
    '(js.col("percentile") >= 5) & (js.col("width") >= 224).'
)
#: A limit that makes sense of a column, for an example.
_TYPICAL_LIMIT = {LABEL_ISSUE: 0.9, REFERENCE_DISTANCE: 0.1}


@dataclass(frozen=True, slots=True)
class Expression:
    """A rule: a condition that is true, false or, where a measurement is missing, unknown for each sample.

    Combine expressions with `&`, `|` and `~`. Two of them are equal if their rules are.

    Examples:
        >>> import jepascore_core as js
        >>> likely = js.col("class_percentile") >= 5
        >>> print(likely & ~js.flag("leak"))
        class_percentile >= 5 and not leak
        >>> print(likely | js.col("label").is_in(["rare bird", None]))
        class_percentile >= 5 or label in ("rare bird", missing)
    """

    rule: Rule

    def __and__(self, other: Expression) -> Expression:
        return Expression(And((*_parts(self, And), *_parts(_operand(other, "&"), And))))

    def __or__(self, other: Expression) -> Expression:
        return Expression(Or((*_parts(self, Or), *_parts(_operand(other, "|"), Or))))

    def __rand__(self, other: object) -> Expression:
        return _operand(other, "&") & self

    def __ror__(self, other: object) -> Expression:
        return _operand(other, "|") | self

    def __invert__(self) -> Expression:
        return Expression(self.rule.rule if isinstance(self.rule, Not) else Not(self.rule))

    def __bool__(self) -> NoReturn:
        raise TypeError(_NO_TRUTH)

    def __str__(self) -> str:
        return rule_text(self.rule)

    def __repr__(self) -> str:
        return f"js.rule({str(self)!r})"


class ColumnExpression:
    """A column of a dataset in a rule; comparing it makes an `Expression`. Made by `col` and `meta`.

    Numbers are compared with `>=`, `>`, `<=`, `<`, `==`, `!=` and `between`; texts with `==`, `!=`, `is_in`, `like` and
    `is_missing`, where None stands for a missing text. Columns of your own (`meta`) can be compared either way.
    """

    __slots__ = ("_column",)
    #: Makes NumPy leave comparisons with its scalars to this class.
    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment] # the result of == has no truth value

    def __init__(self, column: Column) -> None:
        self._column = column

    def __ge__(self, limit: float) -> Expression:
        return self._range(limit, None)

    def __le__(self, limit: float) -> Expression:
        return self._range(None, limit)

    def __lt__(self, limit: float) -> Expression:
        return ~self._range(limit, None)

    def __gt__(self, limit: float) -> Expression:
        return ~self._range(None, limit)

    def __eq__(self, value: object) -> Expression:  # type: ignore[override]
        return self._is(value)

    def __ne__(self, value: object) -> Expression:  # type: ignore[override]
        return ~self._is(value)

    def between(self, low: float, high: float) -> Expression:
        """Require a value in [low, high], limits included.

        Examples:
            >>> import jepascore_core as js
            >>> print(js.col("percentile").between(5, 95))
            5 <= percentile <= 95
        """
        return self._range(low, high)

    def is_in(self, values: Iterable[str | float | None]) -> Expression:
        """Require one of these values; None stands for a missing text.

        Raises:
            TypeError: for a single text instead of a list.
            RuleError: for no values, or values that the column cannot have.

        Examples:
            >>> import jepascore_core as js
            >>> print(js.col("label").is_in(["cat", "dog"]))
            label in ("cat", "dog")
        """
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise TypeError(f"is_in needs a list of values, such as [{values!r}], not {values!r}.")
        listed = list(dict.fromkeys(values))
        texts = tuple(value for value in listed if value is None or isinstance(value, str))
        numbers = [self._is(value) for value in listed if not (value is None or isinstance(value, str))]
        if numbers and not texts:
            return _any_of(numbers)
        is_in = Expression(IsIn(self._column, texts))
        return _any_of([is_in, *numbers])

    def like(self, pattern: str) -> Expression:
        """Require a text that matches a pattern, in which * stands for any characters and ? for one.

        Examples:
            >>> import jepascore_core as js
            >>> print(~js.col("key").like("batch-0?/*"))
            not key like "batch-0?/*"
        """
        if not isinstance(pattern, str):
            raise TypeError(f'A pattern must be a text, such as "Canon*", not {pattern!r}.')
        return Expression(Like(self._column, pattern))

    def is_missing(self) -> Expression:
        """Require a missing text; for a score use `~js.flag("measured")`.

        Examples:
            >>> import jepascore_core as js
            >>> print(js.col("label").is_missing())
            label is missing
        """
        return self._is(None)

    def __bool__(self) -> NoReturn:
        raise TypeError(f"{self} is a column. Compare it first, as in {self._example}.\n{_NO_TRUTH}")

    def __contains__(self, value: object) -> NoReturn:
        raise TypeError(
            f'"in" is not available for columns. Write {self!r}.is_in([{value!r}]), or .like("*...*") for a part.'
        )

    def __and__(self, _other: object) -> NoReturn:
        raise TypeError(f"{self} is a column, not a rule. Compare it first, as in {self._example}. {_PARENTHESES}")

    __or__ = __rand__ = __ror__ = __and__

    def __invert__(self) -> NoReturn:
        raise TypeError(f"{self} is a column, not a rule. Compare it first, as in {self._example}.")

    def __iter__(self) -> NoReturn:
        raise TypeError(f"{self} only names a column. Get the values of a dataset with `js.curate(...).to_pandas()`.")

    def __str__(self) -> str:
        return column_text(self._column)

    def __repr__(self) -> str:
        return f"js.col({str(self)!r})"

    @property
    def _example(self) -> str:
        if self._column.name in (*TEXTS, META):
            return f'({self!r} == "...")'
        return f"({self!r} >= {_TYPICAL_LIMIT.get(self._column.name, 5)})"

    def _range(self, low: object, high: object) -> Expression:
        if self._column.name in TEXTS:
            raise RuleError(f"{self} is a text. Compare it with ==, !=, is_in or like.")
        return Expression(Between(self._column, limit_of(low), limit_of(high)))

    def _is(self, value: object) -> Expression:
        if value is None or isinstance(value, str):
            if self._column.is_score and value is None:
                raise RuleError('A score cannot be compared with None. Write js.flag("measured") to require one.')
            return Expression(IsIn(self._column, (value,)))
        number = limit_of(value)
        if self._column.name in TEXTS:
            raise RuleError(f'{self} is a text. Compare it with a text, as in {self!r} == "{value}".')
        return Expression(Between(self._column, number, number))


def col(
    name: str,
    *,
    backbone: str | None = None,
    definition: str | None = None,
    reference: str | None = None,
    k: int | None = None,
) -> ColumnExpression:
    """Name a column: a score, an image property, the size of the class, or a text of the dataset.

    Args:
        name: score, percentile, class_percentile, split_percentile, view_spread; width, height, pixels, aspect, bytes;
            class_size; label_issue, likely_label; reference_distance, reference_percentile; label, split, key; or as
            in a rule's text: `class_percentile[knn]`.
        backbone: name, title or id of the backbone whose scores or label issues to use; None = the one of `curate`.
        definition: rank, paper, tail, top, or a baseline score: knn, mahalanobis, norm; None = the one of `curate`.
        reference: name of the dataset that a reference column compares with.
        k: which of its images reference_distance measures to: the k-th nearest; None = the nearest.

    Raises:
        RuleError: for an unknown name, with similar ones, or an invalid column.

    Examples:
        >>> import jepascore_core as js
        >>> print(js.col("class_percentile", definition="knn") >= 5)
        class_percentile[knn] >= 5
        >>> print((js.col("label_issue") >= 0.9) & (js.col("likely_label") == "cat"))
        label_issue >= 0.9 and likely_label = "cat"
        >>> print(js.col("reference_distance", reference="old photos") >= 0.1)
        reference_distance["old photos"] >= 0.1
    """
    if not isinstance(name, str):
        raise TypeError(f'A column name must be a text, as in js.col("class_percentile"), not {name!r}.')
    if "[" in name:
        if backbone or definition or reference or k:
            raise RuleError(f"{name} already names them in brackets: leave backbone and definition out.")
        return ColumnExpression(parse_column(name))
    if name in FLAGS:
        raise RuleError(f'{name} is a flag, not a column. Write js.flag("{name}").')
    if name == META:
        raise RuleError('For a column of your own table write js.meta("its name").')
    if not name.isidentifier():
        raise RuleError(f"{name!r} is not a column. If it is a rule, write js.rule({json.dumps(name)}).")
    if name not in COLUMNS:
        hint = 'For a column of your own table write js.meta("its name").'
        raise unknown("column", name, (*COLUMNS, *FLAGS), RuleError, hint=hint)
    return ColumnExpression(Column(name, backbone, definition, reference=reference, k=k))


def meta(name: str) -> ColumnExpression:
    """Name a column of your own table, which can be compared as text or as a number.

    Examples:
        >>> import jepascore_core as js
        >>> print((js.meta("year") >= 2010) & js.meta("camera").like("Canon*"))
        meta["year"] >= 2010 and meta["camera"] like "Canon*"
    """
    return ColumnExpression(Column(META, key=name))


def flag(name: Flagged, radius: float | None = None, *, backbone: str | None = None) -> Expression:
    """Name a property that a sample has or not.

    Args:
        name: grey: the image has no colour; exact_duplicate: another sample has the same bytes; near_duplicate: another
            image is within `radius`; perceptual_duplicate: another image looks alike; leak: its group spans several
            splits; label_conflict: its group has more than one label; measured: it has a score.
        radius: cosine distance of embeddings that counts as near, above 0 and up to 1; None = the same bytes.
        backbone: whose embeddings or scores to use; None = those of `curate`.

    Raises:
        RuleError: for an unknown name, with similar ones, or one that takes no radius or backbone.

    Examples:
        >>> import jepascore_core as js
        >>> print(~js.flag("near_duplicate", 0.05) & ~js.flag("leak"))
        not near_duplicate(0.05) and not leak
    """
    one_of(name, FLAGS, "flag", RuleError)
    return Expression(Flag(name, limit_of(radius), backbone))


def tag(name: str) -> Expression:
    """Require a tag.

    Examples:
        >>> import jepascore_core as js
        >>> print(~js.tag("blurred"))
        not tag("blurred")
    """
    return Expression(Marked("tag", name))


def region(name: str) -> Expression:
    """Require that a sample is in a region that somebody marked on a map: `in region "name"`."""
    return Expression(Marked("region", name))


def relabelled(label: str | None = None) -> Expression:
    """Require a corrected label: any, or this one.

    Examples:
        >>> import jepascore_core as js
        >>> print(js.relabelled() & ~js.relabelled("cat"))
        relabelled and not relabelled("cat")
    """
    return Expression(Marked("relabelled", label))


def at_least(m: int, expressions: Iterable[Expression]) -> Expression:
    """Require at least `m` of some rules, for example what several backbones agree on.

    Examples:
        >>> import jepascore_core as js
        >>> unlikely = [js.col("percentile", backbone=name) < 5 for name in ("a", "b", "c")]
        >>> print(~js.at_least(2, unlikely))
        not at least 2 of (percentile["a"] < 5, percentile["b"] < 5, percentile["c"] < 5)
    """
    return Expression(AtLeast(m, tuple(_operand(item, "at_least").rule for item in expressions)))


def rule(text: str) -> Expression:
    """Parse a rule from text, as on the Curate page and the command line.

    Raises:
        RuleSyntaxError: with the position of the error, and a suggestion.

    Examples:
        >>> import jepascore_core as js
        >>> js.rule("percentile >= 5 and not leak") == (js.col("percentile") >= 5) & ~js.flag("leak")
        True
    """
    return Expression(parse_rule(text))


def _any_of(found: list[Expression]) -> Expression:
    return found[0] if len(found) == 1 else Expression(Or(tuple(item.rule for item in found)))


def _parts(expression: Expression, kind: type[And] | type[Or]) -> tuple[Rule, ...]:
    return expression.rule.rules if isinstance(expression.rule, kind) else (expression.rule,)


def _operand(value: object, sign: str) -> Expression:
    """Return the expression beside an operator; raise TypeError with advice for anything else."""
    if isinstance(value, Expression):
        return value
    if isinstance(value, Deduplicate | Budget):
        raise TypeError(f"{sign} joins rules, not steps. Put steps beside rules in a list: [rule, js.one_per()].")
    if isinstance(value, str):
        raise TypeError(f"{sign} joins rules, not texts. If this is a rule, write js.rule({value!r}). {_PARENTHESES}")
    if isinstance(value, ColumnExpression):
        raise TypeError(f"{value} is a column, not a rule. Compare it first, as in {value._example}. {_PARENTHESES}")
    raise TypeError(f"{sign} joins rules, not {value!r}. {_PARENTHESES}")


def limit_of(value: object) -> float | None:
    """Return a limit as Python's own number, also from NumPy."""
    if value is None:
        return None
    if isinstance(value, ColumnExpression | Expression):
        raise TypeError(f"A column can be compared with a number or a text, not with another column ({value}).")
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"A limit must be a number, not {value!r}.")
    return float(value)
