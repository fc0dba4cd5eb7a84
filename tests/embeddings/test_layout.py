"""Maps of embeddings against closed forms, the authors' picture of PaCMAP, other implementations and their own laws."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness as sklearn_trustworthiness

from jepascore_core.embeddings import layout as layout_module
from jepascore_core.embeddings import pacmap as pacmap_module
from jepascore_core.embeddings.index import unit
from jepascore_core.embeddings.layout import MIN_IMAGES, find_layout, put_among, trustworthiness
from jepascore_core.embeddings.pacmap import choose_pairs, nearest_rows, pacmap
from jepascore_core.embeddings.projection import fit_projection
from jepascore_core.errors import TooFewImagesError


def clusters(n=600, number=6, dimension=32, seed=0):
    """Codes [n] and embeddings [n, dimension] of separated groups."""
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % number
    centres = 4 * rng.standard_normal((number, dimension))
    return codes, (centres[codes] + rng.standard_normal((n, dimension))).astype(np.float16)


def purity(codes, places, k=5):
    """Share of the k nearest on the map that are of the same group."""
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    return (codes[np.argsort(apart, axis=1)[:, :k]] == codes[:, None]).mean()


def test_principal_components_are_those_of_another_implementation():
    _, embeddings = clusters(400)
    units = unit(embeddings).astype(np.float64)
    expected = PCA(2).fit_transform(units)
    found = fit_projection(embeddings, 2)(embeddings)
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found, expected * signs, atol=1e-4)


def test_fewer_dimensions_than_components_are_filled_with_zeros():
    found = fit_projection(np.eye(3, dtype=np.float16), 5)
    assert found.axes.shape == (3, 5)
    assert not found.axes[:, 3:].any()


def test_axes_do_not_depend_on_signs_of_the_solver():
    _, embeddings = clusters(100)
    axes = fit_projection(embeddings, 4).axes
    assert (axes[np.abs(axes).argmax(axis=0), np.arange(4)] > 0).all()


@pytest.mark.parametrize("limit", [10_000, 100])
def test_nearest_rows_are_those_of_an_exhaustive_comparison(monkeypatch, limit):
    monkeypatch.setattr(pacmap_module, "FLAT_LIMIT", limit)
    points = np.random.default_rng(0).standard_normal((400, 4)).astype(np.float32)
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    expected = np.argsort(apart, axis=1)[:, :10]
    found = nearest_rows(points, 10)
    agreement = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, expected, strict=True)])
    assert agreement == 1.0 if limit > 400 else agreement > 0.8


def test_no_image_is_its_own_neighbour_even_among_copies():
    found = nearest_rows(np.ones((40, 4), np.float32), 10)
    assert (found != np.arange(40)[:, None]).all()
    assert found.shape == (40, 10)


def test_pairs_are_of_others_and_far_ones_are_not_near():
    points = np.random.default_rng(0).standard_normal((300, 4)).astype(np.float32)
    pairs = choose_pairs(points, nearest_rows(points, 60), np.random.default_rng(0))
    assert (pairs.near.shape, pairs.midway.shape, pairs.far.shape) == ((300, 10), (300, 5), (300, 20))
    own = np.arange(300)[:, None]
    assert all((ends != own).all() and (ends >= 0).all() and (ends < 300).all() for ends in (pairs.near, pairs.far))
    assert not any(set(near) & set(far) for near, far in zip(pairs.near, pairs.far, strict=True))
    distances = [
        np.linalg.norm(points[ends] - points[:, None], axis=2).mean() for ends in (pairs.near, pairs.midway, pairs.far)
    ]
    assert distances == sorted(distances)


def test_groups_stay_together_as_no_plane_through_them_shows():
    codes, embeddings = clusters(600, number=8)
    by_neighbours, by_components = (find_layout(kind, embeddings) for kind in ("pacmap", "pca"))
    assert purity(codes, by_neighbours.places) > 0.98
    assert by_neighbours.trustworthiness > by_components.trustworthiness
    for found in (by_neighbours, by_components):
        assert np.abs(found.places).max() == pytest.approx(1.0, abs=1e-6)
        assert found.num_landmarks == 600


def test_a_map_is_the_same_however_many_threads_compute_it(monkeypatch):
    _, embeddings = clusters(300)
    points = fit_projection(embeddings, 10)(embeddings)
    several = pacmap(points)
    monkeypatch.setattr(pacmap_module, "_num_threads", lambda: 1)
    np.testing.assert_array_equal(pacmap(points), several)
    assert not np.allclose(pacmap(points, seed=1), several)


def test_images_beyond_the_landmarks_lie_with_their_own(monkeypatch):
    monkeypatch.setattr(layout_module, "MAX_LANDMARKS", 200)
    codes, embeddings = clusters(600)
    found = find_layout("pacmap", embeddings)
    assert found.num_landmarks == 200
    assert purity(codes, found.places) > 0.95


def test_what_is_put_on_a_landmark_lies_there():
    landmarks = np.eye(6, dtype=np.float32)
    places = np.random.default_rng(0).standard_normal((6, 2)).astype(np.float32)
    np.testing.assert_allclose(put_among(landmarks, landmarks, places), places, atol=1e-4)


@pytest.mark.parametrize("kind", ["random", "pca"])
def test_trustworthiness_is_that_of_another_implementation(kind):
    _, embeddings = clusters(300)
    rng = np.random.default_rng(1)
    places = rng.standard_normal((300, 2)) if kind == "random" else fit_projection(embeddings, 2)(embeddings)
    expected = sklearn_trustworthiness(unit(embeddings).astype(np.float64), places, n_neighbors=10)
    assert trustworthiness(embeddings, places.astype(np.float32)) == pytest.approx(expected, abs=1e-3)


def test_a_map_that_is_the_embeddings_is_trustworthy():
    angles = np.random.default_rng(0).uniform(0, 1, 200)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert trustworthiness(circle, circle) == 1.0


@pytest.mark.parametrize("kind", ["pca", "pacmap"])
def test_too_few_images_say_how_many_it_takes(kind):
    with pytest.raises(TooFewImagesError, match=f"at least {MIN_IMAGES[kind]}"):
        find_layout(kind, np.ones((MIN_IMAGES[kind] - 1, 4), np.float16))


@pytest.mark.parametrize("kind", ["pca", "pacmap"])
def test_the_fewest_images_and_equal_ones_have_places(kind):
    for embeddings in (np.eye(MIN_IMAGES[kind], 16, dtype=np.float16), np.ones((MIN_IMAGES[kind], 4), np.float16)):
        assert np.isfinite(find_layout(kind, embeddings).places).all()


def test_progress_grows_and_can_end_it():
    _, embeddings = clusters(100)
    shares = []
    find_layout("pacmap", embeddings, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] <= 1.0

    def refuse(share):
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_layout("pacmap", embeddings, progress=refuse)
