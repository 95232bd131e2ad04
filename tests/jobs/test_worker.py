"""The worker: one queue, a child per job, and in burst mode an end."""

import subprocess
import sys

import pytest
import redis

from jobs.queues import GATEWAY, SETTLE, queue
from jobs.schedule import SCHEDULE
from jobs.scheduler import enqueue_due
from tests.concurrency.arena import Arena

pytestmark = pytest.mark.transactional

BURST = "import sys; from jobs.worker import work_on; work_on(sys.argv[1], burst=True)"


def burst(name: str) -> None:
    subprocess.run([sys.executable, "-c", BURST, name], check=True, timeout=60)


def test_burst_runs_the_looks_of_its_queue_and_ends(
    queue_server: redis.Redis, arena: Arena
) -> None:
    group_id = arena.opened(arena.start)
    enqueue_due(list(SCHEDULE))
    of_gateway = queue(GATEWAY).job_ids

    burst(SETTLE)

    assert queue(SETTLE).job_ids == []
    assert queue(GATEWAY).job_ids == of_gateway
    assert arena.group(group_id)["state"] == "failed"
    assert arena.one("SELECT count(*) FROM notices") == 1
    assert arena.one("SELECT count(*) FROM campaign_movements WHERE folded_at IS NULL") == 0
    assert queue(SETTLE).failed_job_registry.count == 0


def test_jobs_leave_nothing_behind_in_the_queue_s_server(
    queue_server: redis.Redis, arena: Arena
) -> None:
    enqueue_due(list(SCHEDULE))

    burst(SETTLE)

    assert [key for key in queue_server.keys("rq:job:*") if b"settling" in key] == []


def test_worker_serves_a_queue_that_exists() -> None:
    asked = [sys.executable, "-m", "jobs.worker", "everything"]

    done = subprocess.run(asked, check=False, capture_output=True, text=True, timeout=60)

    assert done.returncode == 1
    assert "settle|gateway" in done.stderr
