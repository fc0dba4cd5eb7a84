"""Tags: append-only, undone like decisions, following the bytes, and seen by rules."""

from __future__ import annotations

import sqlite3
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jepascore_core.curation import evaluate, parse, to_text
from jepascore_core.curation.columns.marks import (
    ACTIONS_TOGETHER,
    LARGE_LIST,
    corrected_labels_about,
    marks_state,
    tags_about,
)
from jepascore_core.curation.decisions import decide, decisions_of
from jepascore_core.curation.journal import history, redo, undo, undo_state
from jepascore_core.curation.relabelling import count_relabelled, relabel
from jepascore_core.curation.tags import (
    TAG_COLOURS,
    add_tag,
    create_tag,
    delete_tag,
    known_tag,
    remove_tag,
    rename_tag,
    set_tag,
    tag_list,
    tag_names,
)
from jepascore_core.errors import RuleError, UnknownNameError
from jepascore_core.storage.sample_lists import sample_table
from jepascore_core.storage.store import Store
from tests.conftest import add_backbone, add_dataset, add_measurements, make_sample, make_samples
from tests.curation.test_evaluation import kept
from tests.curation.test_following import Home


@pytest.fixture
def dataset_id(store):
    return add_dataset(store, "d", [make_sample(key) for key in "abc"]).dataset_id


def samples(*keys):
    return sample_table((key, make_sample(key).content_id) for key in keys)


def tags_of(store, dataset_id):
    dataset = store.catalogue.dataset(dataset_id)
    return tags_about(store, dataset, {key: make_sample(key).content_id for key in "abc"})


def counts(store, dataset_id):
    return {tag.name: tag.num_samples for tag in tag_list(store, dataset_id)}


def test_a_sample_may_have_several_tags(store, dataset_id):
    add_tag(store, dataset_id, samples("a", "b"), " blurred ", "ada", "see the edges")
    add_tag(store, dataset_id, samples("a"), "dark", "bob")
    assert tags_of(store, dataset_id) == {"a": ("blurred", "dark"), "b": ("blurred",)}
    remove_tag(store, dataset_id, samples("a", "c"), "blurred", "bob")
    assert tags_of(store, dataset_id) == {"a": ("dark",), "b": ("blurred",)}
    assert counts(store, dataset_id) == {"blurred": 1, "dark": 1}
    assert [action.what for action in history(store, dataset_id)] == [
        "removed the tag blurred from 2 samples", "tagged a dark", "tagged 2 samples blurred",
    ]  # fmt: skip
    assert history(store, dataset_id)[-1].why == "see the edges"


def test_one_journal_is_undone_in_one_order(store, dataset_id):
    decide(store, dataset_id, [("a", make_sample("a").content_id)], "drop", "ada")
    add_tag(store, dataset_id, samples("a", "b"), "dark", "ada")
    add_tag(store, dataset_id, samples("c"), "dark", "bob")
    found = undo_state(store, dataset_id, "ada", 5)
    assert (found.num_undo, found.next_undo) == (2, (None, "a"))
    undone = undo(store, dataset_id, "ada")
    assert undone is not None and (undone.kind, undone.what, undone.num_samples) == ("tag", "tagged 2 samples dark", 2)
    assert tags_of(store, dataset_id) == {"c": ("dark",)}
    assert redo(store, dataset_id, "ada") == undone
    assert tags_of(store, dataset_id) == dict.fromkeys("abc", ("dark",))
    undo(store, dataset_id, "ada")
    undo(store, dataset_id, "ada")
    assert decisions_of(store, dataset_id) == {}
    assert undo(store, dataset_id, "ada") is None


def test_what_is_sent_again_is_done_once(store, dataset_id):
    first = add_tag(store, dataset_id, samples("a"), "dark", "ada", token="1")
    assert add_tag(store, dataset_id, samples("a"), "dark", "ada", token="1") == first
    assert len(history(store, dataset_id)) == 1


def test_decisions_leave_the_state_of_marks_as_it_is(store, dataset_id):
    add_tag(store, dataset_id, samples("a"), "dark", "ada")
    before = marks_state(store, dataset_id)
    decide(store, dataset_id, [("a", make_sample("a").content_id)], "drop", "ada")
    undo(store, dataset_id, "ada")
    assert marks_state(store, dataset_id) == before
    undo(store, dataset_id, "ada")
    assert marks_state(store, dataset_id) > before


