"""A real server and a real Chromium for the tests of this folder."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Error, Page, expect, sync_playwright

from jepascore_core.jobs.process import worker_pid
from pages.ui.widgets import texts as widget_texts
from tests.browser.pressing import NOTE, journal, not_pressed
from tests.browser.traffic import Traffic
from tests.browser.truth import lies, look

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("JEPASCORE_CHROMIUM", "/usr/bin/chromium")
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
#: What pages can keep in a browser, but for its cache of what they have fetched.
STORED = "cookies,local_storage,indexeddb,service_workers,cache_storage"
START_SECONDS = 60.0
#: Playwright waits 5 s for what it expects, which two busy cores may take.
EXPECT_MILLISECONDS = 30_000
#: On a deep link Streamlit's own script asks below the page's address first, and takes the 404 as its answer.
#: How long a widget may take to show what the URL says.
TRUTH_SECONDS = 15.0
_HAS_FAILED = pytest.StashKey[bool]()
#: Home folders of the apps that run now, by host and port.
_HOMES: dict[str, Path] = {}
STREAMLIT_PROBE = re.compile(r"/_stcore/(health|host-config)$")


@dataclass(frozen=True)
class Server:
    """A running app: its address, its home folder and what it printed."""

    url: str
    home: Path
    log: Path


@dataclass
class Visit:
    """A browser tab, what it saw go wrong, and what was pressed in it; errors with one of `forgives` in them are the
    test's own doing."""

    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    presses: list[str] = field(default_factory=list)
    forgives: tuple[str, ...] = ()
    address: str = ""
    home: Path | None = None
    actions_before: frozenset[int] = frozenset()
    traffic: Traffic = field(default_factory=Traffic)


@contextmanager
def serve(script: Path, home: Path, *options: str, port: int | None = None) -> Iterator[Server]:
    """Run `streamlit run SCRIPT` until the block ends, on a free port unless another is given; the whole process group
    goes with it."""
    port = port or free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port), *options]
    folder = script.parent if (script.parent / ".streamlit").is_dir() else ROOT
    health = f"http://127.0.0.1:{port}{_base_path(options)}/_stcore/health"
    with running(command, folder, home, health, PYTHONPATH=str(ROOT)) as server:
        yield server


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], folder: Path, home: Path, health: str, **environment: str) -> Iterator[Server]:
    """Run a command that starts the app, from this folder, until the block ends; its worker is ended, too."""
    home.mkdir(parents=True, exist_ok=True)
    log = home / "server.log"
    own = {**os.environ, "JEPASCORE_HOME": str(home), **environment}
    with log.open("w") as sink:
        process = subprocess.Popen(command, cwd=folder, env=own, stdout=sink, stderr=sink, start_new_session=True)
    try:
        _wait_until_up(health, process, log)
        address = urlsplit(health)
        _HOMES[address.netloc] = home
        yield Server(f"{address.scheme}://{address.netloc}", home, log)
    finally:
        _HOMES.pop(urlsplit(health).netloc, None)
        _end(process)
        _end_worker(home)


def _base_path(options: tuple[str, ...]) -> str:
    name = "--server.baseUrlPath"
    return "/" + options[options.index(name) + 1].strip("/") if name in options else ""


def _wait_until_up(health: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(health, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError(f"The app did not start:\n{log.read_text()}")


def _end(process: subprocess.Popen[bytes]) -> None:
    for kind in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, kind)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                continue


def _end_worker(home: Path) -> None:
    """The worker outlives the app by design, but not the test. A young one is known by its environment only."""
    mark = f"JEPASCORE_HOME={home}".encode()
    found = {pid for pid in (worker_pid(home),) if pid is not None}
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in environment.read_bytes().split(b"\0"):
                found.add(int(environment.parent.name))
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """One browser for all tests, with a profile on disk: what Chromium compiled of Streamlit's scripts on a first visit
    is kept for the next, which takes half the time of a browser that begins anew. Motion is reduced: it is drawn by the
    processors that the app under test needs.
    """
    if not Path(CHROMIUM).is_file():
        pytest.skip(f"no Chromium at {CHROMIUM}; install it or set JEPASCORE_CHROMIUM")
    expect.set_options(timeout=EXPECT_MILLISECONDS)
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"),
            executable_path=CHROMIUM,
            args=CHROMIUM_ARGUMENTS,
            reduced_motion="reduce",
        )
        yield context
        context.close()


