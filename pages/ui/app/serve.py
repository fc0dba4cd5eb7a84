"""`python -m pages.ui.app.serve run SCRIPT ...`: `streamlit run`, which Ctrl-C ends without an error."""

from __future__ import annotations

import sys

import click
from streamlit.web import cli


def main() -> int:
    """Serve until a signal ends it; 0 after Ctrl-C. SIGTERM ends the process by that signal: a shell says 143."""
    try:
        cli.main(standalone_mode=False)
    except click.Abort:
        return 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
