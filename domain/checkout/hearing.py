"""Keeping what a gateway said that nobody can act on, wherever it was heard."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from domain.database import transaction
from domain.gateways.errors import GatewayUnknown, InvalidCallback
from domain.payments.findings import finding_of, record_finding
from domain.work import Key


def keep_statement(
    account: Key, error: Exception, *, number: str, heard_by: str, at: datetime
) -> None:
    """Keep what a gateway said in a transaction of its own, where an error carries it."""
    finding = finding_of(account, error, number=number, heard_by=heard_by)
    if finding is not None:
        with transaction() as session:
            record_finding(session, finding, at=at)


@contextmanager
def listening_to(account: Key, number: str, heard_by: str, *, at: datetime) -> Iterator[None]:
    """Keep what a gateway says in here that cannot be believed; the error goes on its way."""
    try:
        yield
    except (GatewayUnknown, InvalidCallback) as error:
        keep_statement(account, error, number=number, heard_by=heard_by, at=at)
        raise
