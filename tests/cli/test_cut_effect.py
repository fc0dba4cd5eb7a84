"""`jepascore cut-effect`: a table and a sentence for people, JSON for programs; rules and recipes as in `export`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jepascore_core.curation.cut_effect.results import SAME_ENCODER, USES_LABELS
from tests.cli.conftest import Cli
from tests.conftest import SPEC, add_backbone, add_dataset, add_run, make_measurement, make_sample

TINY, SMALL = "timm:vit_tiny_patch16_224.test", "timm:vit_small_patch16_224.test"


@pytest.fixture
def known(cli: Cli) -> None:
    """Two classes in two clumps; scores tell wrong labels, of which the split test has none."""
    store, rng = cli.store, np.random.default_rng(0)
    truth = np.arange(240) % 2
    is_wrong = (rng.random(240) < 0.35) & (np.arange(240) < 160)
    samples = [
        make_sample(f"{n:03d}.png", "ab"[truth[n] ^ is_wrong[n]], "train" if n < 160 else "test", str(n))
        for n in range(240)
    ]
    dataset = add_dataset(store, "toy", samples)
    for name in (TINY, SMALL):
        backbone = add_backbone(store, name)
        embeddings = (1.2 * np.eye(2, 40)[truth] + 0.6 * rng.standard_normal((240, 40))).astype(np.float16)
        store.write_measurements(
            backbone.backbone_id,
            SPEC,
            [
                replace(make_measurement(sample.content_id, 0.0 if wrong else 9.0), embedding=embedding)
                for sample, wrong, embedding in zip(samples, is_wrong, embeddings, strict=True)
            ],
        )
        add_run(store, dataset, backbone)


def test_json_has_every_number(cli: Cli, known: None) -> None:
    found = cli("cut-effect", "toy", "--rules", "score >= 5", "-b", TINY, "--json").json
    assert (found["verdict"], found["colour"], found["held_out"], found["split"]) == ("better", "green", "test", "test")
    assert (found["num_judged"], found["num_training"]) == (80, 160)
    value, lower, upper = found["difference"]
    assert 0 < lower < value < upper
    assert value == pytest.approx(found["accuracy_kept"] - found["accuracy_random"][0])
    assert {item["label"] for item in found["classes"]} == {"a", "b"}
    assert found["notes"] == [SAME_ENCODER]


def test_people_read_a_table_and_a_sentence(cli: Cli, known: None) -> None:
    answer = cli("cut-effect", "toy", "--rules", "score >= 5", "-b", TINY)
    assert answer.code == 0
    assert "toy, 80 held-out images of the split test" in answer.out
    firsts = [line.split()[0] for line in answer.out.splitlines() if line.strip()]
    assert [word for word in firsts if word in ("kept", "random", "all")] == ["kept", "random", "all"]
    assert "ViT-Ti/16" in answer.err
    assert "This cut does better than a random one of the same size per class: +" in answer.err
    assert SAME_ENCODER in answer.err


def test_another_encoder_may_judge(cli: Cli, known: None) -> None:
    answer = cli("cut-effect", "toy", "--rules", "score >= 5", "-b", TINY, "-e", SMALL, "--json")
    assert "vit-small" in answer.json["embeddings"]
    assert answer.json["notes"] == []


def test_a_saved_recipe_is_compared(cli: Cli, known: None) -> None:
    path = cli.home / "recipe.yaml"
    saved = ("--rules", "score >= 5", "-b", TINY, "--save-recipe", str(path))
    assert cli("export", "toy", str(cli.home / "kept.txt"), *saved).code == 0
    by_rules = cli("cut-effect", "toy", "--rules", "score >= 5", "-b", TINY, "--json").json
    assert cli("cut-effect", "toy", "--recipe", str(path), "--json").json == by_rules


def test_that_label_issues_saw_all_labels_is_said(cli: Cli, known: None) -> None:
    found = cli("cut-effect", "toy", "--rules", "label_issue < 0.5", "-b", TINY, "--json").json
    assert USES_LABELS in found["notes"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Nothing is cut: name a recipe or rules"),
        (("--recipe", "r", "--rules", "score >= 5"), "--recipe cannot be combined"),
        (("--rules", "score >= -99", "-b", TINY), "The cut drops no image"),
    ],
)
def test_what_cannot_be_compared_is_an_error(cli: Cli, known: None, arguments: tuple[str, ...], message: str) -> None:
    answer = cli("cut-effect", "toy", *arguments)
    assert answer.code == 1
    assert message in answer.err


def test_the_curve_as_a_table_and_as_json(cli: Cli, known: None) -> None:
    found = cli("cut-effect", "toy", "--curve", "-b", TINY, "--json").json
    assert found["shares"][0] == 0.95
    assert [line["name"] for line in found["lines"]][:2] == ["score", "reversed"]
    assert "JEPA-SCORE, lowest first beats random cuts" in found["lines"][0]["sentence"]
    assert found["notes"] == [SAME_ENCODER, USES_LABELS]
    answer = cli("cut-effect", "toy", "--curve", "-b", TINY)
    assert "JEPA-SCORE, lowest first" in answer.out
    assert "beats random cuts" in answer.err
    assert cli("cut-effect", "toy", "--curve", "--rules", "score >= 5").code == 1
