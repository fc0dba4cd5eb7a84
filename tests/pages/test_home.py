"""Home: what is here, how far it is, and the way to it."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from jepascore_core.storage.store import Store
from jepascore_core.trust.known_defects import result_to_show
from pages.ui.app import texts as app_texts
from pages.ui.app.frame import MENU
from pages.ui.home import texts as home_texts
from pages.ui.widgets import texts as widget_texts
from tests.pages.reading import labels, links, said, sections
from tests.pages.situations import measure_again, put
from tests.pages.test_runs import open_failures
from tests.trust.conftest import put_embeddings


def test_nothing_yet(open_page: Callable[..., AppTest]) -> None:
    app = open_page()
    assert home_texts.EMPTY in said(app)
    assert labels(app, "button") == [home_texts.ADD_IMAGES, home_texts.ADD_DEMO, home_texts.ADD_DIGITS]
    assert [label for label, _ in links(app)] == [label for _, label, _ in MENU[1:]]


def test_indexing(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "indexing")
    app = open_page()
    assert "**digits**\n" in said(app)
    assert "Indexing\n" in said(app)
    assert f"{app_texts.IN_PROGRESS}\n" in said(app)
    assert "digits · 6.0 s left" in said(app)
    assert links(app)[0] == ("Runs", f"dataset={found.dataset.dataset_id}")


def test_running(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "running")
    app = open_page()
    assert "36 samples · 3 classes\n" in said(app)
    assert "Scores: ViT-Ti/16 (timm) · 75.0 % scored" in said(app)
    assert "digits, ViT-Ti/16 (timm) · 3.0 s left" in said(app)


def test_finished(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    measure_again(home_store, found)
    app = open_page()
    assert "Scores: ViT-Ti/16 (timm), ResNet-18 (timm)\n" in said(app)
    assert app_texts.IN_PROGRESS not in said(app)
    here = f"dataset={found.dataset.dataset_id}"
    assert {("Explore", here), ("Curate", here)} <= set(links(app))


def test_known_defects_are_a_result_card(open_page: Callable[..., AppTest], home_store: Store) -> None:
    given = iter(range(200))
    defects = ["torn" if number < 20 else "" for number in range(200)]
    scores, _ = put_embeddings(home_store, ["a", "b"] * 100, lambda _: float(next(given)), defects)
    app = open_page()
    shown = result_to_show(home_store, scores.dataset_id)
    assert shown is not None
    assert shown[1].headline in said(app)
    assert [(item.label, item.value) for item in app.metric] == [
        (home_texts.KNOWN_DEFECTS, "20"),
        (home_texts.BUDGET, "10"),
        ("JEPA-SCORE finds", "10"),
        (home_texts.finds(shown[1].baseline), str(shown[1].baseline.num_found)),
        (home_texts.CHANCE, "1"),
    ]
    tiles = sections(app, f"reviewed-{scores.dataset_id}")[0]["tiles"]
    assert {tile["caption"] for tile in tiles} == {"torn"}
    assert labels(app, "button") == [home_texts.ADD_IMAGES, home_texts.SEE, home_texts.CUT]
    assert labels(app, "download_button") == [home_texts.EXPORT]


def test_progress_stands_where_the_result_will_be(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "running")
    (bar,) = [item.proto for item in open_page().main.get("progress")]
    assert bar.value == 75
    assert "27 of 36" in bar.text


def test_unreadable_files_are_one_click_away(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    app = open_page()
    assert "1 unreadable file" in labels(app, "expander")
    assert "cat/broken.png" not in said(app)
    app = open_failures(app, f"dataset-{found.dataset.dataset_id}")
    assert "cat/broken.png: The file is truncated." in said(app)
    assert labels(app, "download_button") == [widget_texts.ALL_FAILURES]


def test_a_dataset_that_could_not_be_read_again(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    home_store.catalogue.update_dataset(found.dataset.dataset_id, error="The folder is gone: check the path.")
    assert "The folder is gone: check the path. The dataset is unchanged." in said(open_page())


def test_more_backbones_than_a_line_holds(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    for name in ("timm:resnet18.a", "timm:resnet34.a", "timm:resnet50.a"):
        measure_again(home_store, found, name)
    assert "ViT-Ti/16 (timm), ResNet-18 (timm), ResNet-34 (timm) and 1 more" in said(open_page())


def test_failed(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "index failed", "gone")
    put(home_store, "failed", "there")
    app = open_page()
    assert "Failed\n" in said(app)
    assert "The folder is gone: check the path." in said(app)
    assert "No scores yet" in said(app)
