"""``python -m whisperdiar`` and the console script."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        from whisperdiar.cli import run, silence_libraries

        silence_libraries()
        code = run(sys.argv[1:])
    except KeyboardInterrupt as error:  # before the command line itself could take it
        code = 128 + getattr(error, "number", 2)
    sys.exit(code)


if __name__ == "__main__":
    main()
