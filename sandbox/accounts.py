"""Merchant accounts: numbers, keys and apps, as the gateway hands them to a merchant."""

import secrets
import threading
from dataclasses import dataclass
from functools import cached_property
from sqlite3 import Connection
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox import keys
from sandbox.store import Store

MERCHANT, PUBLIC_KEY, CERTIFICATE, APIV3 = "merchant", "public_key", "certificate", "apiv3"
_DICE = secrets.SystemRandom()


@dataclass(frozen=True)
class Issued:
    """A key handed out later than an account's first ones, or before its newest ones."""

    kind: str
    key_id: str
    secret: str
    certificate: str | None = None


@dataclass(frozen=True)
class Account:
    """One merchant number with its newest keys, and those that are still valid.

    Balances are not here, they change.
    """

    mchid: str
    appid: str
    merchant_serial: str
    merchant_private_pem: str
    public_key_id: str
    platform_private_pem: str
    apiv3_key: str
    former: tuple[Issued, ...] = ()
    certificate: Issued | None = None
    signs_with: str = PUBLIC_KEY
    new_key_percent: float | None = None

    @cached_property
    def merchant_keys(self) -> dict[str, rsa.RSAPublicKey]:
        """What requests and client parameters are checked with, by serial: newest first."""
        pems = {self.merchant_serial: self.merchant_private_pem} | {
            one.key_id: one.secret for one in self.former if one.kind == MERCHANT
        }
        return {serial: keys.load_private(pem).public_key() for serial, pem in pems.items()}

    @cached_property
    def platform_key(self) -> rsa.RSAPrivateKey:
        """The private half of the newest platform public key."""
        return keys.load_private(self.platform_private_pem)

    @cached_property
    def platform_keys(self) -> dict[str, rsa.RSAPrivateKey]:
        """What answers and callbacks may be signed with, by id or serial: preferred first."""
        public = {self.public_key_id: self.platform_key} | {
            one.key_id: keys.load_private(one.secret)
            for one in self.former
            if one.kind == PUBLIC_KEY
        }
        if self.certificate is None:
            return public
        certified = {self.certificate.key_id: keys.load_private(self.certificate.secret)}
        return certified | public if self.signs_with == CERTIFICATE else public | certified

    @property
    def apiv3_keys(self) -> list[str]:
        """What callbacks may be encrypted with: newest first."""
        return [self.apiv3_key, *(one.secret for one in self.former if one.kind == APIV3)]

    def is_former_turn(self) -> bool:
        """Throw the dice of a ramp: true if the key before the newest is to be used this time."""
        return self.new_key_percent is not None and _DICE.random() * 100 >= self.new_key_percent


class Accounts:
    """All accounts, with their keys kept loaded."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._known: dict[str, Account] = {}

    def find(self, mchid: str) -> Account | None:
        """Return an account, or None if there is no such merchant number."""
        if mchid in self._known:
            return self._known[mchid]
        with self._store.snapshot() as db:
            account = _read(db, mchid)
        if account is None:
            return None
        with self._lock:
            return self._known.setdefault(mchid, account)

    def forget(self, mchid: str) -> None:
        """Read an account anew next time: its keys or settings changed."""
        with self._lock:
            self._known.pop(mchid, None)

    def open(self, appid: str, mchid: str | None) -> Account:
        """Open an account for an app, or return the one there is; repeatable.

        Without a merchant number, the app's first account. Raises ValueError if the number belongs
        to another app.
        """
        mchid = mchid or self._first_of(appid) or f"16{secrets.randbelow(10**8):08d}"
        account = self.find(mchid) or self._create(appid, mchid)
        if account.appid != appid:
            raise ValueError(f"{mchid} belongs to {account.appid}")
        return account

    def bind(self, mchid: str, appid: str) -> None:
        """Let orders of another app be paid to a merchant number; repeatable."""
        with self._store.transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO bindings (mchid, appid) VALUES (?, ?)", (mchid, appid)
            )
            _add_app(db, appid)

    def secret_of(self, appid: str) -> str | None:
        """Return an app's secret, or None if the app is not known."""
        with self._store.snapshot() as db:
            row = db.execute("SELECT secret FROM apps WHERE appid = ?", (appid,)).fetchone()
        return None if row is None else str(row["secret"])

    def _first_of(self, appid: str) -> str | None:
        with self._store.snapshot() as db:
            row = db.execute(
                "SELECT mchid FROM accounts WHERE appid = ? ORDER BY rowid LIMIT 1", (appid,)
            ).fetchone()
        return None if row is None else str(row["mchid"])

    def _create(self, appid: str, mchid: str) -> Account:
        values = {
            "mchid": mchid,
            "appid": appid,
            "merchant_serial": keys.random_serial(),
            "merchant_private_pem": keys.private_pem(keys.new_private_key()),
            "public_key_id": keys.random_public_key_id(mchid),
            "platform_private_pem": keys.private_pem(keys.new_private_key()),
            "apiv3_key": keys.random_text(32),
        }
        with self._store.transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO accounts (mchid, appid, merchant_serial,"
                " merchant_private_pem, public_key_id, platform_private_pem, apiv3_key)"
                " VALUES (:mchid, :appid, :merchant_serial, :merchant_private_pem,"
                " :public_key_id, :platform_private_pem, :apiv3_key)",
                values,
            )
            _add_app(db, appid)
        account = self.find(mchid)
        if account is None:
            raise LookupError(mchid)
        return account


def _read(db: Connection, mchid: str) -> Account | None:
    row = db.execute(
        "SELECT mchid, appid, merchant_serial, merchant_private_pem, public_key_id,"
        " platform_private_pem, apiv3_key, ifnull(signs_with, 'public_key') AS signs_with,"
        " new_key_percent FROM accounts LEFT JOIN wechat_settings USING (mchid) WHERE mchid = ?",
        (mchid,),
    ).fetchone()
    if row is None:
        return None
    issued = [
        Issued(**one)
        for one in db.execute(
            "SELECT kind, key_id, secret, certificate FROM wechat_keys WHERE mchid = ?"
            " ORDER BY id DESC",
            (mchid,),
        )
    ]
    certificates = [one for one in issued if one.kind == CERTIFICATE]
    former = tuple(one for one in issued if one.kind != CERTIFICATE)
    return Account(**row, former=former, certificate=next(iter(certificates), None))


def _add_app(db: Connection, appid: str) -> None:
    db.execute(
        "INSERT OR IGNORE INTO apps (appid, secret) VALUES (?, ?)", (appid, secrets.token_hex(16))
    )


def is_bound(db: Connection, account: Account, appid: str) -> bool:
    """Say whether orders of an app are paid to an account: its own, or bound later."""
    if appid == account.appid:
        return True
    bound = db.execute(
        "SELECT 1 FROM bindings WHERE mchid = ? AND appid = ?", (account.mchid, appid)
    )
    return bound.fetchone() is not None


def downloads(account: Account, app_secret: str | None) -> dict[str, Any]:
    """List what a merchant would copy from the gateway's merchant pages."""
    return {
        "gateway": "wechat",
        "mchid": account.mchid,
        "appid": account.appid,
        "app_secret": app_secret,
        "merchant_private_key": account.merchant_private_pem,
        "merchant_serial": account.merchant_serial,
        "platform_public_key": keys.public_pem(account.platform_key),
        "platform_public_key_id": account.public_key_id,
        "platform_certificate": account.certificate and account.certificate.certificate,
        "platform_certificate_serial": account.certificate and account.certificate.key_id,
        "apiv3_key": account.apiv3_key,
    }
