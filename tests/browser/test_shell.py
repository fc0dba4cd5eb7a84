"""The app as a visitor meets it: first visits, images over HTTP, and nothing asked of any other machine."""

from __future__ import annotations

import http.client
import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image

from jepascore_core.datasets.content import content_id
from jepascore_core.datasets.thumbnails import ensure_thumbnail
from pages.ui.app.routes import FOREVER
from pages.ui.home import texts as home_texts
from tests.browser.conftest import ROOT, Server, Visit, by_menu, screenshot, serve

pytestmark = pytest.mark.browser

PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py"))
NEW_PAGE = """
import streamlit as st
from pages.ui.app.frame import frame

with frame("Newcomer"):
    st.write("This page was not there when the app was written.")
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(ROOT / "app.py", tmp_path_factory.mktemp("app") / "home") as server:
        yield server


def status_of(server: Server, path: str) -> tuple[int, dict[str, str], bytes]:
    """Ask for exactly this path: other clients would resolve the dots before sending."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    try:
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def put_thumbnail(home: Path) -> tuple[str, bytes]:
    buffer = io.BytesIO()
    image = Image.linear_gradient("L").convert("RGB")
    image.save(buffer, "PNG")
    found = content_id(buffer.getvalue())
    return found, ensure_thumbnail(home / "thumbs", found, image).read_bytes()


def test_the_first_visit_to_a_deep_link_gets_the_whole_page(visit: Callable[..., Visit], tmp_path: Path) -> None:
    """On a server that nobody has visited yet, with a page that no other test has touched."""
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "pages", copy / "pages", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / ".streamlit", copy / ".streamlit")
    shutil.copy(ROOT / "app.py", copy)
    (copy / "pages" / "newcomer.py").write_text(NEW_PAGE)
    with serve(copy / "app.py", tmp_path / "home") as server:
        tab = visit(f"{server.url}/newcomer?dataset=abc")
        tab.page.get_by_role("heading", name="Newcomer").wait_for()
        tab.page.get_by_text("This page was not there").wait_for()
        menu = tab.page.get_by_test_id("stSidebar")
        assert menu.get_by_role("link", name="Home").get_attribute("href") == "?dataset=abc"
        assert tab.page.url == f"{server.url}/newcomer?dataset=abc"
        assert not tab.page.get_by_test_id("stSidebarNav").count()
        menu.get_by_role("link", name="Home").click()
        tab.page.get_by_role("heading", name=home_texts.EMPTY_TITLE).wait_for()
        assert tab.page.url == f"{server.url}/?dataset=abc"
        assert tab.errors == []


@pytest.mark.parametrize("name", PAGES)
def test_every_page_opens_by_its_address(visit: Callable[..., Visit], app: Server, name: str) -> None:
    tab = visit(f"{app.url}/{name}")
    tab.page.get_by_test_id("stSidebar").get_by_role("link", name="Home").wait_for()
    tab.page.get_by_role("heading", level=1).wait_for()
    tab.page.wait_for_load_state("networkidle")
    assert not tab.page.get_by_test_id("stException").count()
    by_menu(tab.page, "Home", name.capitalize())
    assert tab.errors == []
    screenshot(tab.page, f"empty-{name}")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_home_asks_nothing_of_other_machines(visit: Callable[..., Visit], app: Server, theme: str) -> None:
    tab = visit(app.url, theme=theme)
    tab.page.get_by_role("button", name=home_texts.ADD_DEMO).wait_for()
    tab.page.wait_for_load_state("networkidle")
    foreign = [url for url in tab.requests if urlsplit(url).hostname != "127.0.0.1" and not url.startswith("data:")]
    assert [url for url in foreign if not url.startswith("blob:")] == []
    assert tab.errors == []
    screenshot(tab.page, f"home-{theme}")


def test_thumbnails_over_http(app: Server) -> None:
    found, data = put_thumbnail(app.home)
    status, headers, body = status_of(app, f"/images/thumb/{found}.webp")
    assert (status, body) == (200, data)
    assert headers["content-type"] == "image/webp"
    assert headers["cache-control"] == FOREVER
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["etag"]
    assert "content-encoding" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/images/thumb/..%2f..%2fserver.log",
        "/images/thumb/..%2fserver.log.webp",
        "/images/thumb/../../server.log",
        "/images/thumb/%2e%2e/%2e%2e/server.log",
        "/images/thumb/..%5c..%5cserver.log",
        "/images/thumb/%2fetc%2fpasswd",
        "/images/view/..%2f/00000000000000000000000000000000",
        "/images/original/01jd9zkq6t4m8w2x7y5v3r1n0p/00000000000000000000000000000000",
        "/images/thumb/00000000000000000000000000000000.webp",
        "/images/thumb/nothing.webp",
        "/images/",
    ],
)
def test_no_address_leads_anywhere_else(app: Server, path: str) -> None:
    status, _, body = status_of(app, path)
    assert status in (400, 404)
    assert len(body) < 100


def test_a_base_path_is_honoured_by_page_and_images(visit: Callable[..., Visit], tmp_path: Path) -> None:
    with serve(ROOT / "app.py", tmp_path / "home", "--server.baseUrlPath", "deep/er") as server:
        found, data = put_thumbnail(server.home)
        assert status_of(server, f"/deep/er/images/thumb/{found}.webp")[::2] == (200, data)
        tab = visit(f"{server.url}/deep/er/")
        tab.page.get_by_role("heading", name=home_texts.EMPTY_TITLE).wait_for()
        size = tab.page.evaluate(
            "async (address) => { const i = new Image(); i.src = address; await i.decode(); return i.naturalWidth }",
            f"images/thumb/{found}.webp",
        )
        assert size == 256
