"""Runs a command that owns the terminal, such as pytest, and passes on the wish to stop."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

from launcher.children import leash
from launcher.places import PROJECT

PASSED_ON = (signal.SIGTERM, signal.SIGHUP)


def run_in_foreground(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command to its end and return its code, as a shell would give it.

    Ctrl-C reaches the command from the terminal; we only wait until it has tidied up.
    """
    sys.stdout.flush()
    process = subprocess.Popen(
        list(command),
        cwd=PROJECT,
        env=dict(environment),
        preexec_fn=leash(os.getpid(), signal.SIGTERM),  # noqa: PLW1509 - no threads here
    )
    before = {
        number: signal.signal(number, lambda sent, _: process.send_signal(sent))
        for number in PASSED_ON
    }
    try:
        while True:
            with contextlib.suppress(KeyboardInterrupt):
                return exit_code(process.wait())
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_code(code: int) -> int:
    """Return a shell's exit code: a signal's death counts 128 and its number."""
    return code if code >= 0 else 128 - code
