"""Invariant 13: our books equal the gateways', line by line, both ways.

A line is money that moved, or is on its way: a payment received, a refund or a transfer the gateway
has accepted.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import httpx
from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.auditing.checks import Check
from domain.database import reading

MATCHED = Check(
    "books.match-the-gateway",
    13,
    "Every payment, refund and transfer of ours stands in its gateway's record with the same"
    " number, amount and state, and every one of the record's in our books.",
)

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class MoneyLine:
    """One movement: the merchant's number at the gateway, our number for it, fen, state.

    A payment's state is the gateway's transaction number, a refund's processing, arrived or
    abnormal, a transfer's running or arrived; None where we have asked for a refund or a transfer
    and cannot know yet whether it was heard.
    """

    kind: Literal["payment", "refund", "transfer"]
    mch_no: str
    number: str
    amount_fen: int
    state: str | None

    @property
    def key(self) -> Key:
        """Return what names the line on both sides."""
        return (self.kind, self.mch_no, self.number)

    def __str__(self) -> str:
        return f"{self.amount_fen} fen ({self.state})"


_OURS = text(
    """
    SELECT 'payment' AS kind, a.mch_no, p.public_id AS number, p.received_fen AS amount_fen,
        p.transaction_no AS state
    FROM payments p
    JOIN gateway_accounts a ON a.merchant_id = p.merchant_id AND a.id = p.gateway_account_id
    WHERE p.state = 'succeeded'
    UNION ALL
    SELECT 'refund', a.mch_no, coalesce(r.elsewhere_no, r.public_id), r.amount_fen, CASE r.state
        WHEN 'accepted' THEN 'processing' WHEN 'arrived' THEN 'arrived'
        WHEN 'abnormal' THEN 'abnormal' END
    FROM refunds r
    JOIN payments p ON p.merchant_id = r.merchant_id AND p.id = r.payment_id
    JOIN gateway_accounts a ON a.merchant_id = p.merchant_id AND a.id = p.gateway_account_id
    WHERE r.state IN ('sending', 'unknown', 'accepted', 'arrived', 'abnormal')
    UNION ALL
    SELECT 'transfer', a.mch_no, d.public_id, d.net_fen, CASE d.state
        WHEN 'awaiting_shopper' THEN 'running' WHEN 'succeeded' THEN 'arrived' END
    FROM withdrawals d
    JOIN gateway_accounts a ON a.merchant_id = d.merchant_id AND a.id = d.gateway_account_id
    WHERE d.state IN ('sending', 'unknown', 'awaiting_shopper', 'succeeded')
    """
)
_ACCOUNTS = text("SELECT DISTINCT gateway, mch_no FROM gateway_accounts ORDER BY 1, 2")
_REFUND_STATES = {"PROCESSING": "processing", "SUCCESS": "arrived", "ABNORMAL": "abnormal"}
_TRANSFER_STATES = {
    "ACCEPTED": "running",
    "PROCESSING": "running",
    "WAIT_USER_CONFIRM": "running",
    "TRANSFERING": "running",
    "CANCELING": "running",
    "DEALING": "running",
    "SUCCESS": "arrived",
}


def our_lines(session: Session) -> list[MoneyLine]:
    """Read our books."""
    return [MoneyLine(*row) for row in session.execute(_OURS)]


def compare_lines(ours: Iterable[MoneyLine], theirs: Iterable[MoneyLine]) -> list[str]:
    """Compare books with a gateway's record, both ways; returns a sentence per difference."""
    here = {line.key: line for line in ours}
    there = {line.key: line for line in theirs}
    differences = []
    for key in sorted(here.keys() | there.keys()):
        our, their = here.get(key), there.get(key)
        if not _agree(our, their):
            differences.append(
                f"{' '.join(key)}: ours {our or 'nothing'}, the gateway's {their or 'nothing'}"
            )
    return differences


def _agree(our: MoneyLine | None, their: MoneyLine | None) -> bool:
    if our is not None and our.state is None:
        return their is None or their.amount_fen == our.amount_fen
    return our == their


def read_sandbox_record(control_url: str) -> list[MoneyLine]:
    """Read what the sandbox's control API lists for our accounts. Raises httpx.HTTPError."""
    with reading() as session:
        accounts = session.execute(_ACCOUNTS).all()
    lines: list[MoneyLine] = []
    with httpx.Client(base_url=control_url, timeout=30) as client:
        for account in accounts:
            read = _READERS[account.gateway]
            lines.extend(read(client, account.mch_no))
    return lines


def _wechat_lines(client: httpx.Client, mch_no: str) -> Iterator[MoneyLine]:
    account = {"mchid": mch_no}
    for order in _listed(client, "/orders", account):
        if order["paid_fen"] is not None and order["transaction_id"] is not None:
            yield MoneyLine(
                "payment", mch_no, order["out_trade_no"], order["paid_fen"], order["transaction_id"]
            )
    for refund in _listed(client, "/refunds", account):
        if state := _REFUND_STATES.get(refund["status"]):
            number, amount_fen = refund["out_refund_no"], refund["refund_fen"]
            yield MoneyLine("refund", mch_no, number, amount_fen, state)
    for transfer in _listed(client, "/transfers", account):
        if state := _TRANSFER_STATES.get(transfer["state"]):
            number, amount_fen = transfer["out_bill_no"], transfer["transfer_fen"]
            yield MoneyLine("transfer", mch_no, number, amount_fen, state)


def _alipay_lines(client: httpx.Client, mch_no: str) -> Iterator[MoneyLine]:
    account = {"seller_id": mch_no}
    for trade in _listed(client, "/alipay/orders", account):
        if trade["paid_fen"] is not None:
            yield MoneyLine(
                "payment", mch_no, trade["out_trade_no"], trade["paid_fen"], trade["trade_no"]
            )
    for refund in _listed(client, "/alipay/refunds", account):
        number, amount_fen = refund["out_request_no"], refund["refund_fen"]
        yield MoneyLine("refund", mch_no, number, amount_fen, "arrived")
    for transfer in _listed(client, "/alipay/transfers", account):
        if state := _TRANSFER_STATES.get(transfer["status"]):
            number, amount_fen = transfer["out_biz_no"], transfer["amount_fen"]
            yield MoneyLine("transfer", mch_no, number, amount_fen, state)


_READERS: Mapping[str, Callable[[httpx.Client, str], Iterable[MoneyLine]]] = {
    "wechat": _wechat_lines,
    "alipay": _alipay_lines,
}


def _listed(
    client: httpx.Client, path: str, account: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    after: str | None = "0"
    while after is not None:
        answer = client.get(path, params={**account, "after": after, "limit": "1000"})
        page = answer.raise_for_status().json()
        yield from page["items"]
        after = page["next"]
