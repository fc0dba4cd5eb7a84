"""Recipes: rules, and everything that they depend on, as one readable YAML file that reproduces a list anywhere."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import yaml

from jepascore_core.backbones.build import id_at_path
from jepascore_core.curation.evaluation.evaluate import Decisions, Evaluation, evaluate
from jepascore_core.curation.evaluation.measured import find_measured, measured_as
from jepascore_core.curation.fingerprint import dataset_fingerprint
from jepascore_core.curation.named import backbone_names
from jepascore_core.curation.precompute.step import PrecomputeStep
from jepascore_core.curation.precompute.steps import precompute_all
from jepascore_core.curation.recipe_marks import (
    mark_dict,
    mark_of_dict,
    recorded_marks,
    with_recorded_marks,
    without_recorded,
)
from jepascore_core.curation.references import RecipeReference, recorded_references, with_current_names
from jepascore_core.curation.rules.column import Column
from jepascore_core.curation.rules.marked import Marked
from jepascore_core.curation.rules.model import (
    Between,
    Budget,
    Clause,
    Condition,
    Curation,
    Deduplicate,
    Flag,
    IsIn,
    Like,
    Step,
    curation_of,
    with_changed,
)
from jepascore_core.curation.rules.parser import parse_clause
from jepascore_core.curation.rules.printer import clause_text
from jepascore_core.curation.summary import count_verdicts
from jepascore_core.embeddings.index import Progress, no_progress
from jepascore_core.errors import RuleError, UnknownNameError, one_of
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.canonical import short_hash
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.score import DEFINITIONS, Definition
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store

RECIPE_VERSION = 1
_LINE_BREAKS = "\x85\u2028\u2029"
_HEADING = (
    "# A JEPA-SCORE recipe. `jepascore export DATASET FILE --recipe THIS` reproduces the list, and measures what is\n"
    "# missing. Rules are as in the query bar of the Curate page; higher scores and percentiles are more likely.\n"
)


@dataclass(frozen=True, slots=True)
class RecipeScores:
    """A measured backbone of the rules, and how to measure with it if that was not done."""

    backbone_id: str
    name: str
    spec_id: str
    spec: dict[str, Any]
    request: dict[str, Any]

    @property
    def key(self) -> MeasurementKey:
        """Identity of its measurements."""
        return MeasurementKey(self.backbone_id, self.spec_id)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Rules with their provenance. The first of `scores` is the default of rules that name no backbone.

    `decisions` are rows (sample key, content id, verdict); `result` has the counts when it was made; `references` are
    the other datasets that rules or steps compare with, and `marks` the tags, corrected labels and regions that
    rules ask for.
    """

    name: str
    curation: Curation
    definition: Definition
    scores: tuple[RecipeScores, ...]
    dataset_name: str
    fingerprint: str
    num_samples: int
    app_version: str
    decisions: tuple[tuple[str, str, str], ...] = ()
    result: dict[str, int] = field(default_factory=dict)
    references: tuple[RecipeReference, ...] = ()
    marks: tuple[Marked, ...] = ()

    @property
    def recipe_hash(self) -> str:
        """Hash of everything but its name."""
        return short_hash({**to_dict(self), "name": ""}, 20)

    @property
    def decided(self) -> Decisions:
        """The decisions as `evaluate` takes them."""
        return {(key, content_id): _verdict(verdict) for key, content_id, verdict in self.decisions}

    def score_set(self, dataset_id: str) -> ScoreSet:
        """Return the default scores of rules that name none."""
        return ScoreSet(dataset_id, self.scores[0].key, self.definition)


def app_version() -> str:
    """Return the version of this program."""
    try:
        return importlib.metadata.version("jepascore")
    except importlib.metadata.PackageNotFoundError:
        return "unknown (not installed)"


def evaluate_recipe(store: Store, dataset_id: str, recipe: Recipe) -> Evaluation:
    """Evaluate what a recipe keeps of the current version of a dataset.

    Raises:
        UnknownNameError, DatasetNotReadyError, RuleError: as `evaluate`.
    """
    return evaluate(store, recipe.score_set(dataset_id), current_curation(store, recipe), recipe.decided)


def current_curation(store: Store, recipe: Recipe) -> Curation:
    """Return the rules and steps of a recipe with the tags it recorded and its references under their current names.

    Raises:
        UnknownNameError: if one of these is gone.
    """
    return with_recorded_marks(with_current_names(store, recipe.curation, recipe.references), recipe.marks)


