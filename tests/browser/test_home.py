"""Home and Runs in a real browser: fifty datasets in a wide and a narrow window, by mouse and keyboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from jepascore_core.storage.store import Store
from pages.ui.widgets import texts as widget_texts
from tests.browser.conftest import ROOT, Server, Visit, at_rest, screenshot, serve
from tests.conftest import add_backbone, add_dataset, add_measurements, make_samples

pytestmark = pytest.mark.browser

NUM_DATASETS = 50
LARGEST = "a dataset whose name is rather long, too long for a narrow window"


@pytest.fixture
def forgives() -> tuple[str, ...]:
    """No picture of these exists."""
    return ("404",)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    store = Store(tmp_path_factory.mktemp("app") / "home")
    backbones = [add_backbone(store, f"timm:{name}.test") for name in ("resnet18", "vit_tiny_patch16_224")]
    for number in range(NUM_DATASETS):
        # The smaller ones have the first images of the largest, and are measured with it.
        samples = make_samples(["cat", "dog"] * (60 if number == 7 else 5))
        dataset = add_dataset(store, LARGEST if number == 7 else f"set {number}", samples)
        for backbone in backbones if number == 7 else ():
            known = {sample.sample_key: float(place) for place, sample in enumerate(samples[:8])}
            add_measurements(store, dataset, backbone, known, samples=samples)
    with serve(ROOT / "app.py", store.home) as server:
        yield server


def rows_of(page: Page) -> Locator:
    return page.get_by_role("table", name=widget_texts.DATASETS).locator("tbody tr")


def sort_by(page: Page, title: str) -> None:
    page.get_by_role("columnheader", name=title).get_by_role("button").click()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_fifty_datasets(visit: Callable[..., Visit], app: Server, theme: str, width: int) -> None:
    page = visit(app.url, theme=theme, width=width, height=844).page
    expect(rows_of(page)).to_have_count(NUM_DATASETS)
    sort_by(page, widget_texts.DATASET_TABLE["images_title"])
    first = rows_of(page).first
    expect(first).to_contain_text(LARGEST)
    expect(first).to_contain_text("120")
    expect(first.get_by_role("link", name=widget_texts.EXPLORE)).to_be_in_viewport()
    wider = page.evaluate(
        "() => { const m = document.querySelector('[data-testid=stMain]'); return m.scrollWidth - m.clientWidth }"
    )
    assert wider <= 0, "nothing is cut off at the side"
    cells = first.locator("td").evaluate_all("all => all.map(e => e.getBoundingClientRect().toJSON())")
    overlapping = [
        (a, b)
        for place, a in enumerate(cells)
        for b in cells[place + 1 :]
        if min(a["right"], b["right"]) - max(a["left"], b["left"]) > 1
        and min(a["bottom"], b["bottom"]) - max(a["top"], b["top"]) > 1
    ]
    assert overlapping == []
    at_rest(page)
    screenshot(page, f"datasets-{width}-{theme}")


def test_a_dataset_is_found_and_opened_by_keyboard(visit: Callable[..., Visit], app: Server) -> None:
    page = visit(app.url).page
    at_rest(page)
    field = page.get_by_role("searchbox", name=widget_texts.DATASET_TABLE["find"])
    field.focus()
    page.keyboard.type("set 4")
    expect(rows_of(page)).to_have_count(11)
    page.keyboard.type("2")
    expect(rows_of(page)).to_have_count(1)
    explore = rows_of(page).first.get_by_role("link", name=widget_texts.EXPLORE)
    for _ in range(16):
        if explore.evaluate("e => e === e.getRootNode().activeElement"):
            break
        page.keyboard.press("Tab")
    expect(explore).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Explore")).to_be_visible()
    expect(page.get_by_label("Dataset", exact=True).first).to_have_value("set 42")
    at_rest(page)
    page.go_back()
    expect(rows_of(page)).to_have_count(NUM_DATASETS)


def test_details_on_runs(visit: Callable[..., Visit], app: Server) -> None:
    page = visit(f"{app.url}/runs").page
    at_rest(page)
    details = widget_texts.DATASET_TABLE["details"]
    button = page.get_by_role("button", name=f"{details}: set 31", exact=True)
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("set 31 · Ready")).to_be_visible()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(button).to_be_focused()
    expect(page.locator(".st-key-pick-dataset input")).to_have_value("set 31")
    at_rest(page)
