"""Review and Duplicates: decisions with buttons and keys, undo and redo, other people's decisions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from jepascore_core.curation.decisions import current_decisions, decide, decisions_of
from jepascore_core.curation.journal import history
from jepascore_core.formatting import percent_text
from jepascore_core.records.quality import ImageQuality
from jepascore_core.storage.store import Store
from pages.ui.duplicates import texts as duplicates_texts
from pages.ui.review import texts as review_texts
from pages.ui.widgets import texts as widget_texts
from tests.conftest import add_backbone, add_dataset, add_measurements, make_sample
from tests.pages.reading import decide_in, gallery_data, links, report, said
from tests.pages.situations import put

REVIEW, DUPLICATES = "pages/review.py", "pages/duplicates.py"
RULES = "class_percentile >= 25"


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label.startswith(label)).click().run()


def standing(store: Store, dataset_id: str) -> dict[str, str]:
    return {item.sample_key: item.verdict for item in current_decisions(store, dataset_id)}


def shown_key(app: AppTest) -> str:
    return str(gallery_data(app, "deck")["at"])


def lines(app: AppTest) -> str:
    """What is said about the image shown."""
    data = gallery_data(app, "deck")
    card = next(card for card in data["cards"] if card["sample_key"] == data["at"])
    verdict = data["marks"].get(data["at"], "open")
    return " | ".join([*card["lines"], f"{verdict} {card['decided_by']}".strip()])


def act(app: AppTest, *kinds: str, **more: Any) -> AppTest:
    for kind in kinds:
        app = decide_in(app, "deck", kind, **more)
        assert not app.exception
    return app


def num_turns(app: AppTest, key: str = "deck") -> tuple[int, int]:
    turns = gallery_data(app, key)["turns"]
    return turns["num_undo"], turns["num_redo"]


def test_deciding_moves_on_and_can_be_taken_back(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    dataset_id = found.dataset.dataset_id
    app = open_page(REVIEW, dataset=dataset_id, rules=RULES, who="ada")
    assert not app.exception
    first = shown_key(app)
    act(app, "drop", why="blurred")
    second = shown_key(app)
    assert second != first
    assert standing(home_store, dataset_id) == {first: "drop"}
    assert current_decisions(home_store, dataset_id)[0].why == "blurred"
    act(app, "keep")
    assert standing(home_store, dataset_id) == {first: "drop", second: "keep"}
    assert num_turns(app) == (2, 0)
    act(app, "undo")
    assert shown_key(app) == second, "what is open again is shown"
    act(app, "undo")
    assert shown_key(app) == first
    assert standing(home_store, dataset_id) == {}
    act(app, "redo")
    assert standing(home_store, dataset_id) == {first: "drop"}
    assert {action.who for action in history(home_store, dataset_id)} == {"ada"}
    journal = [text for text in said(app).split("\n") if "UTC] ada" in text]
    assert [text.partition("UTC] ada ")[2] for text in journal] == [
        f"redid: dropped {first}", f"undid: dropped {first}", f"undid: kept {second}",
        f"kept {second}", f"dropped {first} (blurred)",
    ]  # fmt: skip


def test_what_the_browser_sends_again_is_one_decision(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    dataset_id = found.dataset.dataset_id
    token, undo_token = "a" * 32, "b" * 32
    sample = found.samples[0]
    action = {"token": token, "kind": "drop", "samples": [[sample.sample_key, sample.content_id]], "who": "ada"}
    turned = {"token": undo_token, "kind": "undo", "samples": [], "who": "ada"}
    app = open_page(REVIEW, dataset=dataset_id, who="ada")
    report(app, "deck", "acted", {"actions": [action], "at": None})
    report(app, "deck", "acted", {"actions": [action, turned], "at": None})
    assert gallery_data(app, "deck")["done"] == [token, undo_token]
    # Another visit, as after the server was started again.
    again = open_page(REVIEW, dataset=dataset_id, who="ada")
    report(again, "deck", "acted", {"actions": [action, turned], "at": None})
    assert gallery_data(again, "deck")["done"] == [token, undo_token]
    assert [item.kind for item in history(home_store, dataset_id)] == ["undo", "decide"]


def test_a_decision_is_about_the_image_that_was_on_the_screen(
    open_page: Callable[..., AppTest], home_store: Store
) -> None:
    found = put(home_store, "finished")
    dataset_id = found.dataset.dataset_id
    app = open_page(REVIEW, dataset=dataset_id, who="ada", at=found.samples[3].sample_key)
    # Of a page before, of an image that the file no longer has, and what no script of ours would say.
    samples = [[found.samples[9].sample_key, found.samples[9].content_id], [found.samples[4].sample_key, "0" * 32]]
    odd = [[3, "0" * 32], ["x"], "x", ["../x", "'; DROP TABLE decisions"]]
    action = {"token": "a" * 32, "kind": "drop", "samples": [*samples, *odd], "who": "ada"}
    report(app, "deck", "acted", {"actions": [action, {**action, "token": "?"}, "x"], "at": ["x"]})
    assert standing(home_store, dataset_id) == {found.samples[9].sample_key: "drop"}
    assert app.toast[0].value == widget_texts.NOT_THERE.format(1, 2)


def test_a_new_visit_goes_on_where_the_last_one_ended(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    app = open_page(REVIEW, dataset=found.dataset.dataset_id, rules=RULES, who="ada")
    first = shown_key(app)
    act(app, "keep")
    again = open_page(REVIEW, dataset=found.dataset.dataset_id, rules=RULES, who="ada")
    assert shown_key(again) != first
    assert num_turns(again) == (1, 0)
    assert gallery_data(again, "deck")["turns"]["next_undo"] == [first]


def test_decisions_of_others_are_seen(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    sample = found.samples[3]
    decide(home_store, found.dataset.dataset_id, [(sample.sample_key, sample.content_id)], "drop", "bob *", "odd")
    app = open_page(REVIEW, dataset=found.dataset.dataset_id, rules=RULES, who="ada", at=sample.sample_key)
    assert shown_key(app) == sample.sample_key
    assert lines(app).endswith("drop bob *")
    assert f"bob * dropped {sample.sample_key} (odd)" in said(app)
    assert num_turns(app) == (0, 0), "Ada has nothing to undo: it is not hers"


def test_what_the_rules_say_and_what_comes_next(
    open_page: Callable[..., AppTest], home_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.ui.review.page.QUEUE_SIZE", 3)
    found = put(home_store, "finished")
    app = open_page(REVIEW, dataset=found.dataset.dataset_id, rules=RULES, review="dropped", who="ada")
    seen = {shown_key(app)}
    assert "The rules drop it: class_percentile >= 25" in lines(app)
    assert lines(app).startswith("1 of 9 · class ")
    for page in (2, 3):
        press(app, "Next 3")
        seen.add(shown_key(app))
        assert lines(app).startswith(f"{3 * page - 2} of 9 · ")
    assert not [button for button in app.button if button.label == "Next 3"], "the rules drop nine"
    for _ in range(2):
        press(app, "Previous 3")
        assert shown_key(app) in seen
    assert len(seen) == 3
    beyond = open_page(REVIEW, dataset=found.dataset.dataset_id, rules=RULES, review="dropped", page="4")
    assert review_texts.END_OF_QUEUE in beyond.info[0].value
    app = open_page(REVIEW, dataset=found.dataset.dataset_id, rules=RULES, review="kept", who="ada")
    assert lines(app).endswith("The rules keep it | open")


def test_undo_leads_to_its_image_wherever_that_is(
    open_page: Callable[..., AppTest], home_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.ui.review.page.QUEUE_SIZE", 3)
    found = put(home_store, "finished")
    app = open_page(REVIEW, dataset=found.dataset.dataset_id, who="ada")
    first = shown_key(app)
    act(app, "drop")
    app = open_page(REVIEW, dataset=found.dataset.dataset_id, who="ada", page="4")
    act(app, "undo")
    assert (shown_key(app), app.query_params["page"]) == (first, "1")
    act(app, "redo")
    # Not among those that the rules keep: it is shown all the same, in no place of theirs.
    app = open_page(REVIEW, dataset=found.dataset.dataset_id, who="ada", rules=RULES, review="kept")
    act(app, "undo")
    assert shown_key(app) == first
    assert lines(app).startswith(f"{review_texts.NOT_IN_QUEUE} · ")
    act(app, "keep")
    assert standing(home_store, found.dataset.dataset_id) == {first: "keep"}


def test_without_rules_the_least_likely_of_each_class_are_looked_at(
    open_page: Callable[..., AppTest], home_store: Store
) -> None:
    found = put(home_store, "finished")
    app = open_page(REVIEW, dataset=found.dataset.dataset_id, who="ada")
    seen = []
    for _ in range(4):
        seen.append(shown_key(app))
        act(app, "keep")
    assert seen == ["cat/0000.png", "dog/0012.png", "emu/0024.png", "cat/0001.png"]
    assert "Rules (from the Curate page): none yet" in said(app)
    assert "The rules" not in lines(app), "there are none that could say anything"


@pytest.mark.parametrize("kind", ["borderline", "dropped"])
def test_what_only_rules_make_leads_to_them(open_page: Callable[..., AppTest], home_store: Store, kind: str) -> None:
    found = put(home_store, "finished")
    app = open_page(REVIEW, dataset=found.dataset.dataset_id, review=kind)
    assert review_texts.NO_RULES in said(app)
    assert ("Go to Curate", f"dataset={found.dataset.dataset_id}") in links(app)
    assert not app.info


def test_deciding_goes_on_over_pages_and_visits(
    open_page: Callable[..., AppTest], home_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.ui.review.page.QUEUE_SIZE", 3)
    found = put(home_store, "finished")
    dataset_id = found.dataset.dataset_id
    app = open_page(REVIEW, dataset=dataset_id, who="ada")
    act(app, "drop", "drop", "drop", "drop")
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
    assert duplicates_texts.summary(3, 9) in said(app)
    # Six of nine samples are far more than copies usually are: it asks first.
    assert any(f"This drops {percent_text(6 / 9)}" in item.value for item in app.warning)
    press(app, duplicates_texts.ACCEPT_ANYWAY)
    decided = decisions_of(home_store, twins.dataset_id)
    assert sorted(key for (key, _), verdict in decided.items() if verdict == "keep") == ["0.png", "3.png", "6.png"]
    assert len(decided) == 9
    decide_in(app, "duplicates-desk", "undo")
    assert num_turns(app, "duplicates-desk") == (0, 1)
    assert decisions_of(home_store, twins.dataset_id) == {}


def test_duplicates_need_no_run(open_page: Callable[..., AppTest], home_store: Store) -> None:
    usual = ImageQuality(0.5, 0.1, 0.9, 0.2, 7.0, 40.0, 500.0, 0.1, 0.0, 0)
    hashes = [0, 0b111, *(int(f"{n:x}" * 16, 16) for n in range(1, 15))]
    samples = [
        replace(
            make_sample(f"{n:02d}.png", content=f"c{min(n, 14)}"), quality=replace(usual, phash=bits), width=100 + n
        )
        for n, bits in enumerate(hashes)
    ]
    dataset = add_dataset(home_store, "fresh", samples)
    app = open_page(DUPLICATES, dataset=dataset.dataset_id)
    assert not app.exception
    assert duplicates_texts.summary(1, 2) in said(app)
    app = open_page(DUPLICATES, dataset=dataset.dataset_id, level="perceptual", who="ada")
    assert duplicates_texts.perceptual(3, 0) in said(app)
    press(app, duplicates_texts.drop_and_keep(2, 14))
    decided = decisions_of(home_store, dataset.dataset_id)
    # The larger one of each is kept.
    assert sorted(key for (key, _), verdict in decided.items() if verdict == "keep") == ["01.png", "15.png"]
    assert [item.disabled for item in app.button if item.label == duplicates_texts.ALL_DECIDED] == [True]
    app = open_page(DUPLICATES, dataset=dataset.dataset_id, level="near")
    assert duplicates_texts.NEAR_NEEDS_RUN in said(app)


def test_near_duplicates_are_found_when_asked_for(open_page: Callable[..., AppTest], home_store: Store, twins) -> None:
    app = open_page(DUPLICATES, dataset=twins.dataset_id, radius="0.05")
    assert any("flat index over 3 images" in item.value for item in app.caption)
    # All embeddings of these tests are the same.
    assert any("**1 group** of 9 samples" in item.value for item in app.markdown)
    assert duplicates_texts.BORDER in said(app)
    assert duplicates_texts.radius_about(0.001, 0.0) in said(app)
