"""What can be chosen, and what it is called."""

import pytest

from jepascore_core.errors import DatasetNotReadyError
from jepascore_core.records.datasets import SampleFailure
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.records.runs import RunState
from jepascore_core.scores.measured import backbone_choices, dataset_choices, measured_choices, offered
from jepascore_core.scores.score_set import ScoreSet, has_labels, version_key
from jepascore_core.scores.titles import (
    asked_title,
    backbone_title,
    distinct_titles,
    measured_titles,
    short_architecture,
)
from jepascore_core.views.choices import class_choices, shown_first
from tests.conftest import (
    SPEC,
    add_backbone,
    add_dataset,
    add_estimates,
    add_measurements,
    add_run,
    make_sample,
    make_samples,
)


def test_datasets_with_and_without_index(store):
    samples = [*make_samples(["a", "a", "b", None]), make_sample("copy.png", "b", content="a/0000.png")]
    add_dataset(store, "set 10", samples)
    store.catalogue.add_dataset("set 2", "/elsewhere", "flat", {})
    add_dataset(store, "empty", [])
    choices = dataset_choices(store)
    assert [(c.name, c.has_index, c.num_samples, c.num_images, c.num_classes) for c in choices] == [
        ("empty", True, 0, 0, 0),
        ("set 2", False, 0, 0, 0),
        ("set 10", True, 5, 4, 2),
    ]


def test_measured_choices_count_what_this_dataset_has(store):
    samples = make_samples("aabb")
    dataset = add_dataset(store, "d", samples)
    other = add_dataset(store, "other", make_samples("xyz"))
    assert measured_choices(store, dataset.dataset_id) == ()
    full, half = add_backbone(store, "timm:resnet18.a1"), add_backbone(store)
    keys = [sample.sample_key for sample in samples]
    scores = add_measurements(store, dataset, full, dict.fromkeys(keys, 1.0), samples=samples)
    add_measurements(store, dataset, half, dict.fromkeys(keys[:2], 1.0), samples=samples)
    choices = measured_choices(store, dataset.dataset_id)
    assert [(c.title, c.num_scored, c.num_samples, c.coverage) for c in choices] == [
        ("ResNet-18 (timm)", 4, 4, 1.0),
        ("ViT-Ti/16 (timm)", 2, 4, 0.5),
    ]
    assert choices[0].scores(dataset.dataset_id) == scores
    assert measured_choices(store, other.dataset_id) == ()
    with pytest.raises(DatasetNotReadyError, match="not indexed yet"):
        measured_choices(store, store.catalogue.add_dataset("new", "/new", "flat", {}).dataset_id)


def test_the_best_of_each_backbone_comes_first(store):
    samples = make_samples("aabb")
    dataset = add_dataset(store, "d", samples)
    some = {sample.sample_key: 1.0 for sample in samples[:2]}
    everything = {sample.sample_key: 1.0 for sample in samples}
    first, second = add_backbone(store, "timm:resnet18.a1"), add_backbone(store)
    sketch = MeasurementSpec("sketch", probes=4)
    add_measurements(store, dataset, first, some, samples=samples)
    add_measurements(store, dataset, first, everything, samples=samples, spec=sketch)
    add_measurements(store, dataset, second, everything, samples=samples)
    for backbone in (first, second):
        add_estimates(store, dataset, backbone, everything, 0.5, samples=samples)
    expected = [
        "ViT-Ti/16 (timm)", "ResNet-18 (timm) calibrated",
        "ResNet-18 (timm) sketch", "ViT-Ti/16 (timm) calibrated", "ResNet-18 (timm)",
    ]  # fmt: skip
    assert [choice.title for choice in measured_choices(store, dataset.dataset_id)] == expected
    assert [choice.title for choice in backbone_choices(store)] == expected
    assert [choice.key.estimator for choice in backbone_choices(store)][:2] == ["exact", "calibrated"]
    # The calibrated scores of the first one stand for its sketch of the same size.
    expected.remove("ResNet-18 (timm) sketch")
    assert [choice.title for choice in offered(store, measured_choices(store, dataset.dataset_id))] == expected


