"""What rules and steps come to, case by case; test_laws.py has what holds for all."""

from collections import Counter

import pytest

from jepascore_core.curation import Between, Column, Curation, evaluate, parse, summarize
from jepascore_core.errors import DatasetNotReadyError, RuleError, UnknownNameError
from jepascore_core.records.datasets import SampleFailure
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.scores import tables as score_tables
from jepascore_core.scores.score_set import ScoreSet, scored_sql, table_of
from jepascore_core.storage.store import Store
from jepascore_core.views.curation import before_after, preview
from tests.conftest import add_backbone, add_dataset, add_measurements, make_sample, make_samples


def scored(store, rows, failures=()):
    """A dataset of (label, score) rows; the score None = not measured."""
    samples = make_samples([label for label, _ in rows])
    return measured(store, samples, [score for _, score in rows], failures)


def measured(store, samples, values, failures=(), name="d"):
    dataset = add_dataset(store, name, samples, failures)
    scores = {s.sample_key: float(v) for s, v in zip(samples, values, strict=True) if v is not None}
    return add_measurements(store, dataset, add_backbone(store), scores, samples=samples)


def rows_of(store, scores, curation, decisions=None):
    if isinstance(curation, str):
        curation = parse(curation)
    found = evaluate(store, scores, curation, decisions)
    return store.query(f"SELECT * FROM {found.relation} ORDER BY row_id").to_pylist()


def verdicts(store, scores, curation, decisions=None):
    return {row["sample_key"]: row["verdict"] for row in rows_of(store, scores, curation, decisions)}


def kept(store, scores, curation, decisions=None):
    return [key for key, verdict in verdicts(store, scores, curation, decisions).items() if verdict == "keep"]


def numbers(items):
    return [item.score for item in items]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("class_percentile >= 10", [2, 3, 4, 5, 6, 7, 8, 9, 10]),
        ("class_percentile <= 75", [1, 2, 3, 4, 5, 6, 7, 8]),
        ("20 <= percentile <= 80", [3, 4, 5, 6, 7, 8]),
        ("3 <= score <= 8.5", [3, 4, 5, 6, 7, 8]),
        ("score < 3 or score > 8", [1, 2, 9, 10]),
        ("not 3 <= score <= 8", [1, 2, 9, 10]),
        ("score >= 11", []),
        ("", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        ("at least 2 of (score >= 3, score <= 5, score >= 9)", [3, 4, 5, 9, 10]),
        ('key like "a/000[3*"', []),
        ('key like "a/000?.p*" and score > 8', [9, 10]),
        ("all | budget 3", None),
    ],
)
def test_what_rules_keep(store, text, wanted):
    scores = scored(store, [("a", value) for value in range(1, 11)])
    found = kept(store, scores, text)
    assert summarize(store, evaluate(store, scores, parse(text))).counts.kept == len(found)
    if wanted is None:
        assert len(found) == 3
    else:
        assert [int(key[2:6]) + 1 for key in found] == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("class_size >= 3", {"a"}),
        ("class_size < 3", {"b", "c", None}),
        ("2 <= class_size <= 2", {"b", None}),
        ("class_size = 1 and label is not missing", {"c"}),
    ],
)
def test_the_size_of_a_class_counts_its_samples_measured_or_not(store, text, wanted):
    # Labels are not together, so that counting must not change the order of the samples.
    labels = ["a", None, "b", "a", "c", "b", None, "a"]
    scores = scored(store, [(label, None if place == 3 else place) for place, label in enumerate(labels)], [
        SampleFailure("d/broken.png", "/d/broken.png", "decode", "SampleError", "broken"),
    ])  # fmt: skip
    rows = rows_of(store, scores, text)
    assert {row["label"] for row in rows if row["verdict"] == "keep"} == wanted
    assert all((row["verdict"] == "keep") == (row["label"] in wanted) for row in rows)


def test_a_sample_exactly_at_a_percentile_limit_is_kept(store):
    # The second of 15 has the percentile 10, which no sum of binary fractions hits exactly.
    scores = scored(store, [("a", value) for value in range(15)])
    assert summarize(store, evaluate(store, scores, parse("percentile >= 10"))).counts.dropped == 1
    assert summarize(store, evaluate(store, scores, parse("percentile <= 90"))).counts.dropped == 1


