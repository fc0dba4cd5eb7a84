"""Where the app's pages are found: in a checkout, in a wheel, and not beside somebody else's app.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from jepascore_core.cli.app_script import app_script
from jepascore_core.errors import JepaScoreError

ROOT = Path(__file__).resolve().parents[2]


def put_app(folder: Path) -> Path:
    (folder / "pages" / "ui").mkdir(parents=True)
    script = folder / "app.py"
    script.touch()
    return script


def test_a_checkout_has_the_app_beside_the_package():
    assert app_script() == ROOT / "app.py"


def test_a_wheel_has_it_inside(tmp_path: Path):
    package = tmp_path / "site-packages" / "jepascore_core"
    put_app(package.parent)
    script = put_app(package / "_app")
    assert app_script(package) == script


def test_an_app_of_another_project_is_not_ours(tmp_path: Path):
    package = tmp_path / "jepascore_core"
    package.mkdir()
    (tmp_path / "app.py").touch()
    (tmp_path / "pages").mkdir()
    with pytest.raises(JepaScoreError, match="contains no pages"):
        app_script(package)