def test_what_was_cancelled_halfway_is_not_shown_unless_chosen(store):
    samples = make_samples("aabbcc")
    dataset, keys = add_dataset(store, "d", samples), [sample.sample_key for sample in samples]
    older, newer, half = (add_backbone(store, f"timm:resnet{size}.a1") for size in (18, 34, 50))
    for backbone, number in ((older, 6), (newer, 6), (half, 2)):
        add_measurements(store, dataset, backbone, dict.fromkeys(keys[:number], 1.0), samples=samples)
        state = RunState.FINISHED if number == 6 else RunState.CANCELLED
        add_run(store, dataset, backbone, state, num_total=6, num_measured=number)
    titles = ["ResNet-34 (timm)", "ResNet-18 (timm)", "ResNet-50 (timm)"]
    choices = measured_choices(store, dataset.dataset_id)
    assert [choice.title for choice in choices] == titles, "complete first, then the latest"
    assert [choice.is_complete for choice in choices] == [True, True, False]
    assert shown_first(store) == choices[0].scores(dataset.dataset_id)
    assert [choice.title for choice in backbone_choices(store)] == titles


def test_the_best_covered_is_shown_where_nothing_is_complete(store):
    samples = make_samples("aabbcc")
    dataset, keys = add_dataset(store, "d", samples), [sample.sample_key for sample in samples]
    for backbone, number in ((add_backbone(store, "timm:resnet18.a1"), 4), (add_backbone(store), 2)):
        add_measurements(store, dataset, backbone, dict.fromkeys(keys[:number], 1.0), samples=samples)
        add_run(store, dataset, backbone, RunState.CANCELLED, num_total=6, num_measured=number)
    assert [choice.num_scored for choice in measured_choices(store, dataset.dataset_id)] == [4, 2]


def test_failures_count_as_done(store):
    samples = make_samples("aabb")
    dataset, keys = add_dataset(store, "d", samples), [sample.sample_key for sample in samples]
    first, second = add_backbone(store, "timm:resnet18.a1"), add_backbone(store)
    add_measurements(store, dataset, first, dict.fromkeys(keys, 1.0), samples=samples)
    add_run(store, dataset, first, num_total=4, num_measured=4)
    add_measurements(store, dataset, second, dict.fromkeys(keys[:3], 1.0), samples=samples)
    run = add_run(store, dataset, second, num_total=4, num_measured=3, num_failed=1)
    last = samples[3]
    failure = SampleFailure(last.sample_key, last.uri, "decode", "DecodeError", "broken", last.content_id)
    store.catalogue.add_run_failures(run.run_id, [failure])
    (choice, other) = measured_choices(store, dataset.dataset_id)
    assert (choice.key.backbone_id, choice.num_scored, choice.num_failed) == (second.backbone_id, 3, 1)
    assert choice.is_complete and other.is_complete
    store.catalogue.clear_run_failures(run.run_id)
    assert [item.is_complete for item in measured_choices(store, dataset.dataset_id)] == [True, False]


def test_scores_of_shared_images_come_after_those_of_own_runs(store):
    shared = make_samples("aabb")
    one, two = add_dataset(store, "one", shared), add_dataset(store, "two", shared[:2])
    keys = [sample.sample_key for sample in shared]
    mine, other = add_backbone(store, "timm:resnet18.a1"), add_backbone(store)
    add_measurements(store, two, mine, dict.fromkeys(keys[:2], 1.0), samples=shared)
    add_run(store, two, mine, num_total=2, num_measured=2)
    add_measurements(store, one, other, dict.fromkeys(keys, 1.0), samples=shared)
    add_run(store, one, other, num_total=4, num_measured=4)
    assert [(item.key.backbone_id, item.is_own) for item in measured_choices(store, two.dataset_id)] == [
        (mine.backbone_id, True), (other.backbone_id, False),
    ]  # fmt: skip
    assert [(item.key.backbone_id, item.is_complete) for item in measured_choices(store, one.dataset_id)] == [
        (other.backbone_id, True), (mine.backbone_id, False),
    ]  # fmt: skip
    found = backbone_choices(store)
    assert [item.key.backbone_id for item in found] == [other.backbone_id, mine.backbone_id]
    assert [item.complete for item in found] == [(one.dataset_id, two.dataset_id), (two.dataset_id,)]


def test_classes_in_natural_order_and_unlabelled_ones(store):
    labelled = add_dataset(store, "d", make_samples(["10", "9", "9", None, " "]))
    choices = class_choices(store, labelled.dataset_id)
    assert [(c.label, c.title, c.num_samples) for c in choices] == [
        ("9", "9", 2), ("10", "10", 1), (" ", "(empty label)", 1), (None, "(no label)", 1),
    ]  # fmt: skip
    flat = add_dataset(store, "flat", make_samples([None, None]))
    assert [(c.label, c.title) for c in class_choices(store, flat.dataset_id)] == [(None, "(all)")]
    assert has_labels(store, labelled.dataset_id)
    assert not has_labels(store, flat.dataset_id)


