"""The journal of decisions: append-only, undone and redone without limit, by several people at once."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jepascore_core.curation import evaluate, parse
from jepascore_core.curation.decisions import current_decisions, decide, decide_each, decisions_of, verdicts
from jepascore_core.curation.journal import history, journal_state, redo, undo, undo_state
from jepascore_core.curation.review import (
    RuleOpinion,
    first_open_place,
    place_in_queue,
    queue_length,
    review_queue,
    reviewed_sample,
    rule_opinions,
)
from jepascore_core.errors import RuleError
from jepascore_core.storage.store import Store
from tests.conftest import add_dataset, make_sample
from tests.curation.test_evaluation import kept, rows_of, scored


@pytest.fixture
def dataset_id(store):
    return add_dataset(store, "d", [make_sample(key) for key in "abc"]).dataset_id


def sample(key):
    return key, make_sample(key).content_id


def standing(store, dataset_id):
    return {item.sample_key: item.verdict for item in current_decisions(store, dataset_id)}


def test_the_last_decision_counts(store, dataset_id):
    decide(store, dataset_id, [sample("a"), sample("b")], "drop", "ada", "blurred")
    decide(store, dataset_id, [sample("a")], "keep", "bob")
    found = current_decisions(store, dataset_id)
    assert [(item.sample_key, item.verdict, item.who, item.why) for item in found] == [
        ("a", "keep", "bob", ""), ("b", "drop", "ada", "blurred"),
    ]  # fmt: skip
    assert found[0].decided_at.endswith("+00:00")
    decide(store, dataset_id, [sample("a")], "undecided", "bob")
    assert decisions_of(store, dataset_id) == {sample("b"): "drop"}


def test_verdicts_of_some_samples(store, dataset_id):
    decide(store, dataset_id, [sample("a"), sample("b")], "drop", "ada")
    decide(store, dataset_id, [sample("a")], "keep", "bob")
    decide(store, dataset_id, [sample("b")], "undecided", "bob")
    assert verdicts(store, dataset_id, dict(map(sample, "abc"))) == {"a": "keep"}
    undo(store, dataset_id, "bob")
    assert verdicts(store, dataset_id, dict(map(sample, "abc"))) == {"a": "keep", "b": "drop"}
    assert verdicts(store, dataset_id, dict(map(sample, ["b", "it's"]))) == {"b": "drop"}
    assert verdicts(store, "another", dict(map(sample, "abc"))) == {}


def test_what_is_sent_again_is_done_once(store, dataset_id):
    first = decide(store, dataset_id, [sample("a")], "drop", "ada", token="1")
    second = decide(store, dataset_id, [sample("b")], "keep", "ada", token="2")
    assert (
        decide(store, dataset_id, [sample("a")], "drop", "ada", token="1"),
        decide(store, dataset_id, [sample("b")], "keep", "ada", token="2"),
    ) == (first, second)
    undone = undo(store, dataset_id, "ada", token="3")
    assert undone is not None and undone.first_key == "b"
    assert undo(store, dataset_id, "ada", token="3") == undone
    again = Store(store.home)
    assert undo(again, dataset_id, "ada", token="3") == undone, "also by a server that was started again"
    assert redo(store, dataset_id, "ada", token="4") == redo(store, dataset_id, "ada", token="4")
    assert standing(store, dataset_id) == {"a": "drop", "b": "keep"}
    assert [action.kind for action in history(store, dataset_id)] == ["redo", "undo", "decide", "decide"]


def test_an_undo_that_found_nothing_undoes_nothing_later(store, dataset_id):
    assert undo(store, dataset_id, "ada", token="1") is None
    decide(store, dataset_id, [sample("a")], "drop", "ada", token="2")
    assert undo(store, dataset_id, "ada", token="1") is None
    assert standing(store, dataset_id) == {"a": "drop"}


def test_tokens_of_datasets_are_their_own_and_go_with_them(store, dataset_id):
    other = add_dataset(store, "other", [make_sample("a")]).dataset_id
    for name in (dataset_id, other):
        decide(store, name, [sample("a")], "drop", "ada", token="1")
        assert standing(store, name) == {"a": "drop"}
    with store.catalogue.transaction() as connection:
        connection.execute("DELETE FROM datasets WHERE dataset_id = ?", [other])
        assert connection.execute("SELECT dataset_id FROM decision_tokens").fetchall()[0][0] == dataset_id


def test_what_is_undone_next_is_known(store, dataset_id):
    for key in "abc":
        decide(store, dataset_id, [sample(key)], "drop", "ada")
    decide(store, dataset_id, [sample("a"), sample("b")], "keep", "ada")
    found = undo_state(store, dataset_id, "ada", 3)
    assert (found.num_undo, found.next_undo, found.next_redo) == (4, (None, "c", "b"), ())
    undo(store, dataset_id, "ada")
    undo(store, dataset_id, "ada")
    found = undo_state(store, dataset_id, "ada", 3)
    assert (found.next_undo, found.next_redo) == (("b", "a"), ("c", None))
    assert undo_state(store, dataset_id, "ada").next_undo == ()


def test_undo_and_redo_without_limit(store, dataset_id):
    for number in range(30):
        decide(store, dataset_id, [sample("abc"[number % 3])], ("keep", "drop")[number % 2], "ada")
    final = standing(store, dataset_id)
    states = []
    while undo(store, dataset_id, "ada"):
        states.append(standing(store, dataset_id))
    assert len(states) == 30
    assert states[-1] == {}
    assert undo_state(store, dataset_id, "ada").num_redo == 30
    for wanted in [*states[-2::-1], final]:
        assert redo(store, dataset_id, "ada") is not None
        assert standing(store, dataset_id) == wanted
    assert redo(store, dataset_id, "ada") is None
    assert len(history(store, dataset_id, 1000)) == 90


def test_the_journal_says_what_was_decided(store, dataset_id):
    decide(store, dataset_id, [sample("a")], "keep", "ada")
    decide(store, dataset_id, [sample("c"), sample("b")], "drop", "ada")
    undo(store, dataset_id, "ada")
    decide(store, dataset_id, [sample("b")], "undecided", "bob")
    verdict_of = {sample("a"): "keep", sample("b"): "drop", sample("c"): "drop"}
    decide_each(store, dataset_id, verdict_of, "bob")
    found = [(action.kind, action.what) for action in history(store, dataset_id)]
    assert found == [
        ("decide", "kept 1 and dropped 2 samples"),
        ("decide", "left undecided b"),
        ("undo", "dropped 2 samples"),
        ("decide", "dropped 2 samples"),
        ("decide", "kept a"),
    ]
    assert [action.what for action in history(store, dataset_id, 2)] == [what for _, what in found[:2]]


def test_a_new_decision_ends_what_could_be_redone(store, dataset_id):
    decide(store, dataset_id, [sample("a")], "drop", "ada")
    undone = undo(store, dataset_id, "ada")
    assert (undone.kind, undone.num_samples) == ("decide", 1)
    decide(store, dataset_id, [sample("b")], "drop", "ada")
    assert redo(store, dataset_id, "ada") is None
    assert standing(store, dataset_id) == {"b": "drop"}


def test_one_undoes_only_what_one_did(store, dataset_id):
    decide(store, dataset_id, [sample("a"), sample("b")], "drop", "ada")
    decide(store, dataset_id, [sample("a")], "keep", "bob")
    undo(store, dataset_id, "ada")
    assert standing(store, dataset_id) == {"a": "keep"}
    redo(store, dataset_id, "ada")
    # Ada's action stands again where it stood: before Bob's.
    assert standing(store, dataset_id) == {"a": "keep", "b": "drop"}
    assert undo(store, dataset_id, "carl") is None


def test_decisions_survive_a_restart_and_are_never_changed(store, dataset_id):
    decide(store, dataset_id, [sample("a")], "drop", "ada")
    undo(store, dataset_id, "ada")
    again = Store(store.home)
    assert undo_state(again, dataset_id, "ada").num_redo == 1
    redo(again, dataset_id, "ada")
    assert standing(again, dataset_id) == {"a": "drop"}
    with sqlite3.connect(store.home / "catalogue.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM decisions").fetchone() == (1,)
        assert connection.execute("SELECT group_concat(kind) FROM decision_actions").fetchone() == ("decide,undo,redo",)


def test_two_people_at_once(store, dataset_id):
    """Two stores, as two processes have them: nothing is lost, and each sees the other's."""

    def work(who):
        own = Store(store.home)
        for number in range(20):
            decide(own, dataset_id, [sample("abc"[number % 3])], "keep", who)
            if number % 5 == 4:
                undo(own, dataset_id, who)
        return len(history(own, dataset_id, 1000))

    before = journal_state(store, dataset_id)
    with ThreadPoolExecutor(2) as threads:
        assert min(threads.map(work, ["ada", "bob"])) >= 24
    assert len(history(store, dataset_id, 1000)) == 48
    assert journal_state(store, dataset_id) > before
    for who in ("ada", "bob"):
        assert undo_state(store, dataset_id, who).num_undo == 16


