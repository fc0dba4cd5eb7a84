"""The checks behind a verdict, each with a colour, its figures in a sentence, and the command that reproduces them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jepascore_core.formatting import number_text, rho_text
from jepascore_core.score import Definition
from jepascore_core.trust.confounds import PROPERTY_TITLES, Confound, Confounds, correlation_text
from jepascore_core.trust.correlation import rank_interval
from jepascore_core.trust.gaussianity import Gaussianity
from jepascore_core.trust.planted.result import PlantedResult

Colour = Literal["green", "amber", "red", "grey"]
CheckName = Literal["planted", "cut", "confounds", "agreement", "gaussianity", "theory"]

#: Share of the kinds from which on a score finds "most": one that misses more than half of what was planted is no
#: filter.
MOST = 0.5
#: Up to so many defects of a kind, not found may only mean not known: at 10 the interval of an AUROC of 0.8 reaches
#: down to about 0.65 (Hanley and McNeil 1982, beside 200 clean images).
FEW_DEFECTS = 10
#: Rank correlation of two encoders from which on they confirm each other: what two trainings that differ in the seed
#: alone reach at least (docs/trust.md has 0.96). Below the second one they order the images differently.
AGREE, DISAGREE = 0.6, 0.3

TITLES: dict[CheckName, str] = {
    "planted": "Planted defects",
    "cut": "Effect of a cut",
    "confounds": "Simple properties",
    "agreement": "Agreement with other encoders",
    "gaussianity": "Gaussian embeddings",
    "theory": "Theory",
}
NOT_TRIED: dict[CheckName, str] = {
    "planted": "Not tried: no defects were planted.",
    "cut": "Not tried: no cut was compared with a random one.",
    "confounds": "Not tried: too few images are scored, or they lack image quality.",
    "agreement": "Not tried: no other encoder has scored these images.",
    "gaussianity": "Not tried: too few images are scored.",
    "theory": "Unclear: nothing is recorded about this encoder.",
}
STALE = "Stale: images or scores changed since."
THEORY_HOLDS = "A JEPA-type encoder: the theory of the score covers it."


@dataclass(frozen=True, slots=True)
class PlantedEvidence:
    """Result of planted defects; `is_current` says that images and scores are still those."""

    result: PlantedResult
    is_current: bool = True


@dataclass(frozen=True, slots=True)
class CutEvidence:
    """Held-out accuracy of a probe trained on what `rule` keeps, minus that of random subsets of the same size.

    As a share, in [`lower`, `upper`] (95 %).
    """

    rule: str
    gain: float
    lower: float
    upper: float
    is_current: bool = True


@dataclass(frozen=True, slots=True)
class ConfoundEvidence:
    """Rank correlations of the scores with simple properties."""

    found: Confounds
    is_current: bool = True


@dataclass(frozen=True, slots=True)
class GaussianityEvidence:
    """Shape of the embeddings."""

    found: Gaussianity
    is_current: bool = True


@dataclass(frozen=True, slots=True)
class AgreementEvidence:
    """Rank correlation with the scores of another encoder, named by its title, on the images that both scored."""

    title: str
    spearman: float
    num_common: int
    is_current: bool = True


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of the scores of a dataset; None and () where nothing was tried.

    Attributes:
        definition: that of the score in question.
        theory: why the theory does not cover the encoder, "" if it does, None if nothing is known.
        is_planting: whether defects are being planted now.
        commands: of each check, what reproduces it or tries it first.
    """

    definition: Definition = "rank"
    planted: PlantedEvidence | None = None
    cut: CutEvidence | None = None
    confounds: ConfoundEvidence | None = None
    gaussianity: GaussianityEvidence | None = None
    agreements: tuple[AgreementEvidence, ...] = ()
    theory: str | None = None
    is_planting: bool = False
    commands: tuple[tuple[CheckName, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One check: grey if it was not tried. `command` reproduces its figures, or tries it."""

    name: CheckName
    title: str
    colour: Colour
    text: str
    command: str | None = None
    is_stale: bool = False


def checks(evidence: Evidence) -> tuple[Check, ...]:
    """Return all checks, those that say most about a cut first."""
    found = (
        _planted(evidence),
        _cut(evidence.cut),
        _confounds(evidence.confounds),
        _agreement(evidence.agreements),
        _gaussianity(evidence.gaussianity),
        _theory(evidence.theory),
    )
    commands = dict(evidence.commands)
    made = []
    for name, (colour, text, is_current) in zip(TITLES, found, strict=True):
        shown = text if is_current else f"{text} {STALE}"
        made.append(Check(name, TITLES[name], colour, shown, commands.get(name), not is_current))
    return tuple(made)


_Found = tuple[Colour, str, bool]


def _planted(evidence: Evidence) -> _Found:
    if evidence.planted is None:
        return "grey", NOT_TRIED["planted"], True
    result = evidence.planted.result
    return (
        planted_colour(result, evidence.definition),
        result.summary_of(evidence.definition),
        evidence.planted.is_current,
    )


def planted_colour(result: PlantedResult, own: str) -> Colour:
    """Judge a cut by the score `own`.

    Green: no score is clearly better, it finds most kinds and ranks none above clean images. Red: no score helps, or
    another score is better and this one misses most kinds. Grey: no score helps, but there are few defects of each
    kind. Amber otherwise.
    """
    found = len(result.found_by(own)) if result.score(own) is not None else 0
    finds_most = found >= MOST * len(result.kinds)
    if not result.helps:
        return "grey" if max(kind.num_defects for kind in result.kinds) <= FEW_DEFECTS else "red"
    if found and result.is_as_good(own):
        return "green" if finds_most and not result.reversed_by(own) else "amber"
    return "amber" if finds_most else "red"


def _cut(evidence: CutEvidence | None) -> _Found:
    if evidence is None:
        return "grey", NOT_TRIED["cut"], True
    gain, lower, upper = (number_text(100 * value, "+.1f") for value in (evidence.gain, evidence.lower, evidence.upper))
    figures = f"{gain} points, 95 % interval {lower} to {upper}"
    colour: Colour = "green" if evidence.lower > 0 else "red" if evidence.upper < 0 else "amber"
    word = {"green": "better than", "red": "worse than"}.get(colour, "no better than")
    text = f"A probe trained on what `{evidence.rule}` keeps is {word} on random images of the same number ({figures})."
    return colour, text, evidence.is_current


def own_confound(evidence: ConfoundEvidence | None) -> Confound | None:
    """Return the property that the score itself mostly follows; None if there is none."""
    warnings = evidence.found.of_score if evidence is not None else ()
    return next((row for row in warnings if row.is_warning), None)


def _confounds(evidence: ConfoundEvidence | None) -> _Found:
    rows = evidence.found.of_score if evidence is not None else ()
    if evidence is None or not rows:
        return "grey", NOT_TRIED["confounds"], True
    strongest = rows[0]
    words = f"{PROPERTY_TITLES[strongest.image_property]} ({correlation_text(strongest)})"
    if strongest.is_warning:
        return "red", f"The score mostly orders your images by {words}.", evidence.is_current
    return (
        "green",
        f"The score follows nothing simple: the strongest correlation is that with {words}.",
        evidence.is_current,
    )


def _agreement(found: tuple[AgreementEvidence, ...]) -> _Found:
    if not found:
        return "grey", NOT_TRIED["agreement"], True
    closest = max(found, key=lambda item: item.spearman)
    lower, upper = rank_interval(closest.spearman, closest.num_common)
    colour: Colour = "green" if lower >= AGREE else "red" if upper < DISAGREE else "amber"
    word = {"green": "confirms the order", "red": "orders the images differently"}.get(colour, "agrees in part")
    text = (
        f"{closest.title} {word} (rho = {rho_text(closest.spearman)}, 95 % interval {rho_text(lower)} to "
        f"{rho_text(upper)}, n = {closest.num_common:,})."
    )
    if len(found) > 1:
        text += f" It is the closest of {len(found)} other encoders."
    return colour, text, closest.is_current


#: Shape of the embeddings -> colour, what it means. Never red: it says how a score may be read, not what it finds.
_SHAPES: dict[str, tuple[Colour, str]] = {
    "near": (
        "green",
        "Near Gaussian, as far as the test can tell. This alone does not show that the score finds defects",
    ),
    "some way off": ("amber", "Moderately non-Gaussian: the score is an order, not a density"),
    "far": ("amber", "Far from Gaussian: the score is not a density, and its order may be unreliable"),
}


def _gaussianity(evidence: GaussianityEvidence | None) -> _Found:
    if evidence is None:
        return "grey", NOT_TRIED["gaussianity"], True
    found = evidence.found
    colour, text = _SHAPES[found.verdict]
    figures = (
        f"distance {found.distance:.3f}, a Gaussian sample's {found.normal_distance:.3f}; spread of norms "
        f"{found.spread:.3f} and {found.normal_spread:.3f}; n = {found.num_images:,}"
    )
    return colour, f"{text} ({figures}).", evidence.is_current


def _theory(text: str | None) -> _Found:
    if text is None:
        return "grey", NOT_TRIED["theory"], True
    return ("amber", text, True) if text else ("green", THEORY_HOLDS, True)
