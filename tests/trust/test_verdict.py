"""The verdict as a pure function of evidence: closed cases in words, and what holds of any evidence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jepascore_core.trust.checks import (
    NOT_TRIED,
    STALE,
    AgreementEvidence,
    ConfoundEvidence,
    CutEvidence,
    Evidence,
    GaussianityEvidence,
    PlantedEvidence,
)
from jepascore_core.trust.confounds import Confound, Confounds
from jepascore_core.trust.gaussianity import Gaussianity
from jepascore_core.trust.planted.result import PlantedCell, PlantedKind, PlantedResult, PlantedScore
from jepascore_core.trust.planted.statistics import MeanAuroc
from jepascore_core.trust.verdict import NOT_TRIED_YET, TRY_AGAIN, judge

TITLES = {"rank": "JEPA-SCORE", "top": "Top 32", "class": "Rank within class", "knn": "k-NN", "norm": "norm"}
KINDS = ("noise", "blur", "near_duplicate", "swapped_label")


def planted(
    half: float = 0.05, num_defects: int = 40, apart: float = 0.02, **aurocs: tuple[float, ...]
) -> PlantedEvidence:
    """Scores with these AUROCs, one a kind, in intervals of +- `half`; differences of means in ones of +- `apart`."""
    number = len(next(iter(aurocs.values())))
    kinds = [KINDS[index] if index < len(KINDS) else f"kind {index}" for index in range(number)]
    cells = [
        PlantedCell(kind, name, value, value - half, value + half, 0.1)
        for name, values in aurocs.items()
        for kind, value in zip(kinds, values, strict=True)
    ]
    finders = [name for name in aurocs if any(cell.finds for cell in cells if cell.score == name)]
    means = {name: sum(values) / number for name, values in aurocs.items()}
    best = max(means[name] for name in finders or aurocs)
    found = [
        MeanAuroc(name, mean, mean - half, mean + half, best - mean, best - mean - apart, best - mean + apart)
        for name, mean in means.items()
    ]
    result = PlantedResult(
        num_clean=200,
        num_failed=0,
        seed=0,
        scores=tuple(PlantedScore(name, TITLES[name], f"percentile[{name}] >= 5") for name in aurocs),
        kinds=tuple(PlantedKind(kind, kind.replace("_", " ").capitalize(), num_defects, ()) for kind in kinds),
        cells=tuple(cells),
        means=tuple(found),
    )
    return PlantedEvidence(result)


def shape(distance: float) -> GaussianityEvidence:
    plots: Any = ((), (), (), (), ())
    return GaussianityEvidence(Gaussianity(300, 64, 64, 0.5, distance, 0.01, 0.02, 0.02, 0.1, 0.1, *plots))


def confounded(brightness: float, of: str = "JEPA-SCORE") -> ConfoundEvidence:
    rows = (Confound(of, "brightness", brightness, 300), Confound("JEPA-SCORE", "aspect", None, 300))
    return ConfoundEvidence(Confounds(300, 0, rows))


GOOD = planted(rank=(0.95, 0.9, 0.9, 0.5), knn=(0.7, 0.7, 0.7, 0.5))


def test_nothing_tried_is_grey_and_says_what_to_do() -> None:
    found = judge(Evidence())
    assert (found.colour, found.sentence, found.recommended, found.rule) == ("grey", NOT_TRIED_YET, None, None)
    assert {check.name: check.text for check in found.checks} == NOT_TRIED
    assert {check.colour for check in found.checks} == {"grey"}


def test_gaussian_embeddings_covered_by_theory_and_confirmed_recommend_nothing() -> None:
    agreed = (AgreementEvidence("other", 0.96, 500),)
    found = judge(Evidence(gaussianity=shape(0.01), theory="", agreements=agreed, confounds=confounded(0.1)))
    assert [check.colour for check in found.checks] == ["grey", "grey", "green", "green", "green", "green"]
    assert (found.colour, found.sentence) == ("grey", NOT_TRIED_YET)


def test_a_score_that_finds_most_is_to_be_cut_by() -> None:
    found = judge(Evidence(planted=GOOD, gaussianity=shape(0.3), theory="Supervised."))
    assert found.sentence == "Cut by the score here: it finds 3 of 4 kinds of planted defects."
    assert (found.colour, found.badge, found.recommended) == ("green", "Cut by the score", "rank")
    assert found.rule == "percentile[rank] >= 5"
    assert found.details == ("No score finds: swapped label. The rule `label_issue >= 0.9` finds wrong labels.",)
    assert [check.colour for check in found.checks][-2:] == ["amber", "amber"], "density is another question"


def test_a_baseline_that_is_better_is_named_with_what_the_score_misses() -> None:
    found = judge(Evidence(planted=planted(rank=(0.9, 0.3, 0.5, 0.5), knn=(0.95, 0.9, 0.9, 0.5))))
    assert found.sentence == "Use k-NN here: the score misses 3 of 4 kinds of planted defects, k-NN 1."
    assert (found.colour, found.badge, found.recommended) == ("red", "Use k-NN", "knn")
    assert found.rule == "percentile[knn] >= 5"
    close = judge(Evidence(planted=planted(rank=(0.8, 0.8, 0.8, 0.5), knn=(0.95, 0.95, 0.95, 0.5))))
    assert close.colour == "amber", "the score finds most kinds, too"
    assert "mean AUROC over 4 kinds of planted defects is 0.84, the score's 0.73" in close.sentence


def test_equally_good_means_that_the_difference_may_be_none() -> None:
    """0.03 apart in an interval that holds 0, or 0.015 in one that does not."""
    wide = judge(Evidence(planted=planted(rank=(0.9, 0.9), knn=(0.9, 0.96), apart=0.04)))
    assert wide.sentence == (
        "Cut by the score or by k-NN here: their mean AUROC does not differ clearly (0.90 and 0.93), and the "
        "score finds 2 of 2 kinds of planted defects."
    )
    assert (wide.colour, wide.recommended) == ("green", "rank")
    assert judge(Evidence(planted=planted(rank=(0.9, 0.9), knn=(0.9, 0.93), apart=0.001))).recommended == "rank"
    assert judge(Evidence(planted=planted(rank=(0.9, 0.9), knn=(0.9, 0.95), apart=0.001))).recommended == "knn"


def test_kinds_that_look_likelier_are_named_and_never_green() -> None:
    found = judge(Evidence(planted=planted(rank=(0.95, 0.1, 0.95, 0.95))))
    assert (found.colour, found.badge) == ("amber", "Cut with care")
    assert found.sentence == (
        "Cut by the score with care here: it finds 3 of 4 kinds of planted defects, but takes these for likelier than "
        "clean images: blur."
    )
    other = judge(Evidence(planted=planted(rank=(0.8, 0.1, 0.5, 0.5), knn=(0.95, 0.95, 0.1, 0.95))))
    assert other.details[0] == "The score takes these for likelier than clean images: blur."
    assert other.details[1] == "So does k-NN: near duplicate."


def test_a_score_that_finds_little_where_none_is_better() -> None:
    found = judge(Evidence(planted=planted(rank=(0.9, 0.5, 0.5, 0.5))))
    assert (found.colour, found.recommended) == ("amber", "rank")
    assert "it finds only 1 of 4" in found.sentence


def test_nothing_found_is_no_or_not_known() -> None:
    found = judge(Evidence(planted=planted(rank=(0.5, 0.5), knn=(0.6, 0.5))))
    assert (found.colour, found.recommended, found.rule) == ("red", None, None)
    assert found.sentence == "Do not cut by any score here: none finds any of 2 kinds of planted defects."
    few = judge(Evidence(planted=planted(rank=(0.5, 0.5), num_defects=6, half=0.3)))
    assert few.colour == "grey"
    assert few.sentence.startswith("Unclear yet: 6 defects of each kind are too few")


def test_a_best_score_that_is_chance_over_all_kinds_is_no_advice() -> None:
    """As a score that is brightness: it finds overexposure and takes underexposure for likelier."""
    found = judge(Evidence(planted=planted(rank=(0.95, 0.1, 0.5, 0.5), knn=(0.5, 0.5, 0.5, 0.5))))
    assert (found.colour, found.badge, found.recommended) == ("red", "Do not cut", None)
    assert found.sentence == (
        "Do not cut by any score here: the best, JEPA-SCORE, finds 1 of 4 kinds of planted defects, but over all of "
        "them does not beat chance (mean AUROC 0.51, 95 % interval 0.46 to 0.56)."
    )


def test_variants_of_the_score_have_their_own_names() -> None:
    within = judge(Evidence(planted=planted(rank=(0.5, 0.5), **{"class": (0.9, 0.9)})))
    assert within.sentence.startswith("Use the score's rank within the class here: the score misses 2 of 2")
    assert judge(Evidence(planted=planted(rank=(0.5,), top=(0.9,)))).sentence.startswith("Use the score variant Top 32")
    assert judge(Evidence("top", planted(rank=(0.5,), top=(0.9,)))).sentence == (
        "Cut by the score here: it finds 1 of 1 kind of planted defects."
    )


def test_a_confounded_score_is_not_cut_by_untested_and_with_care_when_tested() -> None:
    found = judge(Evidence(confounds=confounded(-0.94)))
    assert (found.colour, found.badge) == ("red", "Do not cut untested")
    assert "it mostly orders your images by brightness (rho = −0.94, 95 % interval −0.95 to −0.9" in found.sentence
    tested = judge(Evidence(planted=GOOD, confounds=confounded(-0.94)))
    assert (tested.colour, tested.badge, tested.recommended) == ("amber", "Cut with care", "rank")
    assert "But: The score mostly orders your images by brightness" in tested.sentence
    assert judge(Evidence(planted=GOOD, confounds=confounded(0.94, of="k-NN"))).colour == "green"


def test_a_confounded_score_that_finds_little_forbids_a_cut() -> None:
    little = planted(rank=(0.95, 0.2, 0.6, 0.6))
    assert judge(Evidence(planted=little)).colour == "amber"
    found = judge(Evidence(planted=little, confounds=confounded(-0.93)))
    assert (found.colour, found.badge, found.recommended, found.rule) == ("red", "Do not cut", None, None)
    assert found.sentence.startswith(
        "Do not cut by the score here: it finds only 1 of 4 kinds of planted defects. The score mostly orders your "
        "images by brightness"
    )
    assert found.details[0] == "The score takes these for likelier than clean images: blur."
    other = planted(rank=(0.95, 0.5, 0.5, 0.6), knn=(0.6, 0.8, 0.8, 0.8), apart=0.2)
    assert judge(Evidence(planted=other, confounds=confounded(-0.93))).colour == "amber"


def test_a_cut_that_harms_forbids_and_one_that_helps_does_not_replace_planted_defects() -> None:
    harm = CutEvidence("percentile >= 5", -0.02, -0.03, -0.01)
    found = judge(Evidence(planted=GOOD, cut=harm))
    assert (found.colour, found.badge, found.recommended) == ("red", "Do not cut", None)
    assert "−2.0 points, 95 % interval −3.0 to −1.0" in found.sentence
    assert judge(Evidence(planted=planted(rank=(0.5,), knn=(0.9,)), cut=harm)).recommended == "knn"
    helped = CutEvidence("percentile >= 5", 0.02, 0.01, 0.03)
    assert judge(Evidence(cut=helped)).colour == "amber"
    assert judge(Evidence(planted=GOOD, cut=helped)).colour == "green"
    none = judge(Evidence(planted=GOOD, cut=replace(helped, lower=-0.01)))
    assert none.colour == "green"
    assert "no better than" in none.checks[1].text


def test_other_encoders_that_disagree_keep_it_from_green() -> None:
    found = judge(
        Evidence(planted=GOOD, agreements=(AgreementEvidence("a", -0.5, 500), AgreementEvidence("b", 0.0, 500)))
    )
    assert found.colour == "amber"
    assert "b orders the images differently (rho = 0.00, 95 % interval −0.09 to 0.09, n = 500)" in found.sentence
    one_agrees = (AgreementEvidence("a", -0.5, 500), AgreementEvidence("b", 0.9, 500))
    assert judge(Evidence(planted=GOOD, agreements=one_agrees)).colour == "green"


def test_what_was_made_on_other_images_is_stale() -> None:
    found = judge(Evidence(planted=replace(GOOD, is_current=False)))
    assert (found.colour, found.badge) == ("amber", "Cut by the score · stale")
    assert found.sentence.endswith(TRY_AGAIN)
    assert found.checks[0].is_stale and found.checks[0].text.endswith(STALE)


def test_while_defects_are_planted_it_says_so() -> None:
    assert judge(Evidence(is_planting=True)).badge == "Being tried"
    assert "are being planted" in judge(Evidence(is_planting=True, confounds=confounded(0.9))).sentence


def test_each_check_has_its_command() -> None:
    found = judge(Evidence(commands=(("planted", "jepascore trust plant toy"),)))
    assert [check.command for check in found.checks] == ["jepascore trust plant toy", *[None] * 5]
    assert found.to_dict()["checks"][0]["command"] == "jepascore trust plant toy"


SHARES = st.floats(0.0, 1.0)
NUMBERS = st.floats(-0.99, 0.99)


@st.composite
def any_evidence(draw: st.DrawFn) -> Evidence:
    number = draw(st.integers(1, 5))
    names = ["rank", *draw(st.lists(st.sampled_from(["top", "class", "knn", "norm"]), unique=True))]
    aurocs = {name: tuple(draw(SHARES) for _ in range(number)) for name in names}
    sizes = {"half": draw(st.floats(0, 0.3)), "apart": draw(st.floats(0, 0.1)), "num_defects": draw(st.integers(2, 50))}
    maybe = st.booleans()
    gain, half = draw(NUMBERS), draw(st.floats(0, 0.5))
    made = planted(**sizes, **aurocs)
    return Evidence(
        definition=draw(st.sampled_from(["rank", "top", "paper"])),
        planted=replace(made, is_current=draw(maybe)) if draw(maybe) else None,
        cut=CutEvidence("percentile >= 5", gain, gain - half, gain + half) if draw(maybe) else None,
        confounds=confounded(draw(NUMBERS)) if draw(maybe) else None,
        gaussianity=shape(draw(SHARES)) if draw(maybe) else None,
        agreements=tuple(AgreementEvidence("x", draw(NUMBERS), 100) for _ in range(draw(st.integers(0, 3)))),
        theory=draw(st.sampled_from([None, "", "Supervised."])),
        is_planting=draw(maybe),
    )


@given(any_evidence())
def test_never_green_where_a_check_is_red_or_defects_were_not_planted(evidence: Evidence) -> None:
    found = judge(evidence)
    colours = {check.name: check.colour for check in found.checks}
    if found.colour == "green":
        assert "red" not in colours.values()
        assert colours["planted"] == "green"
        assert evidence.planted is not None and evidence.planted.is_current
        assert found.recommended == evidence.definition
    if found.colour == "grey":
        assert found.recommended is None
        assert evidence.cut is None
    assert (found.rule is None) == (found.recommended is None)
    assert found.sentence.endswith(".") and found.badge
    assert found.recommended != "norm" or colours["planted"] != "green"


@given(any_evidence())
def test_without_planted_defects_nothing_is_recommended(evidence: Evidence) -> None:
    found = judge(replace(evidence, planted=None))
    assert found.recommended is None
    assert found.colour in ("grey", "red", "amber")