def test_decisions_that_make_no_sense(store, dataset_id):
    with pytest.raises(RuleError, match="one of keep, drop"):
        decide(store, dataset_id, [sample("a")], "maybe", "ada")
    with pytest.raises(RuleError, match="at least one"):
        decide(store, dataset_id, [], "keep", "ada")
    with pytest.raises(RuleError, match="name"):
        decide(store, dataset_id, [sample("a")], "keep", "  ")
    assert journal_state(store, dataset_id) == 0


def test_they_go_with_the_dataset(store, dataset_id):
    decide(store, dataset_id, [sample("a")], "drop", "ada")
    store.remove_dataset(store.catalogue.dataset(dataset_id))
    with sqlite3.connect(store.home / "catalogue.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM decision_actions").fetchone() == (0,)


WHO = st.sampled_from(["ada", "bob"])
ACTIONS = st.lists(
    st.one_of(
        st.tuples(WHO, st.sampled_from("abc"), st.sampled_from(["keep", "drop", "undecided"])),
        st.tuples(WHO, st.sampled_from(["undo", "redo"])),
    ),
    max_size=14,
)


@settings(max_examples=20, deadline=None)
@given(ACTIONS)
def test_the_state_is_that_of_a_simple_model(tmp_path_factory, actions):
    store = Store(tmp_path_factory.mktemp("home"))
    dataset_id = add_dataset(store, "d", [make_sample(key) for key in "abc"]).dataset_id
    done: list[tuple[str, str, str]] = []
    standing_now: dict[int, bool] = {}
    stacks = {who: ([], []) for who in ("ada", "bob")}
    for action in actions:
        undone_of, redone_of = stacks[action[0]]
        if len(action) == 3:
            decide_each(store, dataset_id, {sample(action[1]): action[2]}, action[0])
            standing_now[len(done)] = True
            undone_of.append(len(done))
            redone_of.clear()
            done.append(action)
        elif action[1] == "undo":
            assert (undo(store, dataset_id, action[0]) is not None) == bool(undone_of)
            if undone_of:
                standing_now[undone_of[-1]] = False
                redone_of.append(undone_of.pop())
        else:
            assert (redo(store, dataset_id, action[0]) is not None) == bool(redone_of)
            if redone_of:
                standing_now[redone_of[-1]] = True
                undone_of.append(redone_of.pop())
    wanted = {key: verdict for place, (_, key, verdict) in enumerate(done) if standing_now[place]}
    assert standing(store, dataset_id) == wanted


