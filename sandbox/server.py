"""The sandbox's process: granian with one worker that never outlives its parent."""

import ctypes
import os
import signal
import socket
import sys
import threading
import time
from functools import partial
from pathlib import Path

from flask import Flask
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from sandbox.app import create_app

_THREADS = 64
_PR_SET_PDEATHSIG = 1


def serve(*, host: str, port: int, data: Path) -> None:
    """Serve until SIGTERM or SIGINT; makes `data`. Raises OSError if the port is taken."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    _refuse_taken_port(host, port)
    print(f"payment gateway sandbox on http://{host}:{port}, record in {data}", flush=True)
    Granian(
        "sandbox.app:create_app",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=_THREADS,
        websockets=False,
        log_level=LogLevels.error,
        workers_kill_timeout=5,
    ).serve(target_loader=partial(_load, os.getpid(), data), wrap_loader=False)


def _load(parent: int, data: Path) -> Flask:
    _die_with(parent)
    return create_app(data)


def _refuse_taken_port(host: str, port: int) -> None:
    """Granian listens with SO_REUSEPORT, so a second sandbox would silently share the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def _die_with(parent: int) -> None:
    """End this process when `parent` ends, even by SIGKILL: an orphan would keep the port."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)
