"""The background process as `start_worker` starts it: `python -m jepascore_core --worker --idle 1800`.

Not a command of the command line, which loads everything that any command needs: a first index would wait for it.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from jepascore_core.errors import StoreError
from jepascore_core.storage.store import Store
from jepascore_core.worker.loop import LOG_FORMAT, run_worker


def main(arguments: Sequence[str]) -> None:
    """Work until stopped or idle; exit with 1 if another worker serves the home folder, or it cannot be used."""
    options = argparse.ArgumentParser(prog="python -m jepascore_core --worker")
    options.add_argument("--idle", type=float, default=float("inf"), help="stop after this many seconds without work")
    idle_seconds = options.parse_args(arguments).idle
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    try:
        sys.exit(0 if run_worker(Store().home, idle_seconds) else 1)
    except StoreError as error:
        sys.exit(str(error))
