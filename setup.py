"""Build step that puts the app into the package of a wheel. Everything else is in pyproject.toml."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
#: What `streamlit run` needs beside each other. In a wheel they are data of the package: installed at the top level,
#: modules named `app` and `pages` would collide with those of other projects.
APP = ("app.py", "pages", ".streamlit")
INSIDE = Path("jepascore_core", "_app")


class BuildWithApp(build_py):
    """Copy the app into the package that is being built; editable installations use the checkout's own."""

    def run(self) -> None:
        """Build the package, then put the app into it."""
        super().run()
        if not self.editable_mode:
            self._copy_app(Path(self.build_lib) / INSIDE)

    def _copy_app(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in APP:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "secrets.toml"))
            else:
                shutil.copy2(source, folder / name)


setup(cmdclass={"build_py": BuildWithApp})