@pytest.mark.parametrize("is_laid_out", [False, True])
def test_percentiles_are_those_of_every_other_page(store, monkeypatch, is_laid_out):
    scores = scored(store, [("a", 3), ("a", 3), (None, 1), ("b", 2), ("a", None), ("b", 2), (None, 7), ("b", -1.5)])
    if is_laid_out:
        monkeypatch.setattr(score_tables, "MIN_SAMPLES", 1)
        record = store.catalogue.dataset("d")
        assert score_tables.build_score_table(store, record, scores.key).is_file()
    found = evaluate(store, scores, parse("class_percentile >= 50 and percentile >= 50 and split_percentile >= 50"))
    columns = [name for name in store.query(f"SELECT * FROM {found.relation}").column_names if name.startswith("c_")]
    assert found.score in columns
    wanted = store.query(
        f"SELECT sample_key, class_percentile, percentile FROM ({scored_sql(store, scores)}) ORDER BY 1"
    ).to_pylist()
    samples = preview(store, evaluate(store, scores, Curation((Between(Column("score"), -100),))), n=20).narrowly_kept
    mine = sorted((s.sample_key, s.class_percentile, s.percentile) for s in samples)
    assert mine == [tuple(row.values()) for row in wanted]


@pytest.mark.parametrize("key", ["{label}/{n:02}.png", "{n:02}.png"], ids=["keys begin with labels", "they do not"])
def test_tables_say_the_same_as_shards(store, monkeypatch, key):
    labels = ["b", "a", None, "b", "a", "c"] * 3
    samples = [make_sample(key.format(label=label, n=n), label, "train") for n, label in enumerate(labels)]
    scores = measured(store, samples, [None if n == 7 else (n * 5) % 11 for n in range(18)])
    text = "class_percentile >= 30 and percentile <= 90 | budget 7"
    before = [tuple(row.values()) for row in judged_rows(store, scores, text)]

    monkeypatch.setattr(score_tables, "MIN_SAMPLES", 1)
    record = store.catalogue.dataset("d")
    score_tables.build_score_table(store, record, scores.key)
    again = Store(store.home)
    assert table_of(again, scores) is not None
    assert [tuple(row.values()) for row in judged_rows(again, scores, text)] == before


def judged_rows(store, scores, text):
    found = evaluate(store, scores, parse(text))
    columns = f'row_id, sample_key, label, "{found.score}" AS score, verdict, margin'
    return store.query(f"SELECT {columns} FROM {found.relation} ORDER BY row_id").to_pylist()


def test_within_classes_splits_or_the_dataset(store):
    scores = scored(store, [("a", n) for n in range(10)] + [("b", 100 + n) for n in range(10)])
    within = summarize(store, evaluate(store, scores, parse("class_percentile >= 20")))
    assert [(item.label, item.kept, item.dropped) for item in within.balance] == [("a", 8, 2), ("b", 8, 2)]
    assert [item.share_after for item in within.balance] == [0.5, 0.5]
    across = summarize(store, evaluate(store, scores, parse("percentile >= 20")))
    assert [(item.label, item.kept, item.dropped) for item in across.balance] == [("a", 6, 4), ("b", 10, 0)]
    assert across.balance[1].share_after == 10 / 16
    assert across.balance[1].share_before == 0.5
    # Every fourth sample is of the split "test": 5 of 20, of which the lowest two (percentiles 10 and 30) go.
    split = rows_of(store, scores, "split_percentile >= 31")
    assert sum(row["verdict"] == "drop" for row in split if row["split"] == "test") == 2
    assert sum(row["verdict"] == "drop" for row in split if row["split"] == "train") == 5


def test_unknown_is_neither_true_nor_false(store):
    failure = SampleFailure("bad.png", "/bad.png", "decode", "OSError", "broken")
    scores = scored(store, [("a", 1), ("a", None), ("b", None), ("a", 3)], [failure])

    def found(text):
        return list(verdicts(store, scores, text).values())

    # In order of keys: a/0 = 1, a/1 unknown, a/3 = 3, b/2 unknown.
    assert found("score >= 2") == ["drop", "unscored", "keep", "unscored"]
    assert found("not score >= 2") == ["keep", "unscored", "drop", "unscored"]
    assert found('score >= 2 and label = "a"') == ["drop", "unscored", "keep", "drop"]
    assert found('score >= 2 or label = "a"') == ["keep", "keep", "keep", "unscored"]
    assert found('at least 2 of (score >= 2, label = "a", label = "b")') == ["drop", "unscored", "keep", "unscored"]
    assert found('at least 1 of (score >= 2, label = "a")') == ["keep", "keep", "keep", "unscored"]
    assert found("measured") == ["keep", "drop", "keep", "drop"]
    result = summarize(store, evaluate(store, scores, parse("score >= 2")))
    assert (result.counts.kept, result.counts.dropped, result.counts.unscored) == (1, 1, 2)
    assert (result.counts.num_unreadable, result.counts.total) == (1, 4)
    assert [(item.label, item.total, item.unscored) for item in result.balance] == [("a", 3, 1), ("b", 1, 1)]


