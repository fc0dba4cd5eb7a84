"""Claims of docs/evidence.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.stated_figures.claims import EVIDENCE, Claim, row, shipped


def evidence_claims() -> Iterator[Claim]:
    """Published protocols on a small scale: every row of every table, and what the page concludes from them."""
    found = shipped("evidence")
    tables: dict[tuple[str, str, str], list[str]] = {}
    for item in found["rows"]:
        cells = tables.setdefault((item["set"], item["issue"], item["method"]), [])
        for metric in ("auroc", "ap", "fnr"):
            ends = f"{item[f'{metric}_low']:.2f}–{item[f'{metric}_high']:.2f}"
            cells.append(f"{item[metric]:.2f} ({ends})")
    for (_, _, method), cells in tables.items():
        yield Claim(EVIDENCE, row(method, *cells))
    shares = sorted({item["share"] for item in found["rows"] if item["share"]})
    yield Claim(EVIDENCE, f"{' and '.join(f'{100 * share:.0f} %' for share in shares)} of their number")
    heads = [f"{metric}, {100 * share:.0f} %" for share in shares for metric in ("AUROC", "AP", "FNR at budget")]
    yield Claim(EVIDENCE, row("method", *heads))
    yield Claim(EVIDENCE, "AUROC (0.5 is chance)")
    yield Claim(EVIDENCE, f"intervals that hold 95 % of {found['bootstrap']} stratified bootstrap samples of each seed")
    images = {name: sum(group["images"] for group in of["groups"].values()) for name, of in found["sets"].items()}
    judged = f"{images['flowers']} and {images['photographs']} images"
    yield Claim(EVIDENCE, f"Flowers and photographs, {judged} without the reference, are scored by sketches")
    yield from evidence_conclusions(found["rows"])


def evidence_conclusions(rows: list[dict[str, Any]]) -> Iterator[Claim]:
    """What the page says of the tables, in order."""
    score, knn, nearest = "JEPA-SCORE", "k-NN", "nearest other image"

    def beats(name: str, issue: str, metric: str, sign: int) -> bool:
        """Whether the score is better than all that is not a score, whatever the share."""
        of = [item for item in rows if (item["set"], item["issue"]) == (name, issue)]
        own = {item["share"]: item[metric] for item in of if item["method"] == score}
        return all(sign * own[item["share"]] > sign * item[metric] for item in of if score not in item["method"])

    def all_of(name: str, issue: str, method: str) -> list[dict[str, Any]]:
        chosen = [item for item in rows if (item["set"], item["method"]) == (name, method)]
        return [item for item in chosen if item["issue"].startswith(issue)]

    yield Claim(
        EVIDENCE,
        "Among flowers k-NN finds photographs and pictures alike, where the score takes other photographs for "
        "*likelier* than flowers.",
        all(item["auroc_low"] > 0.9 for item in all_of("flowers", "off-topic", knn))
        and all(item["auroc"] < 0.5 for item in all_of("flowers", "off-topic photographs", score)),
    )
    yield Claim(
        EVIDENCE,
        "there the score finds more in the budget than any other method (FNR), though not in the whole order (AUROC)",
        all(item["auroc"] < 0.5 for item in all_of("digits", "off-topic", knn))
        and beats("digits", "off-topic photographs", "fnr", -1)
        and not beats("digits", "off-topic photographs", "auroc", 1),
    )
    yield Claim(
        EVIDENCE,
        "galaxies and MNIST's digits are likelier to the digits' encoder than digits, where k-NN from a held-out "
        "reference tells both apart",
        all(item["auroc_high"] < 0.5 for item in all_of("digits", "out of", score))
        and all(item["auroc_low"] > 0.95 for item in all_of("digits", "out of", knn)),
    )
    yield Claim(
        EVIDENCE,
        "Under the ViT-Ti it tells MNIST's digits from CIFAR-10's photographs without an error, where k-NN misses a "
        "sixth and all others more; flowers it finds in part, galaxies hardly, and k-NN finds both without an error.",
        all(item["fnr"] == 0 for item in all_of("photographs", "out of distribution, far digits", score))
        and all(0.15 < item["fnr"] < 0.18 for item in all_of("photographs", "out of distribution, far digits", knn))
        and beats("photographs", "out of distribution, far digits", "fnr", -1)
        and all(0 < item["fnr"] < 0.5 for item in all_of("photographs", "out of distribution, near flowers", score))
        and all(item["fnr"] > 0.5 for item in all_of("photographs", "out of distribution, far galaxies", score))
        and all(
            item["fnr"] == 0
            for issue in ("near flowers", "far galaxies")
            for item in all_of("photographs", f"out of distribution, {issue}", knn)
        ),
    )
    for name in ("flowers", "digits"):
        pairs = [
            zip(all_of(name, "near duplicate", nearest), all_of(name, "near duplicate", "SelfClean"), strict=True),
            zip(all_of(name, "label errors", "label_issue"), all_of(name, "label errors", "SelfClean"), strict=True),
        ]
        yield Claim(
            EVIDENCE,
            "SelfClean's ranking of near duplicates is the same as ours; `label_issue` is as good as SelfClean's or "
            "better.",
            all(abs(ours["auroc"] - theirs["auroc"]) < 1e-3 for ours, theirs in pairs[0])
            and all(ours["ap"] >= theirs["ap"] for ours, theirs in pairs[1]),
        )
