"""The sandbox's own book: what moved in which of a merchant's accounts, with the balance after it.

A row is written in the transaction of what it is about. Balances change here only.
"""

from sqlite3 import Connection, Row

from sandbox.wechat.errors import ApiError

BASIC, OPERATION, FEES = ACCOUNTS = ("BASIC", "OPERATION", "FEES")
PAYMENT, REFUND, REFUND_RETURNED = "payment", "refund", "refund_returned"
TRANSFER, TRANSFER_RETURNED, TOP_UP = "transfer", "transfer_returned", "top_up"


def settings_of(db: Connection, mchid: str) -> Row:
    """Return an account's own settings, with defaults where none were set."""
    db.execute("INSERT OR IGNORE INTO wechat_settings (mchid) VALUES (?)", (mchid,))
    row = db.execute("SELECT * FROM wechat_settings WHERE mchid = ?", (mchid,)).fetchone()
    if not isinstance(row, Row):
        raise LookupError(mchid)
    return row


def receive(
    db: Connection,
    mchid: str,
    fen: int,
    *,
    kind: str,
    number: str,
    gateway_no: str,
    at: float,
    account: str = BASIC,
    memo: str = "",
) -> None:
    """Book money that comes, or (negative) goes without being asked for."""
    if account == BASIC:
        row = db.execute(
            "UPDATE accounts SET balance_fen = balance_fen + ? WHERE mchid = ?"
            " RETURNING balance_fen",
            (fen, mchid),
        ).fetchone()
    else:
        settings_of(db, mchid)
        row = db.execute(
            "UPDATE wechat_settings SET operation_fen = operation_fen + ? WHERE mchid = ?"
            " RETURNING operation_fen AS balance_fen",
            (fen, mchid),
        ).fetchone()
    db.execute(
        "INSERT INTO flows (mchid, account, kind, number, gateway_no, fen, balance_fen, at, memo)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (mchid, account, kind, number, gateway_no, fen, row["balance_fen"], at, memo),
    )


def spend(
    db: Connection,
    mchid: str,
    fen: int,
    *,
    kind: str,
    number: str,
    gateway_no: str,
    at: float,
    account: str = BASIC,
    memo: str = "",
) -> None:
    """Book money that goes. Raises ApiError NOT_ENOUGH if the account does not hold it."""
    balance_fen, is_unlimited = _funds(db, mchid, account)
    if not is_unlimited and balance_fen < fen:
        words = "基本账户" if account == BASIC else "运营账户"
        raise ApiError("NOT_ENOUGH", f"{words}余额不足，请充值后重新发起")
    receive(
        db,
        mchid,
        -fen,
        kind=kind,
        number=number,
        gateway_no=gateway_no,
        at=at,
        account=account,
        memo=memo,
    )


def _funds(db: Connection, mchid: str, account: str) -> tuple[int, bool]:
    row = db.execute(
        "SELECT balance_fen, is_unlimited FROM accounts WHERE mchid = ?", (mchid,)
    ).fetchone()
    if account == BASIC:
        return row["balance_fen"], bool(row["is_unlimited"])
    return settings_of(db, mchid)["operation_fen"], bool(row["is_unlimited"])
