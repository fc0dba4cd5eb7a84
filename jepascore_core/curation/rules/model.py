"""The algebra of rules: frozen conditions on a sample, combined by and, or, not, and steps that choose among the rest.

A condition is true, false or unknown for each sample on its own (unknown: it needs a missing measurement), so
conditions obey Kleene's logic and their order does not matter. Steps look at several samples together; they come after
all conditions and in one fixed order, whichever order they were written in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

from jepascore_core.curation.rules.column import LABEL_ISSUE, META, TEXTS, Column
from jepascore_core.curation.rules.marked import Marked
from jepascore_core.errors import RuleError, one_of
from jepascore_core.scores.score_set import Label

Flagged = Literal[
    "grey", "exact_duplicate", "near_duplicate", "perceptual_duplicate", "leak", "label_conflict", "measured"
]
Keeper = Literal["most_likely", "largest", "first"]
Draw = Literal["random", "balanced", "diverse", "clusters", "farthest", "highest", "lowest"]
Part = Literal["class", "split"]

FLAGS: tuple[Flagged, ...] = get_args(Flagged)
#: Flags about groups of images: identical files, or with a radius those with embeddings within it.
GROUP_FLAGS = ("near_duplicate", "leak", "label_conflict")
KEEPERS: tuple[Keeper, ...] = get_args(Keeper)
DRAWS: tuple[Draw, ...] = get_args(Draw)
PARTS: tuple[Part, ...] = get_args(Part)

#: Default cosine distance of embeddings that counts as near.
NEAR_RADIUS = 0.05


@dataclass(frozen=True, slots=True)
class Between:
    """The value lies in [low, high], limits included; None = no limit on that side, but not on both.

    Raises:
        RuleError: if the limits are invalid.
    """

    column: Column
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if self.column.name in TEXTS:
            raise RuleError(f'{self.column.name} is a text. Compare it as {self.column.name} = "...".')
        if self.low is None and self.high is None:
            raise RuleError("A range needs a limit on at least one side.")
        for limit in (self.low, self.high):
            if limit is None:
                continue
            if isinstance(limit, bool) or not isinstance(limit, int | float) or not math.isfinite(limit):
                raise RuleError(f"A limit must be a finite number, not {limit!r}. Change it or leave it out.")
            if self.column.is_percentile and not 0 <= limit <= 100:
                raise RuleError(f"A percentile must be between 0 and 100, not {limit:g}. Change the limit.")
            if self.column.is_similarity and not -1 <= limit <= 1:
                raise RuleError(f"A similarity is a cosine, between -1 and 1, not {limit:g}. Change the limit.")
            if self.column.name == LABEL_ISSUE and not 0 <= limit <= 1:
                raise RuleError(f"{LABEL_ISSUE} is between 0 and 1, not {limit:g}. Change the limit.")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise RuleError(f"The lower limit {self.low:g} is above the upper limit {self.high:g}. Swap them.")


@dataclass(frozen=True, slots=True)
class IsIn:
    """The text is one of `values`; None among them means a missing text."""

    column: Column
    values: tuple[Label, ...]

    def __post_init__(self) -> None:
        if self.column.name not in (*TEXTS, META):
            raise RuleError(f"{self.column.name} is a number. Compare it with >= or <=.")
        if not self.values or not all(value is None or isinstance(value, str) for value in self.values):
            raise RuleError(f"List at least one text for {self.column.name}.")


@dataclass(frozen=True, slots=True)
class Like:
    """The text matches a pattern, in which * stands for any characters and ? for one."""

    column: Column
    pattern: str

    def __post_init__(self) -> None:
        if self.column.name not in (*TEXTS, META):
            raise RuleError(f"{self.column.name} is a number. Compare it with >= or <=.")


@dataclass(frozen=True, slots=True)
class Flag:
    """A property that a sample has or not.

    grey: the image has no colour; exact_duplicate: another sample has the same bytes; near_duplicate: another image is
    within `radius` (cosine distance of embeddings); perceptual_duplicate: another image looks alike (perceptual hash);
    leak: its group spans several splits; label_conflict: its group has more than one label; measured: it has a score. A
    group is the samples with the same bytes, or, with a radius, those connected by near embeddings of `backbone` (None
    = that of the page).
    """

    name: Flagged
    radius: float | None = None
    backbone: str | None = None

    def __post_init__(self) -> None:
        one_of(self.name, FLAGS, "flag", RuleError)
        if self.radius is not None:
            _check_radius(self.radius)
            if self.name not in GROUP_FLAGS:
                raise RuleError(f"{self.name} has no radius. Leave it out.")
        elif self.name == "near_duplicate":
            raise RuleError(f"near_duplicate needs a radius, for example near_duplicate({NEAR_RADIUS}).")
        if self.backbone is not None and self.radius is None and self.name != "measured":
            raise RuleError(f"{self.name} without a radius does not depend on a backbone. Leave it out.")


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite; unknown stays unknown."""

    rule: Rule


