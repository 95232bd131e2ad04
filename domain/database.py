"""Engines and transactions: the only place that commits."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import cache
from typing import Any, LiteralString

import orjson
import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from domain import clock
from domain.config import settings

_SERVER_OPTIONS = (
    "-c timezone=UTC -c lock_timeout=5000 -c statement_timeout=60000"
    " -c idle_in_transaction_session_timeout=10000"
)
_is_open: ContextVar[bool] = ContextVar("transaction_is_open", default=False)


def _dump(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def _engine(url: str) -> Engine:
    size = settings().database_pool_size
    return create_engine(
        url,
        pool_size=size,
        max_overflow=2,
        pool_timeout=5,
        hide_parameters=True,
        json_serializer=_dump,
        json_deserializer=orjson.loads,
        connect_args={"connect_timeout": 3, "options": _SERVER_OPTIONS},
    )


@cache
def core_engine() -> Engine:
    """Return the engine of role core: shoppers' API and jobs."""
    return _engine(settings().database_url)


@cache
def _reading_engine() -> Engine:
    return core_engine().execution_options(isolation_level="AUTOCOMMIT")


@cache
def merchant_engine() -> Engine:
    """Return the engine of role merchant: the console's API, under row-level security."""
    return _engine(settings().merchant_database_url)


def dispose_engines() -> None:
    """Close all pooled connections; the next use connects anew (after a fork, between tests)."""
    _reading_engine.cache_clear()
    for engine in (core_engine, merchant_engine):
        if engine.cache_info().currsize:
            engine().dispose()
            engine.cache_clear()


@contextmanager
def _opened(engine: Engine) -> Iterator[Session]:
    if _is_open.get():
        raise RuntimeError("transactions do not nest: pass the session down")
    mark = _is_open.set(True)
    try:
        session = Session(engine, expire_on_commit=False, autoflush=False)
        try:
            yield session
            session.commit()
        finally:
            session.close()
    finally:
        # Closing raises where the connection is lost; this thread goes on to the next request.
        _is_open.reset(mark)


@contextmanager
def transaction() -> Iterator[Session]:
    """Open the transaction of a shopper's request or a job; commits at the end, or rolls back."""
    with _opened(core_engine()) as session:
        yield session


@contextmanager
def merchant_transaction(merchant_id: int) -> Iterator[Session]:
    """Open a transaction that sees and changes the rows of one merchant only."""
    with _opened(merchant_engine()) as session:
        session.execute(
            text("SELECT set_config('pinbu.merchant_id', :merchant_id, true)"),
            {"merchant_id": str(merchant_id)},
        )
        yield session


@contextmanager
def reading() -> Iterator[Session]:
    """Open a session for reads as core: each statement sees what is committed by then."""
    with Session(_reading_engine(), autoflush=False) as session:
        yield session


_row_makers: dict[str, Callable[[Sequence[Any]], Any]] = {}


def _named(statement: str) -> Callable[[psycopg.Cursor[Any]], Callable[[Sequence[Any]], Any]]:
    """Return a row factory that names a statement's columns when it is first answered."""

    def factory(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], Any]:
        maker = _row_makers.get(statement)
        if maker is None:
            maker = namedtuple_row(cursor)
            if cursor.description:
                _row_makers[statement] = maker
        return maker

    return factory


def one_row(session: Session, statement: LiteralString, values: Mapping[str, Any]) -> Any:
    """Run a hot statement, in the driver's own notation, and return its one row by names.

    Within the session's transaction, without the layers in between: they cost as much as the
    statement. Raises what SQLAlchemy raises.
    """
    driver: psycopg.Connection[Any] = session.connection().connection.driver_connection  # type: ignore[assignment]
    try:
        with driver.cursor(row_factory=_named(statement)) as cursor:
            return cursor.execute(statement, values, prepare=True).fetchone()
    except psycopg.Error as error:
        raise DBAPIError.instance(
            statement, None, error, psycopg.Error, hide_parameters=True
        ) from error


@contextmanager
def leadership(lock_id: int) -> Iterator[Callable[[], bool]]:
    """Compete for an advisory lock that one session holds; yields whether it is (still) ours.

    Asking tries to take the lock where nobody holds it. Raises SQLAlchemyError once the database is
    away, and leadership with it.
    """
    is_held = False
    with core_engine().execution_options(isolation_level="AUTOCOMMIT").connect() as connection:

        def is_mine() -> bool:
            nonlocal is_held
            if is_held:
                connection.execute(text("SELECT 1"))
            else:
                found = connection.execute(
                    text("SELECT pg_try_advisory_lock(:lock_id)"), {"lock_id": lock_id}
                )
                is_held = bool(found.scalar_one())
            return is_held

        try:
            yield is_mine
        finally:
            connection.invalidate()


def read_clock() -> datetime:
    """Return the business instant: once per request, job and sweep."""
    if not settings().is_clock_adjustable:
        return clock.real_now()
    with reading() as session:
        offset = session.execute(text("SELECT offset_seconds FROM clock_offset")).scalar_one()
    return clock.shifted(offset)


def is_reachable() -> bool:
    """Say whether the database answers."""
    with reading() as session:
        return bool(session.execute(text("SELECT 1")).scalar_one())
