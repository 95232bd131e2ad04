"""The ledger is sealed in batches: what is committed once, what still runs later, nothing twice."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import text

from domain.auditing.running import audit
from domain.database import reading, transaction
from domain.ledger import sealing
from domain.ledger.sealing import RestoredElsewhere, Seal
from jobs.housekeeping import seal_ledger
from launcher.addresses import DatabaseUrls
from tests.domain.auditing.sealed import seal_all
from tests.sandbox_server import wait_until
from tests.scenarios.stage import Stage, make_stage

pytestmark = pytest.mark.transactional

NOW = datetime(2026, 5, 1, tzinfo=UTC)
SEALS = "SELECT number, transactions FROM ledger_seals WHERE merchant_id = :v ORDER BY number"
WRITE = """
    INSERT INTO ledger_transactions (merchant_id, kind, ref_id, at)
    VALUES (%s, 'order.sold', 77, now()) RETURNING id
"""
WRITE_MANY = """
    INSERT INTO ledger_transactions (merchant_id, kind, ref_id, at)
    SELECT %s, 'order.sold', n, now() FROM generate_series(1, 7) n
"""


@pytest.fixture
def stage(fresh_database: DatabaseUrls) -> Stage:
    return make_stage()


@pytest.fixture
def writer(fresh_database: DatabaseUrls) -> Iterator[psycopg.Connection]:
    """A connection whose transaction stays open until the test ends it."""
    with psycopg.connect(fresh_database.owner.replace("+psycopg", "")) as connection:
        yield connection


def paid(stage: Stage) -> None:
    stage.pay(stage.open(stage.shopper(), stage.start), stage.start)


def sizes(stage: Stage) -> list[int]:
    """Return how many transactions each seal of a merchant covers, the oldest first.

    A transaction in another database of the server may split what would have been one.
    """
    seals = stage.rows(SEALS, stage.merchant_id)
    assert [number for number, _ in seals] == list(range(1, len(seals) + 1))
    return [size for _, size in seals]


def is_sealed() -> bool:
    return "ledger.sealed" not in audit(at=NOW).violated


def test_what_is_committed_is_sealed_once(stage: Stage) -> None:
    paid(stage)
    assert seal_all() == 1
    assert seal_ledger() == 0
    paid(stage)
    paid(stage)
    assert seal_all() == 2

    assert sum(sizes(stage)) == 3
    assert is_sealed()


def test_each_merchant_has_its_own_chain(stage: Stage) -> None:
    other = make_stage()
    paid(stage)
    seal_all()
    paid(other)
    paid(stage)
    seal_all()

    assert sizes(stage) == [1, 1]
    assert sizes(other) == [1]
    assert is_sealed()


def test_transaction_under_way_is_sealed_when_it_has_ended(
    stage: Stage, writer: psycopg.Connection
) -> None:
    """Its number is lower than those that are committed already."""
    writer.execute(WRITE, [stage.merchant_id])
    paid(stage)
    assert seal_ledger() == 0

    writer.commit()
    assert seal_all() == 2
    assert is_sealed()


def test_transaction_rolled_back_leaves_no_gap(stage: Stage, writer: psycopg.Connection) -> None:
    writer.execute(WRITE, [stage.merchant_id])
    paid(stage)
    writer.rollback()

    assert seal_all() == 1
    assert is_sealed()


def test_many_transactions_are_sealed_in_batches(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "MOST_TRANSACTIONS", 2)
    for _ in range(5):
        paid(stage)

    assert seal_all() == 5
    assert max(sizes(stage)) <= 2
    assert sum(sizes(stage)) == 5
    assert is_sealed()


def test_one_large_transaction_is_one_seal(
    stage: Stage, writer: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "MOST_TRANSACTIONS", 2)
    many = (
        "INSERT INTO ledger_transactions (merchant_id, kind, ref_id, at) SELECT %s, 'x', n, now()"
    )
    writer.execute(f"{many} FROM generate_series(1, 7) n".encode(), [stage.merchant_id])
    writer.commit()
    paid(stage)

    assert seal_all() == 8
    assert sizes(stage)[0] == 7


def test_only_one_session_seals_at_a_time(stage: Stage, writer: psycopg.Connection) -> None:
    paid(stage)
    writer.execute("SELECT pg_advisory_xact_lock(%s)", [sealing._SEALING_LOCK])
    assert seal_ledger() == 0

    writer.commit()
    seal_all()


def test_changed_entry_is_found(stage: Stage, writer: psycopg.Connection) -> None:
    paid(stage)
    seal_all()
    assert is_sealed()

    writer.execute("UPDATE ledger_entries SET amount_fen = amount_fen + 1 WHERE amount_fen > 0")
    writer.commit()

    assert not is_sealed()


def test_restored_into_a_younger_cluster_nothing_is_sealed(
    stage: Stage, writer: psycopg.Connection
) -> None:
    """A dump brings numbers along that the new cluster has not reached."""
    paid(stage)
    seal_all()
    writer.execute("UPDATE ledger_seals SET to_xid = 4000000000")
    writer.commit()
    paid(stage)

    with pytest.raises(RestoredElsewhere):
        seal_ledger()


def test_seals_are_only_ever_added(stage: Stage) -> None:
    paid(stage)
    seal_all()
    for statement in ("UPDATE ledger_seals SET number = 9", "DELETE FROM ledger_seals"):
        with pytest.raises(Exception, match="permission denied"), transaction() as session:
            session.execute(text(statement))
    with reading() as session:
        assert session.execute(text("SELECT count(*) FROM ledger_seals")).scalar_one() == 1


def test_seal_keeps_the_instant_it_was_made(stage: Stage) -> None:
    paid(stage)
    at = NOW + timedelta(days=1)

    def sealed() -> list[Seal]:
        with transaction() as session:
            return sealing.seal_ledger(session, at=at)

    wait_until(sealed)

    assert stage.one("SELECT sealed_at FROM ledger_seals") == at


def test_each_new_end_of_a_chain_is_told_outside_of_the_database(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    paid(stage)
    seal_all()

    [told] = [r.__dict__ for r in caplog.records if r.message == "ledger sealed"]
    assert (told["merchant_id"], told["seal"]) == (stage.merchant_id, 1)
    assert told["chain"] == stage.one("SELECT encode(chain, 'hex') FROM ledger_seals")