@dataclass(frozen=True, slots=True)
class And:
    """All of at least two rules."""

    rules: tuple[Rule, ...]

    def __post_init__(self) -> None:
        _check_several(self.rules, "and")


@dataclass(frozen=True, slots=True)
class Or:
    """Any of at least two rules."""

    rules: tuple[Rule, ...]

    def __post_init__(self) -> None:
        _check_several(self.rules, "or")


@dataclass(frozen=True, slots=True)
class AtLeast:
    """At least `m` of some rules hold, for example what several backbones agree on."""

    m: int
    rules: tuple[Rule, ...]

    def __post_init__(self) -> None:
        if not 1 <= self.m <= len(self.rules):
            raise RuleError(
                f"At least m of {len(self.rules)} rules needs an m from 1 to {len(self.rules)}, not {self.m}."
            )


Condition = Between | IsIn | Like | Flag | Marked
Rule = Condition | Not | And | Or | AtLeast


@dataclass(frozen=True, slots=True)
class Deduplicate:
    """Keep one sample of each remaining group of duplicates: identical files, `perceptual` ones, or within a `radius`.

    `keep`: the most likely one under the page's scores, the one with most pixels (then bytes), or the first by key. A
    sample that a person decided to keep comes before all others.
    """

    radius: float | None = None
    keep: Keeper = "most_likely"
    backbone: str | None = None
    perceptual: bool = False

    def __post_init__(self) -> None:
        if self.radius is not None:
            _check_radius(self.radius)
            if self.perceptual:
                raise RuleError("Perceptual duplicates have no radius. Leave it out.")
        elif self.backbone is not None:
            raise RuleError("Only duplicates within a radius depend on a backbone. Leave it out.")
        one_of(self.keep, KEEPERS, "choice of what to keep of a group", RuleError)


@dataclass(frozen=True, slots=True)
class Budget:
    """Keep `n` of the remaining samples, or `n` of each class or split (`per`).

    random: any; balanced: equally many of each class, with the shortfall of small classes spread over the others;
    diverse: greedy k-center on embeddings; clusters: equally many of each of `clusters` k-means clusters; farthest: the
    farthest from the dataset `reference`; highest, lowest: those with the largest or smallest number in a column `by`.
    With a reference a diverse draw is far from that, too. `seed` fixes the draw.
    """

    n: int
    draw: Draw = "random"
    per: Part | None = None
    clusters: int | None = None
    seed: int = 0
    backbone: str | None = None
    reference: str | None = None
    by: Column | None = None

    def __post_init__(self) -> None:
        if isinstance(self.n, bool) or not isinstance(self.n, int) or self.n < 1:
            raise RuleError(f"A budget must be a whole number of at least 1, not {self.n!r}.")
        one_of(self.draw, DRAWS, "way to draw a budget", RuleError)
        if self.per is not None and self.draw != "random":
            raise RuleError(f"A budget for each {self.per} is always drawn at random. Leave {self.draw} out.")
        if (self.clusters is not None) != (self.draw == "clusters") or (
            self.clusters is not None and self.clusters < 2
        ):
            raise RuleError("A draw from clusters needs their number, at least 2. Write for example clusters 50.")
        if (self.by is not None) != (self.draw in ("highest", "lowest")):
            raise RuleError('Name the column of a highest or lowest draw, as in budget 100 highest similar("a cat").')
        if self.by is not None and self.by.name in (*TEXTS, META):
            raise RuleError(f"{self.by.name} is a text, which has no highest or lowest. Name a column of numbers.")
        if self.seed < 0:
            raise RuleError("A seed must be a whole number of at least 0.")
        if self.draw == "farthest" and self.reference is None:
            raise RuleError('Name the dataset to be far from, as in budget 1000 farthest from "name of a dataset".')
        if self.reference is not None and self.draw not in ("farthest", "diverse"):
            raise RuleError(f"A {self.draw} draw has no reference dataset. Write farthest or diverse, or leave it out.")
        if self.backbone is not None and self.draw not in ("diverse", "clusters", "farthest"):
            raise RuleError(f"A {self.draw} draw does not depend on a backbone. Leave it out.")


