"""`python -m jepascore_core ...` is `jepascore ...`."""

from jepascore_core.cli import main

if __name__ == "__main__":
    main()
