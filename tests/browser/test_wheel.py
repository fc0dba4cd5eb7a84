"""The wheel holds the whole product: built, installed away from the checkout, opened in a real browser."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ROOT, Visit, free_port, running, screenshot

pytestmark = [pytest.mark.browser, pytest.mark.slow]

#: How long the demo may take to be measured, in milliseconds: a busy machine is no failure.
PATIENCE = 300_000
BIN = "Scripts" if os.name == "nt" else "bin"
#: Tried in the new environment: where the package is, and which of the checkout's modules can be imported.
PROBE = """
import importlib.util, jepascore_core
print(jepascore_core.__file__)
print([name for name in ("app", "pages", "tests") if importlib.util.find_spec(name)])
"""


def run(*command: str | Path, folder: Path) -> str:
    """Return what a command prints, run in this folder without the checkout on Python's path."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, built from a source distribution, as releases are, with the build tools that are installed here."""
    folder = tmp_path_factory.mktemp("dist")
    uv = Path(sys.executable).with_name("uv")
    run(uv, "build", "--offline", "--no-build-isolation", "--python", sys.executable, "-o", folder, ROOT, folder=folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts of a fresh environment with the wheel in it.

    It borrows the dependencies from the environment of the tests, which saves 6 GB. The line in the .pth file adds that
    folder only: the .pth files in there, through which the checkout can be imported, are read in their own place alone.
    """
    folder = tmp_path_factory.mktemp("away")
    run(Path(sys.executable).with_name("uv"), "venv", "--python", sys.executable, folder / "venv", folder=folder)
    python = folder / "venv" / BIN / "python"
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", folder=folder).strip())
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    uv = (Path(sys.executable).with_name("uv"), "pip", "install", "--offline", "--no-deps", "--python", python)
    run(*uv, wheel, folder=folder)
    return python.parent


def test_the_app_is_inside_the_package(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info" not in name} == {"jepascore_core"}
    packed = {name.removeprefix("jepascore_core/_app/") for name in names if name.startswith("jepascore_core/_app/")}
    kept = {path.relative_to(ROOT).as_posix() for path in (ROOT / "pages").rglob("*") if path.is_file()}
    assert packed == {"app.py", ".streamlit/config.toml"} | {name for name in kept if "__pycache__" not in name}


def test_the_package_says_that_it_is_typed(wheel: Path) -> None:
    assert "jepascore_core/py.typed" in zipfile.ZipFile(wheel).namelist()


def test_the_checkout_cannot_be_imported(installed: Path, tmp_path: Path) -> None:
    origin, strays = run(installed / "python", "-c", PROBE, folder=tmp_path).splitlines()
    assert Path(origin).is_relative_to(installed.parent)
    assert strays == "[]"
    assert run(installed / "jepascore", "--version", folder=tmp_path).strip()


def test_explore_shows_the_demo(installed: Path, visit: Callable[..., Visit], tmp_path: Path) -> None:
    """With a home folder that is relative to where the command was given."""
    port = free_port()
    command = [str(installed / "jepascore"), "app", "--demo", "--no-browser", "--port", str(port)]
    health, home = f"http://127.0.0.1:{port}/_stcore/health", {"JEPASCORE_HOME": "home"}
    with running(command, tmp_path, tmp_path / "home", health, **home) as server:
        tab = visit(f"{server.url}/explore")
        tiles = tab.page.get_by_role("group", name="Whole dataset").locator(".tile")
        expect(tiles.first).to_be_visible(timeout=PATIENCE)
        tab.page.wait_for_load_state("networkidle")
        assert not tab.page.get_by_test_id("stException").count()
        assert tab.errors == []
        screenshot(tab.page, "wheel-explore")
