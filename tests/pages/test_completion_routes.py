"""The suggestions of the query bar over HTTP: positions in a browser's units, names of the dataset, what is refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from jepascore_core.curation.tags import create_tag
from jepascore_core.storage.store import Store
from pages.ui.app import state
from pages.ui.curate.routes import completion_routes
from tests.conftest import add_backbone, add_dataset, add_measurements, make_sample


@pytest.fixture
def client(store: Store) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=completion_routes(lambda: store))) as client:
        yield client


@pytest.fixture
def dataset_id(store: Store) -> str:
    samples = [make_sample(f"{n}.png", label, "train", year=n) for n, label in enumerate(("cat", "😀 smile", None))]
    dataset = add_dataset(store, "letters", samples)
    add_measurements(store, dataset, add_backbone(store), {"0.png": 1.0}, samples=samples[:1])
    create_tag(store, dataset.dataset_id, "blurred")
    add_dataset(store, "others", [])
    return dataset.dataset_id


def ask(client: TestClient, dataset_id: str, before: str, after: str = "") -> tuple[int, int, list[str]]:
    answer = client.get(f"/some/base/rules/{dataset_id}/completions", params={"before": before, "after": after})
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    found = answer.json()
    return found["back"], found["forward"], [option["text"] for option in found["options"]]


def test_names_of_the_dataset_are_suggested(client: TestClient, dataset_id: str) -> None:
    assert ask(client, dataset_id, 'label = "c') == (2, 0, ['"cat"'])
    assert ask(client, dataset_id, "split = ")[2] == ['"train"']
    assert ask(client, dataset_id, "tag(")[2] == ['"blurred")']
    assert ask(client, dataset_id, "in region ")[2] == []
    assert ask(client, dataset_id, "meta[")[2] == ['"year"]']
    assert ask(client, dataset_id, "reference_distance[")[2] == ['"others"']
    assert ask(client, dataset_id, "percentile[")[2][0].startswith('"ViT')


def test_positions_are_those_of_a_browser(client: TestClient, dataset_id: str) -> None:
    """Beyond the first 65,536 characters each counts twice there."""
    assert ask(client, dataset_id, 'label = "😀 ', 'smi"') == (4, 4, ['"😀 smile"'])
    assert ask(client, dataset_id, "cla", "ss >= 5")[:2] == (3, 2)


def test_what_is_wrong_is_said(client: TestClient, dataset_id: str) -> None:
    assert client.get("/rules/..%2F/completions").status_code == 404
    assert client.get("/rules/01jd9zkq6t4m8w2x7y5v3r1n0p/completions").json()["error"]
    long = client.get(f"/rules/{dataset_id}/completions", params={"before": "x" * (state.MAX_TEXT + 1)})
    assert (long.status_code, "characters" in long.json()["error"]) == (400, True)


def test_a_dataset_without_an_index_has_no_names(client: TestClient, store: Store) -> None:
    dataset = store.catalogue.add_dataset("new", "/images/new", "imagefolder", {})
    assert ask(client, dataset.dataset_id, "label = ")[2] == []
    assert "label " in ask(client, dataset.dataset_id, "lab")[2]
