"""Starts one child process: own process group, output to a file, and it dies with its parent."""

import ctypes
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from launcher.accounts import Account, options_for

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def spawn(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    output: IO[bytes] | None,
    errors: IO[bytes] | int | None = subprocess.STDOUT,
    account: Account | None = None,
    death_signal: int = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own; on Linux it gets `death_signal` when we die.

    Without `output` it writes where we write.
    Linux sends that signal when the starting *thread* ends, so call this from the main thread.
    """
    with warnings.catch_warnings():
        # From Python 3.12 on a fork beside threads warns; the hook below takes no lock.
        warnings.simplefilter("ignore", DeprecationWarning)
        return subprocess.Popen(
            list(command),
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
            preexec_fn=leash(os.getpid(), death_signal),  # noqa: PLW1509
            **options_for(account),
        )


def leash(parent: int, death_signal: int) -> Callable[[], None] | None:
    """Return what the child does before it becomes the program.

    It runs after the change of user, which would clear the setting.
    """
    if _libc is None:
        return None

    def tie_to_parent() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return tie_to_parent


def signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    """Signal a child and whatever it started in its group."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        # macOS answers EPERM for a group of which only a zombie is left.
        return


def signal_leader(process: subprocess.Popen[bytes], number: int) -> None:
    """Signal the child alone; a worker's own child is the worker's to stop."""
    if process.poll() is None:
        process.send_signal(number)
