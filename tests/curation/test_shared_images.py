"""Images that two datasets share: by bytes, and by perceptual hashes, against all pairs."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from jepascore_core.curation.columns.shared_images import are_hashed, shared_images
from jepascore_core.records.quality import ImageQuality
from jepascore_core.storage.store import Store
from tests.conftest import add_dataset, make_sample
from tests.curation.test_laws import SLOWLY

#: Hashes that are within 3 bits of each other, or not.
HASHES = st.integers(0, 2**7 - 1)
IMAGES = st.lists(st.tuples(st.integers(0, 5), HASHES), min_size=1, max_size=8)


def put(store, name, images):
    """A dataset of images (content, hash)."""
    quality = ImageQuality(0.5, 0.1, 0.9, 0.2, 7.0, 40.0, 500.0, 0.1, 0.0, 0)
    samples = [
        replace(make_sample(f"{name}{n:02d}.png", content=str(content)), quality=replace(quality, phash=phash))
        for n, (content, phash) in enumerate(images)
    ]
    return add_dataset(store, name, samples)


def rows(store, dataset, reference):
    return store.query(f"SELECT * FROM {shared_images(store, dataset, reference)}").to_pylist()


@SLOWLY
@given(IMAGES, IMAGES)
def test_shared_images_are_those_of_all_comparisons(tmp_path_factory, own, other):
    # An image has one hash: that of its content, wherever it is.
    known = dict([*own, *other])
    own, other = ([(content, known[content]) for content, _ in images] for images in (own, other))
    store = Store(tmp_path_factory.mktemp("home"))
    found = rows(store, put(store, "B", own), put(store, "A", other))
    expected = []
    for n, (content, phash) in enumerate(own):
        same = [m for m, (its, _) in enumerate(other) if its == content]
        bits = [((phash ^ its).bit_count(), its, m) for m, (_, its) in enumerate(other)]
        if same:
            expected.append((f"B{n:02d}.png", f"A{same[0]:02d}.png", None))
        elif min(bits)[0] <= 3:
            expected.append((f"B{n:02d}.png", f"A{min(bits)[2]:02d}.png", min(bits)[0]))
    assert [(row["sample_key"], row["reference_key"], row["bits"]) for row in found] == expected


def test_an_index_without_hashes_says_so(store):
    bare, hashed = add_dataset(store, "bare", [make_sample("x.png")]), put(store, "B", [(0, 1)])
    assert (are_hashed(store, bare), are_hashed(store, hashed)) == (False, True)
    assert rows(store, bare, hashed) == []
