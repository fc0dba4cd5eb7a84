"""Every figure that README and docs state about density, trust and fidelity is one that the package ships.

A claim is a piece of a page's text, made here of the data, which programs of this repository wrote. The page must
contain it. What is left of the page without its claims must hold no figure (a decimal number, a percentage, a number
of nats, a cell of a table): so a figure that is added to a page needs a claim, and one whose data changes needs new
text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import pytest
from scipy.stats import norm

from jepascore_core.density_check.experiment import DensityRecipe
from jepascore_core.density_check.pictures import load_pictures_report
from jepascore_core.density_check.results import SHIPPED, DensityCell, read_cells
from jepascore_core.embeddings.label_issues import TEMPERATURE
from jepascore_core.rendering.products import PRODUCTS
from jepascore_core.storage.ties import TIE_DECIMALS
from jepascore_core.trust import gaussianity
from jepascore_core.trust.confounds import WARN_FROM
from jepascore_core.trust.planted.result import FINDS, SHARE
from jepascore_core.trust.planted.statistics import Z95
from tests.stated_figures.claims import (
    EVIDENCE,
    README,
    ROOT,
    TRUST,
    Claim,
    row,
    shipped,
    shipped_lines,
    span,
    spelt,
)
from tests.stated_figures.evidence import evidence_claims

#: Sections of pages whose figures all need a source; () for the whole page. Rendered pictures have tests of their own.
SECTIONS: dict[str, tuple[str, ...]] = {
    README: ("When not to trust it",),
    TRUST: (
        "On your data: shape of the embeddings",
        "Something simple: `jepascore trust confounds`",
        "On your data: planted defects, `jepascore trust plant`",
        "On known densities: `jepascore density`",
        "Cheaper scores",
        "Label issues",
        "The paper's figures: `jepascore figure`",
    ),
    EVIDENCE: (),
}
#: Correlation with the true log density that the density check is meant to reach.
AIM = 0.95
FIGURE = re.compile(r"[−-]?\d[\d,]*\.\d+|\d[\d,]*(?= ?%| nats)|(?<=\| )\d[\d,]*(?= \|)")
#: How the medians of sets of photographs are called in the shipped data.
MEDIANS = "ViT-Ti/16 AugReg, median score in nats: "


def claims() -> list[Claim]:
    """All claims; a page's own order does not matter."""
    return [
        *cited_claims(),
        *density_claims(),
        *picture_claims(),
        *gaussianity_claims(),
        *planted_claims(),
        *unseen_claims(),
        *label_claims(),
        *estimator_claims(),
        *evidence_claims(),
    ]


def cited_claims() -> Iterator[Claim]:
    """Figures of other people, and of trials that no program here repeats in minutes, with their source."""
    cited = {item["what"]: item["values"] for item in shipped("cited")["figures"]}
    dinov2 = " / ".join(spelt(value, 3) for value in cited["CIFAR-10 against SVHN, DINOv2 S, B, L"])
    (metaclip,) = cited["CIFAR-10 against SVHN, MetaCLIP"]
    sketch, calibrated = cited["sketch of 32 on photographs, ViT-Ti: rank correlation with exact, calibrated"]
    yield Claim(
        README,
        f"Its rank correlation with the exact score was {spelt(sketch, 3)}, and {spelt(calibrated, 3)} calibrated, on "
        "photographs under a ViT-Ti (r = 32 of K = 192)",
    )
    for what, values in cited.items():
        if what.startswith(MEDIANS):
            yield Claim(TRUST, row(what.removeprefix(MEDIANS), *map(int, values)))
    low, high, first, last = map(int, cited["ViT-Ti/16 AugReg, scores in nats of the least and most likely daisies"])
    yield Claim(
        TRUST, f"({low} to {high} nats), the most likely ones oblique, blurred, small or wilted ({first} to {last})"
    )
    yield Claim(TRUST, f"(below 1e-{TIE_DECIMALS} nats)")
    yield Claim(README, f"found AUROC {dinov2} for DINOv2 S / B / L and {spelt(metaclip, 3)} for MetaCLIP")


