"""The worker: one queue, a child per job, and in burst mode an end."""

import subprocess
import sys

import pytest
import redis

from domain.auditing.known_seals import KNOWN, KnownSeal, read_log
from domain.auditing.running import audit
from jobs.queues import GATEWAY, SETTLE, queue
from jobs.schedule import SCHEDULE
from jobs.scheduler import enqueue_due
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import DAY, Arena
from tests.concurrency.racing import as_owner
from tests.domain.auditing.sealed import seal_all
from tests.sandbox_server import wait_until

pytestmark = pytest.mark.transactional

BURST = "import sys; from jobs.worker import work_on; work_on(sys.argv[1], burst=True)"


def burst(name: str) -> list[str]:
    """Run what is on a queue; returns the worker's log."""
    command = [sys.executable, "-c", BURST, name]
    done = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True)
    return done.stderr.splitlines()


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


def test_log_tells_of_seals_that_the_audit_finds_again(
    queue_server: redis.Redis, arena: Arena, fresh_database: DatabaseUrls
) -> None:
    """Who deletes the newest seal has the rest sealed anew: only the log knows."""
    arena.opened(arena.start)

    def sealed() -> list[KnownSeal]:
        enqueue_due([entry for entry in SCHEDULE if entry.looks_for == "seals"])
        return list(read_log(burst(SETTLE)))

    told = wait_until(sealed)

    at = arena.start + DAY
    assert KNOWN.name not in audit(at=at, known_seals=told).violated
    as_owner(fresh_database, "DELETE FROM ledger_seals")
    seal_all()
    assert audit(at=at).violated == ()
    assert audit(at=at, known_seals=told).violated == (KNOWN.name,)


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
    assert "settle|gateway|outside" in done.stderr
