"""Find the app's pages, which are not part of the importable package."""

from __future__ import annotations

from pathlib import Path

from jepascore_core.errors import JepaScoreError

PACKAGE = Path(__file__).parents[1]


def app_script(package: Path = PACKAGE) -> Path:
    """Return the script for `streamlit run`: inside the package in an installed wheel, beside it in a checkout.

    Raises:
        JepaScoreError: if the installation has no pages.
    """
    for folder in (package / "_app", package.parent):
        # Other projects install a top-level app.py, too: ours has our pages beside it.
        if (folder / "app.py").is_file() and (folder / "pages" / "ui").is_dir():
            return folder / "app.py"
    raise JepaScoreError(
        f"The app cannot be opened: {package} contains no pages. Install the wheel, or clone the repository."
    )