def density_claims() -> Iterator[Claim]:
    """Points in D dimensions: the shipped grid, and what was tried on the way to its recipe."""
    cells = read_cells(SHIPPED / "grid.json")
    trained, controls = ([cell for cell in cells if cell.is_control == control] for control in (False, True))
    dimensions, counts = sorted({cell.dimension for cell in cells}), sorted({cell.num_samples for cell in cells})

    def of(group: list[DensityCell], dimension: int, count: int) -> DensityCell:
        return next(cell for cell in group if (cell.dimension, cell.num_samples) == (dimension, count))

    yield Claim(TRUST, f"| D | {counts[0]:,} samples | {' | '.join(f'{count:,}' for count in counts[1:])} |")
    for dimension in dimensions:
        by_count = [of(trained, dimension, count) for count in counts]
        last = [of(controls, dimension, counts[-1]).pearson, by_count[-1].within]
        yield Claim(TRUST, row(dimension, *(spelt(value) for value in [*(cell.pearson for cell in by_count), *last])))
    far = max(abs((cell.pearson or 0) - (cell.spearman or 0)) for cell in trained)
    yield Claim(TRUST, "(Pearson; Spearman is within 0.01 of it, but for controls)", far < 0.01)

    def pearson(*chosen: int) -> list[float]:
        return [cell.pearson or 0 for cell in trained if cell.dimension in chosen]

    missed = [cell for cell in trained if (cell.pearson or 0) < AIM]
    yield Claim(
        TRUST,
        f"**{len(trained) - len(missed)} of {len(trained)} encoders reach {AIM}**, our aim wherever K is at least 4 D, "
        "as it is in all of them: all from 10,000 samples on. The two others are those of D = 2 and 8 from 1,000 "
        f"samples ({' and '.join(spelt(cell.pearson) for cell in missed)})",
        [(cell.dimension, cell.num_samples) for cell in missed] == [(2, 1_000), (8, 1_000)]
        and all(cell.embedding_dimension >= 4 * cell.dimension for cell in trained),
    )
    by_dimension = [[of(trained, dimension, count).pearson or 0 for count in counts] for dimension in dimensions]
    growth = [values[-1] - values[0] for values in by_dimension]
    falling = {
        dimension: values[1] - values[2]
        for dimension, values in zip(dimensions, by_dimension, strict=True)
        if values[2] < values[1]
    }
    yield Claim(TRUST, f"from 1,000 to 100,000 the correlation grows by {span(growth, 3)}.", min(growth) > 0)
    yield Claim(TRUST, f"(it falls by {span([*falling.values()], 3)} for D = {' and '.join(map(str, falling))})")
    seeds = sorted(item["pearson"] for item in shipped_lines("density_seeds"))
    yield Claim(
        TRUST,
        "less than another seed changes: for D = 2 and 100,000 samples seeds 0, 1 and 2 have "
        f"{', '.join(spelt(value, 3) for value in seeds[:2])} and {spelt(seeds[2], 3)}",
        max(falling.values()) < seeds[-1] - seeds[0],
    )
    yield Claim(
        README,
        f"Pearson {span(pearson(2, 4, 8))} in 2 to 8 dimensions and {span(pearson(16, 32, 64))} in 16 to 64, at least "
        f"{AIM} from 10,000 samples on; within one component, where only the distance to its centre is left to "
        f"predict, {span([cell.within or 0 for cell in trained])}. Trained without the Gaussianity term the same "
        f"encoders have {span([cell.pearson or 0 for cell in controls])}.",
    )
    yield from kernel_claims(dimensions, counts)
    yield from trial_claims()


def kernel_claims(dimensions: list[int], counts: list[int]) -> Iterator[Claim]:
    """What a kernel density estimate tells about the same points."""
    found = {(item["dimension"], item["num_samples"]): item["pearson"] for item in shipped_lines("kernel_density")}
    for dimension in dimensions:
        yield Claim(TRUST, row(dimension, *(spelt(found[dimension, count]) for count in counts)))
    missed = [pair for pair, value in found.items() if value < AIM]
    yield Claim(
        TRUST,
        f"**From 1,000 samples in 2, 4 and 8 dimensions it does not reach {AIM} either**",
        missed == [(2, 1_000), (4, 1_000), (8, 1_000)],
    )


