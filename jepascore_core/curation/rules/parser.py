"""Parse text to rules by recursive descent; an error says what was expected, at which character, and suggests a fix.

curation := ["all" | any] ("|" step)*
any      := both ("or" both)*           both := single ("and" single)*
single   := "not" single | "(" any ")" | "at least" m "of" "(" any ("," any)* ")" | flag | comparison
step     := "one per" ("exact" | "near" radius) ["keep" which]
          | "budget" n ["per" part] [draw] ["from" reference] ["seed" s]

A limit of a percentile may be written with its sign: `percentile >= 5%` is `percentile >= 5`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TypeVar

from jepascore_core.curation.rules.model import (
    COLUMNS,
    DRAWS,
    FLAGS,
    KEEPERS,
    META,
    PARTS,
    REFERENCE_DISTANCE,
    REFERENCE_PERCENTILE,
    And,
    AtLeast,
    Between,
    Budget,
    Clause,
    Column,
    Curation,
    Deduplicate,
    Flag,
    Flagged,
    IsIn,
    Like,
    Not,
    Or,
    Rule,
    Step,
)
from jepascore_core.curation.tokens import Token, name_hint, tokens
from jepascore_core.embeddings.baselines import BASELINES
from jepascore_core.errors import RuleError, RuleSyntaxError, did_you_mean, matching, one_of
from jepascore_core.score import DEFINITIONS
from jepascore_core.scores.score_set import Label

KEYWORDS = ("and", "or", "not", "in", "is", "like", "missing", "at", "least", "of", "all")
MAX_DEPTH = 50
_Built = TypeVar("_Built")

_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def parse(text: str) -> Curation:
    """Parse rules and steps; an empty text keeps everything.

    Raises:
        RuleSyntaxError: with the position of the error.
    """
    return _Parser(text).curation()


def parse_clause(text: str) -> Clause:
    """Parse one rule, or one step.

    Raises:
        RuleSyntaxError: if it is not exactly one.
    """
    for prefix in ("", "all | "):
        try:
            found = parse(f"{prefix}{text}").clauses
        except RuleSyntaxError:
            if prefix:
                raise
            continue
        if len(found) == 1:
            return found[0]
    raise RuleSyntaxError("Write one rule or one step.", text, 0)


def parse_rule(text: str) -> Rule:
    """Parse a rule, keeping its structure: `a and (b and c)` stays one rule of two.

    Raises:
        RuleSyntaxError: for any other text, also for steps.
    """
    return _Parser(text).rule()


def parse_column(text: str) -> Column:
    """Parse a column, such as `class_percentile[knn]` or `meta["year"]`.

    Raises:
        RuleSyntaxError: if it is not exactly one.
    """
    return _Parser(text).column()


class _Parser:
    """Recursive descent; one method per level of the grammar."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._all = tokens(text)
        self._at = 0
        self._depth = 0

    @property
    def _here(self) -> Token:
        return self._all[self._at]

    def _next(self) -> Token:
        token = self._here
        self._at += token.kind != "end"
        return token

    def _sees(self, *texts: str) -> bool:
        return self._here.kind in ("symbol", "name") and self._here.text in texts

    def _takes(self, *texts: str) -> str | None:
        return self._next().text if self._sees(*texts) else None

    def _needs(self, *texts: str) -> str:
        found = self._takes(*texts)
        if found is None:
            raise self._expected(" or ".join(f'"{text}"' for text in texts), texts)
        return found

    def _expected(self, what: str, words: Sequence[str] = ()) -> RuleSyntaxError:
        """Return the error for the current token; a similar one of the possible `words` is suggested."""
        found = f'"{self._here.text}"' if self._here.kind != "end" else "the end"
        hint = did_you_mean(self._here.text, words) if self._here.kind == "name" else ""
        return RuleSyntaxError(f"Expected {what}, found {found}", self._text, self._here.at, hint)

    def _built(self, make: Callable[[], _Built], at: int) -> _Built:
        """Build a rule; an invalid one is an error at its position."""
        try:
            return make()
        except RuleSyntaxError:
            raise
        except RuleError as error:
            raise RuleSyntaxError(str(error), self._text, at) from error

    def curation(self) -> Curation:
        rules: tuple[Rule, ...] = ()
        if self._here.kind != "end" and not self._sees("|") and not self._takes("all"):
            rules = (self._any(),)
        steps: list[Step] = []
        while self._takes("|"):
            steps.append(self._step())
        self._ends('"and", "or", "|" or the end', ("and", "or"))
        return self._built(lambda: Curation(rules, tuple(steps)), 0)

    def rule(self) -> Rule:
        rule = self._any()
        if self._sees("|"):
            raise RuleSyntaxError("A step follows the rule", self._text, self._here.at, "Write the rule alone.")
        self._ends('"and", "or" or the end', ("and", "or"))
        return rule

    def column(self) -> Column:
        column = self._column()
        self._ends("the end")
        return column

    def _ends(self, what: str, words: Sequence[str] = ()) -> None:
        if self._here.kind != "end":
            raise self._expected(what, words)

    def _any(self) -> Rule:
        rules = [self._both()]
        while self._takes("or"):
            rules.append(self._both())
        return rules[0] if len(rules) == 1 else Or(tuple(rules))

    def _both(self) -> Rule:
        rules = [self._single()]
        while self._takes("and"):
            rules.append(self._single())
        return rules[0] if len(rules) == 1 else And(tuple(rules))

    def _single(self) -> Rule:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise RuleSyntaxError("This is nested too deeply.", self._text, self._here.at)
        rule = self._primary()
        self._depth -= 1
        return rule

    def _primary(self) -> Rule:
        if self._takes("not"):
            return Not(self._single())
        if self._takes("("):
            inner = self._any()
            self._needs(")")
            return inner
        if self._takes("at"):
            return self._at_least()
        if self._here.kind == "number":
            return self._chain()
        if self._here.kind == "name" and self._here.text in FLAGS:
            return self._flag()
        return self._comparison()

    def _at_least(self) -> Rule:
        self._needs("least")
        at = self._here.at
        m = self._whole()
        self._needs("of")
        self._needs("(")
        rules = [self._any()]
        while self._takes(","):
            rules.append(self._any())
        self._needs(")")
        return self._built(lambda: AtLeast(m, tuple(rules)), at)

    def _chain(self) -> Rule:
        """Parse `5 <= percentile` or `5 <= percentile <= 95`."""
        at = self._here.at
        first, percent = self._number(), self._percent()
        sign = self._needs("<=", "<", ">=", ">")
        column = self._column()
        self._check_percent(column, percent)
        rule = self._limit(column, _MIRRORED[sign], first, at)
        if not self._sees(sign[0], f"{sign[0]}="):
            return rule
        second_sign = self._next().text
        second = self._limit_of(column)
        if sign == second_sign == "<=":
            return self._built(lambda: Between(column, first, second), at)
        if sign == second_sign == ">=":
            return self._built(lambda: Between(column, second, first), at)
        return And((rule, self._limit(column, second_sign, second, at)))

    def _limit(self, column: Column, sign: str, value: float, at: int) -> Rule:
        match sign:
            case ">=":
                return self._built(lambda: Between(column, value, None), at)
            case "<=":
                return self._built(lambda: Between(column, None, value), at)
            case "<":
                return self._built(lambda: Not(Between(column, value, None)), at)
            case ">":
                return self._built(lambda: Not(Between(column, None, value)), at)
            case "=":
                return self._built(lambda: Between(column, value, value), at)
        return self._built(lambda: Not(Between(column, value, value)), at)

    def _comparison(self) -> Rule:
        at = self._here.at
        column = self._column()
        if self._takes("is"):
            negated = self._takes("not") is not None
            self._needs("missing")
            rule = self._built(lambda: IsIn(column, (None,)), at)
            return Not(rule) if negated else rule
        if self._takes("in"):
            values = self._texts()
            return self._built(lambda: IsIn(column, values), at)
        if self._takes("like"):
            pattern = self._string()
            return self._built(lambda: Like(column, pattern), at)
        sign = self._needs("=", "!=", ">=", "<=", ">", "<")
        if self._here.kind == "number":
            return self._limit(column, sign, self._limit_of(column), at)
        if sign not in ("=", "!="):
            raise self._expected("a number")
        value = self._string()
        equal = self._built(lambda: IsIn(column, (value,)), at)
        return equal if sign == "=" else Not(equal)

    def _flag(self) -> Rule:
        at = self._here.at
        name: Flagged = one_of(self._next().text, FLAGS, "flag")
        radius, backbone = None, None
        if self._takes("("):
            if self._here.kind == "number":
                radius = self._number()
                backbone = self._string() if self._takes(",") else None
            else:
                backbone = self._string()
            self._needs(")")
        return self._built(lambda: Flag(name, radius, backbone), at)

    def _column(self) -> Column:
        token = self._here
        if token.kind != "name" or token.text in KEYWORDS:
            raise self._expected("a rule, for example class_percentile >= 5")
        self._next()
        # Before what follows it: after a wrong name no other error is useful.
        self._check_name(token)
        backbone, definition, key, reference, k = None, None, None, None, None
        if self._takes("["):
            if token.text == META:
                key = self._string()
            elif token.text in (REFERENCE_PERCENTILE, REFERENCE_DISTANCE):
                reference = self._string()
                if self._takes(","):
                    backbone, definition, k = self._compared()
            else:
                backbone, definition = self._of_what()
            self._needs("]")
        return self._built(lambda: Column(token.text, backbone, definition, key, reference, k), token.at)

    def _check_name(self, token: Token) -> None:
        known = (*COLUMNS, META, *FLAGS)
        if token.text in known:
            return
        hint = name_hint(token.text, self._text, known)
        raise RuleSyntaxError(f'Unknown name "{token.text}"', self._text, token.at, hint)

    def _of_what(self) -> tuple[str | None, str | None]:
        backbone = self._string() if self._here.kind == "text" else None
        if backbone is not None and not self._takes(","):
            return backbone, None
        return backbone, self._needs(*DEFINITIONS, *BASELINES)

    def _compared(self) -> tuple[str | None, str | None, int | None]:
        """Parse how a reference is compared: a backbone, or a definition or number of neighbours, or both."""
        backbone = self._string() if self._here.kind == "text" else None
        if backbone is not None and not self._takes(","):
            return backbone, None, None
        if self._here.kind == "number":
            return backbone, None, self._whole()
        return backbone, self._needs(*DEFINITIONS, *BASELINES), None

    def _texts(self) -> tuple[Label, ...]:
        self._needs("(")
        values: list[Label] = []
        while not values or self._takes(","):
            values.append(None if self._takes("missing") else self._string())
        self._needs(")")
        return tuple(values)

    def _string(self) -> str:
        if self._here.kind != "text":
            raise self._expected('a text in double quotes, such as "cat"')
        token = self._next()
        try:
            return str(json.loads(token.text, strict=False))
        except ValueError as error:
            raise RuleSyntaxError("This text contains an invalid escape sequence.", self._text, token.at) from error

    def _number(self) -> float:
        if self._here.kind != "number":
            raise self._expected("a number")
        return float(self._next().text)

    def _limit_of(self, column: Column) -> float:
        """Parse a number, followed by an optional percent sign if the column has percentiles."""
        value = self._number()
        self._check_percent(column, self._percent())
        return value

    def _percent(self) -> int | None:
        """Return the position of a percent sign, if it is the current token."""
        at = self._here.at
        return at if self._takes("%") else None

    def _check_percent(self, column: Column, at: int | None) -> None:
        if at is not None and not column.is_percentile:
            what = f"{column.name} is not a percentile, so it takes no percent sign"
            hint = "Percentiles do: percentile >= 5% leaves out the lowest 5 % of the scores."
            raise RuleSyntaxError(what, self._text, at, hint)

    def _whole(self) -> int:
        if self._here.kind != "number" or not self._here.text.isdigit():
            raise self._expected("a whole number")
        return int(self._next().text)

    def _step(self) -> Step:
        at = self._here.at
        if self._needs("one", "budget") == "one":
            return self._one_per(at)
        return self._budget(at)

    def _one_per(self, at: int) -> Step:
        self._needs("per")
        radius = self._number() if self._needs("exact", "near") == "near" else None
        chosen = self._needs(*KEEPERS) if self._takes("keep") else KEEPERS[0]
        backbone = self._string() if self._takes("of") else None
        return self._built(lambda: Deduplicate(radius, one_of(chosen, KEEPERS), backbone), at)

    def _budget(self, at: int) -> Step:
        n = self._whole()
        if self._sees("%"):
            hint = "Write budget 1000, or percentile >= 90 for the highest 10 % of the scores."
            raise RuleSyntaxError("A budget must be a number of samples", self._text, self._here.at, hint)
        per = self._needs(*PARTS) if self._takes("per") else None
        chosen = self._takes(*DRAWS) or "random"
        clusters = self._whole() if chosen == "clusters" else None
        reference = self._string() if self._takes("from") else None
        seed = self._whole() if self._takes("seed") else 0
        backbone = self._string() if self._takes("of") else None
        draw, part = one_of(chosen, DRAWS), matching(per, PARTS)
        return self._built(lambda: Budget(n, draw, part, clusters, seed, backbone, reference), at)
