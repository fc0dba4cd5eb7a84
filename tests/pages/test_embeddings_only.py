"""Pages of a dataset with embeddings and no scores: what works, and the sentence where a score is needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from jepascore_core.curation.columns.similarity import SMALLEST_WITH_WORDS
from jepascore_core.embeddings.own import as_vectors, match_vectors
from jepascore_core.embeddings.similarity import keep_words_vector
from jepascore_core.jobs.own_embeddings import import_vectors
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.storage.store import Store
from jepascore_core.worker.loop import Worker
from pages.ui.explore import texts as explore_texts
from tests.pages.reading import keys_of, one, said, sections
from tests.worker.sources import indexed, write_images

COUNT = 24
NO_SCORES = "there is no score, only imported embeddings"


@pytest.fixture
def key(home_store: Store, no_worker: None, tmp_path: Path) -> MeasurementKey:
    """Embeddings in two clumps, one for each class, and none anywhere else."""
    dataset = indexed(home_store, Worker(home_store), write_images(tmp_path / "images", COUNT))
    angles = np.where(np.arange(COUNT) < COUNT // 2, 0.1, 1.2) + np.linspace(0, 0.05, COUNT)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    return import_vectors(home_store, dataset, "mine", match_vectors(home_store, dataset, as_vectors(vectors)))


def found(app: AppTest) -> list[str]:
    return [name for section in sections(app, "found") for name in keys_of(section)]


@pytest.mark.parametrize("page", ["trust", "distributions", "compare"])
def test_pages_of_scores_say_how_to_get_them(open_page: Callable[..., AppTest], key: MeasurementKey, page: str) -> None:
    app = open_page(f"pages/{page}.py")
    assert NO_SCORES in said(app)
    assert not app.exception
    assert not app.error


@pytest.mark.parametrize("page", ["curate", "duplicates", "labels", "review"])
def test_pages_that_need_no_score_work(open_page: Callable[..., AppTest], key: MeasurementKey, page: str) -> None:
    app = open_page(f"pages/{page}.py", rules="percentile[knn] >= 20")
    assert not app.exception
    assert not app.error
    assert "nan" not in said(app).lower().replace("finance", "").split()


def test_rules_that_need_a_score_say_so_on_curate(open_page: Callable[..., AppTest], key: MeasurementKey) -> None:
    app = open_page("pages/curate.py", rules="class_percentile >= 7")
    assert not app.exception
    assert NO_SCORES in said(app)


def test_explore_lists_by_baseline_and_by_similarity(
    open_page: Callable[..., AppTest], home_store: Store, key: MeasurementKey
) -> None:
    app = open_page("pages/explore.py", view="search", across="norm-down")
    assert not app.exception
    assert len(found(app)) == COUNT
    assert {tile["caption"] for tile in sections(app, "found")[0]["tiles"]} == {""}
    first = sorted(found(app))[0]
    app = open_page("pages/explore.py", view="search", like=first)
    assert found(app)[0] == first
    assert set(found(app)[: COUNT // 2]) == set(sorted(found(app))[: COUNT // 2])
    app = open_page("pages/explore.py", view="search", like=first, least="0.9")
    assert len(found(app)) == COUNT // 2
    assert sections(app, "found")[0]["tiles"][0]["note"] == "similarity 1"


def test_words_without_a_text_tower_name_a_model_and_its_licence(
    open_page: Callable[..., AppTest], key: MeasurementKey
) -> None:
    app = open_page("pages/explore.py", view="search")
    one(app, "text_input", explore_texts.WORDS).set_value("a watermark").run()
    assert not app.exception
    assert SMALLEST_WITH_WORDS in said(app)
    assert "licence mit" in said(app)


def test_words_that_are_embedded_list_images_without_a_worker(
    open_page: Callable[..., AppTest], home_store: Store, key: MeasurementKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("jepascore_core.curation.columns.similarity", "pages.ui.explore.similarity"):
        monkeypatch.setattr(f"{module}.has_words", lambda *_: True)
    keep_words_vector(home_store, key.backbone_id, "up", np.array([0.0, 1.0], np.float32))
    app = open_page("pages/explore.py", view="search", words="up")
    assert not app.exception
    assert set(found(app)[: COUNT // 2]) == set(sorted(found(app))[COUNT // 2 :])
    app = open_page("pages/explore.py", view="search", words="down")
    assert not app.exception
    assert "Comparing 24 images with" in said(app)  # requested, without a click