@pytest.fixture
def tabs() -> list[Visit]:
    """All that a test has opened."""
    return []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Note on the test that it has failed: what a page shows then is no news."""
    report = yield
    if report.when == "call" and report.failed:
        item.stash[_HAS_FAILED] = True
    return report


@pytest.fixture(autouse=True)
def nothing_silently_wrong(request: pytest.FixtureRequest, tabs: list[Visit], visit: object) -> Iterator[None]:
    """At the end of every test each tab tells the truth: no exception, no error of ours, every widget shows what the
    URL says, and nothing was decided that nobody pressed."""
    yield
    if request.node.stash.get(_HAS_FAILED, False):
        for number, tab in enumerate(tabs):
            screenshot(tab.page, f"failed-{request.node.name}-{number}")
        return
    # A test may have ended its app by itself.
    running = [tab for tab in tabs if tab.address in _HOMES]
    for tab in running:
        assert errors_of(tab) == []
        if not tab.page.is_closed():
            assert wait_for_truth(tab) == []
    homes = {tab.home: tab.actions_before for tab in reversed(tabs) if tab.home is not None and tab.home.is_dir()}
    for home, before in homes.items():
        actions = [action for action in journal(home) if action.action_id not in before]
        presses = [press for tab in tabs if tab.home == home for press in tab.presses]
        assert not_pressed(actions, presses) == []


@pytest.fixture
def forgives() -> tuple[str, ...]:
    """Parts of errors that are a test's own doing, such as the address of a picture that is not there; a module has a
    fixture of its own."""
    return ()


@pytest.fixture
def visit(chromium: BrowserContext, tabs: list[Visit], forgives: tuple[str, ...]) -> Iterator[Callable[..., Visit]]:
    """Open an address in a tab: visit(url, theme="light" or "dark", width=..., height=...).

    Every visitor is somebody else: nothing is left of the cookies and storage of those before, but what they fetched is
    in the cache.
    """
    pages = []

    def open_tab(
        url: str,
        theme: Literal["light", "dark"] = "light",
        width: int = 1400,
        height: int = 900,
    ) -> Visit:
        page = chromium.new_page()
        pages.append(page)
        _forget(page, url)
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size({"width": width, "height": height})
        address = urlsplit(url).netloc
        home = _HOMES.get(address)
        before = frozenset(action.action_id for action in journal(home)) if home else frozenset()
        tab = Visit(page, forgives=forgives, address=address, home=home, actions_before=before)
        tabs.append(tab)
        tab.traffic.listen(page)
        page.expose_function("notePress", lambda press: tab.presses.append(press))
        page.add_init_script(NOTE)
        page.on("request", lambda request: tab.requests.append(request.url))
        page.on("pageerror", lambda error: tab.errors.append(f"uncaught: {error}"))
        page.on("console", lambda message: _note(tab, message.type, message.text, message.location.get("url", "")))
        page.goto(url)
        return tab

    yield open_tab
    for page in pages:
        page.close()


def errors_of(tab: Visit) -> list[str]:
    """Errors that the test did not ask for."""
    return [error for error in tab.errors if not any(part in error for part in tab.forgives)]


def wait_for_truth(tab: Visit, seconds: float = TRUTH_SECONDS) -> list[str]:
    """What a page shows wrongly once its script has come to its end: a widget may take a moment to show its value."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look(tab.page)
        found = lies(seen, tab.home)
        if (not found and tab.traffic.is_done) or time.monotonic() > deadline:
            return found
        tab.page.wait_for_timeout(100)


def _forget(page: Page, url: str) -> None:
    """What pages of this address have stored in the browser goes."""
    page.context.clear_cookies()
    parts = urlsplit(url)
    if parts.netloc:
        session = page.context.new_cdp_session(page)
        origin = f"{parts.scheme}://{parts.netloc}"
        session.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": STORED})
        session.detach()


def _note(tab: Visit, kind: str, text: str, source: str) -> None:
    if kind == "error" and not STREAMLIT_PROBE.search(source):
        tab.errors.append(f"{text} ({source})")


def at_rest(page: Page) -> None:
    """Once the script has come to its end: a click meets nothing that is taken away or replaced under it."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def by_menu(page: Page, *names: str) -> None:
    """Go to one page after the other by the menu, as a person does: no visitor comes by addresses only."""
    for name in names:
        page.get_by_test_id("stSidebar").get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("heading", level=1, name=name, exact=True)).to_be_visible()
        at_rest(page)
        expect(page.get_by_test_id("stException")).to_have_count(0)


def click_segment(page: Page, name: str, parameter: str) -> None:
    """Choose one of several that stand side by side, and wait until the URL has it."""
    segment = page.get_by_role("radio", name=name).or_(page.get_by_role("button", name=name, exact=True)).first
    expect(segment).to_be_visible()
    at_rest(page)
    segment.click()
    page.wait_for_url(f"**{parameter}*")


def choose_variant(page: Page, title: str, parameter: str) -> None:
    """Choose a score variant among the advanced choices, and wait until the URL has it."""
    page.get_by_role("button", name=re.compile(f"{widget_texts.ADVANCED}|{widget_texts.SCORE_VARIANT}")).click()
    click_segment(page, title, parameter)
    page.keyboard.press("Escape")


def choose(
    page: Page, label: str, option: str, *, types: bool = False, taken: Callable[[], None] = lambda: None
) -> None:
    """Pick an option of a list, which closes or leaves the page when that scrolls or is drawn anew meanwhile.

    `types` types it first, for a list that is too long to be shown: the first option with it in its name is picked, and
    the list is closed. `taken` is an expectation that holds once the page has taken the choice.
    """
    box = page.locator(f'input[aria-label="{label}"]') if types else page.get_by_label(label, exact=True)
    expect(box).to_be_visible()
    for _ in range(6):
        # Playwright waits for what is not there yet, but what a redraw takes away under its hand is its plain Error.
        with suppress(Error, AssertionError):
            box.scroll_into_view_if_needed()
            box.click()
            if types:
                box.fill(option)
            page.get_by_role("option", name=option, exact=not types).first.click(timeout=5000)
            if types:
                page.keyboard.press("Escape")
            taken()
            return
    raise AssertionError(f"{label} offers no {option}, or the page does not take it")


def screenshot(page: Page, name: str) -> None:
    """Save what is seen as NAME.png in the folder JEPASCORE_SCREENSHOTS, if that is set."""
    folder = os.environ.get("JEPASCORE_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png")
