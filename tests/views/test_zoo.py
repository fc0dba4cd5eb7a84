"""Backbones to choose from, and where the theory does not reach."""

import dataclasses
import json
import platform

import pytest

from jepascore_core.backbones.registry import find_spec, list_specs
from jepascore_core.records.backbones import BackboneInfo
from jepascore_core.scores.theory import theory_note
from jepascore_core.views.backbones import (
    BackboneOption,
    TheoryNote,
    backbone_options,
    cost_basis,
    matching,
    theory_notes,
)
from tests.conftest import SPEC, add_backbone, add_dataset, add_measurements, make_samples

DINO = "timm:vit_small_patch14_dinov2.lvd142m"


@pytest.fixture
def fast(store):
    """A store on a machine that takes 5 TFLOP a second, as a run has shown."""
    record = {platform.node(): {"cuda:0": {"flop_per_second": 5e12, "is_measured": True}}}
    (store.home / "speed.json").write_text(json.dumps(record))
    return store


@pytest.fixture
def empty_caches(tmp_path, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


def option(store, name):
    return next(option for option in backbone_options(store) if option.name == name)


def test_every_known_backbone_is_an_option(store):
    assert [option.name for option in backbone_options(store)] == [spec.name for spec in list_specs()]


@pytest.mark.usefixtures("empty_caches")
def test_an_option_says_what_a_choice_rests_on(fast):
    found = option(fast, DINO)
    assert (found.tflop, found.seconds) == (pytest.approx(5.18, abs=0.01), pytest.approx(1.036, abs=0.001))
    assert (found.cost, found.weights, found.cautions) == ("moderate", "to fetch", ())
    assert found.label == f"{DINO} · DINOv2 · K = 384 · 1.0 s per image (moderate) · weights to download · apache-2.0"
    assert cost_basis(fast).startswith(
        "Estimated time for exact scores on cuda:0, measured by runs on this machine. A sketch"
    )


def test_without_runs_the_cost_is_a_guess_about_the_processor(store):
    assert option(store, DINO).seconds > 0
    assert "on cpu, predicted from its matrix product speed." in cost_basis(store)


@pytest.mark.usefixtures("empty_caches")
def test_weights_are_here_to_fetch_or_to_give(store):
    assert option(store, "bundled:digits-vit").weights == "here"
    assert option(store, "open_clip:ViT-B-32-quickgelu:openai").weights == "to fetch"
    lejepa = option(store, "lejepa:resnet50")
    assert (lejepa.weights, lejepa.cost, lejepa.seconds) == ("to give", "", None)
    assert "needs a checkpoint" in lejepa.label


@pytest.mark.parametrize(
    ("seconds", "cost"), [(0.05, "instant"), (0.5, "fast"), (5, "moderate"), (50, "slow"), (500, "very slow")]
)
def test_cost_classes(seconds, cost, store):
    assert dataclasses.replace(option(store, DINO), seconds=seconds).cost == cost


def test_cautions_name_the_licence_and_the_theory(store):
    theory, licence = option(store, "open_clip:ViT-B-32-quickgelu:metaclip_400m").cautions
    assert "theory does not hold" in theory
    assert licence == "Its weights are licensed cc-by-nc-4.0 (non-commercial)."
    assert option(store, "timm:resnet50.a1_in1k").cautions == (find_spec("timm:resnet50.a1_in1k").note,)


@pytest.mark.parametrize(
    ("search", "count"), [("", None), ("dinov2 giant", 2), ("GIANT dinov2", 2), ("non-commercial siglip", 0)]
)
def test_search_finds_every_word_in_any_order(search, count, store):
    options = backbone_options(store)
    found = matching(options, search)
    assert len(found) == (len(options) if count is None else count)
    assert all(isinstance(option, BackboneOption) for option in found)


def info_of(store, **values) -> BackboneInfo:
    return add_backbone(store, **values)


def test_only_jepa_encoders_have_scores_that_are_densities(store):
    assert theory_note(info_of(store, is_jepa=True, note="Position embedding resampled.")) == ""
    supervised = info_of(store, is_jepa=False, note="Supervised: the score's theory does not hold. Resampled.")
    assert theory_note(supervised) == "Supervised: the score's theory does not hold. Resampled."
    assert theory_note(info_of(store, is_jepa=False)) == "Not a JEPA-type encoder: the score's theory does not hold."
    assert theory_note(info_of(store, is_jepa=None)).startswith("Its training objective is unknown")


def test_notes_of_the_scores_that_are_shown(store):
    samples = make_samples("ab")
    dataset = add_dataset(store, "d", samples)
    keys = dict.fromkeys((sample.sample_key for sample in samples), 1.0)
    clip = add_backbone(store, "open_clip:ViT-B-32:x", is_jepa=False, family="CLIP")
    dino = add_backbone(store, "timm:vit_small_patch14_dinov2.y", is_jepa=True, family="DINOv2")
    shown = [add_measurements(store, dataset, info, keys, samples=samples) for info in (clip, dino)]
    assert theory_notes(store, [*shown, *shown]) == (
        TheoryNote("CLIP ViT-B/32", "Not a JEPA-type encoder: the score's theory does not hold."),
    )
    assert theory_notes(store, shown[1:]) == ()
    assert theory_notes(store, [dataclasses.replace(shown[0], key=SPEC.key("copied-from-elsewhere"))]) == ()