def test_agreement_of_backbones(store):
    samples = make_samples(["a"] * 6)
    dataset = add_dataset(store, "d", samples)
    names = [f"timm:vit_tiny_patch16_224.{name}" for name in "abc"]
    values = [[1, 2, 3, 4, 5, 6], [6, 1, 3, 4, 5, 2], [1, 6, 2, 4, 5, 3]]
    sets = [
        add_measurements(store, dataset, add_backbone(store, name),
                         {s.sample_key: v for s, v in zip(samples, column, strict=True)}, samples=samples)
        for name, column in zip(names, values, strict=True)
    ]  # fmt: skip
    low = ", ".join(f'percentile["{name}"] < 30' for name in names)
    found = verdicts(store, sets[0], f"not at least 2 of ({low})")
    # Two lowest: 0 1 | 1 5 | 0 2: samples 0 and 1 are low for two.
    assert [key for key, verdict in found.items() if verdict == "drop"] == ["a/0000.png", "a/0001.png"]
    assert kept(store, sets[0], f'score["{sets[1].key}"] >= 6') == ["a/0000.png"]
    with pytest.raises(UnknownNameError, match="nonsense"):
        summarize(store, evaluate(store, sets[0], parse('score["nonsense"] > 1')))


def test_definitions_and_baselines(store):
    scores = scored(store, [("a", 1), ("a", 2)])
    # Embeddings of these tests are 8 ones.
    assert len(kept(store, scores, "2.828 <= score[norm] <= 2.829")) == 2
    assert kept(store, scores, "score[paper] >= -26.7 and score[rank] >= 2") == ["a/0001.png"]


def test_image_properties_and_metadata(store):
    samples = [
        make_sample("a.png", "x", year=1999, camera="big"),
        make_sample("b.png", "x", year=2005),
        make_sample("c.png", "y", camera="bag"),
    ]
    scores = measured(store, samples, [1, 2, 3])
    assert kept(store, scores, "width >= 64 and height < 49 and pixels = 3072 and bytes <= 1000") == [
        "a.png", "b.png", "c.png",
    ]  # fmt: skip
    assert kept(store, scores, "aspect > 1.4") == []
    assert kept(store, scores, 'meta["year"] >= 2000') == ["b.png"]
    assert kept(store, scores, 'not meta["year"] >= 2000') == ["a.png", "c.png"]
    assert kept(store, scores, 'meta["camera"] like "b?g"') == ["a.png", "c.png"]
    assert kept(store, scores, 'meta["camera"] is missing') == ["b.png"]
    assert kept(store, scores, 'meta["camera"] in ("big", missing)') == ["a.png", "b.png"]
    with pytest.raises(RuleError, match="Available: year, camera"):
        summarize(store, evaluate(store, scores, parse('meta["lens"] = "x"')))


GROUPED = [
    make_sample("a.png", "x", "train", "same"),
    make_sample("b.png", "x", "test", "same"),
    make_sample("c.png", "x", "train", "twin"),
    make_sample("d.png", "y", "train", "twin"),
    make_sample("e.png", None, "train", "lone"),
    make_sample("f.png", None, "train", "third"),
    make_sample("g.png", "y", "train", "third"),
]


def test_duplicates_leakage_and_conflicting_labels(store):
    scores = measured(store, GROUPED, [1, None, 2, None, 3, 4, None])
    assert kept(store, scores, "exact_duplicate") == ["a.png", "b.png", "c.png", "d.png", "f.png", "g.png"]
    assert kept(store, scores, "leak") == ["a.png", "b.png"]
    assert kept(store, scores, 'not (leak and split = "train")')[0] == "b.png"
    assert kept(store, scores, "label_conflict") == ["c.png", "d.png"]
    assert kept(store, scores, "all | one per exact") == ["a.png", "c.png", "e.png", "f.png"]
    # Conditions come first: one of each group that is still there.
    assert kept(store, scores, 'split = "test" or label = "y" | one per exact keep first') == [
        "b.png", "d.png", "g.png",
    ]  # fmt: skip


