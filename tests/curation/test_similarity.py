"""Similarity in rules and draws: cosines in closed form, what is refused, what is read from disk."""

import numpy as np
import pytest

from jepascore_core.curation import Budget, evaluate, parse, to_text
from jepascore_core.curation.columns.similarity import has_words, query_vector
from jepascore_core.curation.precompute.steps import pending_work, precompute_all
from jepascore_core.curation.rules.column import Column
from jepascore_core.embeddings.own import as_vectors, match_vectors
from jepascore_core.embeddings.similarity import keep_words_vector, words_vector
from jepascore_core.errors import RuleError, RuleSyntaxError
from jepascore_core.jobs import process
from jepascore_core.jobs.own_embeddings import import_vectors
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from jepascore_core.views.search import SampleSearch, search_samples
from jepascore_core.worker.loop import Worker
from tests.worker.sources import indexed, write_images

#: Degrees of the embeddings from the first axis, in order of the sample keys.
DEGREES = np.array([0.0, 10.0, 30.0, 60.0, 90.0, 180.0])


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "start_worker", lambda *_: False)
    return Store(tmp_path / "home")


@pytest.fixture
def scores(store, tmp_path):
    """Six images whose embeddings, of different lengths, stand at known angles to each other."""
    dataset = indexed(store, Worker(store), write_images(tmp_path / "images", len(DEGREES)))
    angles = np.radians(DEGREES)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.arange(1, 7)[:, None]
    return ScoreSet(
        dataset.dataset_id, import_vectors(store, dataset, "turns", match_vectors(store, dataset, as_vectors(vectors)))
    )


def keys(store, scores):
    sql = (
        f"SELECT sample_key FROM ({store.manifest_sql(store.catalogue.dataset(scores.dataset_id))}) ORDER BY sample_key"
    )
    return store.query(sql)["sample_key"].to_pylist()


def kept(store, scores, text):
    curation = parse(text)
    precompute_all(store, scores, curation)
    found = evaluate(store, scores, curation)
    sql = (
        f"SELECT sample_key FROM {found.base} POSITIONAL JOIN {found.table} WHERE verdict = 'keep' ORDER BY sample_key"
    )
    return store.query(sql)["sample_key"].to_pylist()


def test_the_similarity_to_a_sample_is_the_cosine_of_the_angle(store, scores):
    names = keys(store, scores)
    first = f'similar_to("{names[0]}")'
    for limit, number in ((0.999, 1), (0.98, 2), (0.86, 3), (0.49, 4), (-0.01, 5), (-1, 6)):
        assert kept(store, scores, f"{first} >= {limit}") == names[:number]
    assert kept(store, scores, f"{first} < 0.1") == names[4:]
    assert kept(store, scores, f"all | budget 2 highest {first}") == names[:2]
    assert kept(store, scores, f"all | budget 2 lowest {first}") == names[4:]
    assert kept(store, scores, f"{first} < 0.9 | budget 1 highest {first}") == [names[2]]
    assert kept(store, scores, "all | budget 3 lowest percentile[norm]") == names[:3]
    assert pending_work(store, scores, parse(f"{first} >= 0")) == ()  # kept on disk


def test_words_that_are_embedded_rank_images_as_a_sample_would(store, scores, monkeypatch):
    with pytest.raises(RuleError, match=r"no text tower.*open_clip:.*licence mit"):
        pending_work(store, scores, parse('similar("a turn") >= 0'))
    monkeypatch.setattr("jepascore_core.curation.columns.similarity.has_words", lambda *_: True)
    (work,) = pending_work(store, scores, parse('similar("a turn") >= 0'))
    assert (work.kind, work.is_quick, work.short_title) == ("similar", False, 'similarity to "a turn"')
    with pytest.raises(RuleError, match="embedded first"):
        evaluate(store, scores, parse('similar("a turn") >= 0'))
    keep_words_vector(store, scores.backbone_id, "a turn", np.array([0.0, 3.0], np.float32))
    assert words_vector(store, scores.backbone_id, "another") is None
    assert query_vector(store, scores, Column("similar", query="a turn")).tolist() == [0.0, 3.0]
    (work,) = pending_work(store, scores, parse('similar("a turn") >= 0'))
    assert work.is_quick
    names = keys(store, scores)
    assert kept(store, scores, 'all | budget 2 highest similar("a turn")') == names[3:5]
    found = search_samples(store, scores, SampleSearch(similar=Column("similar", query="a turn"), least=0.45), 1, 10)
    assert [sample.sample_key for sample in found.samples] == [names[4], names[3], names[2]]
    np.testing.assert_allclose(found.numbers, np.sin(np.radians([90, 60, 30])), atol=2e-3)


def test_what_cannot_be_compared_is_refused(store, scores):
    assert not has_words(store, scores.key)
    for rule, reason in (
        ('similar_to("nothing") >= 0.5', "has no sample 'nothing'"),
        ('similar_to("a", "unknown") >= 0.5', "Nothing was measured with the backbone 'unknown'"),
    ):
        with pytest.raises(Exception, match=reason):
            kept(store, scores, rule)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("similar >= 0.5", r'Expected "\("'),
        ("similar(0.5) >= 0.5", "a text in double quotes"),
        ('similar("") >= 0.5', "Similarity needs words"),
        ('similar("a") >= 2', "between -1 and 1"),
        ('similer("a") >= 0.2', "similar"),
        ("all | budget 5 highest", "Expected a rule"),
        ("all | budget 5 highest label", "is a text"),
        ("all | budget 5 per class highest width", "always drawn at random"),
    ],
)
def test_the_parser_says_what_is_wrong(text, reason):
    with pytest.raises(RuleSyntaxError, match=reason):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        'similar("a watermark", "open_clip:x") >= 0.25',
        'not (similar("a \\"b\\"") < 0.25 or similar_to("k/1.jpg") > 0.9)',
        'all | budget 100 highest similar("a cat")',
        "all | budget 100 lowest percentile[knn]",
    ],
)
def test_text_and_rules_are_the_same(text):
    assert parse(to_text(parse(text))) == parse(text)


def test_a_draw_by_a_number_needs_one():
    with pytest.raises(RuleError, match="Name the column"):
        Budget(5, "highest")
    with pytest.raises(RuleError, match="Name the column"):
        Budget(5, by=Column("width"))
