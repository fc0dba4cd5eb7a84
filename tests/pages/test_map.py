"""Map without a browser: what the script is given, which layouts and colours there are, and what is said else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from jepascore_core.curation.columns.layouts import MAP_IS_GONE, compute_layout
from jepascore_core.curation.columns.regions import region_list
from jepascore_core.curation.precompute import step
from jepascore_core.curation.precompute.requests import precompute_requests
from jepascore_core.jobs.queue import JobKind
from jepascore_core.records.runs import RunState
from jepascore_core.storage.store import Store
from jepascore_core.worker.loop import Worker
from pages.ui.app.routes import FOREVER
from pages.ui.explore import texts as explore_texts
from pages.ui.map import texts
from pages.ui.map.colours import blended
from pages.ui.map.regions import NEW_NAME
from pages.ui.map.routes import map_routes
from pages.ui.widgets import texts as widget_texts
from tests.conftest import add_run
from tests.embeddings.clumps import measure_clumps, put_clumps
from tests.pages.reading import gallery_data, labels, links, one, report, said

PAGE = "pages/map.py"
LABELS = ["cat", "dog"] * 20


@pytest.fixture
def client(home_store: Store) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=map_routes(lambda: home_store))) as client:
        yield client


def test_the_overview_is_there_at_once(open_page: Callable[..., AppTest], home_store: Store) -> None:
    scores = put_clumps(home_store, LABELS)
    app = open_page(PAGE)
    data = gallery_data(app, "map")
    assert data["layout"] == compute_layout(home_store, scores, "pca").identity
    assert "PCA of 40 images · trustworthiness" in said(app)
    assert data["listed"] == ""
    assert one(app, "selectbox", texts.COLOUR).options[:2] == ["Class", "Percentile"]
    assert gallery_data(app, "whole")["label"], "the list stands beside it"
    line = gallery_data(app, "fold")["text"]
    assert line.startswith(f"{texts.coloured(texts.COLOUR_TITLES['label'])} · {texts.LAYOUT_TITLES['pca']} · ")


def test_neighbours_are_arranged_when_asked_for_and_shown_from_then_on(
    open_page: Callable[..., AppTest], home_store: Store
) -> None:
    put_clumps(home_store, LABELS)
    assert "PaCMAP of 40 images" in said(open_page(PAGE, layout="pacmap"))
    assert "PaCMAP of 40 images" in said(open_page(PAGE))
    assert "PCA of 40 images" in said(open_page(PAGE, layout="pca"))


@pytest.mark.usefixtures("no_worker")
def test_long_work_goes_to_the_worker_and_the_overview_stays(
    open_page: Callable[..., AppTest], home_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = put_clumps(home_store, LABELS)
    compute_layout(home_store, scores, "pca")
    monkeypatch.setattr(step, "QUICK_SECONDS", 0.0)
    app = open_page(PAGE, layout="pacmap")
    assert "Placing 40 images on a map" in said(app)
    assert texts.OVERVIEW_MEANWHILE in said(app)
    assert "PCA of 40 images" in said(app)
    one(app, "button", widget_texts.COMPUTE).click().run()
    assert "Cancel" in labels(app, "button")
    (asked,) = precompute_requests(home_store)
    Worker(home_store).handle(JobKind.PRECOMPUTE, asked.identifier)
    assert "PaCMAP of 40 images" in said(open_page(PAGE, layout="pacmap"))


def test_while_measuring_goes_on_the_map_stays(open_page: Callable[..., AppTest], home_store: Store) -> None:
    scores = put_clumps(home_store, LABELS, num_measured=30)
    backbone = home_store.catalogue.backbones()[scores.backbone_id]
    add_run(home_store, home_store.catalogue.dataset(scores.dataset_id), backbone, RunState.RUNNING)
    assert "PCA of 30 images" in said(open_page(PAGE))
    measure_clumps(home_store, scores.backbone_id, LABELS, rows=slice(30, 40))
    app = open_page(PAGE)
    assert texts.so_far(30, 40) in said(app)
    one(app, "button", texts.REFRESH).click().run()
    assert "PCA of 40 images" in said(app)


def test_too_few_images_say_so_beside_the_list(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put_clumps(home_store, ["cat", "dog"])
    app = open_page(PAGE)
    assert "This map needs at least 3 different measured images, not 2." in said(app)
    assert gallery_data(app, "whole")["label"]


def test_filters_reach_the_map(open_page: Callable[..., AppTest], home_store: Store, client: TestClient) -> None:
    put_clumps(home_store, LABELS)
    data = gallery_data(open_page(PAGE, filter='label = "cat"'), "map")
    bits = client.get(f"/{data['listed']}").content
    assert np.unpackbits(np.frombuffer(bits, np.uint8))[:40].tolist() == [1, 0] * 20
    assert gallery_data(open_page(PAGE, filter="label ="), "map")["listed"] == ""


def test_places_colours_and_samples_come_as_bytes(
    open_page: Callable[..., AppTest], home_store: Store, client: TestClient
) -> None:
    put_clumps(home_store, LABELS, num_measured=38)
    data = gallery_data(open_page(PAGE), "map")
    places = client.get(f"/base/{data['places']}")
    assert places.headers["cache-control"] == FOREVER
    x = np.frombuffer(places.content, "<f4").reshape(2, 40)[0]
    assert np.isnan(x).nonzero()[0].tolist() == [38, 39]
    coloured = client.get(f"/base/{data['colours']}")
    assert coloured.headers["cache-control"] == FOREVER
    assert coloured.content[-40:] == bytes([0, 1] * 20)
    sample = client.get(f"/{data['samples']}3")
    assert sample.json()["sample_key"] == "03.png"
    assert sample.headers["cache-control"] == "no-store"


def test_an_address_of_another_state_is_refused_or_not_kept(
    open_page: Callable[..., AppTest], home_store: Store, client: TestClient
) -> None:
    put_clumps(home_store, LABELS)
    data = gallery_data(open_page(PAGE), "map")
    for wrong in (
        data["places"].replace(data["layout"], "0" * 16),
        data["places"].replace("kind=pca", "kind=round"),
        f"{data['samples']}40",
        f"{data['samples']}x",
        data["colours"].replace("by=label", "by=taste"),
        data["places"].replace("version=", "version=x"),
    ):
        answer = client.get(f"/{wrong}")
        assert (answer.status_code, bool(answer.json()["error"])) == (400, True), wrong
    state = parse_qs(urlparse(data["colours"]).query)["state"][0]
    later = client.get(f"/{data['colours'].replace(state, 'later')}")
    assert (later.status_code, later.headers["cache-control"]) == (200, "no-store")
    assert client.get("/map/nothing/places").status_code == 404


def test_a_point_that_is_clicked_opens_its_sample(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put_clumps(home_store, LABELS)
    app = report(open_page(PAGE), "map", "picked", {"sample_key": "04.png"})
    assert app.query_params["sample"] == "04.png"


def test_scales_begin_and_end_with_their_anchors() -> None:
    found = blended(("#000000", "#ff0000", "#ffffff"), 5)
    assert found == ["#000000", "#800000", "#ff0000", "#ff8080", "#ffffff"]


LEFT = [[-2, -2], [0, -2], [0, 2], [-2, 2]]


def test_a_lasso_becomes_a_filter_of_both(
    open_page: Callable[..., AppTest], home_store: Store, client: TestClient
) -> None:
    scores = put_clumps(home_store, LABELS)
    app = open_page(PAGE, filter='label in ("cat", "dog")', layout="pca")
    identity = gallery_data(app, "map")["layout"]
    app = report(app, "map", "marked", {"corners": LEFT, "layout": identity})
    first = app.query_params["filter"]
    assert first.startswith('label in ("cat", "dog") and in region "region ')
    data = gallery_data(app, "map")
    assert data["has_region"]
    assert sum(np.unpackbits(np.frombuffer(client.get(f"/{data['listed']}").content, np.uint8))) == 20
    assert gallery_data(app, "whole")["filter"] == first
    assert any("in+region" in query for label, query in links(app) if label == explore_texts.MAKE_RULES)

    app = report(app, "map", "marked", {"corners": [[0, -2], [2, -2], [2, 2], [0, 2]], "layout": identity})
    second = app.query_params["filter"]
    assert (first.count("region"), second.count("region")) == (2, 2)
    assert first != second, "one region at a time"
    app = report(app, "map", "cleared", {"token": "x"})
    assert app.query_params["filter"] == 'label in ("cat", "dog")'
    assert len(known_names(home_store, scores.dataset_id)) == 0


def known_names(store: Store, dataset_id: str) -> list[str]:
    return [region.name for region in region_list(store, dataset_id)]


def test_a_region_gets_a_name(open_page: Callable[..., AppTest], home_store: Store) -> None:
    scores = put_clumps(home_store, LABELS)
    app = open_page(PAGE, layout="pca")
    app = report(app, "map", "marked", {"corners": LEFT, "layout": gallery_data(app, "map")["layout"]})
    app.text_input(key=NEW_NAME).input("left half")
    one(app, "button", texts.SAVE).click().run()
    assert app.query_params["filter"] == 'in region "left half"'
    assert known_names(home_store, scores.dataset_id) == ["left half"]
    assert texts.SAVE not in labels(app, "button")


@pytest.mark.parametrize(
    ("corners", "said_then"),
    [([[0, 0]], "corners"), ([["x", 0]] * 3, "could not convert"), ([[5, 5], [6, 5], [6, 6]], texts.NOBODY_THERE)],
)
def test_a_lasso_around_nothing_changes_nothing(
    open_page: Callable[..., AppTest], home_store: Store, corners: list[list[object]], said_then: str
) -> None:
    put_clumps(home_store, LABELS)
    app = open_page(PAGE, layout="pca")
    app = report(app, "map", "marked", {"corners": corners, "layout": gallery_data(app, "map")["layout"]})
    assert "filter" not in app.query_params
    assert said_then in said(app)


def test_a_lasso_on_a_map_that_was_replaced_says_so(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put_clumps(home_store, LABELS)
    app = report(open_page(PAGE, layout="pca"), "map", "marked", {"corners": LEFT, "layout": "another"})
    assert MAP_IS_GONE in said(app)
