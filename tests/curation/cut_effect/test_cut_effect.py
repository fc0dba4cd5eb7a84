"""Cuts whose effect is known: wrong labels out gains, a random part is no better, a class's tail out loses."""

import json

import numpy as np
import pytest

from jepascore_core.curation import evaluate, parse
from jepascore_core.curation.cut_effect.results import CutEffect
from jepascore_core.curation.cut_effect.samples import Cut, cut_of, labelled_samples, random_subset
from jepascore_core.curation.cut_effect.stored import cut_effect, cut_effect_seconds, known_cut_effect
from jepascore_core.embeddings.label_issues import NUM_FOLDS
from jepascore_core.errors import RuleError, RunCancelled, TooFewImagesError
from tests.conftest import add_backbone, add_dataset, add_measurements, make_sample


def measure(store, dataset, backbone, samples):
    scores = {sample.sample_key: float(row) for row, sample in enumerate(samples)}
    return add_measurements(store, dataset, backbone, scores, samples=samples)


SPLITS = ["train", "train", "train", "test"]


def test_dropping_wrong_labels_is_better_than_random(make):
    known = make(wrong=0.4, splits=[SPLITS[row // 4 % 4] for row in range(1200)])
    found = cut_effect(known.store, known.scores, known.cut(known.truth == known.labels))
    assert (found.held_out, found.split, found.num_folds) == ("test", "test", 1)
    assert (found.num_judged, found.num_training) == (300, 900)
    assert found.verdict == "better"
    assert found.colour == "green"
    assert found.sentence.startswith("This cut does better than a random one")
    assert found.difference.value == pytest.approx(found.accuracy_kept - found.accuracy_random.value)
    assert found.against_all.value == pytest.approx(found.accuracy_kept - found.accuracy_all)


def test_dropping_a_random_part_is_called_no_better(make):
    known = make(wrong=0.1)
    is_dropped = np.random.default_rng(3).random(1200) < 0.3
    found = cut_effect(known.store, known.scores, known.cut(~is_dropped))
    assert (found.held_out, found.split, found.num_folds) == ("folds", None, NUM_FOLDS)
    assert found.num_judged == 1200, "each image is held out once"
    assert found.verdict == "no better"
    assert found.colour == "orange"
    assert "no better than a random one" in found.sentence
    assert not found.gaining
    assert not found.losing


def test_dropping_the_tail_of_a_class_loses(make):
    known = make()
    kept = ~(known.tails & (known.truth == 2))
    found = cut_effect(known.store, known.scores, known.cut(kept))
    assert found.verdict == "worse"
    assert found.colour == "red"
    assert [item.label for item in found.losing] == ["class 2"]
    assert not found.gaining
    assert found.against_all.is_below_zero
    assert "costs accuracy against training on everything" in found.sentence
    of_class = found.losing[0]
    assert of_class.num_training - of_class.num_kept == (~kept).sum()


def test_cuts_at_random_are_inside_the_interval(make):
    known = make(n=200, wrong=0.2)
    verdicts = []
    for seed in range(15):
        is_dropped = np.random.default_rng([seed, 1]).random(200) < 0.4
        verdicts.append(cut_effect(known.store, known.scores, known.cut(~is_dropped)).verdict)
    assert verdicts.count("no better") >= 13


def test_small_numbers_are_said(make):
    known = make(n=120, wrong=0.1)
    found = cut_effect(known.store, known.scores, known.cut(np.arange(120) % 3 > 0))
    half = (found.difference.upper - found.difference.lower) / 2
    assert f"With 120 held-out images a difference below {100 * half:.1f} points could not be seen." in found.sentence


def test_random_subsets_have_the_size_of_each_class():
    codes = np.array([0, 1, 1, 2, 0, 1, 0, 2] * 30)
    eligible = np.arange(240) % 5 > 0
    found = random_subset(eligible, codes, np.array([7, 0, 3]), 4)
    assert np.bincount(codes[found], minlength=3).tolist() == [7, 0, 3]
    assert not (found & ~eligible).any()
    assert (found != random_subset(eligible, codes, np.array([7, 0, 3]), 5)).any()


def test_copies_are_never_in_two_folds_and_judged_once(store):
    samples = [make_sample(f"{n:03d}.png", "ab"[n % 2], content=str(n % 80 // 2 * 2 + n % 2)) for n in range(160)]
    dataset, backbone = add_dataset(store, "copies", samples), add_backbone(store)
    found = labelled_samples(store, measure(store, dataset, backbone, samples[:80]))
    assert found.num_judged == 80
    assert (found.folds[:80] == found.folds[80:]).all()
    for fold in found.judged:
        trained = {samples[row].content_id for row in np.flatnonzero(found.training(fold))}
        assert not trained & {samples[row].content_id for row in found.judged_in(fold)}


def test_copies_of_held_out_images_are_not_trained_on(store):
    samples = [
        make_sample(f"{n:03d}.png", "ab"[n % 2], "train" if n < 100 else "val", content=str(n % 160))
        for n in range(200)
    ]
    dataset, backbone = add_dataset(store, "leak", samples), add_backbone(store)
    found = labelled_samples(store, measure(store, dataset, backbone, samples[:160]))
    assert (found.held_out, found.split, found.num_copies) == ("validation", "val", 40)
    assert np.flatnonzero(found.training(0)).tolist() == list(range(40, 100))
    assert found.num_judged == 100


def test_other_splits_are_left_out(store):
    names = ["train"] * 60 + ["test"] * 60 + ["val"] * 10
    samples = [make_sample(f"{n:03d}.png", "ab"[n % 2], name, content=str(n)) for n, name in enumerate(names)]
    dataset, backbone = add_dataset(store, "three", samples), add_backbone(store)
    scores = measure(store, dataset, backbone, samples)
    found = cut_effect(store, scores, Cut(str(dataset.version), (np.arange(130) % 3 > 0).astype(np.uint8)))
    assert (found.num_judged, found.num_training, found.num_left_out) == (60, 60, 10)


def test_what_has_no_verdict_is_neither_kept_nor_drawn(make):
    known = make(n=200)
    cut = known.cut(np.arange(200) % 4 > 0)
    flags = cut.flags.copy()
    flags[50:60] = 2
    found = cut_effect(known.store, known.scores, Cut(cut.version, flags))
    assert (found.num_training, found.num_left_out) == (190, 10)
    assert found.num_judged == 200, "held-out images are never cut"


def test_the_result_is_kept_until_something_changes(make, monkeypatch):
    known = make(n=200)
    cut = known.cut(np.arange(200) % 4 > 0)
    assert known_cut_effect(known.store, known.scores, cut) is None
    made = cut_effect(known.store, known.scores, cut)
    assert known_cut_effect(known.store, known.scores, cut) == made
    assert CutEffect.from_dict(json.loads(json.dumps(made.to_dict()))) == made
    assert known_cut_effect(known.store, known.scores, known.cut(np.arange(200) % 5 > 0)) is None
    assert cut_effect_seconds(known.store, known.scores) > 0
    assert Cut.unpack(cut.pack()).digest == cut.digest


def test_a_cut_is_read_off_an_evaluation(make):
    known = make(n=200)
    cut = cut_of(known.store, evaluate(known.store, known.scores, parse("score >= 50")))
    assert cut.flags.tolist() == [0] * 50 + [1] * 150


def test_it_can_be_cancelled(make):
    known = make(n=200)

    def progress(share):
        if share > 0.5:
            raise RunCancelled

    with pytest.raises(RunCancelled):
        cut_effect(known.store, known.scores, known.cut(np.arange(200) % 4 > 0), progress)
    assert known_cut_effect(known.store, known.scores, known.cut(np.arange(200) % 4 > 0)) is None


def test_what_cannot_be_compared_is_said(make, store):
    known = make(n=200)
    with pytest.raises(RuleError, match="drops no image"):
        cut_effect(known.store, known.scores, known.cut(np.ones(200, bool)))
    with pytest.raises(RuleError, match="fewer than two classes"):
        cut_effect(known.store, known.scores, known.cut(known.labels == 1))
    with pytest.raises(RuleError, match="has changed"):
        cut_effect(known.store, known.scores, Cut("other", np.zeros(200, np.uint8)))
    samples = [make_sample(f"{n:03d}.png", None, content=f"n{n}") for n in range(60)]
    dataset = add_dataset(store, "unlabelled", samples)
    scores = measure(store, dataset, add_backbone(store), samples)
    with pytest.raises(TooFewImagesError, match=r"without labels.*Put the images of each class in a folder"):
        cut_effect(store, scores, Cut(str(dataset.version), np.zeros(60, np.uint8)))
