"""``python -m whisperdiar`` and the console script."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        from whisperdiar.cli import run, silence_libraries

        silence_libraries()
        code = run(sys.argv[1:])
    except KeyboardInterrupt as error:  # before the command line itself could take it
        code = 128 + getattr(error, "number", 2)
    is_whole = _flush_streams()
    sys.exit(code or int(not is_whole))


def _flush_streams() -> bool:
    """Whether standard output got all that was written to it.

    What a stream cannot write is let go of: Python would try it again when it exits, complain of that, and make the
    exit code 120.
    """
    is_whole = True
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            is_whole = is_whole and stream is not sys.stdout
    return is_whole


if __name__ == "__main__":
    main()
