"""Review and Duplicates: decisions with buttons and keys, undo and redo, other people's decisions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from jepascore_core.curation.decisions import current_decisions, decide, decisions_of, history
from jepascore_core.store import Store
from tests.conftest import add_backbone, add_dataset, add_measurements, make_sample
from tests.pages.reading import links, said
from tests.pages.situations import put

REVIEW, DUPLICATES = "pages/review.py", "pages/duplicates.py"
RULES = "class_percentile >= 25"


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label.startswith(label)).click().run()


def standing(store: Store, dataset_id: str) -> dict[str, str]:
    return {item.sample_key: item.verdict for item in current_decisions(store, dataset_id)}


def shown_key(app: AppTest) -> str:
    return next(item.value for item in app.markdown if item.value.startswith("**")).replace("\\", "").strip("*")


def test_deciding_moves_on_and_can_be_taken_back(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    dataset_id = found.dataset.dataset_id
    app = open_page(REVIEW, dataset=dataset_id, rules=RULES, who="ada")
    assert not app.exception
    first = shown_key(app)
    app.text_input(key=f"why-{first}").set_value("blurred").run()
    press(app, "Drop")
    second = shown_key(app)
    assert second != first
    assert standing(home_store, dataset_id) == {first: "drop"}
    assert current_decisions(home_store, dataset_id)[0].why == "blurred"
    press(app, "Keep")
    assert standing(home_store, dataset_id) == {first: "drop", second: "keep"}
    press(app, "Undo (2)")
    press(app, "Undo (1)")
    assert standing(home_store, dataset_id) == {}
    press(app, "Redo (2)")
    assert standing(home_store, dataset_id) == {first: "drop"}
    assert {action.who for action in history(home_store, dataset_id)} == {"ada"}
    journal = [text for text in said(app).split("\n") if "UTC] ada" in text]
    assert [text.partition("UTC] ada ")[2] for text in journal] == [
        f"made again: dropped {first}", f"took back: dropped {first}", f"took back: kept {second}",
        f"kept {second}", f"dropped {first} (blurred)",
    ]  # fmt: skip


def test_a_new_visit_goes_on_where_the_last_one_ended(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    app = open_page(REVIEW, dataset=found.dataset.dataset_id, rules=RULES, who="ada")
    first = shown_key(app)
    press(app, "Keep")
    again = open_page(REVIEW, dataset=found.dataset.dataset_id, rules=RULES, who="ada")
    assert shown_key(again) != first
    assert any(button.label == "Undo (1)" for button in again.button)


def test_decisions_of_others_are_seen(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    sample = found.samples[3]
    decide(home_store, found.dataset.dataset_id, [(sample.sample_key, sample.content_id)], "drop", "bob *", "odd")
    app = open_page(REVIEW, dataset=found.dataset.dataset_id, rules=RULES, who="ada", at=sample.sample_key)
    assert shown_key(app) == sample.sample_key
    texts = [item.value for item in app.markdown]
    assert any("Decided: **drop** by bob \\*" in text for text in texts)
    assert f"bob * dropped {sample.sample_key} (odd)" in said(app)
    # Ada has nothing to undo: it is not hers.
    assert next(button for button in app.button if button.label == "Undo (0)").disabled


def test_what_the_rules_say_and_what_comes_next(
    open_page: Callable[..., AppTest], home_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.ui.review.QUEUE_SIZE", 3)
    found = put(home_store, "finished")
    app = open_page(REVIEW, dataset=found.dataset.dataset_id, rules=RULES, review="dropped", who="ada")
    seen = {shown_key(app)}
    assert any("The rules drop it: class\\_percentile \\>\\= 25" in item.value for item in app.markdown)
    for _ in range(2):
        press(app, "Next 3")
        seen.add(shown_key(app))
    press(app, "Next 3")
    assert "That was all" in app.info[0].value, "the rules drop nine"
    for _ in range(3):
        press(app, "Former 3")
        assert shown_key(app) in seen
    assert len(seen) == 3
    app = open_page(REVIEW, dataset=found.dataset.dataset_id, rules=RULES, review="kept", who="ada")
    assert any("The rules keep it  \nNot decided yet" in item.value for item in app.markdown)


def test_without_rules_the_least_likely_of_each_class_are_looked_at(
    open_page: Callable[..., AppTest], home_store: Store
) -> None:
    found = put(home_store, "finished")
    app = open_page(REVIEW, dataset=found.dataset.dataset_id, who="ada")
    seen = []
    for _ in range(4):
        seen.append(shown_key(app))
        press(app, "Keep")
    assert seen == ["cat/0000.png", "dog/0012.png", "emu/0024.png", "cat/0001.png"]
    assert "Rules (from the Curate page): none yet" in said(app)
    assert "The rules" not in said(app), "there are none that could say anything"


@pytest.mark.parametrize("kind", ["borderline", "dropped"])
def test_what_only_rules_make_leads_to_them(open_page: Callable[..., AppTest], home_store: Store, kind: str) -> None:
    found = put(home_store, "finished")
    app = open_page(REVIEW, dataset=found.dataset.dataset_id, review=kind)
    assert "There are no rules yet" in said(app)
    assert ("Go to Curate", f"dataset={found.dataset.dataset_id}") in links(app)
    assert not app.info


def test_deciding_goes_on_over_pages_and_visits(
    open_page: Callable[..., AppTest], home_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.ui.review.QUEUE_SIZE", 3)
    found = put(home_store, "finished")
    dataset_id = found.dataset.dataset_id
    app = open_page(REVIEW, dataset=dataset_id, who="ada")
    for _ in range(4):
        press(app, "Drop")
    assert (shown_key(app), app.query_params["page"]) == ("dog/0013.png", "2")
    assert len(standing(home_store, dataset_id)) == 4
    again = open_page(REVIEW, dataset=dataset_id, who="ada")
    assert (shown_key(again), again.query_params["page"]) == ("dog/0013.png", "2")
    # What is undone on a page before does not turn the page.
    decide(home_store, dataset_id, [(found.samples[0].sample_key, found.samples[0].content_id)], "undecided", "bob")
    assert shown_key(again.run()) == "dog/0013.png"


@pytest.mark.parametrize("kind", ["unlikely", "borderline", "dropped", "kept", "unscored"])
def test_what_can_be_looked_at(open_page: Callable[..., AppTest], home_store: Store, kind: str) -> None:
    found = put(home_store, "finished")
    app = open_page(REVIEW, dataset=found.dataset.dataset_id, rules=RULES, review=kind)
    assert not app.exception
    assert bool(app.info) == (kind == "unscored")


@pytest.mark.parametrize("page", [REVIEW, DUPLICATES])
@pytest.mark.parametrize("situation", ["indexing", "index failed", "waiting", "running", "finished", "failed"])
def test_every_situation(open_page: Callable[..., AppTest], home_store: Store, page: str, situation) -> None:
    found = put(home_store, situation)
    app = open_page(page, dataset=found.dataset.dataset_id)
    assert not app.exception
    assert not app.error


@pytest.fixture
def twins(home_store: Store):
    samples = [make_sample(f"{n}.png", "x" if n % 2 else "y", content=f"c{n // 3}") for n in range(9)]
    dataset = add_dataset(home_store, "twins", samples)
    add_measurements(
        home_store, dataset, add_backbone(home_store), {f"{n}.png": float(n) for n in (0, 3, 6)}, samples=samples
    )
    return dataset


def test_duplicates_are_accepted_and_taken_back(open_page: Callable[..., AppTest], home_store: Store, twins) -> None:
    app = open_page(DUPLICATES, dataset=twins.dataset_id, who="ada", keeper="first")
    assert not app.exception
    assert any("**3 groups** of 9 samples: 6 go" in item.value for item in app.markdown)
    press(app, "Accept all")
    decided = decisions_of(home_store, twins.dataset_id)
    assert sorted(key for (key, _), verdict in decided.items() if verdict == "keep") == ["0.png", "3.png", "6.png"]
    assert len(decided) == 9
    press(app, "Undo (1)")
    assert decisions_of(home_store, twins.dataset_id) == {}


def test_near_duplicates_are_found_when_asked_for(open_page: Callable[..., AppTest], home_store: Store, twins) -> None:
    app = open_page(DUPLICATES, dataset=twins.dataset_id, radius="0.05")
    assert any("flat index over 3 images" in item.value for item in app.caption)
    # All embeddings of these tests are the same.
    assert any("**1 group** of 9 samples" in item.value for item in app.markdown)
