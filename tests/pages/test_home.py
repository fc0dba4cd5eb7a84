"""Home: what is here, how far it is, and the way to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from streamlit.testing.v1 import AppTest

from jepascore_core.storage.store import Store
from jepascore_core.trust.evidence import trust_verdict
from jepascore_core.trust.known_defects import result_to_show
from pages.ui.app import texts as app_texts
from pages.ui.app.frame import MENU
from pages.ui.home import texts as home_texts
from pages.ui.widgets import texts as widget_texts
from pages.ui.widgets.dataset_table import NUM_PICTURES
from tests.pages.reading import dataset_rows, labels, links, said, sections
from tests.pages.situations import measure_again, put
from tests.trust.conftest import put_embeddings


def test_nothing_yet(open_page: Callable[..., AppTest]) -> None:
    app = open_page()
    assert home_texts.EMPTY in said(app)
    assert labels(app, "button") == [home_texts.ADD_IMAGES, home_texts.ADD_DEMO, home_texts.ADD_DIGITS]
    assert [label for label, _ in links(app)] == [label for _, label, _ in MENU[1:]]


def ways(row: dict[str, Any]) -> list[tuple[str, str]]:
    """Where a row leads: label and address."""
    return [(way["label"], way["href"]) for way in row["ways"]]


def test_indexing(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "indexing")
    app = open_page()
    (row,) = dataset_rows(app)
    assert (row["name"], row["share"], row["num_images"], row["pictures"]) == ("digits", 0.4, None, [])
    assert row["state"] == "Indexing · 400 of 1,000 files indexed · 6.0 s left"
    assert ways(row) == [(widget_texts.RUNS, f"runs?dataset={found.dataset.dataset_id}")]
    assert f"{app_texts.IN_PROGRESS}\n" in said(app)
    assert "digits · 6.0 s left" in said(app)


def test_running(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "running")
    app = open_page()
    (row,) = dataset_rows(app)
    assert (row["state"], row["num_images"], row["num_classes"]) == ("", 36, 3)
    (line,) = row["lines"]
    assert (line["title"], line["share"]) == ("ViT-Ti/16 (timm)", 0.75)
    assert line["text"] == "27 of 36 images measured · 3.0 s left"
    assert "digits, ViT-Ti/16 (timm) · 3.0 s left" in said(app)


def test_finished(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    measure_again(home_store, found)
    app = open_page()
    (row,) = dataset_rows(app)
    assert [line["title"] for line in row["lines"]] == ["ViT-Ti/16 (timm)", "ResNet-18 (timm)"]
    assert {line["text"] for line in row["lines"]} == {"100 %"}
    assert app_texts.IN_PROGRESS not in said(app)
    here = f"dataset={found.dataset.dataset_id}"
    assert ways(row) == [
        (widget_texts.EXPLORE, f"explore?{here}"),
        (widget_texts.CURATE, f"curate?{here}"),
        (widget_texts.MEASURE, f"runs?{here}"),
    ]
    assert len(row["pictures"]) == NUM_PICTURES
    assert row["pictures"][0]["href"].startswith(f"explore?{here}&sample=")
    badge = row["lines"][0]["badge"]
    assert found.scores is not None
    verdict = trust_verdict(home_store, found.scores)
    assert (badge["colour"], badge["text"], badge["help"]) == (verdict.colour, verdict.badge, verdict.sentence)
    assert badge["url"].startswith(f"trust?{here}&backbone=")


def test_many_datasets_stand_in_the_order_of_their_names(open_page: Callable[..., AppTest], home_store: Store) -> None:
    for number in (10, 2, 1):
        put(home_store, "finished", f"set {number}")
    found = dataset_rows(open_page())
    assert [row["name"] for row in found] == ["set 1", "set 2", "set 10"]
    assert {row["activity"] for row in found} == {"just now"}


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


def test_unreadable_files_are_one_click_away(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    (row,) = dataset_rows(open_page())
    assert row["failures"] == "1 unreadable file"
    page, _, parameters = row["failures_href"].partition("?")
    app = open_page(f"pages/{page}.py", **dict(parse_qsl(parameters)))
    assert "cat/broken.png: The file is truncated." in said(app)
    assert app.query_params["dataset"] == found.dataset.dataset_id


def test_a_dataset_that_could_not_be_read_again(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    home_store.catalogue.update_dataset(found.dataset.dataset_id, error="The folder is gone: check the path.")
    (row,) = dataset_rows(open_page())
    assert row["problem"] == "The folder is gone: check the path. The dataset is unchanged."


def test_more_backbones_than_a_row_holds(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    for name in ("timm:resnet18.a", "timm:resnet34.a", "timm:resnet50.a"):
        measure_again(home_store, found, name)
    (row,) = dataset_rows(open_page())
    assert [line["title"] for line in row["lines"]] == ["ViT-Ti/16 (timm)", "ResNet-18 (timm)", "ResNet-34 (timm)"]
    assert row["more"] == widget_texts.and_more(1)


def test_failed(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "index failed", "gone")
    put(home_store, "failed", "there")
    gone, there = dataset_rows(open_page())
    assert (gone["state"], gone["problem"]) == ("Failed", "The folder is gone: check the path.")
    assert (there["state"], there["problem"], there["lines"], there["num_images"]) == ("", "", [], 36)
