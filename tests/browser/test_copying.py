"""Names that are copied from a page are the names, and hostile ones do nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Dialog, expect

from jepascore_core.records.runs import RunState
from jepascore_core.storage.store import Store
from tests.browser.conftest import ROOT, Server, Visit, serve
from tests.conftest import add_backbone, add_dataset, add_measurements, add_run, make_samples

pytestmark = pytest.mark.browser

NAMES = ("val-643-classes", "a/b-c_d *e* :red[f] $g$", "<img src=x onerror=alert(1)>![x](http://evil.example/a.png)")
#: Of every element that has this text and no other: what the visitor copies who selects it.
COPIED = """(name) => {
  const has = (element) => element.textContent.replace(/\\u2060/g, "").includes(name);
  const inside = [...document.querySelectorAll("*")].map((element) => element.shadowRoot).filter(Boolean);
  return [document.body, ...inside]
    .flatMap((root) => [...root.querySelectorAll("*")])
    .filter((element) => !["STYLE", "SCRIPT"].includes(element.tagName) && has(element) && element.checkVisibility())
    .filter((element) => ![...element.children].some(has))
    .map((element) => {
      const selection = element.getRootNode().getSelection?.() ?? getSelection();
      selection.selectAllChildren(element);
      return selection.toString();
    });
}"""


@pytest.fixture
def forgives() -> tuple[str, ...]:
    return ("404",)  # no image of these exists


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("copying") / "home"
    store = Store(home)
    backbone = add_backbone(store)
    for name in NAMES:
        samples = make_samples(["cat"] * 6)
        dataset = add_dataset(store, name, samples)
        values = {sample.sample_key: float(number) for number, sample in enumerate(samples)}
        add_measurements(store, dataset, backbone, values, samples=samples)
        add_run(store, dataset, backbone, RunState.FINISHED, num_total=6, num_measured=6)
    with serve(ROOT / "app.py", home) as server:
        yield server


@pytest.mark.parametrize("page", ["", "runs"])
def test_what_is_copied_is_the_name(visit: Callable[..., Visit], app: Server, page: str) -> None:
    tab = visit(f"{app.url}/{page}", width=700)
    dialogs: list[str] = []

    def note(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    tab.page.on("dialog", note)
    for name in NAMES:
        expect(tab.page.get_by_test_id("stMain").get_by_text(name).first).to_be_visible()
        copied = tab.page.evaluate(COPIED, name)
        assert copied
        assert all(name in text for text in copied), copied
    assert dialogs == []
    assert not [url for url in tab.requests if "evil.example" in url or url.endswith("/x")]
