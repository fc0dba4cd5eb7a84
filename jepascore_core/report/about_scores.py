"""The sections of a report about the scores of one backbone: verdict, coverage, distribution, extremes, labels."""

from __future__ import annotations

from collections.abc import Sequence

from jepascore_core.errors import TooFewImagesError
from jepascore_core.figures.scores import histogram_figure
from jepascore_core.formatting import class_title, count_text, percent_text, plural, score_text
from jepascore_core.report.about_images import MAX_CLASSES, PER_CLASS
from jepascore_core.report.content import Gallery, Picture, Section, Table
from jepascore_core.scores.coverage import full_coverage
from jepascore_core.scores.score_set import ScoredSample, ScoreSet
from jepascore_core.storage.store import Store
from jepascore_core.trust.evidence import compute_checks, trust_verdict
from jepascore_core.views.distribution import histograms
from jepascore_core.views.extremes import class_extremes, class_summaries
from jepascore_core.views.label_issues import LIKELY_WRONG, label_issue_view
from jepascore_core.views.search import SampleSearch, search_samples

NUM_EXTREMES = 18
NUM_LABEL_ISSUES = 18


def describe_trust(store: Store, scores: ScoreSet) -> Section:
    """Say whether to cut by the score, and what the checks found that need no measuring or were made before."""
    compute_checks(store, scores)
    verdict = trust_verdict(store, scores)
    rows = tuple((check.title, check.colour, check.text) for check in verdict.checks)
    texts = (verdict.sentence, *verdict.details, *([f"Rule: {verdict.rule}"] if verdict.rule else []))
    return Section(
        "Is the score worth acting on?",
        texts,
        (Table(("check", "colour", "what it says"), rows),),
        colour=verdict.colour,
    )


def describe_coverage(store: Store, scores: ScoreSet) -> Section:
    """Say how many images are measured, and draw the distribution of their scores."""
    found = full_coverage(store, scores)
    share = percent_text(found.num_scored / found.num_samples) if found.num_samples else percent_text(0)
    texts = [f"{count_text(found.num_scored)} of {plural(found.num_samples, 'sample')} measured ({share})."]
    if found.num_failed:
        texts.append(f"{plural(found.num_failed, 'image')} could not be measured.")
    if not scores.key.has_scores:
        return Section("Coverage", (*texts, "Embeddings only: no score was measured."))
    return Section("Scores", tuple(texts), figures=(histogram_figure(histograms(store, [scores])),))


def describe_extremes(store: Store, scores: ScoreSet) -> Section:
    """Show the least and the most likely samples of all, then those of the classes with the least likely ones."""
    galleries = []
    for title, wanted in (
        ("Least likely", SampleSearch(order="least")),
        ("Most likely", SampleSearch(order="most")),
    ):
        found = search_samples(store, scores, wanted, 1, NUM_EXTREMES)
        galleries.append(Gallery(f"{title} of all", _scored(found.samples, names_class=True)))
    summaries = [item for item in class_summaries(store, scores, "worst") if item.num_scored]
    if len(summaries) > 1:
        shown = summaries[:MAX_CLASSES]
        for item, found_in in zip(
            shown, class_extremes(store, scores, [item.label for item in shown], PER_CLASS), strict=True
        ):
            galleries.append(Gallery(f"{item.title}: least likely", _scored(found_in.least)))
            galleries.append(Gallery(f"{item.title}: most likely", _scored(found_in.most)))
    texts = ["Scores in nats, higher means more likely under this backbone."]
    if len(summaries) > MAX_CLASSES:
        texts.append(
            f"Of {plural(len(summaries), 'class')} those {MAX_CLASSES} with the least likely samples are shown."
        )
    return Section("Extremes", tuple(texts), galleries=tuple(galleries))


def _scored(samples: Sequence[ScoredSample], names_class: bool = False) -> tuple[Picture, ...]:
    return tuple(
        Picture(
            item.sample_key,
            item.content_id,
            " · ".join(
                [
                    score_text(item.score, item.is_exact),
                    *([class_title(item.label)] if names_class and item.label else []),
                ]
            ),
        )
        for item in samples
    )


def describe_label_issues(store: Store, scores: ScoreSet) -> Section | None:
    """Show the samples whose labels are most likely wrong; None where there are no two classes to judge."""
    try:
        view = label_issue_view(store, scores, NUM_LABEL_ISSUES)
    except TooFewImagesError:
        return None
    texts = [
        f"{count_text(view.num_likely_wrong)} of {plural(view.num_judged, 'judged label')} likely wrong "
        f"(label_issue >= {LIKELY_WRONG:g})."
    ]
    if view.warning:
        texts.append(view.warning)
    pictures = tuple(
        Picture(item.sample_key, item.content_id, f"{item.label} → {item.likely_label}? {item.label_issue:.2f}")
        for item in view.worst
    )
    return Section("Labels", tuple(texts), galleries=(Gallery("Most likely wrong", pictures),))