def trial_claims() -> Iterator[Claim]:
    """What was tried to predict the density of points better."""
    trials = shipped_lines("density_trials")
    yield from (Claim(TRUST, trial_row(trial)) for trial in trials)
    usual = DensityRecipe()
    yield Claim(
        TRUST,
        f"{usual.steps} steps of {usual.batch_size} points, frequency 3 up to D = 8 and 1 above, noise {usual.noise:g}",
    )
    best = max((trial for trial in trials if trial["dimension"] == 8), key=lambda trial: trial["pearson"])
    yield Claim(
        TRUST,
        f"For D = 8, twice as many of both bring what nothing else did, {spelt(best['pearson'], 3)}.",
        (best["batch_size"], best["directions"]) == (1024, 128) and best["pearson"] > AIM,
    )


def trial_row(trial: dict[str, Any]) -> str:
    """A row of the table of trials."""
    names = ("frequency", "batch_size", "directions", "noise", "depth", "width", "gain")
    settings = [f"{name.partition('_')[0]} {trial[name]:,g}" for name in names if name in trial]
    if "steps" in trial:
        settings.insert(1, f"{trial['steps']:,} steps")
    if trial.get("orthogonal"):
        settings.append("orthogonal directions")
    count, numbers = f"{trial['num_samples']:,}", (spelt(trial["pearson"], 3), spelt(trial["within"]))
    return row(trial["dimension"], count, ", ".join(settings), *numbers)


def picture_claims() -> Iterator[Claim]:
    """Rendered pictures: the score against the true density, planted contaminants, and trainings that were tried."""
    report = load_pictures_report()
    for found in report.density:
        values = (found.spearman, found.pearson, found.slope, found.within, found.spearman_top["3"])
        cells = [spelt(value) for value in (*values, found.tangent, found.unrounded)]
        yield Claim(TRUST, row(f"`{found.backbone}`", *cells))
    first, second = report.density
    yield Claim(TRUST, f"The two encoders agree with Spearman {spelt(report.agreement)}")
    yield Claim(TRUST, f"which knows nothing else, would reach {spelt(first.by_product)}")
    yield Claim(TRUST, f"the score tells little ({spelt(first.within)} and {spelt(second.within)}")
    rounding = max(abs(found.unrounded - found.spearman) for found in report.density)
    yield Claim(TRUST, "Rounding to 8 bits changes the correlation by less than 0.01", rounding < 0.01)
    low = min(found.spearman for found in report.density)
    high = max(found.spearman for found in report.density)
    yield Claim(TRUST, "Both pass the tests' gate (0.85) and miss our aim of 0.95", low >= 0.85 and high < 0.95)
    orders = ("rank", "tail", "knn", "mahalanobis", "lowest")
    defects = {(item.backbone, item.order): item for item in report.defects}
    shown = [defects[first.backbone, order] for order in orders]
    for kind in shown[0].auroc:
        yield Claim(TRUST, row(kind, *(spelt(item.auroc[kind]) for item in shown)))
    yield Claim(TRUST, row("**mean**", *(spelt(item.mean) for item in shown)))
    rank, knn = (defects[second.backbone, order].mean for order in ("rank", "knn"))
    yield Claim(TRUST, f"mean {spelt(rank)} for the score and {spelt(knn)} for knn")
    weights = sorted(100 * product.weight for product in PRODUCTS)
    yield Claim(TRUST, f"{weights[-1]:g} % to {weights[0]:g} % of all")
    common = sum(weight >= 5 for weight in weights)
    yield Claim(TRUST, "the mean over the six of at least 5 %", common == 6)
    yield Claim(TRUST, "(AUROC, 0.5 is chance;")
    # The mean of `sigreg.epps_pulley` over samples of N(0, 1), at frequency 2.
    expected = math.sqrt(2 * math.pi) - math.sqrt(2 * math.pi / (1 + 2 * 2**2))
    yield Claim(TRUST, f"A true Gaussian's statistic is {spelt(expected)} at frequency 2")
    tried = json.loads((SHIPPED / "rendered_runs.json").read_text(encoding="utf-8"))
    spreads = [span(tried["spreads"][name]) for name in ("narrow", "wide", "shipped")]
    own = [product.spread for product in PRODUCTS]
    yield Claim(TRUST, f"(spreads {', '.join(spreads)})", tried["spreads"]["shipped"] == [min(own), max(own)])
    for run in tried["runs"]:
        results = [spelt(run[name]) for name in ("gaussianity", "spearman", "top3", "tangent", "within")]
        about = (run["products"], run["latents"], run["dimension"], f"{run['steps']:,}")
        training = f"{run['optimiser']} {run['learning_rate']:g}"
        whitened = "yes" if run["whitened"] else "no"
        settings = [f"{run[name]:g}" for name in ("noise", "gaussian_weight", "frequency")]
        yield Claim(TRUST, row(*about, training, whitened, *settings, *results))


