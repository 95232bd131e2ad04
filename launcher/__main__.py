"""Entry of `python3 -m launcher`, in syntax that an old Python can read to say it is too old."""

import os
import sys


def main() -> int:
    """Check the Python, then hand over to the command line; a known problem ends in one message."""
    if os.name != "posix":
        print("Pinbu runs on Linux and macOS; on Windows, run it inside WSL.", file=sys.stderr)
        return 1
    if sys.version_info < (3, 11):  # noqa: UP036 - the reader may have an older one
        print(
            "Pinbu needs Python 3.11 or newer, and {} is {}.{}.\n"
            "Try:  apt-get install python3.11 python3.11-venv && make {} PYTHON=python3.11".format(
                sys.executable, sys.version_info[0], sys.version_info[1], " ".join(sys.argv[1:2])
            ),
            file=sys.stderr,
        )
        return 1
    from launcher.cli import main as run_command  # noqa: PLC0415 - needs the version just checked

    return run_command(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
