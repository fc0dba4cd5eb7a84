"""Augmentations have names and parameters, one text each, and clear errors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepascore_core.backbones.augmentation import parse_augmentation
from jepascore_core.backbones.registry import find_spec
from jepascore_core.errors import UnknownNameError
from jepascore_core.measuring.specs import resolve_augmentation, resolve_spec
from jepascore_core.records.augmentation import CropViews, WarpViews

shares = st.floats(0, 1)


@given(st.builds(CropViews, crop=st.floats(0.01, 1), ratio=st.floats(1, 100), flip=shares, hue=st.floats(0, 0.5)))
def test_the_text_of_crops_says_all(views):
    assert parse_augmentation(views.text) == views


@given(st.builds(WarpViews, rotation=st.floats(0, 180), noise=shares, blur=st.floats(0, 20)))
def test_the_text_of_warps_says_all(views):
    assert parse_augmentation(views.text) == views


def test_parameters_that_are_not_given_keep_their_defaults():
    assert parse_augmentation("crops") == CropViews()
    assert parse_augmentation(" crops: flip=0, crop = 0.5 ") == CropViews(flip=0, crop=0.5)
    assert CropViews(flip=0).text == CropViews(flip=0.0).text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("crop", "crops"),
        ("crops:flipp=1", "flip"),
        ("crops:flip", "contrast=0.5"),
        ("crops:flip=much", "contrast=0.5"),
        ("crops:flip=nan", "contrast=0.5"),
        ("crops:crop=0", "from 0.01 to 1"),
        ("crops:hue=0.6", "from 0 to 0.5"),
        ("warps:blur=-1", "from 0 to 20"),
        ("auto:flip=0", "stands alone"),
    ],
)
def test_a_text_that_says_nothing_is_a_clear_error(text, message):
    with pytest.raises(UnknownNameError, match=message):
        parse_augmentation(text)


def test_auto_is_the_trainings_own_where_the_backbone_says_it_and_else_crops():
    assert resolve_augmentation("bundled:digits-small", 8) == WarpViews().text
    assert resolve_augmentation("timm:vit_small_patch14_dinov2.lvd142m", 8) == CropViews().text
    assert resolve_augmentation("bundled:digits-small", 1) is None
    assert resolve_augmentation("bundled:digits-small", 1, "crops") == CropViews().text
    rendered = find_spec("bundled:rendered-a")
    assert parse_augmentation(rendered.augmentation).noise > 0 == parse_augmentation(rendered.augmentation).rotation


@pytest.mark.parametrize("estimator", ["calibrated", "cascade"])
def test_predictions_of_views_are_refused(estimator):
    with pytest.raises(UnknownNameError, match="exact or sketch"):
        resolve_spec(estimator, views=2, augmentation="crops")


def test_a_number_of_views_that_makes_no_sense_is_refused():
    for views in (0, 257):
        with pytest.raises(UnknownNameError, match="from 1 to 256"):
            resolve_spec(views=views, augmentation="crops")
    with pytest.raises(UnknownNameError, match="need an augmentation"):
        resolve_spec(views=2)