def test_a_renamed_tag_takes_its_samples_along_and_undo_brings_them_back(store, dataset_id):
    add_tag(store, dataset_id, samples("a", "b"), "blurred", "ada")
    set_tag(store, dataset_id, "blurred", colour="violet", digit=7)
    rename_tag(store, dataset_id, "blurred", "soft", "ada")
    (tag,) = tag_list(store, dataset_id)
    assert (tag.name, tag.num_samples, tag.colour, tag.digit) == ("soft", 2, "violet", 7)
    undo(store, dataset_id, "ada")
    assert tags_of(store, dataset_id) == {"a": ("blurred",), "b": ("blurred",)}
    found = {tag.name: (tag.num_samples, tag.colour, tag.digit) for tag in tag_list(store, dataset_id)}
    assert found == {"blurred": (2, "violet", 7), "soft": (0, "violet", None)}, "it has its colour and its key again"
    redo(store, dataset_id, "ada")
    assert [(tag.name, tag.digit) for tag in tag_list(store, dataset_id)] == [("soft", 7)]


def test_merged_tags_are_a_union(store, dataset_id):
    add_tag(store, dataset_id, samples("a"), "blurred", "ada")
    add_tag(store, dataset_id, samples("a", "b"), "soft", "ada")
    remove_tag(store, dataset_id, samples("a"), "soft", "ada")
    add_tag(store, dataset_id, samples("c"), "dark", "ada")
    with pytest.raises(RuleError, match="There is a tag soft already"):
        rename_tag(store, dataset_id, "blurred", "soft", "ada")
    with pytest.raises(UnknownNameError, match='Did you mean "soft"'):
        rename_tag(store, dataset_id, "blurred", "sofd", "ada", merge=True)
    rename_tag(store, dataset_id, "blurred", "soft", "ada", merge=True)
    assert tags_of(store, dataset_id) == {"a": ("soft",), "b": ("soft",), "c": ("dark",)}
    assert counts(store, dataset_id) == {"soft": 2, "dark": 1}


def test_a_deleted_tag_is_known_and_comes_back_by_undo(store, dataset_id):
    add_tag(store, dataset_id, samples("a"), "dark", "ada")
    assert delete_tag(store, dataset_id, "dark", "ada") == 1
    assert tag_list(store, dataset_id) == ()
    assert known_tag(store, dataset_id, "dark") == "dark"
    undo(store, dataset_id, "ada")
    assert counts(store, dataset_id) == {"dark": 1}


def test_a_tag_that_comes_back_looks_as_before(store, dataset_id):
    add_tag(store, dataset_id, samples("a"), "dark", "ada")
    set_tag(store, dataset_id, "dark", colour="pink", digit=4)
    create_tag(store, dataset_id, "unused")
    delete_tag(store, dataset_id, "unused", "ada")
    with pytest.raises(UnknownNameError):
        known_tag(store, dataset_id, "unused")
    delete_tag(store, dataset_id, "dark", "ada")
    undo(store, dataset_id, "ada")
    (tag,) = tag_list(store, dataset_id)
    assert (tag.name, tag.colour, tag.digit) == ("dark", "pink", 4)
    redo(store, dataset_id, "ada")
    add_tag(store, dataset_id, samples("b"), "light", "ada")
    set_tag(store, dataset_id, "light", digit=4)
    add_tag(store, dataset_id, samples("a"), "dark", "ada")
    found = {tag.name: (tag.colour, tag.digit) for tag in tag_list(store, dataset_id)}
    assert (found["dark"][0], found["light"][1]) == ("pink", 4), "the key of a tag that samples have is not taken"
    assert found["dark"][1] not in (None, 4)


def test_colours_and_keys_are_given_in_turn_and_can_be_changed(store, dataset_id):
    for number in range(11):
        create_tag(store, dataset_id, f"tag {number:02}")
    found = tag_list(store, dataset_id)
    assert [tag.digit for tag in found] == [*range(1, 10), None, None]
    assert [tag.colour for tag in found[:8]] == list(TAG_COLOURS) and found[8].colour == TAG_COLOURS[0]
    set_tag(store, dataset_id, "tag 10", digit=1)
    assert next((tag.name, tag.digit) for tag in tag_list(store, dataset_id)) == ("tag 10", 1)
    assert {tag.name: tag.digit for tag in tag_list(store, dataset_id)}["tag 00"] is None
    with pytest.raises(UnknownNameError, match="Did you mean"):
        set_tag(store, dataset_id, "tag 10", colour="bleu")
    with pytest.raises(RuleError, match="from 1 to 9"):
        set_tag(store, dataset_id, "tag 10", digit=0)


