"""The modules of our components: each is served at the address that the page's loader and the other modules ask for."""

from __future__ import annotations

import re

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pages.ui.app.routes import FOREVER
from pages.ui.widgets import components
from pages.ui.widgets.components import script_routes, scripts_version

_IMPORT = re.compile(r"^(?:import|\} from|export) .*\"\./(\w+)\.js\";$", re.MULTILINE)


@pytest.fixture
def client() -> TestClient:
    return TestClient(Starlette(routes=script_routes()))


@pytest.mark.parametrize("name", ["gallery", "deck", "grid", "sample", "navigate", "rules", "datasets", "fold"])
@pytest.mark.parametrize("base", ["", "/base/of/a/proxy"])
def test_a_component_and_all_that_it_imports_are_served(client: TestClient, name: str, base: str) -> None:
    wanted, served = [name], {}
    while wanted:
        found = wanted.pop()
        answer = client.get(f"{base}/scripts/{scripts_version()}/{found}.js")
        assert answer.status_code == 200, found
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert answer.headers["cache-control"] == FOREVER
        served[found] = answer.text
        wanted += [other for other in _IMPORT.findall(answer.text) if other not in served]
    assert "export default" in served[name]
    assert {"outbox", "prediction", "keyboard"} <= served.keys() or name in ("navigate", "rules", "datasets", "fold")


@pytest.mark.parametrize("path", ["{other}/gallery.js", "{version}/nothing.js", "{version}/..%2Fcomponents.js"])
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    answer = client.get("/scripts/" + path.format(other="0" * 32, version=scripts_version()))
    assert answer.status_code == 404
    assert answer.headers.get("cache-control") != FOREVER


def test_another_text_has_another_address(monkeypatch: pytest.MonkeyPatch) -> None:
    before = scripts_version()
    texts = components._scripts()
    monkeypatch.setattr(components, "_scripts", lambda: {**texts, "gallery": texts["gallery"] + b"\n"})
    assert scripts_version() != before