def test_which_one_of_a_group_is_kept(store):
    import dataclasses

    samples = [dataclasses.replace(s, width=w) for s, w in zip(GROUPED[:4], (10, 20, 10, 10), strict=True)]
    scores = measured(store, samples, [1, None, 2, None])
    assert kept(store, scores, "all | one per exact keep largest") == ["b.png", "c.png"]
    assert kept(store, scores, "all | one per exact keep first") == ["a.png", "c.png"]
    decided = {("d.png", samples[3].content_id): "keep"}
    assert kept(store, scores, "all | one per exact keep first", decided) == ["a.png", "d.png"]
    both = decided | {("c.png", samples[2].content_id): "keep", ("a.png", samples[0].content_id): "drop"}
    assert kept(store, scores, "all | one per exact keep first", both) == ["b.png", "c.png", "d.png"]


def test_decisions_override_rules(store):
    scores = scored(store, [("a", value) for value in range(4)])
    ids = {row["sample_key"]: row["content_id"] for row in rows_of(store, scores, "")}
    decisions = {("a/0000.png", ids["a/0000.png"]): "keep", ("a/0003.png", ids["a/0003.png"]): "drop"}
    assert kept(store, scores, "score >= 2", decisions) == ["a/0000.png", "a/0002.png"]
    result = summarize(store, evaluate(store, scores, parse("score >= 2"), decisions))
    assert (result.counts.kept, result.counts.dropped, result.counts.decided) == (2, 2, 2)
    changed = {("a/0000.png", "0" * 32): "keep"}
    assert kept(store, scores, "score >= 2", changed) == ["a/0002.png", "a/0003.png"]
    reasons = {row["sample_key"]: row["reason"] for row in rows_of(store, scores, "score >= 2", decisions)}
    assert list(reasons.values()) == [None, 0, None, -1]


def test_budgets(store):
    scores = scored(store, [("a", n) for n in range(20)] + [("b", n) for n in range(6)] + [("c", n) for n in range(2)])

    def by_class(text, decisions=None):
        return Counter(key[0] for key in kept(store, scores, text, decisions))

    assert sum(by_class("all | budget 9").values()) == 9
    assert by_class("all | budget 12 balanced") == {"a": 5, "b": 5, "c": 2}
    assert by_class("all | budget 3 per class") == {"a": 3, "b": 3, "c": 2}
    assert by_class('label != "a" | budget 100') == {"b": 6, "c": 2}
    first, again, other = (set(kept(store, scores, f"all | budget 9 seed {seed}")) for seed in (0, 0, 1))
    assert first == again != other
    # A larger budget of the same seed holds the smaller one.
    assert first < set(kept(store, scores, "all | budget 15"))
    ids = {row["sample_key"]: row["content_id"] for row in rows_of(store, scores, "")}
    forced = {(key, ids[key]): "keep" for key in sorted(ids)[:5]}
    assert set(sorted(ids)[:5]) < set(kept(store, scores, "all | budget 9", forced))
    assert len(kept(store, scores, "all | budget 9", forced)) == 9
    assert len(kept(store, scores, "all | budget 3", forced)) == 5
    splits = Counter(
        row["split"] for row in rows_of(store, scores, "all | budget 4 per split") if row["verdict"] == "keep"
    )
    assert splits == {"train": 4, "test": 4}


def test_what_each_chip_removes(store):
    scores = scored(store, [("a", value) for value in range(10)])
    chips = summarize(
        store, evaluate(store, scores, parse("score >= 2 and score <= 6 and score >= 1 | budget 4"))
    ).clauses
    assert [(chip.text, chip.alone, chip.only) for chip in chips] == [
        ("score >= 2", 2, 1), ("score <= 6", 3, 3), ("score >= 1", 1, 0), ("budget 4", 6, 1),
    ]  # fmt: skip


def test_preview(store):
    scores = scored(store, [("a", value) for value in range(20)])
    curation = parse("score >= 5")
    found = preview(store, evaluate(store, scores, curation), n=2)
    assert numbers(found.nearest) == [4, 3]
    assert numbers(found.extreme) == [0, 1]
    assert numbers(found.narrowly_kept) == [5, 6]
    assert set(numbers(found.random)) <= set(range(5))
    assert set(numbers(found.by_clause[0])) <= set(range(5))
    assert preview(store, evaluate(store, scores, curation), n=2) == found
    draws = {tuple(numbers(preview(store, evaluate(store, scores, curation), 2, seed).random)) for seed in range(9)}
    assert len(draws) > 2
    nothing = preview(store, evaluate(store, scores, Curation()))
    assert (nothing.nearest, nothing.random, nothing.narrowly_kept, nothing.by_clause) == ((), (), (), {})


