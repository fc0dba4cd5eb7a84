"""A copied link opens the same view for somebody else: every control of Runs and Trust, and the menu of Home."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from jepascore_core.records.requests import ResolvedRequest
from jepascore_core.records.runs import CostProbe, ProbeState
from jepascore_core.storage.store import Store
from pages.ui.runs import texts as runs_texts
from pages.ui.trust import texts as trust_texts
from tests.browser.conftest import (
    ROOT,
    Server,
    Visit,
    at_rest,
    choose,
    choose_variant,
    click_segment,
    errors_of,
    screenshot,
    serve,
)
from tests.conftest import SPEC
from tests.pages.situations import Found, measure_again, put

pytestmark = pytest.mark.browser

PATIENCE_SECONDS = 30

#: What a person sees of a page: its words, what is typed in, what is chosen, which parts are open, where links lead.
VIEW = """() => {
  const main = document.querySelector('[data-testid="stMain"]');
  const all = (selector, look) => [...main.querySelectorAll(selector)].map(look);
  return {
    words: main.innerText.split('\\n').filter(Boolean),
    typed: all('input, textarea', (e) => e.value + (e.checked ? ' on' : '')),
    chosen: all('[kind$="Active"], [aria-checked="true"]', (e) => e.innerText),
    open: all('details', (e) => e.open),
    links: [...document.querySelectorAll('a[data-testid^="stPageLink"]')].map((e) => e.href),
  };
}"""


@pytest.fixture
def forgives() -> tuple[str, ...]:
    return ("404",)  # no image of these exists


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(ROOT / "app.py", tmp_path_factory.mktemp("links") / "home") as server:
        yield server


@pytest.fixture(scope="module")
def measured(app: Server) -> Found:
    store = Store(app.home)
    put(store, "failed", "aerial")
    found = put(store, "finished", "zoo")
    measure_again(store, found)
    return found


def settled(page: Page) -> dict[str, Any]:
    """What is seen once the script has come to its end."""
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    at_rest(page)
    page.wait_for_load_state("networkidle")
    page.mouse.move(1, 1)  # what is under the mouse looks another way
    view: dict[str, Any] = {}
    while (now := page.evaluate(VIEW)) != view:  # parts of the page are fetched when they are first drawn
        view = now
        page.wait_for_timeout(1000)
    return view


def enter(page: Page, label: str, text: str, parameter: str) -> None:
    field = page.get_by_label(label, exact=True)
    field.fill(text)
    field.press("Enter")
    page.wait_for_url(f"**{parameter}=*")


def open_part(page: Page, title: str, name: str) -> None:
    page.locator("summary").filter(has_text=title).first.click()
    page.wait_for_url(f"**{name}*")


def assert_opens_the_same(visit: Callable[..., Visit], page: Page) -> None:
    seen = settled(page)
    other = visit(page.url)
    found = settled(other.page)
    for _ in range(PATIENCE_SECONDS):
        if found == seen:
            break
        other.page.wait_for_timeout(1000)  # figures come last
        found = other.page.evaluate(VIEW)
    for kind, values in seen.items():
        assert found[kind] == values
    assert other.page.url == page.url
    assert errors_of(other) == []


def predicted(store: Store, found: Found) -> CostProbe:
    ref = store.catalogue.runs(found.dataset.dataset_id)[0].backbone
    probe = store.catalogue.add_probe(ResolvedRequest(found.dataset.dataset_id, ref, SPEC, "cpu"))
    store.catalogue.update_probe(probe.probe_id, state=ProbeState.FAILED, message="The weights are not there.")
    return probe


def test_runs(visit: Callable[..., Visit], app: Server, measured: Found) -> None:
    probe = predicted(Store(app.home), measured)
    page = visit(f"{app.url}/runs?probes={probe.probe_id}", height=2400).page
    settled(page)
    choose(page, "Dataset", "zoo", taken=lambda: page.wait_for_url("**dataset=*"))
    open_part(page, runs_texts.ADD_IMAGES, "add-data")
    click_segment(page, runs_texts.WAYS["files"], "from=")
    choose(page, "Backbones", "bundled:digits-vit", types=True, taken=lambda: page.wait_for_url("**with=*"))
    open_part(page, runs_texts.ADVANCED, "new-run-details")
    for label, text, parameter in (
        ("Checkpoint", "/weights/my encoder.safetensors", "checkpoint"),
        ("Image size", "96", "image-size"),
        ("Mean", "0.5, 0.4, 0.3", "mean"),
        ("Std", "0.25", "std"),
    ):
        enter(page, label, text, parameter)
    for label, option in (("Pooling", "avg"), ("Device", "cpu"), ("Precision", "float64")):
        choose(page, label, option, taken=lambda option=option: page.wait_for_url(f"**={option}*"))  # type: ignore[misc]
    page.get_by_text(runs_texts.OFFLINE).click()
    page.wait_for_url("**offline=1*")
    click_segment(page, "Cascade", "estimator=")
    for label, text, parameter in (
        ("Target fidelity", "0.97", "fidelity"),
        (runs_texts.IMAGES, "120", "calibration"),
        (runs_texts.COVERAGE, "0.8", "coverage"),
        (runs_texts.TOP, "7", "top"),
        (runs_texts.CONFIDENCE, "0.99", "confidence"),
    ):
        enter(page, label, text, parameter)
    open_part(page, "1 failed", "failures-run")
    expect(page.get_by_text("The weights are not there.")).to_be_visible()
    screenshot(page, "link-runs")
    assert_opens_the_same(visit, page)
    # Back to front: the form's details are closed, and what they hold is said.
    page.locator("summary").filter(has_text=runs_texts.ADVANCED).click()
    expect(page.get_by_text("With checkpoint /weights/my encoder.safetensors")).to_be_visible()
    assert_opens_the_same(visit, page)


def test_trust_and_home(visit: Callable[..., Visit], app: Server, measured: Found) -> None:
    page = visit(f"{app.url}/trust", height=2400).page
    settled(page)
    choose(page, "Dataset", "zoo", taken=lambda: page.wait_for_url(f"**dataset={measured.dataset.dataset_id}*"))
    for title in ("ViT-Ti/16 (timm)", "ResNet-18 (timm)"):  # whichever of them is shown at first
        choose(page, "Backbone", title)
        settled(page)
    page.wait_for_url("**backbone=*")
    choose_variant(page, "Paper", "definition=")
    click_segment(page, trust_texts.MEASURES["within"], "correlation=")
    screenshot(page, "link-trust")
    assert_opens_the_same(visit, page)
    page.get_by_test_id("stSidebar").get_by_role("link", name="Home").click()
    expect(page.get_by_role("heading", level=1, name="Home")).to_be_visible()
    page.wait_for_url("**definition=paper*")
    assert_opens_the_same(visit, page)
