"""Where everything at rest lives."""

import os
from pathlib import Path

import platformdirs


def home_folder() -> Path:
    """`JEPASCORE_HOME`, or else the platform's user data folder."""
    configured = os.environ.get("JEPASCORE_HOME")
    return Path(configured).expanduser().resolve() if configured else platformdirs.user_data_path("jepascore")
