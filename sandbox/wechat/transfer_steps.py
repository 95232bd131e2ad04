"""A transfer's steps at WeChat Pay: awaiting the shopper, confirmed, paid, closed, returned.

Each transfer knows its next step by itself: `next_state` at `due_at`. Closing unconfirmed is one.
"""

from sqlite3 import Connection, Row
from typing import Any

from sandbox.clock import midnight, rfc3339
from sandbox.store import Store
from sandbox.wechat import flows
from sandbox.wechat.notices import enqueue, transfer_notice

CONFIRM_SECONDS = 24 * 3600
FINAL = ("SUCCESS", "FAIL", "CANCELLED")
_BATCH = 500
FAIL_REASONS = (
    "REAL_NAME_CHECK_FAIL",
    "NAME_NOT_CORRECT",
    "PAYEE_ACCOUNT_ABNORMAL",
    "ACCOUNT_FROZEN",
    "OPENID_INVALID",
    "TRANSFER_QUOTA_EXCEED",
    "DAY_RECEIVED_QUOTA_EXCEED",
    "DAY_RECEIVED_COUNT_EXCEED",
    "REALNAME_ACCOUNT_RECEIVED_QUOTA_EXCEED",
    "BLOCK_B2C_USERLIMITAMOUNT_MONTH",
    "PAYER_ACCOUNT_ABNORMAL",
    "PRODUCT_AUTH_CHECK_FAIL",
    "MERCHANT_REJECT",
    "OVERDUE_CLOSE",
    "MCH_CANCEL",
)


class Unconfirmable(Exception):
    """The transfer cannot take that step; the text says why."""


def find(db: Connection, mchid: str, out_bill_no: str) -> Row | None:
    """Return a transfer by the merchant's number."""
    return _one(db, "mchid = ? AND out_bill_no = ?", (mchid, out_bill_no))


def find_by_transfer_no(db: Connection, mchid: str, transfer_bill_no: str) -> Row | None:
    """Return a transfer by WeChat's number."""
    return _one(db, "mchid = ? AND transfer_bill_no = ?", (mchid, transfer_bill_no))


def find_by_package(db: Connection, package_info: str) -> Row | None:
    """Return a transfer by what the mini-program hands to the phone."""
    return _one(db, "package_info = ?", (package_info,))


def known(db: Connection, mchid: str, out_bill_no: str) -> Row:
    """Return a transfer that must be there."""
    row = find(db, mchid, out_bill_no)
    if row is None:
        raise LookupError(out_bill_no)
    return row


def _one(db: Connection, condition: str, values: tuple[Any, ...]) -> Row | None:
    row = db.execute(f"SELECT * FROM transfers WHERE {condition}", values).fetchone()  # noqa: S608
    return row if isinstance(row, Row) else None


def told(row: Row) -> dict[str, Any]:
    """Say what queries and callbacks both say."""
    said = {
        "out_bill_no": row["out_bill_no"],
        "transfer_bill_no": row["transfer_bill_no"],
        "state": row["state"],
        "transfer_amount": row["transfer_fen"],
        "openid": row["openid"],
        "create_time": rfc3339(row["created_at"]),
        "update_time": rfc3339(row["updated_at"]),
    }
    return said | ({"fail_reason": row["fail_reason"]} if row["fail_reason"] else {})


def confirm(db: Connection, row: Row, now: float, *, fail_reason: str | None = None) -> None:
    """Let the shopper confirm: the money is on its way. Raises Unconfirmable."""
    if row["state"] != "WAIT_USER_CONFIRM":
        raise Unconfirmable(f"a {row['state']} transfer cannot be confirmed")
    settings = flows.settings_of(db, row["mchid"])
    reason = fail_reason or _exceeded(db, row, settings["transfer_daily_fen"], now)
    step(
        db,
        row,
        "TRANSFERING",
        now,
        next_state="FAIL" if reason else "SUCCESS",
        next_reason=reason,
        due_at=now + settings["transfer_delay_seconds"],
    )


def _exceeded(db: Connection, row: Row, daily_fen: int | None, now: float) -> str | None:
    """Return the reason to fail if the shopper got too much since Beijing's midnight."""
    got = db.execute(
        "SELECT ifnull(sum(transfer_fen), 0) FROM transfers WHERE mchid = ? AND openid = ?"
        " AND state IN ('TRANSFERING', 'SUCCESS') AND updated_at >= ?",
        (row["mchid"], row["openid"], midnight(now)),
    ).fetchone()[0]
    if daily_fen is None or got + row["transfer_fen"] <= daily_fen:
        return None
    return "DAY_RECEIVED_QUOTA_EXCEED"


def end(db: Connection, row: Row, state: str, reason: str | None, *, at: float, now: float) -> None:
    """End a transfer at a business instant: money back unless paid, and a callback.

    Raises Unconfirmable.
    """
    if row["state"] in FINAL:
        raise Unconfirmable(f"the transfer is {row['state']}")
    step(db, row, state, at, fail_reason=reason)
    if state != "SUCCESS":
        flows.receive(
            db,
            row["mchid"],
            row["transfer_fen"],
            kind=flows.TRANSFER_RETURNED,
            number=row["out_bill_no"],
            gateway_no=row["transfer_bill_no"],
            at=at,
            account=row["account"],
            memo=row["remark"],
        )
    ended = known(db, row["mchid"], row["out_bill_no"])
    if ended["notify_url"] is not None:
        enqueue(db, transfer_notice(ended, {"mch_id": ended["mchid"]} | told(ended), now))


def await_shopper(db: Connection, row: Row, at: float, closes_as: str) -> None:
    """Let a transfer wait for the shopper, until 24 hours after its creation."""
    step(
        db,
        row,
        "WAIT_USER_CONFIRM",
        at,
        next_state=closes_as,
        next_reason="OVERDUE_CLOSE" if closes_as == "FAIL" else None,
        due_at=row["created_at"] + CONFIRM_SECONDS,
    )


def step(
    db: Connection,
    row: Row,
    state: str,
    at: float,
    *,
    fail_reason: str | None = None,
    next_state: str | None = None,
    next_reason: str | None = None,
    due_at: float | None = None,
) -> None:
    """Move a transfer to a state, and say what comes next by itself."""
    db.execute(
        "UPDATE transfers SET state = ?, fail_reason = ?, updated_at = ?, next_state = ?,"
        " next_reason = ?, due_at = ? WHERE id = ?",
        (state, fail_reason, at, next_state, next_reason, due_at, row["id"]),
    )


def settle_due(store: Store, now: float) -> None:
    """Take the steps that are due, each at its own instant."""
    condition = "due_at IS NOT NULL AND due_at <= ?"
    with store.snapshot() as db:
        if not db.execute(f"SELECT 1 FROM transfers WHERE {condition} LIMIT 1", (now,)).fetchone():  # noqa: S608
            return
    with store.transaction() as db:
        due = db.execute(
            f"SELECT * FROM transfers WHERE {condition} ORDER BY due_at LIMIT {_BATCH}",  # noqa: S608
            (now,),
        ).fetchall()
        for row in due:
            if row["next_state"] in FINAL:
                end(db, row, row["next_state"], row["next_reason"], at=row["due_at"], now=now)
            else:
                # What waits for its acceptance keeps how it closes in the reason of its next step.
                await_shopper(db, row, row["due_at"], row["next_reason"])
