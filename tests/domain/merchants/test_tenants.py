"""Row-level security, seen from the console's role: another merchant's rows are not there."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from domain.database import merchant_engine, merchant_transaction, transaction
from domain.models import Base
from domain.models.directory import DIRECTORY
from launcher.addresses import DatabaseUrls
from tests.factories.campaigns import make_campaign
from tests.factories.merchants import make_merchant
from tests.factories.shoppers import make_shopper

pytestmark = pytest.mark.transactional

TENANT_TABLES = sorted(
    name for name in Base.metadata.tables if name not in DIRECTORY and name != "alembic_version"
)


@pytest.fixture
def two(database: DatabaseUrls) -> tuple[int, int]:
    with transaction() as session:
        merchants = (make_merchant(session), make_merchant(session))
        for merchant in merchants:
            make_campaign(session, merchant.id)
            make_shopper(session, merchant.id)
    return merchants[0].id, merchants[1].id


@pytest.fixture
def mine(two: tuple[int, int]) -> Iterator[Session]:
    with merchant_transaction(two[0]) as session:
        yield session


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_no_statement_finds_anothers_rows(mine: Session, two: tuple[int, int], table: str) -> None:
    column = Base.metadata.tables[table].c.merchant_id
    seen = mine.execute(select(column).distinct()).scalars().all()

    assert set(seen) <= {two[0]}


def test_own_rows_are_found(mine: Session, two: tuple[int, int]) -> None:
    assert mine.execute(text("SELECT count(*) FROM campaigns")).scalar_one() == 1


def test_without_a_merchant_nothing_is_found(two: tuple[int, int]) -> None:
    with merchant_engine().connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM campaigns")).scalar_one() == 0


def test_update_reaches_no_row_of_another(mine: Session, two: tuple[int, int]) -> None:
    changed = mine.execute(
        text("UPDATE products SET title = 'x' WHERE merchant_id = :m"), {"m": two[1]}
    )

    assert changed.rowcount == 0  # type: ignore[attr-defined]


def test_row_cannot_be_written_for_another(two: tuple[int, int]) -> None:
    with (
        pytest.raises(ProgrammingError, match="row-level security"),
        merchant_transaction(two[0]) as session,
    ):
        session.execute(
            text(
                "INSERT INTO products (merchant_id, public_id, title, created_at)"
                " VALUES (:m, 'x', 'x', '2026-01-01')"
            ),
            {"m": two[1]},
        )


def test_merchant_of_one_transaction_is_forgotten_in_the_next(two: tuple[int, int]) -> None:
    with merchant_transaction(two[0]) as session:
        session.execute(text("SELECT 1"))

    with merchant_engine().connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM products")).scalar_one() == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE campaigns SET committed_fen = 0",
        "UPDATE orders SET state = 'paid'",
        "UPDATE ledger_accounts SET balance_fen = 5",
        "UPDATE shoppers SET nickname = 'x'",
        "DELETE FROM audit_log",
        "UPDATE audit_log SET reason = 'x'",
        "DELETE FROM products",
        "SELECT * FROM staff_sessions",
        "SELECT * FROM staff_logins",
        "SELECT * FROM merchant_apps",
        "UPDATE rule_versions SET terms = '{}'",
    ],
)
def test_consoles_role_may_do_no_more_than_the_console(
    two: tuple[int, int], statement: str
) -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        merchant_transaction(two[0]) as session,
    ):
        session.execute(text(statement))


def test_no_serving_role_owns_or_bypasses(database: DatabaseUrls) -> None:
    with transaction() as session:
        roles = session.execute(
            text(
                "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles"
                " WHERE rolname IN ('pinbu_core', 'pinbu_merchant')"
            )
        ).all()

    assert sorted(tuple(role) for role in roles) == [
        ("pinbu_core", False, False, False),
        ("pinbu_merchant", False, False, False),
    ]
