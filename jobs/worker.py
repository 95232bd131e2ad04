"""The worker: `python -m jobs.worker QUEUE`. Its child dies with it; its heartbeat is short.

RQ's defaults notice a killed worker after 13 minutes, and a parent killed alone leaves its child
running beside the second try. Neither loses or doubles anything here (the database knows), but
both would be late.
"""

import ctypes
import os
import signal
import sys
from typing import Any

from rq.job import Job
from rq.worker import Worker

import jobs.auditing
import jobs.expiring
import jobs.gateways
import jobs.housekeeping
import jobs.reacting
import jobs.settling  # noqa: F401 - loaded before the fork, so that no job pays for it
from domain.database import dispose_engines
from domain.logs import configure_logging
from jobs.queues import NAMES, connection, queue
from jobs.starting import require_configuration

_PR_SET_PDEATHSIG = 1
HEARTBEAT_SECONDS = 15


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies (Linux; elsewhere nothing)."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class PinbuWorker(Worker):
    """An RQ worker whose dead are noticed within seconds."""

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0) -> int:  # noqa: ARG002 - RQ's
        """Return how long a job counts as running without a heartbeat, seconds."""
        return HEARTBEAT_SECONDS

    def main_work_horse(self, *args: Any, **kwargs: Any) -> None:
        """Run one job in the forked child."""
        parent = os.getppid()
        die_with_parent()
        if os.getppid() != parent:
            os._exit(1)
        dispose_engines()
        super().main_work_horse(*args, **kwargs)


def work_on(name: str, *, burst: bool = False) -> None:
    """Work on one queue: for ever, or in burst mode until it is empty."""
    configure_logging()
    worker = PinbuWorker(
        [queue(name)],
        connection=connection(),
        serializer=queue(name).serializer,
        worker_ttl=20,
        job_monitoring_interval=5,
        maintenance_interval=5,
    )
    worker.work(burst=burst, logging_level="WARNING")


def main() -> None:
    """Read the queue's name from the command line."""
    if len(sys.argv) != 2 or sys.argv[1] not in NAMES:
        sys.exit(f"usage: python -m jobs.worker {'|'.join(NAMES)}")
    require_configuration()
    work_on(sys.argv[1])


if __name__ == "__main__":
    main()