def test_the_review_queue_stays_while_one_decides(store):
    scores = scored(store, [("a", value) for value in range(12)] + [("b", None)])
    curation = parse("score >= 6")
    queue = review_queue(store, evaluate(store, scores, curation), "borderline", 4)
    assert [item.score for item in queue] == [5, 6, 4, 7]
    ids = {row["sample_key"]: row["content_id"] for row in rows_of(store, scores, "")}
    decide(store, scores.dataset_id, [(key, ids[key]) for key in ("a/0005.png",)], "keep", "ada")
    assert review_queue(store, evaluate(store, scores, curation), "borderline", 4) == queue
    assert "a/0005.png" in kept(store, scores, curation, decisions_of(store, scores.dataset_id))
    assert review_queue(store, evaluate(store, scores, curation), "borderline", 3, first=1) == queue[1:]
    assert rule_opinions(
        store, evaluate(store, scores, curation), ["a/0005.png", "a/0006.png", "b/0012.png", "gone.png"]
    ) == {
        "a/0005.png": RuleOpinion("drop", "score >= 6"),
        "a/0006.png": RuleOpinion("keep", ""),
        "b/0012.png": RuleOpinion("unscored", ""),
    }
    assert queue_length(store, evaluate(store, scores, curation), "dropped") == 6
    places = [place_in_queue(store, evaluate(store, scores, curation), "borderline", item.sample_key) for item in queue]
    assert places == list(range(len(queue)))
    assert place_in_queue(store, evaluate(store, scores, curation), "dropped", "b/0012.png") is None
    outside = reviewed_sample(store, evaluate(store, scores, curation), "b/0012.png")
    assert outside is not None and outside.sample_key == "b/0012.png"
    assert reviewed_sample(store, evaluate(store, scores, curation), "gone.png") is None
    dropped = review_queue(store, evaluate(store, scores, curation), "dropped", 50)
    assert sorted(item.score for item in dropped) == list(range(6))
    assert dropped != review_queue(store, evaluate(store, scores, curation), "dropped", 50, seed=1)
    assert [item.sample_key for item in review_queue(store, evaluate(store, scores, curation), "unscored")] == [
        "b/0012.png"
    ]


def test_the_least_likely_of_each_class_come_first_whatever_the_rules(store):
    values = [("a", value) for value in range(4)] + [("b", 10 * value) for value in range(4)]
    scores = scored(store, [*values, ("b", None)])
    for text in ("", "score >= 6"):
        queue = review_queue(store, evaluate(store, scores, parse(text)), "unlikely")
        assert [item.score for item in queue] == [0, 0, 1, 10, 2, 20, 3, 30]
        assert review_queue(store, evaluate(store, scores, parse(text)), "unlikely", 3, first=2) == queue[2:5]


def test_review_goes_on_at_the_first_sample_that_nobody_decided_about(store):
    scores = scored(store, [("a", value) for value in range(4)])
    keys = [item.sample_key for item in review_queue(store, evaluate(store, scores, parse("")), "unlikely")]
    for decided, place in (([], 0), (keys[:2], 2), ([keys[0], keys[2]], 1), (["gone.png"], 0), (keys, None)):
        assert first_open_place(store, evaluate(store, scores, parse("")), "unlikely", set(decided)) == place
    assert first_open_place(store, evaluate(store, scores, parse("score >= 2")), "dropped", set(), seed=3) == 0
