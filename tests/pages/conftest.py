"""A home folder of its own for every test of a page, and the whole app run without a browser."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from jepascore_core.jobs.process import worker_lock
from jepascore_core.storage.store import Store

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session", autouse=True)
def packages_scanned_once() -> Iterator[None]:
    """Which installed packages bring components, AppTest asks anew for every app, for longer than most pages take."""
    with pytest.MonkeyPatch.context() as patch:
        scan = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", scan)
        yield


@pytest.fixture
def home_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store that the pages of this test see."""
    monkeypatch.setenv("JEPASCORE_HOME", str(tmp_path / "home"))
    return Store()


@pytest.fixture
def open_page(home_store: Store) -> Callable[..., AppTest]:
    """Open a page the way a visitor does: open_page() is home, open_page("pages/explore.py", dataset=...) a page."""

    def run(page: str | None = None, /, **parameters: str | list[str]) -> AppTest:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
        app.query_params.update(parameters)
        if page is not None:
            app.switch_page(page)
        return app.run()

    return run


@pytest.fixture
def no_worker(home_store: Store) -> Iterator[None]:
    """The worker's lock is held, as if one lived: what a page asks for waits, and no process is started."""
    with worker_lock(home_store.home):
        yield
