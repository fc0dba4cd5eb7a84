"""The backbone id changes with everything that changes an embedding, and with nothing else."""

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepascore_core.backbones.identity import backbone_id
from jepascore_core.records.backbones import Preprocessing

SETTINGS = Preprocessing(224, 224, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), 248, "bicubic", "crop")
PARTS = ("timm", "vit_tiny_patch16_224", "ab" * 16, "token", SETTINGS)
CHANGED_SETTINGS = {
    "height": 256,
    "width": 256,
    "mean": (0.5, 0.5, 0.4),
    "std": (0.25, 0.25, 0.26),
    "resize": None,
    "interpolation": "bilinear",
    "fit": "squash",
}


@pytest.mark.parametrize(("place", "value"), [(0, "open_clip"), (1, "vit_small"), (2, "cd" * 16), (3, "avg")])
def test_changes_with_each_ingredient(place, value):
    parts = [*PARTS]
    parts[place] = value
    assert backbone_id(*parts)[-12:] != backbone_id(*PARTS)[-12:]


@pytest.mark.parametrize(("key", "value"), CHANGED_SETTINGS.items())
def test_changes_with_each_part_of_the_preprocessing(key, value):
    changed = dataclasses.replace(SETTINGS, **{key: value})
    assert backbone_id(*PARTS[:4], changed) != backbone_id(*PARTS)


def test_every_part_of_the_preprocessing_is_tried():
    assert CHANGED_SETTINGS.keys() == SETTINGS.to_dict().keys()


def test_same_numbers_of_another_type_or_order_change_nothing():
    whole = dataclasses.replace(SETTINGS, mean=(0, 0, 0), std=(1, 1, 1))
    floating = dataclasses.replace(SETTINGS, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    assert backbone_id(*PARTS[:4], whole) == backbone_id(*PARTS[:4], floating)
    shuffled = Preprocessing.from_dict(dict(reversed(SETTINGS.to_dict().items())))
    assert backbone_id(*PARTS[:4], shuffled) == backbone_id(*PARTS)


def test_stays_what_it_was():
    # Measurements of earlier versions are found by it: change it only with a migration.
    assert backbone_id(*PARTS) == "timm-vit_tiny_patch16_224-e50276243ab0"


@given(st.text(max_size=200))
def test_is_safe_as_a_folder_name(name):
    assert re.fullmatch(r"[a-z0-9_][a-z0-9_-]{0,80}", backbone_id("custom", name, "ab", "native", SETTINGS))