def precompute_recipe(
    store: Store, dataset_id: str, recipe: Recipe, follow: Callable[[PrecomputeStep], Progress] = lambda _: no_progress
) -> None:
    """Compute everything that a recipe needs of a dataset, as `precompute_all`."""
    precompute_all(store, recipe.score_set(dataset_id), current_curation(store, recipe), recipe.decided, follow)


def make_recipe(store: Store, evaluation: Evaluation, name: str) -> Recipe:
    """Record everything that an evaluated curation depends on, with its counts; backbones are named by their ids.

    Raises:
        RuleError: for an empty name.
        UnknownNameError: if a backbone was not measured.
    """
    if not name.strip() or len(name) > 100:
        raise RuleError("A recipe needs a name of 1 to 100 characters. Choose one.")
    dataset, scores = evaluation.dataset, evaluation.scores
    exact = with_exact_names(store, evaluation.curation)
    named = dict.fromkeys([scores.key, *_named_backbones(store, exact)])
    counts = count_verdicts(store, evaluation)
    decided = ((key, content_id, verdict) for (key, content_id), verdict in evaluation.decisions.items())
    return Recipe(
        name=name.strip(),
        curation=without_recorded(exact),
        definition=scores.definition,
        scores=tuple(_recipe_scores(store, key) for key in named),
        dataset_name=dataset.name,
        fingerprint=dataset_fingerprint(store, dataset),
        num_samples=counts.total,
        app_version=app_version(),
        decisions=tuple(sorted(decided)),
        result={"kept": counts.kept, "dropped": counts.dropped, "unscored": counts.unscored},
        references=recorded_references(store, exact),
        marks=recorded_marks(store, dataset, exact),
    )


def with_exact_names(store: Store, curation: Curation) -> Curation:
    """Return the rules with every backbone named as "id@spec"."""
    return with_backbones(curation, partial(_full_name, store))


def with_backbones(curation: Curation, rename: Callable[[str], str]) -> Curation:
    """Return the rules with every backbone that they name renamed."""
    return with_changed(curation, partial(_renamed, rename))


def with_ids_of_paths(store: Store, curation: Curation) -> Curation:
    """Return the rules with each backbone that is named by the path of its encoder renamed to its id.

    Raises:
        UnknownNameError: if nothing was measured with the encoder at a path.
        CheckpointError: if it cannot be loaded.
    """
    return with_backbones(curation, partial(_id_of_path, store))


def _id_of_path(store: Store, backbone: str) -> str:
    if measured_as(store, backbone):
        return backbone
    wanted = id_at_path(backbone)
    if wanted != backbone and not measured_as(store, wanted):
        raise UnknownNameError(
            f"Nothing was measured with the current encoder at {backbone}. Measure it with `jepascore score`."
        )
    return wanted


def _renamed(rename: Callable[[str], str], item: Condition | Step) -> Condition | Step:
    match item:
        case Between(column) | IsIn(column) | Like(column) if column.backbone is not None:
            return replace(item, column=replace(column, backbone=rename(column.backbone)))
        case Budget(by=Column(backbone=str(backbone)) as by):
            return replace(item, by=replace(by, backbone=rename(backbone)))
        case Flag(backbone=str(backbone)) | Deduplicate(backbone=str(backbone)) | Budget(backbone=str(backbone)):
            return replace(item, backbone=rename(backbone))
    return item


def _full_name(store: Store, backbone: str) -> str:
    try:
        return MeasurementKey.parse(backbone).text
    except ValueError:
        return find_measured(store, backbone).text


def _named_backbones(store: Store, curation: Curation) -> list[MeasurementKey]:
    return [find_measured(store, name) for name in backbone_names(curation)]


def _recipe_scores(store: Store, key: MeasurementKey) -> RecipeScores:
    known = store.catalogue.backbones().get(key.backbone_id)
    try:
        spec = store.spec(key).to_dict()
    except FileNotFoundError as error:
        raise UnknownNameError("Nothing was measured with this backbone yet. Start a run first.") from error
    asked = (run.backbone for run in store.catalogue.runs() if run.backbone_id == key.backbone_id)
    request = next(asked, BackboneRef(known.name if known else key.backbone_id))
    wanted = {name: value for name, value in request.to_dict().items() if value not in (None, False)}
    return RecipeScores(key.backbone_id, known.name if known else key.backbone_id, key.spec_id, spec, wanted)