@pytest.mark.parametrize("name", ["", "  ", "a;b", "a\nb", "x" * 61])
def test_names_that_no_list_can_hold_are_refused(store, dataset_id, name):
    with pytest.raises(RuleError, match="A tag needs a name"):
        add_tag(store, dataset_id, samples("a"), name, "ada")
    assert tag_names(store, dataset_id) == ()


def test_nothing_is_recorded_without_samples_or_a_name(store, dataset_id):
    with pytest.raises(RuleError, match="No sample"):
        add_tag(store, dataset_id, samples(), "dark", "ada")
    with pytest.raises(RuleError, match="name of its reviewer"):
        add_tag(store, dataset_id, samples("a"), "dark", " ")
    assert history(store, dataset_id) == ()
    assert tag_names(store, dataset_id) == ()


def scored(store, labels="aabb"):
    rows = make_samples(list(labels))
    dataset = add_dataset(store, "s", rows)
    values = {row.sample_key: float(number) for number, row in enumerate(rows)}
    return rows, add_measurements(store, dataset, add_backbone(store), values, samples=rows)


def pairs(rows, *numbers):
    return sample_table((rows[number].sample_key, rows[number].content_id) for number in numbers)


def test_rules_see_tags(store):
    rows, scores = scored(store)
    add_tag(store, scores.dataset_id, pairs(rows, 0, 2), "dark", "ada")
    keys = [row.sample_key for row in rows]
    assert kept(store, scores, parse('tag("dark")'), {}) == [keys[0], keys[2]]
    assert kept(store, scores, parse('not tag("dark") and score >= 2'), {}) == [keys[3]]
    with pytest.raises(UnknownNameError, match='Did you mean "dark"'):
        evaluate(store, scores, parse('tag("drak")'))
    undo(store, scores.dataset_id, "ada")
    assert kept(store, scores, parse('tag("dark")'), {}) == []


def test_rules_see_corrected_labels(store):
    rows, scores = scored(store)
    keys = [row.sample_key for row in rows]
    relabel(store, scores.dataset_id, {"b": pairs(rows, 0, 2), "a": pairs(rows, 3)}, "ada")
    # The third had this label already.
    assert count_relabelled(store, scores.dataset_id) == 2
    assert kept(store, scores, parse("relabelled"), {}) == [keys[0], keys[3]]
    assert kept(store, scores, parse('relabelled("b")'), {}) == [keys[0]]
    assert kept(store, scores, parse('label = "a"'), {}) == keys[:2], "the label itself stays"
    dataset = store.catalogue.dataset(scores.dataset_id)
    about = {row.sample_key: row.content_id for row in rows}
    assert corrected_labels_about(store, dataset, about) == {keys[0]: "b", keys[3]: "a"}
    relabel(store, scores.dataset_id, {None: pairs(rows, 0)}, "bob")
    assert corrected_labels_about(store, dataset, about) == {keys[3]: "a"}
    undo(store, scores.dataset_id, "bob")
    undone = undo(store, scores.dataset_id, "ada")
    assert undone is not None and (undone.what, undone.num_samples) == ("relabelled 2 samples as b, relabelled "
        f"{keys[3]} as a", 3)  # fmt: skip
    assert count_relabelled(store, scores.dataset_id) == 0


def test_a_new_class_has_to_be_meant(store):
    rows, scores = scored(store)
    with pytest.raises(UnknownNameError, match="Unknown class"):
        relabel(store, scores.dataset_id, {"cat": pairs(rows, 0)}, "ada")
    relabel(store, scores.dataset_id, {"cat": pairs(rows, 0)}, "ada", new_classes=True)
    assert count_relabelled(store, scores.dataset_id) == 1
    with pytest.raises(RuleError, match="A label needs"):
        relabel(store, scores.dataset_id, {" ": pairs(rows, 0)}, "ada", new_classes=True)
    with pytest.raises(RuleError, match="No sample"):
        relabel(store, scores.dataset_id, {"a": samples()}, "ada")


@pytest.mark.parametrize("text", ['tag("a b \\"c\\"")', "relabelled", 'not relabelled("é") and tag("x")'])
def test_text_and_rule_are_the_same(text):
    assert to_text(parse(text)) == text


@pytest.mark.parametrize("text", ["tag", "tag(", "tag(5)", 'tag("")', "relabelled()", 'relabelled("")'])
def test_what_makes_no_sense_is_an_error(text):
    with pytest.raises(RuleError):
        parse(text)


