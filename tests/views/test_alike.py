"""Copies and look-alikes of one sample, against a slow listing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jepascore_core.curation.columns.perceptual_duplicates import MAX_BITS
from jepascore_core.records.quality import ImageQuality
from jepascore_core.storage.store import Store
from jepascore_core.views.alike import MAX_LISTED, exact_copies, hash_distances, look_alikes
from tests.conftest import add_dataset, make_sample

HASH = st.integers(0, 2**64 - 1)


@given(st.lists(st.tuples(HASH, HASH), min_size=1, max_size=20), st.data())
def test_the_distance_is_to_the_nearer_of_an_image_and_its_mirror_image(
    pairs: list[tuple[int, int]], data: st.DataObject
) -> None:
    row = data.draw(st.integers(0, len(pairs) - 1))
    own, mirrored = (np.array(side, np.uint64) for side in zip(*pairs, strict=True))
    (mine, turned) = pairs[row]
    expected = [min((a ^ mine).bit_count(), (b ^ mine).bit_count(), (a ^ turned).bit_count()) for a, b in pairs]
    assert hash_distances(own, mirrored, row).tolist() == expected


def test_copies_and_look_alikes(store: Store) -> None:
    usual = ImageQuality(0.5, 0.1, 0.9, 0.2, 7.0, 40.0, 500.0, 0.1, 0.0, 0)
    bits = [0b0, 0b1, 0b111, 0b1111, 2**64 - 1, 0b0]
    samples = [
        replace(make_sample(f"{n}.png", "a", content=str(n % 5)), quality=replace(usual, phash=value))
        for n, value in enumerate(bits)
    ]
    samples.append(make_sample("old.png"))
    dataset = add_dataset(store, "copies", samples)
    copies = exact_copies(store, samples[0], dataset)
    assert ([item.sample_key for item in copies.samples], copies.number) == (["5.png"], 1)
    alike = look_alikes(store, samples[0], dataset)
    assert [(item.sample_key, item.bits) for item in alike.samples] == [("1.png", 1), ("2.png", MAX_BITS)]
    assert look_alikes(store, samples[-1], dataset).number == 0, "it has no hash"
    assert exact_copies(store, samples[4], dataset).samples == ()


def test_many_copies_are_counted(store: Store) -> None:
    samples = [make_sample(f"{n:03d}.png", content="same") for n in range(MAX_LISTED + 5)]
    found = exact_copies(store, samples[7], add_dataset(store, "many", samples))
    assert (len(found.samples), found.number) == (MAX_LISTED, MAX_LISTED + 4)
    assert [item.sample_key for item in found.samples[:2]] == ["000.png", "001.png"]
