"""Parse text to rules by recursive descent; an error says what was expected, at which character, and suggests a fix.

curation := ["all" | any] ("|" step)*
any      := both ("or" both)*           both := single ("and" single)*
single   := "not" single | "(" any ")" | "at least" m "of" "(" any ("," any)* ")" | flag | mark | comparison
mark     := "tag" "(" name ")" | "relabelled" ["(" label ")"] | "in" "region" name
step     := "one per" ("exact" | "perceptual" | "near" radius) ["keep" which]
          | "budget" n ["per" part] [draw | ("highest" | "lowest") column] ["from" reference] ["seed" s]

A limit of a percentile may be written with its sign: `percentile >= 5%` is `percentile >= 5`.
"""

from __future__ import annotations

from collections.abc import Sequence

from jepascore_core.curation.rules.column import (
    COLUMNS,
    META,
    REFERENCE_DISTANCE,
    REFERENCE_PERCENTILE,
    SIMILAR,
    SIMILARITIES,
    TEXTS,
    Column,
)
from jepascore_core.curation.rules.marked import CALLED_MARKS, Marked, MarkName
from jepascore_core.curation.rules.model import (
    DRAWS,
    FLAGS,
    KEEPERS,
    PARTS,
    And,
    AtLeast,
    Between,
    Budget,
    Clause,
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
from jepascore_core.curation.rules.token_stream import NAMED, Named, TokenStream, Wanted
from jepascore_core.curation.tokens import Token, name_hint
from jepascore_core.embeddings.baselines import BASELINES
from jepascore_core.errors import RuleSyntaxError, matching, one_of
from jepascore_core.score import DEFINITIONS
from jepascore_core.scores.score_set import Label

KEYWORDS = ("and", "or", "not", "in", "is", "like", "missing", "at", "least", "of", "all")
MAX_DEPTH = 50

#: What a condition may begin with; the first are all that are compared with numbers.
NUMBERS = tuple(name for name in (*COLUMNS, META, *SIMILARITIES) if name not in TEXTS)
BEGINNINGS = (*COLUMNS, META, *SIMILARITIES)
_DRAWN_BY = tuple(name for name in NUMBERS if name != META)
_OF_TEXTS, _OF_NUMBERS = ("=", "!=", "in", "like", "is"), (">=", "<=", ">", "<", "=", "!=")
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
    is_step = text.split(maxsplit=1)[:1] in (["one"], ["budget"])
    found = parse(f"all | {text}" if is_step else text).clauses
    if len(found) != 1:
        raise RuleSyntaxError("Write one rule or one step.", text, 0)
    return found[0]


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


def wanted_after(text: str) -> Wanted | None:
    """Return what could follow a text, or what it lacks; None if it is wrong before its end.

    Raises:
        RuleSyntaxError: if it cannot be split into tokens.
    """
    parser = _Parser(text)
    is_begun = parser.here.kind != "end" or parser.sees("all")
    try:
        parser.curation() if is_begun else parser.rule()
    except RuleSyntaxError:
        # An error after the last token says only what is missing.
        return parser.wanted if parser.here.kind == "end" else None
    return parser.wanted


class _Parser(TokenStream):
    """Recursive descent; one method per level of the grammar."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def curation(self) -> Curation:
        rules: tuple[Rule, ...] = ()
        if self.here.kind != "end" and not self.sees("|") and not self.takes("all"):
            rules = (self._any(),)
        steps: list[Step] = []
        while self.takes("|"):
            steps.append(self._step())
        self.ends('"and", "or", "|" or the end', ("and", "or"))
        return self.built(lambda: Curation(rules, tuple(steps)), 0)

    def rule(self) -> Rule:
        rule = self._any()
        if self.sees("|"):
            raise RuleSyntaxError("A step follows the rule", self.text, self.here.at, "Write the rule alone.")
        self.ends('"and", "or" or the end', ("and", "or"))
        return rule

    def column(self) -> Column:
        column = self._column()
        self.ends("the end")
        return column

    def _any(self) -> Rule:
        rules = [self._both()]
        while self.takes("or"):
            rules.append(self._both())
        return rules[0] if len(rules) == 1 else Or(tuple(rules))

    def _both(self) -> Rule:
        rules = [self._single()]
        while self.takes("and"):
            rules.append(self._single())
        return rules[0] if len(rules) == 1 else And(tuple(rules))

    def _single(self) -> Rule:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise RuleSyntaxError("This is nested too deeply.", self.text, self.here.at)
        rule = self._primary()
        self._depth -= 1
        return rule

    def _primary(self) -> Rule:
        if self.takes("not"):
            return Not(self._single())
        if self.takes("("):
            inner = self._any()
            self.needs(")")
            return inner
        if self.takes("at"):
            return self._at_least()
        if self.sees_number():
            return self._chain()
        if self.sees(*FLAGS):
            return self._flag()
        if self.sees(*CALLED_MARKS):
            return self._mark()
        if self.sees("in"):
            return self._region()
        return self._comparison()

    def _at_least(self) -> Rule:
        self.needs("least")
        at = self.here.at
        m = self.whole()
        self.needs("of")
        self.needs("(")
        rules = [self._any()]
        while self.takes(","):
            rules.append(self._any())
        self.needs(")")
        return self.built(lambda: AtLeast(m, tuple(rules)), at)

    def _chain(self) -> Rule:
        """Parse `5 <= percentile` or `5 <= percentile <= 95`."""
        at = self.here.at
        first, percent = self.number(), self.percent()
        sign = self.needs("<=", "<", ">=", ">")
        column = self._column(NUMBERS)
        self._check_percent(column, percent)
        rule = self._limit(column, _MIRRORED[sign], first, at)
        if not self.sees(sign[0], f"{sign[0]}="):
            return rule
        second_sign = self.advance().text
        second = self._limit_of(column)
        if sign == second_sign == "<=":
            return self.built(lambda: Between(column, first, second), at)
        if sign == second_sign == ">=":
            return self.built(lambda: Between(column, second, first), at)
        return And((rule, self._limit(column, second_sign, second, at)))

    def _limit(self, column: Column, sign: str, value: float, at: int) -> Rule:
        match sign:
            case ">=":
                return self.built(lambda: Between(column, value, None), at)
            case "<=":
                return self.built(lambda: Between(column, None, value), at)
            case "<":
                return self.built(lambda: Not(Between(column, value, None)), at)
            case ">":
                return self.built(lambda: Not(Between(column, None, value)), at)
            case "=":
                return self.built(lambda: Between(column, value, value), at)
        return self.built(lambda: Not(Between(column, value, value)), at)

    def _comparison(self) -> Rule:
        at = self.here.at
        column = self._column()
        if self.here.kind == "end":
            self.wanted.operators = _operators(column)
        if self.takes("is"):
            negated = self.takes("not") is not None
            self.needs("missing")
            rule = self.built(lambda: IsIn(column, (None,)), at)
            return Not(rule) if negated else rule
        if self.takes("in"):
            values = self._texts(_named(column))
            return self.built(lambda: IsIn(column, values), at)
        if self.takes("like"):
            pattern = self.string(_named(column))
            return self.built(lambda: Like(column, pattern), at)
        sign = self.needs("=", "!=", ">=", "<=", ">", "<")
        if (column.name not in TEXTS and self.sees_number()) or self.here.kind == "number":
            return self._limit(column, sign, self._limit_of(column), at)
        if sign not in ("=", "!="):
            raise self.expected("a number")
        value = self.string(_named(column))
        equal = self.built(lambda: IsIn(column, (value,)), at)
        return equal if sign == "=" else Not(equal)

    def _flag(self) -> Rule:
        at = self.here.at
        name: Flagged = one_of(self.advance().text, FLAGS, "flag")
        radius, backbone = None, None
        if self.takes("("):
            if self.sees_number():
                radius = self.number()
                backbone = self.string("backbone") if self.takes(",") else None
            else:
                backbone = self.string("backbone")
            self.needs(")")
        return self.built(lambda: Flag(name, radius, backbone), at)

    def _mark(self) -> Rule:
        at = self.here.at
        name: MarkName = one_of(self.advance().text, CALLED_MARKS, "condition")
        value = None
        if self.takes("("):
            value = self.string("tag" if name == "tag" else "label")
            self.needs(")")
        return self.built(lambda: Marked(name, value), at)

    def _region(self) -> Rule:
        at = self.advance().at
        self.needs("region")
        name = self.string("region")
        return self.built(lambda: Marked("region", name), at)

    def _column(self, offered: Sequence[str] = BEGINNINGS) -> Column:
        token = self.here
        self.sees(*offered)
        if token.kind != "name" or token.text in KEYWORDS:
            raise self.expected("a rule, for example class_percentile >= 5")
        self.advance()
        # Before what follows it: after a wrong name no other error is useful.
        self._check_name(token)
        backbone, definition, key, reference, k = None, None, None, None, None
        if token.text in SIMILARITIES:
            return self._similarity(token)
        if self.takes("["):
            if token.text == META:
                key = self.string("column")
            elif token.text in (REFERENCE_PERCENTILE, REFERENCE_DISTANCE):
                reference = self.string("dataset")
                if self.takes(","):
                    backbone, definition, k = self._compared()
            else:
                backbone, definition = self._of_what()
            self.needs("]")
        return self.built(lambda: Column(token.text, backbone, definition, key, reference, k), token.at)

    def _similarity(self, token: Token) -> Column:
        """Parse what is in the parentheses of `similar("a watermark", "backbone")`."""
        self.needs("(")
        query = self.string("words" if token.text == SIMILAR else "sample")
        backbone = self.string("backbone") if self.takes(",") else None
        self.needs(")")
        return self.built(lambda: Column(token.text, backbone, query=query), token.at)

    def _check_name(self, token: Token) -> None:
        known = (*COLUMNS, META, *SIMILARITIES, *FLAGS, *CALLED_MARKS)
        if token.text in known:
            return
        hint = name_hint(token.text, self.text, known)
        raise RuleSyntaxError(f'Unknown name "{token.text}"', self.text, token.at, hint)

    def _of_what(self) -> tuple[str | None, str | None]:
        backbone = self.string("backbone") if self.sees_text("backbone") else None
        if backbone is not None and not self.takes(","):
            return backbone, None
        return backbone, self.needs(*DEFINITIONS, *BASELINES)

    def _compared(self) -> tuple[str | None, str | None, int | None]:
        """Parse how a reference is compared: a backbone, or a definition or number of neighbours, or both."""
        backbone = self.string("backbone") if self.sees_text("backbone") else None
        if backbone is not None and not self.takes(","):
            return backbone, None, None
        if self.sees_number():
            return backbone, None, self.whole()
        return backbone, self.needs(*DEFINITIONS, *BASELINES), None

    def _texts(self, named: Named) -> tuple[Label, ...]:
        self.needs("(")
        values: list[Label] = []
        while not values or self.takes(","):
            values.append(None if self.takes("missing") else self.string(named))
        self.needs(")")
        return tuple(values)

    def _limit_of(self, column: Column) -> float:
        """Parse a number, followed by an optional percent sign if the column has percentiles."""
        value = self.number()
        self._check_percent(column, self.percent())
        return value

    def _check_percent(self, column: Column, at: int | None) -> None:
        if at is not None and not column.is_percentile:
            what = f"{column.name} is not a percentile, so it takes no percent sign"
            hint = "Percentiles do: percentile >= 5% leaves out the lowest 5 % of the scores."
            raise RuleSyntaxError(what, self.text, at, hint)

    def _step(self) -> Step:
        at = self.here.at
        if self.needs("one", "budget") == "one":
            return self._one_per(at)
        return self._budget(at)

    def _one_per(self, at: int) -> Step:
        self.needs("per")
        kind = self.needs("exact", "perceptual", "near")
        radius = self.number() if kind == "near" else None
        chosen = self.needs(*KEEPERS) if self.takes("keep") else KEEPERS[0]
        backbone = self.string("backbone") if self.takes("of") else None
        return self.built(lambda: Deduplicate(radius, one_of(chosen, KEEPERS), backbone, kind == "perceptual"), at)

    def _budget(self, at: int) -> Step:
        n = self.whole()
        if self.sees("%"):
            hint = "Write budget 1000, or percentile >= 90 for the highest 10 % of the scores."
            raise RuleSyntaxError("A budget must be a number of samples", self.text, self.here.at, hint)
        per = self.needs(*PARTS) if self.takes("per") else None
        chosen = self.takes(*DRAWS) or "random"
        by = self._column(_DRAWN_BY) if chosen in ("highest", "lowest") else None
        clusters = self.whole() if chosen == "clusters" else None
        reference = self.string("dataset") if self.takes("from") else None
        seed = self.whole() if self.takes("seed") else 0
        backbone = self.string("backbone") if self.takes("of") else None
        draw, part = one_of(chosen, DRAWS), matching(per, PARTS)
        return self.built(lambda: Budget(n, draw, part, clusters, seed, backbone, reference, by), at)


def _operators(column: Column) -> tuple[str, ...]:
    """Return what may compare a column, in which nothing is an error."""
    texts, numbers = column.name in (*TEXTS, META), column.name not in TEXTS
    return tuple(dict.fromkeys((*(_OF_NUMBERS if numbers else ()), *(_OF_TEXTS if texts else ()))))


def _named(column: Column) -> Named:
    """Return what a text names that a column is compared with."""
    return matching(column.name, NAMED) or "number"