Step = Deduplicate | Budget
Clause = Rule | Step


@dataclass(frozen=True, slots=True)
class Curation:
    """What to keep: all `rules` hold, and then every step chooses, in an order that does not depend on the given one.

    Rules that are an `And` are split and repeated ones are dropped, so that each of the `clauses` can be removed alone.

    Raises:
        RuleError: for two budgets, whose order would be ambiguous.
    """

    rules: tuple[Rule, ...] = ()
    steps: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", tuple(dict.fromkeys(_conjuncts(self.rules))))
        steps = sorted(dict.fromkeys(self.steps), key=_step_order)
        if sum(isinstance(step, Budget) for step in steps) > 1:
            raise RuleError("There can be only one budget. Remove the other one.")
        object.__setattr__(self, "steps", tuple(steps))

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """Rules, then steps."""
        return (*self.rules, *self.steps)

    def without(self, position: int) -> Curation:
        """Return the curation without the clause at this position."""
        kept = [clause for place, clause in enumerate(self.clauses) if place != position]
        return curation_of(kept)

    def changed(self, position: int, clause: Clause) -> Curation:
        """Return the curation with another clause at this position."""
        return curation_of([*self.clauses[:position], clause, *self.clauses[position + 1 :]])

    def either(self, position: int, rule: Rule) -> Curation:
        """Return the curation with an alternative to the rule at this position: one of the two has to hold."""
        old = self.rules[position]
        joined = Or((*(old.rules if isinstance(old, Or) else (old,)), rule))
        return curation_of([*self.rules[:position], joined, *self.rules[position + 1 :], *self.steps])

    def plus(self, *clauses: Clause) -> Curation:
        """Return the curation with more clauses; a new budget replaces the old one."""
        old = self.clauses
        if any(isinstance(clause, Budget) for clause in clauses):
            old = tuple(clause for clause in old if not isinstance(clause, Budget))
        return curation_of([*old, *clauses])


def curation_of(clauses: Iterable[Clause]) -> Curation:
    """Split clauses into rules and steps."""
    listed = list(clauses)
    return Curation(
        tuple(clause for clause in listed if not isinstance(clause, Deduplicate | Budget)),
        tuple(clause for clause in listed if isinstance(clause, Deduplicate | Budget)),
    )


def walk(rule: Rule) -> Iterator[Condition]:
    """Yield every condition of a rule."""
    match rule:
        case Not(inner):
            yield from walk(inner)
        case And(rules) | Or(rules) | AtLeast(_, rules):
            for inner in rules:
                yield from walk(inner)
        case _:
            yield rule


def with_changed(curation: Curation, change: Callable[[Condition | Step], Condition | Step]) -> Curation:
    """Return the curation with every condition and step replaced by what `change` returns for it."""
    return curation_of(_changed(clause, change) for clause in curation.clauses)


def _changed(clause: Any, change: Callable[[Condition | Step], Condition | Step]) -> Any:
    match clause:
        case Not(inner):
            return Not(_changed(inner, change))
        case And(rules) | Or(rules):
            return type(clause)(tuple(_changed(rule, change) for rule in rules))
        case AtLeast(m, rules):
            return AtLeast(m, tuple(_changed(rule, change) for rule in rules))
    return change(clause)


def _conjuncts(rules: Iterable[Rule]) -> Iterator[Rule]:
    for rule in rules:
        if isinstance(rule, And):
            yield from _conjuncts(rule.rules)
        else:
            yield rule


def _step_order(step: Step) -> tuple[int, float, str]:
    if isinstance(step, Deduplicate):
        return 0, step.radius or (1e-9 if step.perceptual else 0.0), repr(step)
    return 1, 0.0, repr(step)


def _check_several(rules: tuple[Rule, ...], word: str) -> None:
    if len(rules) < 2:
        raise RuleError(f'"{word}" needs at least two rules.')


def _check_radius(radius: float) -> None:
    if isinstance(radius, bool) or not isinstance(radius, int | float) or not 0 < radius <= 1:
        raise RuleError(f"A radius must be a cosine distance above 0 and up to 1, not {radius!r}.")
