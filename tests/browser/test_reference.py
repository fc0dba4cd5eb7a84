"""What a dataset adds to another one, in a real browser: choose the reference, look at the farthest, open it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from jepascore_core import open_dataset
from jepascore_core.datasets.demo import load_digit_images
from jepascore_core.storage.store import Store
from pages.ui.explore import texts
from pages.ui.sample import texts as sample_texts
from tests.browser.conftest import ROOT, Visit, at_rest, click_segment, screenshot, serve
from tests.conftest import SPEC, add_backbone, make_measurement

pytestmark = pytest.mark.browser


def put(store: Store, folder: Path, name: str, numbers: range) -> str:
    """Digits of the demo, with embeddings on a circle: each is a degree from the one before."""
    images, _ = load_digit_images()
    for number in numbers:
        path = folder / name / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(images[number]).save(path)
    opened = open_dataset(folder / name)
    dataset_id = store.catalogue.datasets()[-1].dataset_id
    store.catalogue.update_dataset(dataset_id, name=name)
    backbone = add_backbone(store)
    key = SPEC.key(backbone.backbone_id)
    known = store.query(f"SELECT content_id FROM ({store.measurements_sql(key)})")["content_id"].to_pylist()
    rows = []
    for sample in opened:
        angle = np.radians(int(Path(sample.sample_key).stem))
        embedding = np.array([np.cos(angle), np.sin(angle), *[0] * 6], np.float16)
        if sample.content_id not in known:
            rows.append(replace(make_measurement(sample.content_id, float(angle)), embedding=embedding))
    store.write_measurements(backbone.backbone_id, SPEC, rows)
    return dataset_id


def test_a_person_finds_what_a_dataset_adds(
    visit: Callable[..., Visit], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JEPASCORE_HOME", str(tmp_path / "home"))
    store = Store()
    put(store, tmp_path, "old", range(40))
    new = put(store, tmp_path, "new", range(30, 90))
    with serve(ROOT / "app.py", store.home) as server:
        tab = visit(f"{server.url}/explore?dataset={new}", height=1400)
        click_segment(tab.page, texts.VIEW_TITLES["reference"], "view=reference")
        segments = [tab.page.get_by_role("radio", name=title, exact=True) for title in texts.VIEW_TITLES.values()]
        assert len({round(box["y"]) for segment in segments if (box := segment.bounding_box())}) == 1
        expect(tab.page.get_by_text("60 samples of new compared with 40 samples of old.")).to_be_visible()
        expect(tab.page.get_by_text("10 samples with the same bytes as an image of old")).to_be_visible()
        expect(tab.page.get_by_text('all | budget 50 farthest from "old"')).to_be_visible()
        at_rest(tab.page)
        screenshot(tab.page, "reference")
        tab.page.locator('img[alt="089.png"]').first.click()
        dialog = tab.page.get_by_role("dialog")
        expect(dialog.get_by_text(sample_texts.nearest_in("old"))).to_be_visible()
        expect(dialog.locator('img[alt="039.png"]').first).to_be_visible()
        assert "sample=089.png" in tab.page.url
