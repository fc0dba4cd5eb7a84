"""Short, unique names for measured backbones: "DINOv2 ViT-S/14", "ViT-Ti/16 (timm)"."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from jepascore_core.backbones.registry import find_spec
from jepascore_core.records.backbones import BackboneInfo
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.score import TOP_K
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store

DEFINITION_TITLES: dict[str, str] = {
    "rank": "Rank (our default)", "paper": "Paper's listing", "tail": "Tail 90 %", "top": f"Top {TOP_K}",
}  # fmt: skip
#: The same where space is short.
DEFINITION_SHORT: dict[str, str] = {"rank": "Rank", "paper": "Paper", "tail": "Tail 90 %", "top": f"Top {TOP_K}"}
#: One line each, for people.
DEFINITION_HELP = (
    "What the score sums of an image's spectrum, in nats; nothing is measured again.\n\n"
    "- **Rank** (our default): the logs of all singular values that are not null.\n"
    "- **Paper**: as its listing, all of them, null ones clipped at 1e-6.\n"
    "- **Tail 90 %**: as Rank, without the largest tenth.\n"
    f"- **Top {TOP_K}**: as Rank, of the {TOP_K} largest only.\n\n"
    "If a picture changes a lot from one to another, it rests on few singular values."
)

_SIZES = {
    "tiny": "Ti", "small": "S", "base": "B", "large": "L", "huge": "H", "giant": "g", "gigantic": "G",
    "so150m": "SO150M", "so400m": "SO400M",
}  # fmt: skip
_TIMM_VIT = re.compile(rf"(?:vit|deit3?|eva02)_({'|'.join(_SIZES)})_patch(\d+)")
_CLIP_VIT = re.compile(r"(ViT-[A-Za-z0-9]+)-(\d+)")
_RESNET = re.compile(r"resnet(\d+)")

_Item = tuple[BackboneInfo, MeasurementSpec]


def short_architecture(architecture: str) -> str:
    """Shorten an architecture: "vit_small_patch14_reg4_dinov2" -> "ViT-S/14 reg4"; an unknown one is unchanged."""
    registers = re.search(r"_(reg\d+)_", architecture)
    suffix = f" {registers[1]}" if registers else ""
    if found := _TIMM_VIT.match(architecture):
        return f"ViT-{_SIZES[found[1]]}/{found[2]}{suffix}"
    if found := _CLIP_VIT.match(architecture):
        return f"{found[1]}/{found[2]}"
    if found := _RESNET.fullmatch(architecture):
        return f"ResNet-{found[1]}"
    return architecture


def backbone_title(info: BackboneInfo) -> str:
    """Family and size where they are known, else architecture and library."""
    return _title(info.name, info.library, info.architecture, info.family)


def asked_title(name: str) -> str:
    """Return the title of a requested name, before its weights are loaded: "ViT-Ti/16 (supervised)"."""
    spec = find_spec(name)
    if spec is not None:
        return _title(spec.name, spec.library, spec.architecture, spec.family)
    library, _, rest = name.partition(":")
    return _title(name, library, re.split(r"[:.]", rest)[0], "unknown") if rest else name


def _title(name: str, library: str, architecture: str, family: str) -> str:
    size = short_architecture(architecture)
    if library in ("bundled", "trained"):
        return f"{name.partition(':')[2] or name} ({library})"
    if family in ("unknown", library):
        return f"{size} ({library})"
    if family.startswith("supervised"):
        return f"{size} (supervised)"
    return size if family.lower() in size.lower() else f"{family} {size}"


def _estimator_title(info: BackboneInfo, spec: MeasurementSpec) -> str:
    """Scores that are not exact, or not of the image itself, say so wherever they are named."""
    if not spec.has_scores:
        return f"{backbone_title(info)}, embeddings only"
    title = backbone_title(info) if spec.is_exact else f"{backbone_title(info)} {spec.estimator}"
    return f"{title}, {spec.views_text}" if spec.has_views else title


#: What tells two measured backbones of one title apart, the most telling first; the last is always different.
_DETAILS: tuple[Callable[[_Item], str], ...] = (
    lambda item: re.split(r"[.:]", item[0].name)[-1],
    lambda item: f"{item[0].preprocessing.height} px",
    lambda item: item[0].pooling,
    lambda item: f"{item[0].preprocessing.fit} from {item[0].preprocessing.resize or item[0].preprocessing.height}",
    lambda item: item[0].preprocessing.interpolation,
    lambda item: item[1].estimator,
    lambda item: item[1].precision,
    lambda item: (item[1].augmentation or "").partition(":")[0],
    lambda item: f"{item[1].probes} probes" if item[1].probes else "",
    lambda item: f"seed {item[1].seed}",
    lambda item: f"engine {item[1].engine_version}",
    lambda item: f"weights {item[0].weights_hash[:6]}",
    lambda item: f"{item[0].backbone_id[-12:]}/{item[1].spec_id[-8:]}",
)


def distinct_titles(items: Mapping[MeasurementKey, _Item]) -> dict[MeasurementKey, str]:
    """Return a title for each item; those that would share one say what they differ in."""
    titles = {measured: _estimator_title(*item) for measured, item in items.items()}
    for detail in _DETAILS:
        for twins in _shared(titles):
            values = {measured: detail(items[measured]) for measured in twins}
            if len(set(values.values())) > 1:
                titles.update({measured: f"{titles[measured]} {values[measured]}".strip() for measured in twins})
    return titles


def _shared(titles: Mapping[MeasurementKey, str]) -> list[Sequence[MeasurementKey]]:
    groups: dict[str, list[MeasurementKey]] = defaultdict(list)
    for measured, title in titles.items():
        groups[title].append(measured)
    return [group for group in groups.values() if len(group) > 1]


def measured_titles(store: Store) -> dict[MeasurementKey, str]:
    """Titles of everything that was measured in this home folder, the same on every page.

    A backbone that the catalogue does not know (shards copied from elsewhere) goes by its id.
    """
    known = store.catalogue.backbones()
    measured = store.measured_keys()
    items = {key: (known[key.backbone_id], store.spec(key)) for key in measured if key.backbone_id in known}
    titles = distinct_titles(items)
    return {key: titles.get(key) or f"{key.backbone_id}, {key.spec_id}" for key in measured}


def score_titles(
    store: Store, score_sets: Sequence[ScoreSet], about: Literal["dataset", "backbone"]
) -> dict[ScoreSet, str]:
    """Return a title for each score set: what it is `about`, and whatever else is not the same for all."""
    titles = measured_titles(store)
    parts = {
        scores: (
            store.catalogue.dataset(scores.dataset_id).name,
            titles.get(scores.key, scores.backbone_id),
            DEFINITION_TITLES[scores.definition],
        )
        for scores in score_sets
    }
    said = [
        position
        for position, name in enumerate(("dataset", "backbone", "definition"))
        if name == about or len({part[position] for part in parts.values()}) > 1
    ]
    return {scores: ", ".join(part[position] for position in said) for scores, part in parts.items()}