def gaussianity_claims() -> Iterator[Claim]:
    """What the limits of the test of embeddings rest on."""
    found = shipped("gaussianity")
    near = [limits[0] for limits in (gaussianity.DISTANCE_LIMITS, gaussianity.AXIS_LIMITS, gaussianity.SPREAD_LIMITS)]
    yield Claim(
        TRUST,
        f"{found['num_samples']} true Gaussian samples (64 to 2,000 images, 24 to 384 dimensions) were all called "
        f"near, with room: excesses up to {spelt(found['distance'], 3)} (projections) and "
        f"{spelt(found['axis_distance'], 3)} (axes), a ratio of spreads up to {spelt(found['spread'])}, where "
        f"{near[0]:g}, {near[1]:g} and {near[2]:g} are "
        "allowed",
        found["num_near"] == found["num_samples"],
    )
    shapes = (
        ("lengths as of Student's t with 10 degrees of freedom were some way off and far", "Student's t, 10"),
        ("with 30 degrees near or some way off", "Student's t, 30"),
        ("two clusters four standard deviations apart some way off", "two clusters, 4"),
        ("ten clusters some way off or far", "ten clusters"),
        ("**two clusters two standard deviations apart were near**", "two clusters, 2"),
    )
    for text, name in shapes:
        verdicts = {verdict for shape, counts in found["other"].items() if shape.startswith(name) for verdict in counts}
        yield Claim(TRUST, text, verdicts == {word for word in ("near", "some way off", "far") if word in text[-40:]})


def planted_claims() -> Iterator[Claim]:
    """Limits of the planted-defect check are those of the code."""
    yield Claim(TRUST, f"warn from |ρ| = {WARN_FROM:g}")
    yield Claim(TRUST, "with a 95 % interval (DeLong's", pytest.approx(norm.ppf(0.975)) == Z95)
    budget = round(100 * SHARE)
    yield Claim(TRUST, f"the share of defects in a budget of {budget} % where {budget} % of the images are defects")
    yield Claim(TRUST, f"A score *finds* a kind if the interval lies above {FINDS:g}")


def unseen_claims() -> Iterator[Claim]:
    """Kinds of defects that were made by hand: what was predicted, what was measured."""
    found = shipped("unseen_kinds")
    low, high = found["made"]["torn strip, share of the height"]
    yield Claim(TRUST, f"{100 * low:.0f} to {100 * high:.0f} % of the height")
    yield Claim(TRUST, "({:g} to {:g} pixels)".format(*found["made"]["moire, periods in pixels"]))
    hits = 0
    for item in found["rows"]:
        cells = []
        for score in ("rank", "knn", "mahalanobis"):
            cell = item[score]
            hits += cell["predicted_finds"] == cell["finds"]
            before, after = (f"{cell[name]:.2f}" for name in ("predicted", "auroc"))
            before = f"**{before}**" if cell["predicted_finds"] else before
            cells.append(f"{before} → " + (f"**{after}**" if cell["finds"] else after))
        yield Claim(TRUST, f"| {item['images']} | {item['kind']} | {item['nearest']} | {' | '.join(cells)} |")
    yield Claim(TRUST, f"**{hits} of {3 * len(found['rows'])} predictions hold**")
    (torn,) = (item for item in found["rows"] if (item["images"], item["kind"]) == ("MNIST", "torn"))
    yield Claim(TRUST, f"where a grey box is not ({torn['rank']['predicted']:.2f}, not certain either way)")


