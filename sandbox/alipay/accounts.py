"""Alipay accounts: a seller with one mini-program, its key, certificates and login codes."""

import secrets
import threading
from dataclasses import dataclass
from functools import cached_property
from sqlite3 import Connection
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox import keys
from sandbox.alipay import certificates
from sandbox.store import Store


@dataclass(frozen=True)
class AlipayAccount:
    """One seller with its application; balances are not here, they change."""

    seller_id: str
    app_id: str
    app_private_pem: str
    app_certificate_pem: str
    alipay_private_pem: str
    alipay_certificate_pem: str
    root_certificates_pem: str

    @cached_property
    def app_public_key(self) -> rsa.RSAPublicKey:
        """What requests are checked with."""
        return keys.load_private(self.app_private_pem).public_key()

    @cached_property
    def alipay_key(self) -> rsa.RSAPrivateKey:
        """What answers and notifications are signed with."""
        return keys.load_private(self.alipay_private_pem)

    @cached_property
    def app_cert_sn(self) -> str:
        """The number of the application's certificate, as requests must name it."""
        return certificates.number_of(self.app_certificate_pem)

    @cached_property
    def alipay_cert_sn(self) -> str:
        """The number of the gateway's certificate, as answers name it."""
        return certificates.number_of(self.alipay_certificate_pem)

    @cached_property
    def root_cert_sn(self) -> str:
        """The number of the roots, as requests must name it."""
        return certificates.number_of_roots(self.root_certificates_pem)


_COLUMNS = tuple(AlipayAccount.__dataclass_fields__)


class AlipayAccounts:
    """All accounts, with their keys kept loaded."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._by_seller: dict[str, AlipayAccount] = {}

    def find(self, seller_id: str) -> AlipayAccount | None:
        """Return a seller's account, or None."""
        known = self._by_seller.get(seller_id)
        return known or self._load("seller_id", seller_id)

    def find_app(self, app_id: str) -> AlipayAccount | None:
        """Return an application's account, or None."""
        known = next((one for one in self._by_seller.values() if one.app_id == app_id), None)
        return known or self._load("app_id", app_id)

    def _load(self, column: str, value: str) -> AlipayAccount | None:
        with self._store.snapshot() as db:
            row = db.execute(
                f"SELECT {', '.join(_COLUMNS)} FROM alipay_accounts WHERE {column} = ?",  # noqa: S608
                (value,),
            ).fetchone()
        if row is None:
            return None
        with self._lock:
            return self._by_seller.setdefault(row["seller_id"], AlipayAccount(**row))

    def open(self, app_id: str) -> AlipayAccount:
        """Open the account of an application, or return the one there is; repeatable."""
        return self.find_app(app_id) or self._create(app_id)

    def _create(self, app_id: str) -> AlipayAccount:
        papers = certificates.issue(app_id)
        values = {
            "seller_id": f"2088{secrets.randbelow(10**12):012d}",
            "app_id": app_id,
            **{name: getattr(papers, name) for name in papers.__dataclass_fields__},
        }
        with self._store.transaction() as db:
            db.execute(
                f"INSERT OR IGNORE INTO alipay_accounts ({', '.join(_COLUMNS)})"  # noqa: S608
                f" VALUES ({', '.join(f':{name}' for name in _COLUMNS)})",
                values,
            )
        account = self.find_app(app_id)
        if account is None:
            raise LookupError(app_id)
        return account


def downloads(account: AlipayAccount) -> dict[str, Any]:
    """List what a merchant would download from the open platform."""
    return {
        "gateway": "alipay",
        "seller_id": account.seller_id,
        "app_id": account.app_id,
        "app_private_key": account.app_private_pem,
        "app_certificate": account.app_certificate_pem,
        "alipay_certificate": account.alipay_certificate_pem,
        "root_certificate": account.root_certificates_pem,
    }


def mint_codes(
    db: Connection, app_id: str, *, open_id: str | None, count: int
) -> list[dict[str, str]]:
    """Mint login codes as `my.getAuthCode` would: all of one shopper, or each of a new one.

    Raises ValueError if the open id is another application's.
    """
    minted = [
        {"code": secrets.token_hex(16), "open_id": open_id or f"0{keys.random_text(31)}"}
        for _ in range(count)
    ]
    for one in minted:
        db.execute(
            "INSERT OR IGNORE INTO alipay_open_ids (open_id, app_id) VALUES (?, ?)",
            (one["open_id"], app_id),
        )
        owner = owner_of(db, one["open_id"])
        if owner != app_id:
            raise ValueError(f"{one['open_id']} belongs to {owner}")
        db.execute(
            "INSERT INTO alipay_codes (code, app_id, open_id) VALUES (?, ?, ?)",
            (one["code"], app_id, one["open_id"]),
        )
    return minted


def owner_of(db: Connection, open_id: str) -> str | None:
    """Return the application an open id is known to, or None."""
    row = db.execute("SELECT app_id FROM alipay_open_ids WHERE open_id = ?", (open_id,)).fetchone()
    return None if row is None else str(row["app_id"])


def move_funds(db: Connection, seller_id: str, fen: int) -> bool:
    """Add to a balance, or take from it if it is not too short; returns whether it was done."""
    done = db.execute(
        "UPDATE alipay_accounts SET balance_fen = balance_fen + :fen WHERE seller_id = :seller_id"
        " AND (:fen >= 0 OR is_unlimited OR balance_fen + :fen >= 0)",
        {"fen": fen, "seller_id": seller_id},
    )
    return done.rowcount == 1