FILES = {"a/1.png": "one", "a/2.png": "two", "b/1.png": "three", "b/2.png": "three"}


class Tagged(Home):
    def tag(self, *keys, tag="dark"):
        add_tag(self.store, self.id, sample_table((key, self.files[key]) for key in keys), tag, "ada")

    @property
    def tags(self):
        return tags_about(self.store, self.store.catalogue.dataset(self.id), self.files)


def test_tags_follow_renamed_files(store):
    home = Tagged(store, FILES)
    home.tag("a/2.png", "b/2.png")
    home.become({"alpha/1.png": "one", "alpha/2.png": "two", "b/1.png": "three", "c/2.png": "three"})
    assert home.tags == {"alpha/2.png": ("dark",), "c/2.png": ("dark",)}
    home.tag("alpha/1.png")
    rename_tag(store, home.id, "dark", "night", "ada")
    home.become({"z.png": "two"})
    assert home.tags == {"z.png": ("night",)}
    undo(store, home.id, "ada")
    assert home.tags == {"z.png": ("dark",)}
    home.become(FILES)
    assert home.tags == {"a/2.png": ("dark",), "b/2.png": ("dark",), "a/1.png": ("dark",)}


def test_a_tag_stays_with_bytes_that_are_gone_for_a_while(store):
    home = Tagged(store, FILES)
    home.tag("a/2.png")
    home.become({"a/1.png": "one", "a/2.png": "other"})
    assert home.tags == {}
    rename_tag(store, home.id, "dark", "night", "ada")
    home.become(FILES)
    assert home.tags == {"a/2.png": ("night",)}


KEYS = "abcdef"
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "undo", "redo"]),
        st.sampled_from(["dark", "blurred"]),
        st.sets(st.sampled_from(KEYS), min_size=1),
        st.sampled_from(["ada", "bob"]),
    ),
    max_size=12,
)


@settings(max_examples=25)
@given(STEPS)
def test_tags_are_those_of_all_actions_that_hold(tmp_path_factory, steps):
    store = Store(tmp_path_factory.mktemp("home"))
    dataset = add_dataset(store, "d", [make_sample(key) for key in KEYS])
    done = []
    undone = defaultdict(list)
    for kind, tag, keys, who in steps:
        if kind in ("undo", "redo"):
            (undo if kind == "undo" else redo)(store, dataset.dataset_id, who)
            mine = [item for item in done if item[4] == who and item[0]] if kind == "undo" else undone[who]
            if mine and kind == "undo":
                mine[-1][0] = False
                undone[who].append(mine[-1])
            elif mine:
                mine.pop()[0] = True
        else:
            change = add_tag if kind == "add" else remove_tag
            change(store, dataset.dataset_id, samples(*sorted(keys)), tag, who)
            undone[who].clear()
            done.append([True, kind == "add", tag, keys, who])
    expected = defaultdict(set)
    for holds, is_set, tag, keys, _ in done:
        for key in keys if holds else ():
            (expected[key].add if is_set else expected[key].discard)(tag)
    about = {key: make_sample(key).content_id for key in KEYS}
    assert tags_about(store, dataset, about) == {key: tuple(sorted(tags)) for key, tags in expected.items() if tags}


def test_many_actions_and_long_lists_are_the_same_as_few(store):
    rows = make_samples(["a"] * (LARGE_LIST + 50))
    dataset = add_dataset(store, "many", rows)
    add_tag(store, dataset.dataset_id, pairs(rows, *range(LARGE_LIST)), "all", "ada")
    for number in range(ACTIONS_TOGETHER + 5):
        add_tag(store, dataset.dataset_id, pairs(rows, number), "some", "ada")
    remove_tag(store, dataset.dataset_id, pairs(rows, 0, 1), "all", "ada")
    assert counts(store, dataset.dataset_id) == {"all": LARGE_LIST - 2, "some": ACTIONS_TOGETHER + 5}


def test_a_home_without_tags_gets_their_tables(store, dataset_id):
    with sqlite3.connect(store.home / "catalogue.sqlite") as connection:
        connection.execute("DROP TABLE marks")
        connection.execute("DROP TABLE tags")
        for table in ("runs", "probes"):
            connection.execute(f"ALTER TABLE {table} DROP COLUMN pilot")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        connection.execute(f"PRAGMA user_version = {version - 2}")
    now = Store(store.home)
    add_tag(now, dataset_id, samples("a"), "dark", "ada")
    assert counts(now, dataset_id) == {"dark": 1}
