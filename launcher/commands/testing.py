"""`test`: all tests on the embedded servers, then the transactional ones on Debian's.

Tests of one running stack share it, so they run in one process, after the others.
"""

import argparse
import os
import sys

from launcher.binaries import find_chromium, has_debian_postgres, has_debian_redis
from launcher.commands.packages import install_for_tests
from launcher.foreground import run_in_foreground
from launcher.terminal import Terminal

INTERRUPTED = 2
NONE_SELECTED = 5


def execute(options: argparse.Namespace) -> int:
    """Run pytest, up to three times, and say loudly what this machine could not run."""
    terminal = Terminal()
    if os.environ.get("CI") == "true":
        install_for_tests()
    code = _pytest("-m", "not stack", *options.rest)
    if code == INTERRUPTED or code > NONE_SELECTED:
        return code
    skipped = []
    if find_chromium():
        terminal.line("\nThe tests of a running stack, in one process:")
        code = _worse(code, _pytest(*options.rest, "-m", "stack", processes=0))
    if has_debian_postgres() and has_debian_redis():
        terminal.line("\nThe transactional tests again, on Debian's PostgreSQL and Redis:")
        code = _worse(code, _pytest(*options.rest, "-m", "transactional", servers="debian"))
    else:
        skipped.append(
            "the second run of the transactional tests, on the oldest supported servers:\n"
            "      apt-get install postgresql-15 redis-server"
        )
    if not find_chromium():
        skipped.append("the browser tests:\n      make browser")
    if skipped:
        listed = "\n".join(f"  - {what}" for what in skipped)
        terminal.loud(f"NOT RUN on this machine:\n{listed}")
    return code


def _worse(code: int, again: int) -> int:
    """Return the failure of two runs; one that selected no test counts only beside another."""
    if NONE_SELECTED in (code, again):
        return min(code, again)
    return code or again


def _pytest(*arguments: str, processes: int = 2, servers: str = "embedded") -> int:
    return run_in_foreground(
        [sys.executable, "-m", "pytest", "-n", str(processes), *arguments],
        {**os.environ, "PINBU_TEST_SERVERS": servers},
    )
