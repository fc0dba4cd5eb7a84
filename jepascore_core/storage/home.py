"""The home folder, where everything is stored."""

import os
from pathlib import Path

import platformdirs


def home_folder() -> Path:
    """Return `JEPASCORE_HOME`, or the platform's user data folder."""
    configured = os.environ.get("JEPASCORE_HOME")
    return Path(configured).expanduser().resolve() if configured else platformdirs.user_data_path("jepascore")
