"""One verdict from all checks: whether to cut by the score here, by what else, or not at all.

A pure function of the evidence. Planted defects decide, and what a cut does to a classifier can forbid it: both ask
directly whether a cut does what it is for. The other checks are circumstantial. One of them that is red keeps a verdict
from being green; one that is green recommends nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from jepascore_core.trust.checks import MOST, Check, Colour, Evidence, checks, own_confound
from jepascore_core.trust.confounds import PROPERTY_TITLES, correlation_text
from jepascore_core.trust.planted.result import BASELINES, WITHIN_CLASS, PlantedResult, listed

NOT_TRIED_YET = "Not tried yet: plant defects to learn whether the score finds them on these images."
CUT, WITH_CARE, DO_NOT_CUT, NOT_TRIED = "Cut by the score", "Cut with care", "Do not cut", "Not tried"
BEING_TRIED = "Being tried: defects are being planted and measured."
TRY_AGAIN = "Images or scores changed since: plant again."
#: Kinds that no score of one image can find, and what does.
ELSEWHERE = {
    "near_duplicate": "Duplicates finds near duplicates.",
    "swapped_label": "The rule `label_issue >= 0.9` finds wrong labels.",
}


@dataclass(frozen=True, slots=True)
class TrustVerdict:
    """What all checks together say of a cut by a score.

    Attributes:
        colour: of a cut by the score: green, amber (with care, or another score is better), red (do not), grey (nobody
            tried).
        badge: the same in two to four words.
        sentence: the recommendation and its reason.
        recommended: name of the score to cut by, as rules call it; None if there is none.
        rule: the rule that drops its lowest 5 %, None likewise.
        details: sentences about what is not found, or found the other way round.
        checks: all of them.
    """

    colour: Colour
    badge: str
    sentence: str
    recommended: str | None
    rule: str | None
    details: tuple[str, ...]
    checks: tuple[Check, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Opinion:
    colour: Colour
    badge: str
    sentence: str
    recommended: str | None = None


def judge(evidence: Evidence) -> TrustVerdict:
    """Sum up the evidence: never green where a check is red or planted defects are stale, grey where none was tried."""
    found = checks(evidence)
    colours = {check.name: check.colour for check in found}
    planted = evidence.planted
    opinion = _of_planted(planted.result, evidence.definition, colours["planted"]) if planted else _untried(evidence)
    opinion = _with_the_rest(opinion, evidence, found)
    if planted is not None and not planted.is_current:
        colour: Colour = "amber" if opinion.colour == "green" else opinion.colour
        opinion = _Opinion(colour, f"{opinion.badge} · stale", f"{opinion.sentence} {TRY_AGAIN}", opinion.recommended)
    chosen = planted.result.score(opinion.recommended) if planted and opinion.recommended else None
    return TrustVerdict(
        colour=opinion.colour,
        badge=opinion.badge,
        sentence=opinion.sentence,
        recommended=opinion.recommended,
        rule=None if chosen is None else chosen.rule,
        details=_details(evidence, opinion.recommended),
        checks=found,
    )


def _untried(evidence: Evidence) -> _Opinion:
    """Judge without planted defects: only what forbids a cut counts."""
    confound = own_confound(evidence.confounds)
    if confound is not None:
        title = PROPERTY_TITLES[confound.image_property]
        reason = f"it mostly orders your images by {title} ({correlation_text(confound)})"
        advice = BEING_TRIED if evidence.is_planting else "Plant defects to learn what finds them."
        return _Opinion("red", "Do not cut untested", f"Do not cut by the score untested: {reason}. {advice}")
    if evidence.is_planting:
        return _Opinion("grey", "Being tried", BEING_TRIED)
    return _Opinion("grey", NOT_TRIED, NOT_TRIED_YET)


def _of_planted(result: PlantedResult, own: str, colour: Colour) -> _Opinion:
    total, best = len(result.kinds), result.best
    kinds = f"{total} {'kind' if total == 1 else 'kinds'} of planted defects"
    num_best = len(result.found_by(best.name))
    if not result.helps:
        return _of_no_help(result, colour, kinds)
    num_own = len(result.found_by(own)) if result.score(own) is not None else 0
    if num_own and result.is_as_good(own):
        return _of_own(result, own, colour, f"{num_own} of {kinds}")
    name = _called(best.name, best.title)
    if num_best > num_own:
        text = f"the score misses {total - num_own} of {kinds}, {name} {total - num_best}"
    else:
        ahead, behind = result.mean(best.name).mean, result.mean(own).mean
        text = f"its mean AUROC over {kinds} is {ahead:.2f}, the score's {behind:.2f}"
    care = "" if num_best >= MOST * total else " with care"
    return _Opinion(colour, f"Use {best.title}", f"Use {name}{care} here: {text}.", best.name)


def _of_no_help(result: PlantedResult, colour: Colour, kinds: str) -> _Opinion:
    if colour == "grey":
        most = max(kind.num_defects for kind in result.kinds)
        text = f"Unclear yet: {most} defects of each kind are too few to see what the scores find. Plant more."
        return _Opinion(colour, "Unclear", text)
    best, found = result.best, len(result.found_by(result.best.name))
    if not found:
        return _Opinion(colour, DO_NOT_CUT, f"Do not cut by any score here: none finds any of {kinds}.")
    mean = result.mean(best.name)
    text = (
        f"Do not cut by any score here: the best, {best.title}, finds {found} of {kinds}, but over all of them does "
        f"not beat chance (mean AUROC {mean.mean:.2f}, 95 % interval {mean.lower:.2f} to {mean.upper:.2f})."
    )
    return _Opinion(colour, DO_NOT_CUT, text)


def _of_own(result: PlantedResult, own: str, colour: Colour, found: str) -> _Opinion:
    equals = [score for score in result.scores if score.name in BASELINES and result.is_as_good(score.name)]
    names = ["the score", *(_called(score.name, score.title) for score in equals)]
    means = [f"{result.mean(name).mean:.2f}" for name in (own, *(score.name for score in equals))]
    turned = result.reversed_by(own)
    care = "" if colour == "green" else " with care"
    only = "only " if care and not turned else ""
    text = f"it finds {only}{found}"
    if equals:
        means_text = _joined(means, ", ", " and ")
        text = f"their mean AUROC does not differ clearly ({means_text}), and the score finds {only}{found}"
    if turned:
        text += f", but takes these for likelier than clean images: {listed(turned)}"
    sentence = f"Cut by {_joined(names, ', by ', ' or by ')}{care} here: {text}."
    return _Opinion(colour, WITH_CARE if care else CUT, sentence, own)


def _with_the_rest(opinion: _Opinion, evidence: Evidence, found: Sequence[Check]) -> _Opinion:
    """Add what the other checks say against a cut by the score."""
    texts = {check.name: check.text for check in found}
    red = [check.name for check in found if check.colour == "red"]
    if "cut" in red and opinion.recommended in (None, evidence.definition):
        return _Opinion("red", DO_NOT_CUT, f"Do not cut by the score here. {texts['cut']}")
    if evidence.cut is not None and opinion.colour == "grey":
        return _Opinion("amber", "Not planted", f"{opinion.sentence} {texts['cut']}")
    against = [texts[name] for name in red if name not in ("planted", "cut")]
    if opinion.recommended != evidence.definition or not against:
        return opinion
    if evidence.planted is not None and _finds_few(evidence.planted.result):
        result = evidence.planted.result
        found_of = f"{len(result.found_by(evidence.definition))} of {len(result.kinds)} kinds of planted defects"
        text = f"Do not cut by the score here: it finds only {found_of}."
        return _Opinion("red", DO_NOT_CUT, " ".join([text, *against]))
    sentence = opinion.sentence.replace(" here:", " with care here:") if opinion.colour == "green" else opinion.sentence
    return _Opinion("amber", WITH_CARE, " ".join([sentence, "But:", *against]), opinion.recommended)


def _finds_few(result: PlantedResult) -> bool:
    """Whether every score misses most kinds."""
    return max(len(result.found_by(score.name)) for score in result.scores) < MOST * len(result.kinds)


def _details(evidence: Evidence, recommended: str | None) -> tuple[str, ...]:
    texts = []
    if evidence.planted is not None:
        result, own = evidence.planted.result, evidence.definition
        if recommended != own and result.score(own) and (turned := result.reversed_by(own)):
            texts.append(f"The score takes these for likelier than clean images: {listed(turned)}.")
        if recommended not in (None, own) and (turned := result.reversed_by(str(recommended))):
            texts.append(f"So does {result.best.title}: {listed(turned)}.")
        if missed := result.found_by_none:
            advice = [ELSEWHERE[kind.name] for kind in missed if kind.name in ELSEWHERE]
            texts.append(" ".join([f"No score finds: {listed([kind.title for kind in missed])}.", *advice]))
    return tuple(texts)


def _called(name: str, title: str) -> str:
    """Name a score other than the one in question."""
    if name in BASELINES:
        return "the norm" if name == "norm" else title
    return "the score's rank within the class" if name == WITHIN_CLASS else f"the score variant {title}"


def _joined(names: Sequence[str], between: str, last: str) -> str:
    *first, end = names
    return f"{between.join(first)}{last}{end}" if first else end
