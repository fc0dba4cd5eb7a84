"""Backbones in the order in which to offer them for a dataset, with what they cost for all of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

from jepascore_core.scores.memo import memoized
from jepascore_core.storage.store import Store
from jepascore_core.views.backbones import WEIGHTS_TEXT, BackboneOption, backbone_options

#: Prefix of the bundled encoders, which were trained on one kind of small pictures: the longest side of those, in
#: pixels, with some room, and whether they are grey.
_DOMAINS = {"bundled:digits-": (32, True), "bundled:rendered-": (64, False)}
#: Colourfulness (Hasler and Susstrunk) below which a picture is as good as grey.
GREY_BELOW = 1.0

FOREIGN = {
    "bundled:digits-": (
        "It was trained on grey digits of 8 pixels. On other pictures its score mostly follows the brightness: choose "
        "another backbone, or train one on these images."
    ),
    "bundled:rendered-": (
        "It was trained on small rendered pictures. On others its score may mean nothing: choose another backbone, or "
        "train one on these images."
    ),
}


#: What backbones can be narrowed down to: weights are on this machine and the pictures suit; weights are here; a
#: licence for any use; trained as a JEPA; all images of the dataset within an hour.
Filter = Literal["works", "here", "free", "jepa", "hour"]
FILTERS: tuple[Filter, ...] = get_args(Filter)
_HOUR = 3600.0


def narrowed(options: Sequence[BackboneOption], filters: Collection[Filter]) -> tuple[BackboneOption, ...]:
    """Return the backbones that all filters let through; one whose cost is unknown takes no known hour."""
    return tuple(option for option in options if all(_passes(option, name) for name in filters))


def _passes(option: BackboneOption, name: Filter) -> bool:
    match name:
        case "works":
            return option.weights == "here" and not option.warning
        case "here":
            return option.weights == "here"
        case "free":
            return not option.is_non_commercial
        case "jepa":
            return option.is_jepa is True
        case "hour":
            return option.seconds is not None and option.seconds * max(option.num_images, 1) <= _HOUR


def backbone_rows(options: Sequence[BackboneOption]) -> list[dict[str, Any]]:
    """Return backbones as rows of a table; None where something is unknown."""
    return [
        {
            "Backbone": option.name,
            "Family": option.family,
            "K": option.dimension,
            "Seconds per image": option.seconds,
            "Minutes for all": _minutes(option),
            "Weights": WEIGHTS_TEXT[option.weights],
            "Licence": option.licence,
            "Caution": " ".join(option.cautions),
        }
        for option in options
    ]


def _minutes(option: BackboneOption) -> float | None:
    return option.seconds * option.num_images / 60 if option.seconds and option.num_images else None


def options_for(store: Store, dataset_id: str | None) -> tuple[BackboneOption, ...]:
    """Return all known backbones: what can start now first, bundled ones that do not suit the dataset last, with why.

    Each has the number of images of the dataset, so that it can state the time for all of them. Before a dataset has an
    index, nothing is known about its pictures: the bundled ones come last.
    """
    side, is_grey, num_images = _pictures(store, dataset_id)

    def domain(option: BackboneOption) -> str | None:
        return next((start for start in _DOMAINS if option.name.startswith(start)), None)

    def is_foreign(option: BackboneOption) -> bool:
        longest, grey_only = _DOMAINS[start] if (start := domain(option)) is not None else (0, False)
        return start is not None and (side is None or side > longest or (grey_only and not is_grey))

    named = [
        replace(
            option,
            num_images=num_images,
            warning=FOREIGN[domain(option) or ""] if is_foreign(option) and side is not None else "",
        )
        for option in backbone_options(store)
    ]
    return tuple(sorted(named, key=lambda option: (is_foreign(option), option.weights != "here")))


def _pictures(store: Store, dataset_id: str | None) -> tuple[float | None, bool, int]:
    """Return the median longest side in pixels (None if unknown), whether nearly all are grey, and the number."""
    dataset = store.catalogue.find_dataset(dataset_id) if dataset_id else None
    if dataset is None or dataset.version is None:
        return None, False, 0
    sql = f"""SELECT median(greatest(width, height)) AS side, count(DISTINCT content_id) AS images,
            coalesce(quantile_cont(colourfulness, 0.95), 0) AS colourfulness
        FROM ({store.manifest_sql(dataset)})"""
    key = "pictures", dataset.dataset_id, dataset.version
    found = memoized(store, key, lambda: store.query(sql).to_pylist()[0])
    return found["side"], found["colourfulness"] < GREY_BELOW, found["images"]