def test_freshness_changes_with_shards_and_index(store):
    samples = make_samples("ab")
    dataset = add_dataset(store, "d", samples)
    scores = ScoreSet(dataset.dataset_id, SPEC.key("b"))
    backbone = add_backbone(store, backbone_id="b")
    seen = [version_key(store, scores)]
    add_measurements(store, dataset, backbone, {samples[0].sample_key: 1.0}, samples=samples)
    seen += [version_key(store, scores), version_key(store, scores)]
    folder = store.dataset_folder(dataset.dataset_id)
    (folder / "v1").rename(folder / "v2")
    store.catalogue.update_dataset(dataset.dataset_id, version="v2")
    seen.append(version_key(store, scores))
    assert seen[1] == seen[2]
    assert len(set(seen)) == 3


@pytest.mark.parametrize(
    ("architecture", "short"),
    [
        ("vit_tiny_patch16_224", "ViT-Ti/16"),
        ("vit_small_patch14_reg4_dinov2", "ViT-S/14 reg4"),
        ("vit_giant_patch16_gap_224", "ViT-g/16"),
        ("ViT-B-16-quickgelu", "ViT-B/16"),
        ("resnet50", "ResNet-50"),
        ("convnext_tiny", "convnext_tiny"),
    ],
)
def test_architectures_have_short_names(architecture, short):
    assert short_architecture(architecture) == short


def test_titles_say_the_family_where_it_is_known(store):
    assert backbone_title(add_backbone(store, "timm:vit_small_patch14_dinov2.lvd142m", family="DINOv2")) == (
        "DINOv2 ViT-S/14"
    )
    assert backbone_title(add_backbone(store, family="supervised ViT")) == "ViT-Ti/16 (supervised)"
    assert backbone_title(add_backbone(store, "timm:resnet18.a1", family="ResNet")) == "ResNet-18"
    assert backbone_title(add_backbone(store, "bundled:digits-vit")) == "digits-vit (bundled)"


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("timm:vit_small_patch14_dinov2.lvd142m", "DINOv2 ViT-S/14"),
        ("timm:vit_tiny_patch16_224.augreg_in21k_ft_in1k", "ViT-Ti/16 (supervised)"),
        ("timm:vit_tiny_patch16_224.mine", "ViT-Ti/16 (timm)"),
        ("open_clip:ViT-B-16:of_mine", "ViT-B/16 (open_clip)"),
        ("bundled:tiny", "tiny (bundled)"),
        ("what is this", "what is this"),
    ],
)
def test_a_name_has_a_title_before_its_weights_are_loaded(name, title):
    assert asked_title(name) == title


def test_titles_that_would_be_equal_say_what_differs(store):
    first = add_backbone(store, "timm:vit_tiny_patch16_224.one")
    second = add_backbone(store, "timm:vit_tiny_patch16_224.two")
    precise = MeasurementSpec(precision="float64")
    weights = add_backbone(store, "timm:vit_tiny_patch16_224.two", weights_hash="abcdef123")
    items = {
        spec.key(info.backbone_id): (info, spec)
        for info, spec in [(first, SPEC), (second, SPEC), (second, precise), (weights, SPEC)]
    }
    titles = list(distinct_titles(items).values())
    assert titles[0] == "ViT-Ti/16 (timm) one"
    assert titles[2] == "ViT-Ti/16 (timm) two float64"
    assert titles[3] == "ViT-Ti/16 (timm) two float32 weights abcdef"
    assert len(set(titles)) == 4


def test_shards_of_an_unknown_backbone_go_by_their_id(store):
    samples = make_samples("a")
    dataset = add_dataset(store, "d", samples)
    known = add_backbone(store)
    add_measurements(store, dataset, known, {samples[0].sample_key: 1.0}, samples=samples)
    folder = store.measurement_folder(SPEC.key(known.backbone_id))
    folder.parent.rename(folder.parent.with_name("from-elsewhere"))
    assert measured_titles(store) == {SPEC.key("from-elsewhere"): f"from-elsewhere, {SPEC.spec_id}"}
