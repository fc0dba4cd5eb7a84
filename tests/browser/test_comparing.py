"""Compare and Distributions in a real browser: lassos, clicks on bars, files of figures, links, both themes."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from jepascore_core.datasets.demo import load_digit_images
from jepascore_core.datasets.thumbnails import ensure_thumbnail
from jepascore_core.storage.store import Store
from pages.ui.compare import texts as compare_texts
from pages.ui.distributions import texts as distributions_texts
from pages.ui.widgets import texts as widget_texts
from tests.browser.conftest import ROOT, Server, Visit, at_rest, by_menu, click_segment, screenshot, serve
from tests.conftest import SPEC, add_backbone, add_dataset, add_measurements, make_samples

pytestmark = pytest.mark.browser

NUM_SAMPLES = 400
#: Two encoders that the theory covers, so that no caveat about it is shown.
BACKBONES = ("timm:vit_small_patch14_dinov2.lvd142m", "timm:vit_base_patch14_dinov2.lvd142m")


@dataclass(frozen=True)
class Compared:
    """A running app with two datasets of digits, both measured by two backbones that mostly agree."""

    server: Server
    home_id: str
    measured: tuple[str, ...]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compared]:
    home = tmp_path_factory.mktemp("comparing") / "home"
    store, rng = Store(home), np.random.default_rng(0)
    images, labels = load_digit_images()
    backbones = [add_backbone(store, name, is_jepa=True, family="DINOv2") for name in BACKBONES]
    dataset_ids = []
    for name, offset in (("digits", 0.0), ("faded digits", -45.0)):
        samples = make_samples([f"digit {labels[number]}" for number in range(NUM_SAMPLES)])
        samples = [
            replace(sample, content_id=f"{number + int(-offset) * 1000:032x}") for number, sample in enumerate(samples)
        ]
        dataset = add_dataset(store, name, samples)
        dataset_ids.append(dataset.dataset_id)
        likely = rng.normal(500 + offset, 30, NUM_SAMPLES)
        for place, backbone in enumerate(backbones):
            values = (1 + place) * (likely + rng.normal(0, 12, NUM_SAMPLES))
            scores = {sample.sample_key: float(value) for sample, value in zip(samples, values, strict=True)}
            add_measurements(store, dataset, backbone, scores, samples=samples)
        for number, sample in enumerate(samples):
            pixels = images[number] if offset == 0 else 128 + images[number] // 4
            ensure_thumbnail(store.thumbs_folder, sample.content_id, Image.fromarray(pixels).resize((96, 96)))
    with serve(ROOT / "app.py", home) as server:
        measured = tuple(SPEC.key(backbone.backbone_id).text for backbone in backbones)
        yield Compared(server, dataset_ids[0], measured)


def plot(page: Page, key: str) -> Locator:
    found = page.locator(f".st-key-{key} .js-plotly-plot")
    expect(found.locator(".main-svg").first).to_be_visible()
    at_rest(page)
    return found


def drag(page: Page, figure: Locator, *corners: tuple[float, float]) -> None:
    """From corner to corner over the figure's plot, in shares of its width and height."""
    figure.scroll_into_view_if_needed()
    area = figure.locator(".nsewdrag").first.bounding_box()
    assert area is not None
    first, *others = [(area["x"] + x * area["width"], area["y"] + y * area["height"]) for x, y in corners]
    page.mouse.move(*first)
    page.mouse.down()
    for corner in others:
        page.mouse.move(*corner, steps=6)
    page.mouse.up()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_compare_in_both_themes(visit: Callable[..., Visit], app: Compared, theme: str) -> None:
    tab = visit(f"{app.server.url}/compare?dataset={app.home_id}", theme=theme, width=1500, height=2300)
    page = tab.page
    for key in ("agreement", "overlap", "scatter"):
        plot(page, key)
    expect(page.get_by_text("of the 10 least likely")).to_be_visible()
    expect(page.get_by_text(compare_texts.LARGEST)).to_be_visible()
    page.wait_for_load_state("networkidle")
    screenshot(page, f"compare-{theme}")
    by_menu(page, "Distributions", "Compare")
    plot(page, "agreement")
    assert tab.errors == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_distributions_in_both_themes(visit: Callable[..., Visit], app: Compared, theme: str) -> None:
    query = "&".join(f"backbones={measured}" for measured in app.measured)
    tab = visit(f"{app.server.url}/distributions?{query}&scale=reference", theme=theme, width=1500, height=1900)
    page = tab.page
    for key in ("histograms", "histograms-1"):
        plot(page, key)
    expect(page.get_by_text("finds it less likely than digits").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    screenshot(page, f"distributions-{theme}")
    for shape in ("density", "ecdf"):
        page.goto(f"{app.server.url}/distributions?shape={shape}")
        plot(page, "histograms")
        expect(page.get_by_text("finds it less likely than digits").first).to_be_visible()
        screenshot(page, f"distributions-{shape}-{theme}")
    by_menu(page, "Compare", "Distributions")
    plot(page, "histograms")
    assert tab.errors == []


def test_a_lasso_shows_its_samples(visit: Callable[..., Visit], app: Compared) -> None:
    page = visit(f"{app.server.url}/compare?dataset={app.home_id}", width=1500, height=1200).page
    drag(page, plot(page, "scatter"), (0.02, 0.55), (0.45, 0.55), (0.45, 0.98), (0.02, 0.98))
    tiles = page.get_by_role("group", name="selected").locator(".tile")
    expect(tiles.first).to_be_visible()
    page.wait_for_url("**area=**")
    screenshot(page, "compare-lasso")
    again = visit(page.url, width=1500, height=1200).page
    expect(again.get_by_role("group", name="selected").locator(".tile")).to_have_count(tiles.count())


def test_a_drag_along_a_line_shows_its_samples(visit: Callable[..., Visit], app: Compared) -> None:
    page = visit(f"{app.server.url}/distributions?shape=density", width=1500, height=1200).page
    drag(page, plot(page, "histograms"), (0.1, 0.3), (0.5, 0.6))
    expect(page.get_by_text(distributions_texts.IN_RANGE).first).to_be_visible()
    screenshot(page, "distributions-selected")


def test_a_click_on_a_bar_shows_its_samples(visit: Callable[..., Visit], app: Compared) -> None:
    page = visit(f"{app.server.url}/distributions", width=1500, height=1200).page
    figure = plot(page, "histograms")
    figure.scroll_into_view_if_needed()
    bar = figure.locator(".bars .point path").nth(10).bounding_box()
    assert bar is not None
    page.mouse.click(bar["x"] + bar["width"] / 2, bar["y"] + bar["height"] - 2)
    expect(page.get_by_text(distributions_texts.IN_RANGE).first).to_be_visible()
    page.wait_for_url(re.compile(r"bars=0-[01]-10-10"))
    again = visit(page.url, width=1500, height=1200).page
    expect(again.get_by_text(distributions_texts.IN_RANGE).first).to_be_visible()


def test_a_decision_among_the_samples_of_a_bar(visit: Callable[..., Visit], app: Compared) -> None:
    page = visit(f"{app.server.url}/distributions?bars=0-0-9-10", width=1500, height=1200).page
    tile = page.get_by_role("group", name=distributions_texts.bar_gallery("digits")).locator(".tile").first
    tile.focus()
    page.keyboard.press("k")
    expect(tile.locator(".mark")).to_have_text("✓ keep")


@pytest.mark.parametrize(("width", "beside"), [(1366, False), (1920, True)])
def test_least_and_most_likely_stand_side_by_side_where_there_is_room(
    visit: Callable[..., Visit], app: Compared, width: int, beside: bool
) -> None:
    page = visit(f"{app.server.url}/compare?dataset={app.home_id}&n=8", width=width).page
    rows = page.get_by_role("group", name=compare_texts.ROWS)
    rows.locator(".tile").first.wait_for()
    tops = rows.locator(".group").evaluate_all("all => all.map(e => e.getBoundingClientRect().top)")
    assert len(tops) == 4
    assert ((tops[0] == tops[1]), (tops[2] == tops[3]), (tops[1] == tops[2])) == (beside, beside, False)
    # Whatever the place, nothing is wider than the page.
    assert page.locator("html").evaluate("page => page.scrollWidth <= page.clientWidth")


def test_the_same_image_is_marked_under_the_other_backbone(visit: Callable[..., Visit], app: Compared) -> None:
    page = visit(f"{app.server.url}/compare?dataset={app.home_id}", width=1500, height=1200).page
    rows = page.get_by_role("group", name=compare_texts.ROWS)
    rows.locator(".tile").first.wait_for()
    keys = rows.locator(".tile").evaluate_all("all => all.map(e => e.dataset.key)")
    (place, key) = next((place, key) for place, key in enumerate(keys) if keys.count(key) > 1)
    rows.locator(".tile").nth(place).focus()
    expect(rows.locator(".twin")).to_have_count(keys.count(key) - 1)
    assert rows.locator(".twin").first.get_attribute("data-key") == key
    screenshot(page, "compare-twins")


def test_figures_are_saved_as_pictures_pages_and_tables(
    visit: Callable[..., Visit], app: Compared, tmp_path: Path
) -> None:
    page = visit(f"{app.server.url}/distributions", width=1500, height=1200).page
    figure = plot(page, "histograms")
    open_downloads(page)
    with page.expect_download() as download:
        page.get_by_role("button", name=widget_texts.DATA_AS_CSV).click()
    assert download.value.suggested_filename == "jepascore-Scores-under-DINOv2-ViT-S-14.csv"
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8"))))
    assert len(rows) == 40, "20 bins of each dataset"
    assert sum(float(row["Share of samples (%)"]) for row in rows) == pytest.approx(200)
    with page.expect_download() as download:
        page.get_by_role("button", name=widget_texts.FIGURE_AS_HTML).click()
    shown = visit(Path(download.value.path()).rename(tmp_path / "figure.html").as_uri())
    expect(shown.page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    assert shown.errors == []
    assert [url for url in shown.requests if url.startswith("http")] == []
    page.keyboard.press("Escape")
    for kind, head in (("png", b"\x89PNG"), ("svg", b"<svg")):
        if kind == "svg":
            open_downloads(page)
            page.get_by_role("radio", name="SVG").or_(page.get_by_role("button", name="SVG", exact=True)).first.click()
            expect(page.get_by_text(widget_texts.camera_hint("Scores-under-DINOv2-ViT-S-14.svg"))).to_be_visible()
            page.keyboard.press("Escape")
        # Another kind of picture is another setting of the figure, which is drawn anew.
        expect(figure).to_have_count(1)
        figure.hover()
        with page.expect_download() as download:
            figure.locator('[data-title^="Download plot"]').click()
        assert download.value.suggested_filename == f"jepascore-Scores-under-DINOv2-ViT-S-14.{kind}"
        assert Path(download.value.path()).read_bytes().startswith(head)


def open_downloads(page: Page) -> None:
    at_rest(page)
    page.get_by_role("button", name="Download", exact=True).first.click()
    screenshot(page, "downloads-opening")
    expect(page.get_by_role("button", name=widget_texts.DATA_AS_CSV)).to_be_visible()
    screenshot(page, "downloads")


def test_a_copied_link_opens_the_same_view(visit: Callable[..., Visit], app: Compared) -> None:
    first = visit(f"{app.server.url}/distributions").page
    plot(first, "histograms")
    for label, parameter in (("Cumulative", "shape=ecdf"), ("Reference", "scale=reference")):
        click_segment(first, label, parameter)
    second = visit(first.url).page
    expect(plot(second, "histograms").get_by_text("robust z against digits")).to_be_visible()
    expect(plot(second, "histograms").get_by_text("Samples with at most this score (%)")).to_be_visible()
