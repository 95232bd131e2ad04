"""Downloading a day's bills, and keeping their lines until they are compared."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.sql import bindparam

from domain.clock import iso
from domain.database import reading
from domain.gateways.protocol import BillKind, BillLine
from domain.payments.accounts import Account, find_account
from domain.work import Key

CHUNK = 5000

_DAY = text(
    """
    SELECT gateway_account_id, on_date FROM reconciliations
    WHERE merchant_id = :merchant_id AND id = :id
    """
)
_FORGET = text(
    "DELETE FROM bill_lines WHERE merchant_id = :merchant_id AND reconciliation_id = :id"
)
_KEEP = text(
    """
    INSERT INTO bill_lines (merchant_id, reconciliation_id, subject, number, gateway_no,
        amount_fen, at, trade_no, currency, problem, said)
    SELECT :merchant_id, :id, t.subject, t.number, t.gateway_no, t.amount_fen, t.at, t.trade_no,
        t.currency, t.problem, t.said
    FROM jsonb_to_recordset(:lines) AS t (
        subject text, number text, gateway_no text, amount_fen bigint, at timestamptz,
        trade_no text, currency text, problem text, said text)
    """
).bindparams(bindparam("lines", type_=JSONB))


@dataclass(frozen=True, slots=True)
class DayOfAccount:
    """What a reconciliation is about: a Shanghai day of a gateway account, ready to be asked."""

    key: Key
    account: Account
    on: date


def find_day(reconciliation: Key) -> DayOfAccount:
    """Return what a reconciliation is about."""
    with reading() as session:
        row = session.execute(
            _DAY, {"merchant_id": reconciliation[0], "id": reconciliation[1]}
        ).one()
        account = find_account(session, (reconciliation[0], row.gateway_account_id))
    return DayOfAccount(reconciliation, account, row.on_date)


def download(day: DayOfAccount) -> list[BillLine]:
    """Download a day's bills, hashes checked. Raises BillNotReady, GatewayUnknown and its kin."""
    provider = day.account.provider
    return [line for kind in BillKind for line in provider.download_bill(day.on, kind)]


def keep_lines(session: Session, reconciliation: Key, lines: Sequence[BillLine]) -> None:
    """Replace what is kept of a reconciliation's bill."""
    key = {"merchant_id": reconciliation[0], "id": reconciliation[1]}
    session.execute(_FORGET, key)
    for chunk in _chunks(lines):
        session.execute(_KEEP, {**key, "lines": [_row(line) for line in chunk]})


def _chunks(lines: Sequence[BillLine]) -> Iterable[Sequence[BillLine]]:
    return (lines[start : start + CHUNK] for start in range(0, len(lines), CHUNK))


def _row(line: BillLine) -> dict[str, object]:
    return {
        "subject": line.kind.value,
        "number": line.number,
        "gateway_no": line.gateway_no,
        "amount_fen": line.amount_fen,
        "at": iso(line.at),
        "trade_no": line.trade_no,
        "currency": line.currency,
        "problem": line.problem,
        "said": line.said,
    }
