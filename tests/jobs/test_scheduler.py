"""The scheduler: few copies of a look, only while there is something to find; one of it leads."""

import threading
from collections import Counter
from collections.abc import Iterator

import psycopg
import pytest
import redis
from sqlalchemy.exc import SQLAlchemyError

from domain.database import leadership
from jobs import queues, scheduler
from jobs.queues import GATEWAY, NAMES, SETTLE, queue
from jobs.schedule import SCHEDULE, Periodic
from jobs.scheduler import Scheduler, enqueue_due
from launcher.addresses import DatabaseUrls
from launcher.ports import free_port
from tests.concurrency.arena import Arena
from tests.sandbox_server import wait_until

pytestmark = pytest.mark.transactional

ALL = list(SCHEDULE)
LOCK = 4242
HOUSEKEEPING = {
    "jobs.auditing.audit_night": 1,
    "jobs.housekeeping.forget_idempotency_keys": 1,
    "jobs.housekeeping.measure_funds": 1,
}


def waiting(name: str) -> Counter[str]:
    """Count what waits on a queue, by function."""
    jobs = queue(name).get_jobs()
    return Counter(job.func_name for job in jobs)


def test_looks_wait_in_few_copies_however_often_they_are_due(queue_server: redis.Redis) -> None:
    for _ in range(5):
        enqueue_due(ALL)

    assert sum((waiting(name) for name in NAMES), Counter()) == {
        e.function: e.copies for e in SCHEDULE
    }


def test_look_that_a_worker_took_is_enqueued_again(queue_server: redis.Redis) -> None:
    enqueue_due(ALL)
    taken = queue(GATEWAY).pop_job_id()

    enqueue_due(ALL)

    assert taken not in queue(GATEWAY).job_ids
    assert waiting(GATEWAY) == {e.function: e.copies for e in SCHEDULE if e.queue == GATEWAY}


def test_flushed_queue_is_filled_again(queue_server: redis.Redis) -> None:
    enqueue_due(ALL)
    before = waiting(SETTLE)
    queue_server.flushdb()

    enqueue_due(ALL)

    assert waiting(SETTLE) == before


def test_jobs_are_json_and_not_pickle(queue_server: redis.Redis) -> None:
    enqueue_due([Periodic("jobs.settling.settle_groups", SETTLE, 1)])
    [job_id] = queue(SETTLE).job_ids

    data = queue_server.hget(f"rq:job:{job_id}", "data")

    assert isinstance(data, bytes)
    assert queue(SETTLE).fetch_job(job_id).func_name == "jobs.settling.settle_groups"
    assert b"\x80" not in data[:2]


def test_idle_mall_enqueues_no_look(queue_server: redis.Redis, arena: Arena) -> None:
    Scheduler().tick()

    assert waiting(SETTLE) == HOUSEKEEPING
    assert waiting(GATEWAY) == {}


def test_due_group_is_looked_for(queue_server: redis.Redis, arena: Arena) -> None:
    arena.opened(arena.start)

    Scheduler().tick()

    assert waiting(SETTLE)["jobs.settling.settle_groups"] == 2


def test_orphaned_work_is_looked_for(
    queue_server: redis.Redis, crowd: DatabaseUrls, arena: Arena
) -> None:
    arena.opened(arena.start)
    with psycopg.connect(crowd.core.replace("+psycopg", "")) as connection:
        connection.execute(
            "UPDATE work_rows SET state = 'leased', leased_until = now() - interval '1 second'"
        )

    Scheduler().tick()

    assert waiting(SETTLE)["jobs.settling.settle_groups"] == 2


def test_look_keeps_its_interval(queue_server: redis.Redis, arena: Arena) -> None:
    leading = Scheduler()
    leading.tick()
    queue_server.flushdb()

    leading.tick()

    assert waiting(SETTLE) == {}


@pytest.fixture
def no_queue_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A queue whose server is away."""
    away = redis.Redis(port=free_port(), socket_connect_timeout=1)
    monkeypatch.setattr(queues, "connection", lambda: away)
    yield
    away.close()


def test_queue_that_is_away_is_tried_again_at_the_next_tick(
    queue_server: redis.Redis, no_queue_server: None, arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    leading = Scheduler()
    leading.tick()
    monkeypatch.undo()

    leading.tick()

    assert waiting(SETTLE) == HOUSEKEEPING


def test_one_leads_until_it_goes(arena: Arena) -> None:
    with leadership(LOCK) as second_leads:
        with leadership(LOCK) as first_leads:
            assert first_leads()
            assert not second_leads()
            assert first_leads()

        wait_until(second_leads)


def test_leader_whose_session_is_ended_stops_leading(arena: Arena, crowd: DatabaseUrls) -> None:
    with leadership(LOCK) as second_leads, leadership(LOCK) as first_leads:
        assert first_leads()
        end_sessions_that_lead(crowd)

        wait_until(second_leads)
        with pytest.raises(SQLAlchemyError):
            first_leads()


def end_sessions_that_lead(crowd: DatabaseUrls) -> None:
    assert crowd.bootstrap is not None
    with psycopg.connect(crowd.bootstrap.replace("+psycopg", ""), autocommit=True) as superuser:
        superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks"
            " WHERE locktype = 'advisory' AND objid = %s",
            (LOCK,),
        )


def test_one_of_two_schedulers_ticks_and_the_other_takes_over(
    queue_server: redis.Redis, arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "IDLE_TICK_SECONDS", 0.02)
    ticks: Counter[str] = Counter()
    monkeypatch.setattr(
        Scheduler, "tick", lambda self: ticks.update([threading.current_thread().name])
    )
    pair = {name: Scheduler() for name in ("one", "other")}
    threads = {n: threading.Thread(target=s.run, name=n) for n, s in pair.items()}
    for thread in threads.values():
        thread.start()
    wait_until(lambda: ticks.total() > 10)
    [leader] = ticks

    pair[leader].stop()
    threads.pop(leader).join()
    [(follower, thread)] = threads.items()
    wait_until(lambda: ticks[follower] > 0)

    pair[follower].stop()
    thread.join()
