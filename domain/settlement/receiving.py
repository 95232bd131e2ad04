"""Receiving a payment: it succeeded, and its money is in the ledger."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from domain.database import one_row
from domain.ledger import posting
from domain.settlement.locking import Key


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came for a payment: fen, the gateway's transaction and its success time.

    `source` says who heard of it: callback, query, close.
    """

    payment: Key
    account_id: int
    amount_fen: int
    transaction_no: str
    paid_at: datetime
    source: str

    @property
    def values(self) -> dict[str, Any]:
        """Return the values that RECEIVED names, but for `at` and `outcome`."""
        return {
            "merchant_id": self.payment[0],
            "payment_id": self.payment[1],
            "account_id": self.account_id,
            "received": self.amount_fen,
            "transaction_no": self.transaction_no,
            "paid_at": self.paid_at,
            "heard_by": f"gateway:{self.source}",
        }


_POSTED = posting.written(
    """
    SELECT merchant_id AS m, 'payment.received' AS kind, id AS ref, received_fen AS amount,
        'gateway' AS src, CAST(%(account_id)s AS bigint) AS src_owner,
        'order_deposits' AS dst, 0 AS dst_owner, CAST(%(at)s AS timestamptz) AS at
    FROM received
    """
)
RECEIVED: Final = f"""
    received AS (
        UPDATE payments SET state = 'succeeded', received_fen = %(received)s,
            transaction_no = %(transaction_no)s, succeeded_at = %(paid_at)s, learned_at = %(at)s,
            outcome = %(outcome)s, moved_at = %(at)s, moved_by = %(heard_by)s
        WHERE merchant_id = %(merchant_id)s AND id = %(payment_id)s
        RETURNING merchant_id, id, received_fen
    ), {_POSTED}"""  # noqa: S608 - constants only
"""Table expressions that move a locked payment to succeeded and post what came."""

_RECEIVE: Final = f"WITH {RECEIVED} SELECT count(*) AS entries FROM entries"  # noqa: S608


def receive(session: Session, receipt: Receipt, *, outcome: str, at: datetime) -> None:
    """Receive a locked payment that takes no seat."""
    values = {**receipt.values, "outcome": outcome, "at": at}
    posting.check_entries(one_row(session, _RECEIVE, values).entries, of=1)