def test_preview_of_both_tails_and_ties(store):
    scores = scored(store, [("a", value) for value in [0, 0, 1, 2, 3, 4, 5, 6, 7, 8]])
    found = preview(store, evaluate(store, scores, parse("25 <= percentile <= 90")), n=3)
    assert numbers(found.nearest) == [8, 0, 0]
    assert [item.sample_key for item in found.nearest[1:]] == ["a/0000.png", "a/0001.png"]
    assert numbers(found.extreme) == [0, 0, 8]
    assert numbers(found.narrowly_kept) == [1, 7, 2]


def test_dropped_without_a_distance_is_still_shown(store):
    scores = scored(store, [("a", 1), ("b", 2), ("b", None)])
    found = preview(store, evaluate(store, scores, parse('label = "a"')))
    assert {item.sample_key for item in found.random} == {"b/0001.png", "b/0002.png"}
    assert found.nearest == found.narrowly_kept == ()


def test_before_and_after(store):
    scores = scored(store, [("a", value) for value in range(10)] + [("a", None)])
    found = before_after(store, evaluate(store, scores, parse("score >= 3")), bins=3)
    assert [series.title for series in found.series] == ["Before", "Kept", "Dropped"]
    assert [series.counts for series in found.series] == [(4, 3, 3), (1, 3, 3), (3, 0, 0)]
    assert [series.median for series in found.series] == [4.5, 6, 1]


def test_nothing_measured_and_nothing_there(store):
    scores = scored(store, [("a", None), ("b", None)])
    curation = parse("score >= 1 and percentile >= 1")
    assert summarize(store, evaluate(store, scores, curation)).counts.unscored == 2
    assert preview(store, evaluate(store, scores, curation)).nearest == ()
    assert before_after(store, evaluate(store, scores, curation)).series == ()
    assert summarize(store, evaluate(store, scores, parse("all | budget 1"))).counts.kept == 1
    empty = add_dataset(store, "empty", [])
    nothing = ScoreSet(empty.dataset_id, scores.key)
    assert summarize(store, evaluate(store, nothing, curation)).counts.total == 0
    assert summarize(store, evaluate(store, nothing, curation)).balance == ()
    new = store.catalogue.add_dataset("new", "/new", "flat", {})
    with pytest.raises(DatasetNotReadyError, match="not indexed"):
        summarize(store, evaluate(store, ScoreSet(new.dataset_id, MeasurementKey("b", "s")), curation))


def test_new_measurements_are_seen(store):
    samples = make_samples(["a"] * 3)
    scores = measured(store, samples, [1, None, None])
    assert summarize(store, evaluate(store, scores, parse("score >= 0"))).counts.unscored == 2
    dataset = store.catalogue.dataset(scores.dataset_id)
    add_measurements(store, dataset, add_backbone(store), {samples[1].sample_key: 5.0}, samples=samples)
    assert summarize(store, evaluate(store, scores, parse("score >= 0"))).counts.unscored == 1


def test_not_measured_is_all_that_has_no_score_under_what_the_page_or_a_rule_uses(store: Store) -> None:
    samples = make_samples("aabbcc")
    dataset, keys = add_dataset(store, "half", samples), [sample.sample_key for sample in samples]
    mine, other = add_backbone(store), add_backbone(store, "timm:resnet18.a1")
    scores = add_measurements(store, dataset, mine, dict.fromkeys(keys[:4], 1.0), samples=samples)
    add_measurements(store, dataset, other, dict.fromkeys(keys[1:3], 1.0), samples=samples)
    counts = {}
    for text in ("", "width > 0", "class_percentile >= 0", f'percentile["{other.backbone_id}"] >= 0'):
        found = summarize(store, evaluate(store, scores, parse(text))).counts
        counts[text.partition("[")[0]] = found.kept, found.unscored, found.unmeasured
    assert counts == {
        "": (6, 0, 2),
        "width > 0": (6, 0, 2),
        "class_percentile >= 0": (4, 2, 2),
        "percentile": (2, 4, 4),
    }
