"""What the sample window says at once, and what it shows beside a sample, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from jepascore_core.curation.decisions import decide
from jepascore_core.curation.relabelling import relabel
from jepascore_core.curation.tags import add_tag
from jepascore_core.records.quality import ImageQuality
from jepascore_core.storage.sample_lists import sample_table
from jepascore_core.storage.store import Store
from pages.ui.sample import texts
from pages.ui.sample.routes import sample_routes
from tests.conftest import add_dataset, make_sample, make_samples


@pytest.fixture
def client(store: Store) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=sample_routes(lambda: store))) as client:
        yield client


def test_a_card_says_what_people_said(store: Store, client: TestClient) -> None:
    samples = make_samples("ab")
    dataset = add_dataset(store, "letters", samples)
    pair = (samples[1].sample_key, samples[1].content_id)
    address = f"/some/base/samples/{dataset.dataset_id}/card"
    plain = client.get(address, params={"key": pair[0]})
    assert plain.headers["cache-control"] == "no-store"
    card = plain.json()
    assert (card["content_id"], card["width"], card["height"]) == (pair[1], 64, 48)
    assert card["lines"] == [texts.class_and_split("b", "train", None), texts.size(64, 48, 1000)]
    assert (card["verdict"], card["decided_by"], card["tags"]) == (None, "", [])
    decide(store, dataset.dataset_id, [pair], "drop", "ada")
    add_tag(store, dataset.dataset_id, sample_table([pair]), "dark", "ada")
    relabel(store, dataset.dataset_id, {"a": sample_table([pair])}, "ada")
    card = client.get(address, params={"key": pair[0]}).json()
    assert (card["verdict"], card["decided_by"], card["tags"]) == ("drop", "ada", ["dark"])
    assert card["lines"][0] == texts.class_and_split("b", "train", "a")


def test_copies_are_beside_a_sample(store: Store, client: TestClient) -> None:
    usual = ImageQuality(0.5, 0.1, 0.9, 0.2, 7.0, 40.0, 500.0, 0.1, 0.0, 0)
    hashed = {"one.png": ("x", 0), "two.png": ("x", 0), "three.png": ("y", 0b11), "four.png": ("z", 2**64 - 1)}
    samples = [
        replace(make_sample(name, content=content), quality=replace(usual, phash=bits))
        for name, (content, bits) in hashed.items()
    ]
    dataset = add_dataset(store, "copies", samples)
    address = f"/samples/{dataset.dataset_id}"
    groups = client.get(f"{address}/copies", params={"key": "one.png"}).json()["groups"]
    assert [(group["title"], group["about"]) for group in groups] == [
        (texts.EXACT_COPIES, "1"),
        (texts.LOOK_ALIKES, "1"),
    ]
    found = [(item["sample_key"], item["note"]) for group in groups for item in group["samples"]]
    assert found == [("two.png", texts.SAME_BYTES), ("three.png", texts.bits(2))]
    assert client.get(f"{address}/copies", params={"key": "four.png"}).json() == {"groups": []}
    assert client.get(f"{address}/nearest", params={"key": "one.png"}).json() == {"groups": []}, "nothing was measured"


def test_what_is_not_there_is_said(store: Store, client: TestClient) -> None:
    dataset = add_dataset(store, "letters", make_samples("a"))
    for name in ("card", "copies", "nearest"):
        answer = client.get(f"/samples/{dataset.dataset_id}/{name}", params={"key": "no.png"})
        assert (answer.status_code, "has no sample" in answer.json()["error"]) == (400, True)
    wrong = client.get(f"/samples/{dataset.dataset_id}/nearest", params={"key": "a/0000.png", "scores": "nothing"})
    assert wrong.status_code == 400


def test_numbers_have_words() -> None:
    assert (texts.listed(3, 3), texts.listed(24, 1300)) == ("3", "24 of 1,300")
    assert (texts.bits(0), texts.bits(1), texts.bits(3)) == (texts.SAME_HASH, "1 bit of 64", "3 bits of 64")
    assert texts.cosine_distance(0.04).endswith(texts.NEAR_MARK)
    assert texts.cosine_distance(0.4) == "0.400"
    assert "1 within 0.05" in texts.nearest([0.01, 0.3])