def to_dict(recipe: Recipe) -> dict[str, Any]:
    """Return plain values, in a readable order."""
    return {
        "jepascore_recipe": RECIPE_VERSION,
        "name": recipe.name,
        "app_version": recipe.app_version,
        "dataset": {
            "name": recipe.dataset_name,
            "fingerprint": recipe.fingerprint,
            "num_samples": recipe.num_samples,
        },
        **({"references": [asdict(item) for item in recipe.references]} if recipe.references else {}),
        "definition": recipe.definition,
        "scores": [asdict(item) for item in recipe.scores],
        "rules": [clause_text(rule) for rule in recipe.curation.rules],
        "steps": [clause_text(step) for step in recipe.curation.steps],
        "decisions": [
            {"sample_key": key, "content_id": content_id, "verdict": verdict}
            for key, content_id, verdict in recipe.decisions
        ],
        **({"marks": [mark_dict(mark) for mark in recipe.marks]} if recipe.marks else {}),
        "result": recipe.result,
    }


def to_yaml(recipe: Recipe) -> str:
    """Return the recipe as a YAML file, the same text for the same recipe."""
    values = to_dict(recipe)
    # YAML takes some characters for line breaks that PyYAML writes unescaped: such a recipe is escaped instead.
    text = json.dumps(values, ensure_ascii=False, default=str)
    is_plain = not any(character in text for character in _LINE_BREAKS)
    body = yaml.safe_dump(values, sort_keys=False, allow_unicode=is_plain, width=120)
    return f"{_HEADING}{body}"


def from_yaml(text: str) -> Recipe:
    """Invert `to_yaml`.

    Raises:
        RuleError: for any other text.
    """
    try:
        return from_dict(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise RuleError(f"Not a recipe file: it is not valid YAML ({' '.join(str(error).split())}).") from error


def from_dict(values: Any) -> Recipe:
    """Invert `to_dict`.

    Raises:
        RuleError: for any other value.
    """
    match values:
        case {"jepascore_recipe": int(version)} if version != RECIPE_VERSION:
            raise RuleError(
                f"This recipe has version {version}, but this program supports {RECIPE_VERSION}. Update jepascore."
            )
        case {"jepascore_recipe": int(), "name": str(), "dataset": dict(), "scores": [_, *_], "rules": list()}:
            pass
        case _:
            raise RuleError("Not a recipe file: it needs jepascore_recipe, name, dataset, scores and rules.")
    try:
        return Recipe(
            name=values["name"],
            curation=curation_of(_clauses([*values["rules"], *values.get("steps", [])])),
            definition=one_of(values.get("definition", DEFINITIONS[0]), DEFINITIONS, "definition", RuleError),
            scores=tuple(_scores(item) for item in values["scores"]),
            dataset_name=str(values["dataset"]["name"]),
            fingerprint=str(values["dataset"]["fingerprint"]),
            num_samples=int(values["dataset"]["num_samples"]),
            app_version=str(values.get("app_version", "")),
            decisions=tuple(
                (str(item["sample_key"]), str(item["content_id"]), _verdict(item["verdict"]))
                for item in values.get("decisions", [])
            ),
            result={str(key): int(value) for key, value in values.get("result", {}).items()},
            references=tuple(
                RecipeReference(str(item["name"]), str(item["fingerprint"]), int(item["num_samples"]))
                for item in values.get("references", [])
            ),
            marks=tuple(mark_of_dict(item) for item in values.get("marks", [])),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RuleError(f"This recipe is incomplete or malformed: {error}.") from error


def _clauses(texts: list[Any]) -> list[Clause]:
    return [parse_clause(str(text)) for text in texts]


def _scores(values: dict[str, Any]) -> RecipeScores:
    spec, request = MeasurementSpec.from_dict(values["spec"]), BackboneRef.from_dict(values["request"])
    kept = {key: value for key, value in request.to_dict().items() if value not in (None, False)}
    return RecipeScores(str(values["backbone_id"]), str(values["name"]), str(values["spec_id"]), spec.to_dict(), kept)


def _verdict(verdict: str) -> Any:
    if verdict not in ("keep", "drop"):
        raise RuleError(f"A decision must be keep or drop, not {verdict!r}.")
    return verdict
