"""`python -m jepascore_core ...` is `jepascore ...`; with `--worker` first it is the background process."""

import sys

if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        from jepascore_core.worker import background

        background.main(sys.argv[2:])
    else:
        from jepascore_core import cli

        cli.main()
