"""Computations of a curation that take longer than a moment: baseline scores, clusters, cut effects and the like."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jepascore_core.curation.columns.baselines import FITTED, baseline_values, is_known
from jepascore_core.curation.columns.embedding_draws import (
    Candidates,
    are_clusters_known,
    cluster_values,
    diverse_rows,
    diverse_seconds,
    is_diverse_known,
)
from jepascore_core.curation.columns.greyscale import count_unseen, look_at_colours
from jepascore_core.curation.columns.label_issues import (
    are_label_issues_known,
    label_issue_seconds_of,
    label_issue_values,
)
from jepascore_core.curation.columns.layouts import compute_layout, find_kept, layout_need
from jepascore_core.curation.columns.measured import count_measured
from jepascore_core.curation.columns.near_duplicates import known_near_groups, near_groups
from jepascore_core.curation.columns.radius_curve import known_radius_curve, radius_curve
from jepascore_core.curation.columns.reference import (
    is_reference_known,
    reference_scores,
    reference_values,
    reference_work,
)
from jepascore_core.curation.columns.similarity import (
    is_similarity_known,
    query_vector,
    similarity_seconds,
    similarity_values,
)
from jepascore_core.curation.cut_effect.samples import Cut, cut_of
from jepascore_core.curation.cut_effect.stored import (
    cut_curve,
    cut_curve_seconds,
    cut_effect,
    cut_effect_seconds,
    known_cut_curve,
    known_cut_effect,
)
from jepascore_core.curation.evaluation.compiler import Compiler
from jepascore_core.curation.evaluation.evaluate import Decisions, Evaluation, Evaluator
from jepascore_core.curation.named import named_columns, reference_columns
from jepascore_core.curation.precompute.step import PrecomputeStep
from jepascore_core.curation.rules.column import REFERENCE_DISTANCE, Column
from jepascore_core.curation.rules.model import Budget, Curation, Deduplicate, Flag, walk
from jepascore_core.curation.rules.parser import parse_column
from jepascore_core.curation.rules.printer import column_text
from jepascore_core.embeddings.baselines import MIN_IMAGES
from jepascore_core.embeddings.index import Progress, no_progress, subrange
from jepascore_core.embeddings.layout import LAYOUT_KINDS, LayoutKind
from jepascore_core.errors import matching
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store

#: Of loading a text tower and embedding words, which takes torch: never done by the web process.
WORDS_SECONDS = 20.0


def pending_work(
    store: Store, scores: ScoreSet, curation: Curation, decisions: Decisions | None = None
) -> tuple[PrecomputeStep, ...]:
    """Return the steps to do next before a curation can be evaluated within a moment, () = none.

    A diverse choice comes after everything else, which determines its candidates.

    Raises:
        UnknownNameError, DatasetNotReadyError, RuleError: as `pending_steps`.
    """
    return pending_steps(Evaluator(store, scores, curation, decisions))


def pending_steps(evaluator: Evaluator) -> tuple[PrecomputeStep, ...]:
    """Return the steps of `pending_work`; rules that are compiled for it need not be compiled again to evaluate them.

    Raises:
        UnknownNameError, DatasetNotReadyError, RuleError: as `evaluate`.
        RuleError: if a diverse choice would take days.
    """
    work = _first_work(evaluator.store, evaluator.scores, evaluator.curation)
    return work or tuple(_pending_choice(evaluator))


def _first_work(store: Store, scores: ScoreSet, curation: Curation) -> tuple[PrecomputeStep, ...]:
    compiler = Compiler(store, scores)
    flags = [item for rule in curation.rules for item in walk(rule) if isinstance(item, Flag)]
    steps = [step for step in curation.steps if isinstance(step, Deduplicate)]
    work: list[PrecomputeStep] = []
    if any(flag.name == "grey" for flag in flags) and (unseen := count_unseen(store, compiler.dataset)):
        work.append(PrecomputeStep("colours", unseen))
    grouped: list[Flag | Deduplicate] = [*flags, *steps]
    for radius, backbone in dict.fromkeys((item.radius, item.backbone) for item in grouped):
        if radius is not None and known_near_groups(store, compiler.score_set(backbone), radius) is None:
            work.append(PrecomputeStep("near", store.count_images(compiler.dataset), radius, backbone))
    work += _pending_label_issues(compiler, curation)
    work += _pending_references(compiler, curation)
    work += _pending_similarities(compiler, curation)
    return (*work, *_pending_baselines(compiler, curation), *_pending_clusters(compiler, curation))


def _pending_similarities(compiler: Compiler, curation: Curation) -> Iterator[PrecomputeStep]:
    for column in dict.fromkeys(column for column in named_columns(curation) if column.is_similarity):
        yield from pending_similarity(compiler.store, compiler.score_set(column.backbone), column)


def pending_similarity(store: Store, scores: ScoreSet, column: Column) -> Iterator[PrecomputeStep]:
    """Yield the work that similarity to words or to a sample still needs; new words need a worker.

    Raises:
        RuleError: as `query_vector`.
    """
    if not is_similarity_known(store, scores, column):
        size, is_embedded = count_measured(store, scores), query_vector(store, scores, column) is not None
        seconds = similarity_seconds(store, scores, size) + (0.0 if is_embedded else WORDS_SECONDS)
        text = column_text(column)
        yield PrecomputeStep("similar", size, backbone=column.backbone, seconds=seconds, similarity=text)


def _pending_references(compiler: Compiler, curation: Curation) -> Iterator[PrecomputeStep]:
    named = [column for column in reference_columns(curation) if column.name == REFERENCE_DISTANCE]
    for reference, backbone in dict.fromkeys((str(column.reference), column.backbone) for column in named):
        yield from pending_reference(compiler.store, compiler.score_set(backbone), reference, backbone)


def pending_reference(
    store: Store, scores: ScoreSet, reference: str, backbone: str | None = None
) -> Iterator[PrecomputeStep]:
    """Yield the work that distances to a reference dataset still need; `backbone` is how a rule names theirs.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `reference_scores`.
    """
    there = reference_scores(store, scores, reference)
    if not is_reference_known(store, scores, there):
        size, number, seconds = reference_work(store, scores, there)
        name = store.catalogue.dataset(there.dataset_id).name
        yield PrecomputeStep("reference", size, backbone=backbone, number=number, seconds=seconds, reference=name)


def _pending_label_issues(compiler: Compiler, curation: Curation) -> Iterator[PrecomputeStep]:
    named = [column.backbone for column in named_columns(curation) if column.is_label_issue]
    for backbone in dict.fromkeys(named):
        yield from pending_label_issues(compiler.store, compiler.score_set(backbone), backbone)


def pending_label_issues(store: Store, scores: ScoreSet, backbone: str | None = None) -> Iterator[PrecomputeStep]:
    """Yield the work that label issues of the measured images still need; `backbone` is how a rule names theirs."""
    if not are_label_issues_known(store, scores):
        size = count_measured(store, scores)
        classes, seconds = label_issue_seconds_of(store, scores, size)
        yield PrecomputeStep("labels", size, backbone=backbone, number=classes, seconds=seconds)


def _pending_baselines(compiler: Compiler, curation: Curation) -> Iterator[PrecomputeStep]:
    named = named_columns(curation)
    for name, backbone in dict.fromkeys((column.definition, column.backbone) for column in named):
        baseline = matching(name, FITTED)
        if baseline is None:
            continue
        scores = compiler.score_set(backbone)
        if not is_known(compiler.store, scores, baseline):
            size = count_measured(compiler.store, scores)
            yield PrecomputeStep("baseline", size, backbone=backbone, baseline=baseline)


def _pending_clusters(compiler: Compiler, curation: Curation) -> Iterator[PrecomputeStep]:
    for step in curation.steps:
        if isinstance(step, Budget) and step.clusters is not None:
            scores = compiler.score_set(step.backbone)
            if not are_clusters_known(compiler.store, scores, step.clusters, step.seed):
                size = count_measured(compiler.store, scores)
                yield PrecomputeStep("clusters", size, backbone=step.backbone, number=step.clusters, seed=step.seed)


def _pending_choice(evaluator: Evaluator) -> Iterator[PrecomputeStep]:
    store = evaluator.store
    for step in evaluator.curation.steps:
        if isinstance(step, Budget) and step.draw == "diverse":
            compiler = evaluator.compiler
            named, there = compiler.score_set(step.backbone), compiler.budget_reference(step)
            found = evaluator.candidates()
            if not is_diverse_known(store, named, found, step.n, there):
                seconds = diverse_seconds(store, named, found.size, step.n, there)
                yield PrecomputeStep(
                    "diverse", found.size, backbone=step.backbone, number=step.n,
                    candidates=found.pack(), seconds=seconds, reference=step.reference,
                )  # fmt: skip


def pending_radii(store: Store, scores: ScoreSet, radius: float | None = None) -> Iterator[PrecomputeStep]:
    """Yield the work that choosing a radius of near duplicates still needs; it finds those within `radius`, too.

    `radius` None stands for the encoder's own.
    """
    if known_radius_curve(store, scores) is None:
        yield PrecomputeStep("radii", count_measured(store, scores), radius)


def pending_layout(store: Store, scores: ScoreSet, kind: LayoutKind) -> Iterator[PrecomputeStep]:
    """Yield the work that the map of the measured images still needs."""
    need = layout_need(store, scores, kind)
    if find_kept(store, scores, kind, need.identity) is None:
        yield PrecomputeStep(kind, need.size, seconds=need.seconds)


def pending_cut(store: Store, evaluation: Evaluation, embeddings: ScoreSet) -> PrecomputeStep | None:
    """Return the work that comparing a cut with random ones still needs, None if its effect is known.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `cut_effect`.
    """
    cut = cut_of(store, evaluation)
    if known_cut_effect(store, embeddings, cut) is not None:
        return None
    seconds, size = cut_effect_seconds(store, embeddings), count_measured(store, embeddings)
    return PrecomputeStep("cut", size, candidates=cut.pack(), seconds=seconds, embeddings=embeddings.key.text)


def pending_curve(store: Store, scores: ScoreSet, embeddings: ScoreSet) -> PrecomputeStep | None:
    """Return the work that accuracy against share kept still needs, None if it is known.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `cut_curve`.
    """
    if known_cut_curve(store, scores, embeddings) is not None:
        return None
    seconds, size = cut_curve_seconds(store, scores, embeddings), count_measured(store, embeddings)
    return PrecomputeStep("curve", size, seconds=seconds, embeddings=embeddings.key.text)


def slow_baselines(store: Store, scores: ScoreSet) -> tuple[PrecomputeStep, ...]:
    """Return the baseline scores of the measured images that are not computed yet and take longer than a moment."""
    size = count_measured(store, scores)
    missing = [name for name in FITTED if size >= MIN_IMAGES[name] and not is_known(store, scores, name)]
    return tuple(work for name in missing if not (work := PrecomputeStep("baseline", size, baseline=name)).is_quick)


def precompute_all(
    store: Store,
    scores: ScoreSet,
    curation: Curation,
    decisions: Decisions | None = None,
    follow: Callable[[PrecomputeStep], Progress] = lambda _: no_progress,
) -> None:
    """Do all steps that a curation needs; `follow` returns the progress callback of each.

    Raises:
        UnknownNameError, DatasetNotReadyError, RuleError, TooFewImagesError: as `pending_work` and `precompute`.
    """
    for _ in range(2):  # a diverse choice follows the rest; during a run, more may always be measured
        for work in pending_work(store, scores, curation, decisions):
            precompute(store, scores, work, follow(work))


def precompute(store: Store, scores: ScoreSet, work: PrecomputeStep, progress: Progress = no_progress) -> None:
    """Do one step; an exception from `progress` stops it.

    Raises:
        TooFewImagesError: if a baseline score, label issues or a map need more images than are measured.
        RuleError: if the dataset has changed since a diverse choice was requested, or a cut cannot be compared.
    """
    compiler = Compiler(store, scores)
    named = compiler.score_set(work.backbone)
    if work.kind == "colours":
        look_at_colours(store, compiler.dataset, progress)
    elif work.kind in ("labels", "clusters", "radii", "similar", *LAYOUT_KINDS):
        _read_embeddings(store, named, work, progress)
    elif work.kind == "diverse":
        there = reference_scores(store, named, work.reference) if work.reference is not None else None
        diverse_rows(store, named, Candidates.unpack(work.candidates), work.number, progress, there)
    elif work.kind == "reference":
        reference_values(store, named, str(work.reference), progress)
    elif work.kind in ("cut", "curve"):
        embeddings = ScoreSet(scores.dataset_id, MeasurementKey.parse(work.embeddings), scores.definition)
        if work.kind == "cut":
            cut_effect(store, embeddings, Cut.unpack(work.candidates), progress)
        else:
            cut_curve(store, scores, embeddings, progress)
    elif work.baseline is not None:
        baseline_values(store, named, work.baseline, progress)
    elif work.radius is not None:
        near_groups(store, named, work.radius, progress)


def _read_embeddings(store: Store, scores: ScoreSet, work: PrecomputeStep, progress: Progress) -> None:
    if (layout := matching(work.kind, LAYOUT_KINDS)) is not None:
        compute_layout(store, scores, layout, progress)
    elif work.kind == "labels":
        label_issue_values(store, scores, progress)
    elif work.kind == "clusters":
        cluster_values(store, scores, work.number, work.seed, progress)
    elif work.kind == "radii":
        curve = radius_curve(store, scores, subrange(progress, 0.0, 0.5))
        chosen = curve.default_radius if work.radius is None else work.radius
        near_groups(store, scores, chosen, subrange(progress, 0.5, 1.0))
    else:
        similarity_values(store, scores, parse_column(work.similarity), progress)
