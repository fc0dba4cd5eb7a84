"""docs/backbones.md against the code."""

import re
from pathlib import Path

from jepascore_core.backbones.hf_config import _ALIASES
from jepascore_core.backbones.hf_models_encoder import KINDS
from jepascore_core.backbones.local import _TORCH_SUFFIXES
from jepascore_core.backbones.registry import list_specs
from jepascore_core.backbones.table import TABLE
from jepascore_core.backbones.unused_weights import ALL

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "backbones.md").read_text(encoding="utf-8")
WORDS = set(re.findall(r"`([^`]+)`", TEXT))


def test_every_library_of_the_table_has_its_line():
    prefixes = {word.partition(":")[0] for word in WORDS if ":" in word}
    assert prefixes >= {spec.library for spec in list_specs()}


def test_the_kinds_of_transformers_models_are_those_that_load():
    aliases = {alias for alias in _ALIASES if not alias.endswith("vision_model")}
    assert {word for word in WORDS if word in KINDS or word in _ALIASES} == set(KINDS) | aliases


def test_the_suffixes_of_checkpoints_are_those_that_are_read():
    named = set(re.findall(r"(?<=[ ,])\.[a-z]+", TEXT))
    assert named == {".safetensors", *_TORCH_SUFFIXES}


def test_families_are_on_the_side_of_the_theory_that_their_rows_are_on():
    covered, _, other = TEXT.partition("## What the theory covers")[2].partition("Contrastive (")
    for spec in list_specs():
        family = spec.family.partition(" (")[0]
        if spec.library != "bundled" and spec.is_jepa:
            assert family.removeprefix("V-JEPA ") in covered, family
        if spec.family in ("MetaCLIP", "SigLIP", "MAE"):
            assert family in other


def test_the_table_of_leftovers_is_that_of_the_loaders():
    table = TEXT.partition("| in files of | name |")[2].partition("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    assert rows == [[entry.where, ", ".join(f"`{name}`" for name in entry.names), entry.reason] for entry in ALL]


def test_the_table_of_evaluations_is_that_of_the_rows():
    lines = TEXT.partition("| family | names | positions")[2].partition("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    ways = {"timm": "bicubic, smoothed", "dino": "bicubic, scale (n + 0.1) / N", "plain": "bicubic"}
    expected = dict.fromkeys(
        (spec.family, f"`{spec.library}:`", ways[spec.resampling], spec.evaluation) for spec in TABLE if spec.evaluation
    )
    assert [tuple(row) for row in rows] == [*expected]
