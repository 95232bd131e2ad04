"""Applications under granian, with the settings the launcher gives the API."""

import os
import sys
from collections.abc import Mapping
from functools import partial

from launcher.ports import HOST
from launcher.probes import answers
from launcher.programs import Program
from launcher.stack import API_BACKLOG, API_THREADS, MOST_API_PROCESSES

API = "api.serving:create_server"
BARE = "bench.stage.bare:create_app"


def served(name: str, factory: str, port: int, environment: Mapping[str, str]) -> Program:
    """Return the program that serves a factory as the launcher serves the API.

    The bare application is served as plain WSGI, which is faster: the comparison favours it.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    interface = "rsgi" if factory == API else "wsgi"
    processes = max(1, min(MOST_API_PROCESSES, (cores or 1) - 1))
    return Program(
        name=name,
        command=(
            *(sys.executable, "-m", "granian", "--interface", interface, "--factory", factory),
            *("--host", HOST, "--port", str(port)),
            *("--workers", str(processes), "--backlog", str(API_BACKLOG)),
            *(() if factory == API else ("--blocking-threads", str(API_THREADS))),
            "--respawn-failed-workers",
        ),
        environment={**environment, "PINBU_API_THREADS": str(API_THREADS)},
        is_ready=partial(answers, port, "/readyz"),
    )
