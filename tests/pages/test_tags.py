"""The list of tags: made, renamed, merged, coloured and deleted on the page; keys record tags and undo them."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from jepascore_core.curation.journal import history, undo_state
from jepascore_core.curation.tags import add_tag, tag_list
from jepascore_core.storage.sample_lists import sample_table
from jepascore_core.storage.store import Store
from pages.ui.widgets import texts
from pages.ui.widgets.decisions import Desk, act, desk_data
from tests.conftest import add_dataset, make_sample

SAMPLES = {key: make_sample(key).content_id for key in "abc"}


def draw(dataset_id: str) -> None:
    from pages.ui.widgets.tags import draw_tags

    draw_tags(dataset_id, "ada")


def names(store: Store, dataset_id: str) -> dict[str, int]:
    return {tag.name: tag.num_samples for tag in tag_list(store, dataset_id)}


def test_tags_are_made_renamed_merged_and_deleted(home_store: Store) -> None:
    dataset_id = add_dataset(home_store, "d", [make_sample(key) for key in "abc"]).dataset_id
    app = AppTest.from_function(draw, default_timeout=30, args=(dataset_id,)).run()
    app.text_input(key="tag-new").set_value("blurred").run()
    app.text_input(key="tag-new").set_value("a;b").run()
    assert "A tag needs a name" in app.toast[0].value
    assert names(home_store, dataset_id) == {"blurred": 0}
    add_tag(home_store, dataset_id, sample_table(SAMPLES.items()), "soft", "ada")
    app.run()
    app.text_input(key="tag-name-blurred").set_value("hazy").run()
    app.selectbox(key="tag-colour-blurred").set_value("pink").run()
    app.button(key="tag-save").click().run()
    assert not app.exception
    assert next((tag.name, tag.colour) for tag in tag_list(home_store, dataset_id)) == ("hazy", "pink")
    app.selectbox(key="tag-picked").set_value("soft").run()
    app.text_input(key="tag-name-soft").set_value("hazy").run()
    assert app.button(key="tag-save").label == texts.merge_tag("hazy")
    app.button(key="tag-save").click().run()
    assert names(home_store, dataset_id) == {"hazy": 3}
    app.button(key="tag-delete").click().run()
    assert not app.exception
    assert names(home_store, dataset_id) == {}


def press(token: str, kind: str, **more: str) -> dict[str, object]:
    samples = [] if kind == "undo" else [list(pair) for pair in SAMPLES.items()]
    return {"token": token * 32, "kind": kind, "samples": samples, "who": "ada", **more}


def test_keys_tag_what_is_on_the_screen_once(home_store: Store) -> None:
    dataset_id = add_dataset(home_store, "d", [make_sample(key) for key in "abc"]).dataset_id
    desk = Desk("g", dataset_id, "ada", SAMPLES)
    for _ in range(2):
        act(desk, [press("1", "tag", tag="dark")])
    assert names(home_store, dataset_id) == {"dark": 3}
    assert desk_data(desk)["tagged"] == dict.fromkeys(SAMPLES, ("dark",))
    assert desk_data(desk)["tags"] == [{"name": "dark", "digit": 1, "colour": "#0072B2"}]
    act(desk, [press("2", "untag", tag="dark"), press("3", "undo")])
    assert names(home_store, dataset_id) == {"dark": 3}
    act(desk, [press("4", "tag", tag=" ")])
    assert (len(history(home_store, dataset_id)), undo_state(home_store, dataset_id, "ada").num_undo) == (3, 1)