def label_claims() -> Iterator[Claim]:
    """Wrong labels of CIFAR-10N, found from embeddings."""
    found = shipped("label_issues")
    share = found["num_wrong"] / found["num_images"]
    yield Claim(TRUST, f"(softmax of the cosines of centred embeddings, temperature {TEMPERATURE:g})")
    yield Claim(TRUST, f"with the worst of three human labels ({100 * share:.1f} % wrong; not in the repository)")
    yield Claim(TRUST, f"with cleanlab {found['cleanlab']} on the same out-of-fold probabilities")
    yield Claim(
        TRUST, row("score", "AUROC (95 % interval)", f"wrong labels missed at a budget of {found['num_wrong']}")
    )
    scores = found["scores"]
    flagged = {name.partition(",")[2].partition("(")[0].strip(): name for name in scores if "find_label" in name}
    for title, name, same in (
        ("`label_issue`", "label_issue", None),
        (
            "margin of the probe; cleanlab's normalized margin on it is the same",
            "probe margin",
            "cleanlab normalized_margin, probe",
        ),
        (
            "margin of the vote; cleanlab's normalized margin on it is the same",
            "k-NN margin",
            "cleanlab normalized_margin, k-NN",
        ),
        (f"cleanlab's `find_label_issues` on the probe ({_count(flagged['probe'])} flagged), these first, by "
         "self-confidence", flagged["probe"], None),
        (f"cleanlab's `find_label_issues` on the vote ({_count(flagged['k-NN'])} flagged), these first, by "
         "self-confidence", flagged["k-NN"], None),
        ("cleanlab's self-confidence on the probe", "cleanlab self_confidence, probe", None),
    ):  # fmt: skip
        of = scores[name]
        interval = f"{of['auroc']:.3f} ({of['low']:.3f} to {of['high']:.3f})"
        is_same = same is None or abs(scores[same]["auroc"] - of["auroc"]) < 5e-4
        yield Claim(TRUST, row(title, interval, f"{100 * of['fnr']:.1f} %"), is_same)
    strict, even = found["flagged"]["0.9"], found["flagged"]["0.5"]
    yield Claim(
        TRUST,
        f"Of the wrong labels, `likely_label` is the true one for {100 * found['likely_label_right']:.0f} %. From 0.9 "
        f"on {strict['num_flagged']} labels are flagged, {100 * strict['share_wrong']:.0f} % of which are wrong; that "
        f"is {100 * strict['share_of_wrong']:.0f} % of the wrong ones. From 0.5 on it is {even['num_flagged']}, "
        f"{100 * even['share_wrong']:.0f} % and {100 * even['share_of_wrong']:.0f} %.",
    )


def _count(name: str) -> str:
    """How many labels cleanlab found, from the name of its row."""
    (count,) = re.findall(r"\((\S+) found\)", name)
    return str(count)


def estimator_claims() -> Iterator[Claim]:
    """Rank correlation of sketches with exact scores."""
    rows = {(item["set"], item["r"]): item["plain"] for item in shipped("estimators")["rows"]}
    published = sorted({name for name, _ in rows if name.endswith("_id")})
    spans = " / ".join(span([rows[name, r] for name in published]) for r in (32, 64, 128))
    yield Claim(README, f"and {spans} (r = 32 / 64 / 128) on published spectra of DINOv2 and MetaCLIP")


def plain(text: str) -> str:
    """Text without line ends, and code blocks."""
    return re.sub(r"\s+", " ", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))


def page_text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def sections(page: str) -> str:
    text = page_text(page)
    if titles := SECTIONS[page]:
        parts = [text.partition(f"\n## {title}\n")[2].partition("\n## ")[0] for title in titles]
        assert all(parts), page
        text = "\n".join(parts)
    return plain(text)


@pytest.fixture(scope="module")
def stated() -> list[Claim]:
    return claims()


def test_pages_state_what_the_data_says(stated: list[Claim]):
    assert [claim.text for claim in stated if plain(claim.text) not in plain(page_text(claim.page))] == []
    assert [claim.text for claim in stated if not claim.holds] == []


@pytest.mark.parametrize("page", SECTIONS)
def test_no_figure_is_without_a_source(page: str, stated: list[Claim]):
    """Code and links hold no figures; other numbers with a decimal point, a unit or a cell of their own are figures."""
    text = sections(page)
    # Long claims first: a short one may be a part of a long one.
    for claim in sorted(stated, key=lambda claim: -len(claim.text)):
        if claim.page == page:
            text = text.replace(plain(claim.text), " ")
    text = re.sub(rf"`[^`]*`|\]\([^)]*\)|arXiv \d+\.\d+|\b{100 * SHARE:.0f} % of the images", " ", text)
    left = [text[max(0, found.start() - 60) : found.end() + 20] for found in FIGURE.finditer(text)]
    assert left == [], "give these a claim in tests/stated_figures/, made of data that is shipped"
