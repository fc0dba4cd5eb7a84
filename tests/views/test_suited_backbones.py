"""The order in which backbones are offered for a dataset, and what is said of those that do not suit it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jepascore_core.backbones.registry import list_specs
from jepascore_core.records.quality import ImageQuality
from jepascore_core.storage.store import Store
from jepascore_core.views.suited_backbones import FILTERS, FOREIGN, backbone_rows, narrowed, options_for
from tests.conftest import add_dataset, make_samples

USUAL = ImageQuality(0.5, 0.1, 0.9, 0.2, 7.0, 0.0, 500.0, 0.1, 0.0, 0)


def put(store: Store, side: int, colourfulness: float) -> str:
    quality = replace(USUAL, colourfulness=colourfulness)
    samples = [replace(item, width=side, height=side, quality=quality) for item in make_samples(["a"] * 5)]
    return add_dataset(store, f"{side} pixels", samples).dataset_id


def test_encoders_of_digits_are_offered_last_for_photographs(store: Store):
    options = options_for(store, put(store, 256, 40.0))
    assert {option.name for option in options} == {spec.name for spec in list_specs()}
    assert all(option.name.startswith("bundled:") for option in options[-4:])
    digits = next(option for option in options if option.name == "bundled:digits-vit")
    assert digits.warning == FOREIGN["bundled:digits-"]
    assert FOREIGN["bundled:digits-"] in digits.cautions
    assert digits.num_images == 5
    assert digits.seconds is None or "for all" in digits.label


@pytest.mark.parametrize(("side", "colourfulness", "suited"), [(28, 0.0, True), (28, 40.0, False), (64, 0.0, False)])
def test_digits_suit_small_grey_pictures(store: Store, side: int, colourfulness: float, suited: bool):
    options = options_for(store, put(store, side, colourfulness))
    digits = next(option for option in options if option.name == "bundled:digits-vit")
    assert (digits.warning == "") is suited
    assert (options.index(digits) < 8) is suited


def test_without_a_dataset_nothing_is_said_of_its_pictures(store: Store):
    assert {option.warning for option in options_for(store, None)} == {""}
    assert options_for(store, None)[-1].name.startswith("bundled:")


def test_filters_narrow_backbones_down(store: Store):
    options = options_for(store, put(store, 256, 40.0))
    assert narrowed(options, []) == options
    for name, holds in {
        "works": lambda option: option.weights == "here" and not option.warning,
        "here": lambda option: option.weights == "here",
        "free": lambda option: not option.is_non_commercial,
        "jepa": lambda option: option.is_jepa is True,
        "hour": lambda option: option.seconds is not None and option.seconds * 5 <= 3600,
    }.items():
        found = narrowed(options, [name])
        assert found == tuple(option for option in options if holds(option))
    assert narrowed(options, FILTERS) == tuple(
        option for option in options if all(option in narrowed(options, [name]) for name in FILTERS)
    )


def test_rows_say_what_all_images_take(store: Store):
    options = options_for(store, put(store, 256, 40.0))
    for option, row in zip(options, backbone_rows(options), strict=True):
        assert row["Backbone"] == option.name
        assert row["Minutes for all"] is None or row["Minutes for all"] == pytest.approx(option.seconds * 5 / 60)
