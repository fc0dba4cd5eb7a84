"""The routes of Explore's list without Streamlit: rows, counts, places and keys, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from jepascore_core.curation.decisions import decide
from jepascore_core.datasets.manifest import write_part
from jepascore_core.storage.store import Store
from pages.ui.explore.routes import MAX_ROWS, list_routes, parameters, query_of, ranges_of
from tests.conftest import add_dataset, make_sample, make_samples


@pytest.fixture
def client(store: Store) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=list_routes(lambda: store))) as client:
        yield client


def test_rows_come_page_by_page(store: Store, client: TestClient) -> None:
    samples = make_samples("aaabbb")
    dataset = add_dataset(store, "letters", samples)
    decide(store, dataset.dataset_id, [(samples[1].sample_key, samples[1].content_id)], "keep", "ada")
    address = f"/some/base/samples/{dataset.dataset_id}"
    answer = client.get(f"{address}/rows", params={"from": 1, "n": 2})
    assert answer.headers["cache-control"] == "no-store"
    found = answer.json()
    assert (found["total"], [row["sample_key"] for row in found["rows"]]) == (6, ["a/0001.png", "a/0002.png"])
    assert [row["verdict"] for row in found["rows"]] == ["keep", None]
    only = client.get(f"{address}/rows", params={"filter": 'label = "b"', "n": 9}).json()
    assert [row["label"] for row in only["rows"]] == ["b"] * 3
    down = client.get(f"{address}/rows", params={"sort": "key", "descending": "1", "n": MAX_ROWS + 1}).json()
    assert [row["sample_key"] for row in down["rows"]] == [sample.sample_key for sample in reversed(samples)]
    place = client.get(f"{address}/place", params={"key": "b/0004.png", "filter": 'label = "b"'}).json()
    assert place == {"position": 1, "total": 3}
    counts = client.get(f"{address}/facets", params={"filter": 'label = "b"'}).json()
    assert (counts["num_listed"], counts["num_samples"]) == (3, 6)


def test_keys_of_a_selection_are_a_file(store: Store, client: TestClient) -> None:
    dataset = add_dataset(store, "letters", make_samples("abc"))
    address = f"/samples/{dataset.dataset_id}"
    view = client.get(f"{address}/rows").json()["view"]
    answer = client.get(f"{address}/keys", params={"view": view, "ranges": "0-1,2-3"})
    assert answer.text == "a/0000.png\nc/0002.png\n"
    assert "attachment" in answer.headers["content-disposition"]
    for wrong in ({"view": "another", "ranges": "0-1"}, {"view": view, "ranges": "0-9"}, {"view": view}):
        refused = client.get(f"{address}/keys", params=wrong)
        assert (refused.status_code, bool(refused.json()["error"])) == (400, True)


def test_what_is_wrong_is_said(store: Store, client: TestClient) -> None:
    dataset = add_dataset(store, "letters", make_samples("abc"))
    address = f"/samples/{dataset.dataset_id}"
    assert client.get("/samples/../rows").status_code == 404
    assert client.get("/samples/01jd9zkq6t4m8w2x7y5v3r1n0p/rows").json()["error"]
    for wrong in ({"filter": "label ="}, {"sort": "what"}, {"scores": "nothing"}, {"filter": 'meta["no"] > 1'}):
        answer = client.get(f"{address}/rows", params=wrong)
        assert (answer.status_code, bool(answer.json()["error"])) == (400, True), wrong
    with pytest.raises(Exception, match="Select images"):
        ranges_of("0-1,x")


def test_a_first_index_shows_what_it_has(store: Store, client: TestClient) -> None:
    dataset = store.catalogue.add_dataset("coming", "/images/coming", "imagefolder", {})
    write_part(store.dataset_folder(dataset.dataset_id) / "index-1", [make_sample("a.png")], ())
    found = client.get(f"/samples/{dataset.dataset_id}/rows", params={"n": 5}).json()
    assert (found["total"], found["rows"][0]["sample_key"]) == (1, "a.png")
    store.remove_dataset(dataset)


def test_a_query_is_its_parameters(store: Store) -> None:
    dataset = add_dataset(store, "letters", make_samples("abc"))
    query = query_of(dataset.dataset_id, {"sort": "sharpness", "descending": "1", "filter": "", "decided": "open"})
    assert query_of(dataset.dataset_id, {**parameters(query), "decided": "open"}) == query
