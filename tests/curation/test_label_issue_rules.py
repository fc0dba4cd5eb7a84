"""Label issues in rules: by value and likely label, computed once, kept, computed again when more is measured."""

import numpy as np
import pytest

from jepascore_core.curation import evaluate, parse
from jepascore_core.curation.columns.label_issues import (
    are_label_issues_known,
    label_issue_column,
    label_issue_values,
)
from jepascore_core.curation.precompute.step import PrecomputeStep
from jepascore_core.curation.precompute.steps import pending_work, precompute
from jepascore_core.curation.recipes import from_yaml, make_recipe, to_yaml
from jepascore_core.curation.rules.printer import to_text
from jepascore_core.errors import RuleError, TooFewImagesError
from jepascore_core.scores.score_set import ScoreSet
from tests.conftest import SPEC, add_backbone, add_dataset, make_sample
from tests.curation.embedded import measure_embedded

#: Wrong labels; 7 is without a label, 40 is a copy of 6 under the other label, 41 is not measured.
WRONG = [3, 10]
NAME = "timm:vit_tiny_patch16_224.test"
UNLABELLED, COPY, UNMEASURED = 7, 40, 41


def given(n):
    if n == UNLABELLED:
        return None
    return "cat" if (n % 2 == 0) != (n in (*WRONG, COPY)) else 'do"g'


@pytest.fixture
def embeddings():
    centres = 5 * np.eye(2, 8)[np.arange(42) % 2]
    return (centres + np.random.default_rng(0).standard_normal((42, 8))).astype(np.float16)


@pytest.fixture
def samples():
    return [make_sample(f"{n:02d}.png", given(n), "train", str(6 if n == COPY else n)) for n in range(42)]


@pytest.fixture
def scores(store, samples, embeddings):
    dataset, backbone = add_dataset(store, "d", samples), add_backbone(store)
    measure_embedded(store, backbone.backbone_id, samples[:40], embeddings)
    return ScoreSet(dataset.dataset_id, SPEC.key(backbone.backbone_id))


def kept(store, scores, text, verdict="keep"):
    found = evaluate(store, scores, parse(text))
    rows = store.query(f"SELECT verdict FROM {found.relation} ORDER BY row_id")["verdict"].to_pylist()
    return [n for n, value in enumerate(rows) if value == verdict]


def test_the_wrong_labels_and_the_copy_are_found(store, scores):
    assert kept(store, scores, "label_issue >= 0.7") == [*WRONG, COPY]
    assert kept(store, scores, "label_issue >= 0.7", "unscored") == [UNMEASURED]
    rest = [n for n in range(41) if n not in (*WRONG, COPY)]
    assert kept(store, scores, "label_issue < 0.7") == rest, "what has no label has no label issue"
    assert kept(store, scores, "label_issue <= 0.7") == [n for n in rest if n != UNLABELLED]


def test_the_likely_label_is_a_text(store, scores):
    assert kept(store, scores, 'label_issue >= 0.9 and likely_label = "cat"') == [10]
    assert kept(store, scores, 'label_issue >= 0.9 and likely_label in ("do\\"g")') == [3]
    assert kept(store, scores, 'label_issue >= 0.9 and likely_label like "c?t"') == [10]
    assert kept(store, scores, "likely_label is missing") == [UNLABELLED]
    assert kept(store, scores, 'likely_label = "cat"', "unscored") == [UNMEASURED]


def test_a_column_has_both_parts(store, scores):
    name = label_issue_column(store, scores)
    rows = store.query(f"SELECT * FROM {name}").rename_columns(
        [column.removeprefix(name) for column in store.query(f"SELECT * FROM {name} LIMIT 0").column_names]
    )
    assert rows.column_names == ["", "_likely", "_knn", "_probe", "_embedded"]
    last = rows.to_pylist()[UNMEASURED]
    assert last == {"": None, "_likely": None, "_knn": None, "_probe": None, "_embedded": False}
    first = rows.to_pylist()[3]
    assert first["_knn"] < 0 > first["_probe"]


def test_work_is_done_once_until_more_is_measured(store, scores, samples, embeddings):
    rules = parse('label_issue >= 0.9 and not likely_label = "cat"')
    (work,) = pending_work(store, scores, rules)
    assert (work.kind, work.size, work.number, work.is_quick) == ("labels", 40, 2, True)
    assert work.title == "Judging the labels of 40 images of 2 classes"
    shares = []
    precompute(store, scores, work, shares.append)
    assert shares[-1] == pytest.approx(1.0)
    assert pending_work(store, scores, rules) == ()
    first = label_issue_values(store, scores, _refuse)
    measure_embedded(store, scores.backbone_id, samples[41:], embeddings)
    assert len(pending_work(store, scores, rules)) == 1
    assert label_issue_values(store, scores).num_rows == first.num_rows + 1
    assert len(list(store.dataset_folder(scores.dataset_id).glob("label-issues/*/*.parquet"))) == 1


def _refuse(_share):
    raise AssertionError("computed again")


def test_large_sets_are_asked_about_first():
    many = PrecomputeStep("labels", 4000, number=1000, seconds=90.0)
    assert not many.is_quick
    assert "1,000 classes (about 1.5 min on two cores)" in many.title or "two cores" in many.title
    assert many.short_title == "label issues"


def test_a_named_backbone(store, scores, samples, embeddings):
    other = add_backbone(store, "timm:vit_tiny_patch16_224.other")
    measure_embedded(store, other.backbone_id, samples[:20], embeddings)
    text = f'label_issue["{other.backbone_id}"] >= 0.9'
    assert [work.size for work in pending_work(store, scores, parse(text))] == [20]
    assert kept(store, scores, text)[:2] == WRONG
    assert not are_label_issues_known(store, scores)
    likely = f'likely_label["{other.backbone_id}"] = "cat"'
    assert to_text(parse(likely)) == likely
    assert set(kept(store, scores, likely, "unscored")) == {*range(20, 42)} - {COPY}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("label_issue >= 90", "between 0 and 1"),
        ("label_issue[knn] >= 0.9", "does not depend on a score"),
        ('likely_label["b", rank] = "a"', "does not depend on a score"),
        ("likely_label >= 0.5", "is a text"),
        ('label_issue = "cat"', "is a number"),
        ("label_isue >= 0.5", "label_issue"),
    ],
)
def test_what_cannot_be_is_refused(text, why):
    with pytest.raises(RuleError, match=why):
        parse(text)


def test_one_class_says_so(store, embeddings):
    samples = [make_sample(f"{n:02d}.png", "cat", content=str(n)) for n in range(10)]
    dataset, backbone = add_dataset(store, "one", samples), add_backbone(store)
    measure_embedded(store, backbone.backbone_id, samples, embeddings)
    scores = ScoreSet(dataset.dataset_id, SPEC.key(backbone.backbone_id))
    with pytest.raises(TooFewImagesError, match="at least two classes"):
        kept(store, scores, "label_issue >= 0.7")


def test_a_recipe_comes_back_as_it_was(store, scores):
    rules = parse(
        f'label_issue["{NAME}"] < 0.9 and not likely_label["{NAME}"] like "c*" and likely_label["{NAME}"] != "a"'
    )
    text = to_yaml(make_recipe(store, evaluate(store, scores, rules), "clean"))
    assert to_yaml(from_yaml(text)) == text
    assert text.count(scores.key.text) >= 3
