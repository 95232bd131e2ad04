"""New keys for a merchant account: the former ones stay valid until they are retired."""

from sqlite3 import Connection

from sandbox import accounts, keys
from sandbox.accounts import Account, Issued
from sandbox.store import Store
from sandbox.wechat import flows

_COLUMNS = {
    accounts.MERCHANT: ("merchant_serial", "merchant_private_pem"),
    accounts.PUBLIC_KEY: ("public_key_id", "platform_private_pem"),
}


def issue(store: Store, account: Account, kind: str) -> None:
    """Issue one new key of a kind; the newest is what the account is told, and signs, from now."""
    new = _make(account, kind)
    with store.transaction() as db:
        if kind == accounts.CERTIFICATE:
            db.execute(
                "DELETE FROM wechat_keys WHERE mchid = ? AND kind = ?", (account.mchid, kind)
            )
            _keep(db, account.mchid, new)
        elif kind == accounts.APIV3:
            _keep(db, account.mchid, Issued(kind, "", account.apiv3_key))
            db.execute(
                "UPDATE accounts SET apiv3_key = ? WHERE mchid = ?", (new.secret, account.mchid)
            )
        else:
            _replace(db, account, new)


def _replace(db: Connection, account: Account, new: Issued) -> None:
    id_column, secret_column = _COLUMNS[new.kind]
    former = Issued(new.kind, getattr(account, id_column), getattr(account, secret_column))
    _keep(db, account.mchid, former)
    db.execute(
        f"UPDATE accounts SET {id_column} = ?, {secret_column} = ? WHERE mchid = ?",  # noqa: S608
        (new.key_id, new.secret, account.mchid),
    )


def retire(db: Connection, mchid: str) -> int:
    """End the validity of all but the newest keys; of a certificate, unless it is signed with."""
    signs_with = flows.settings_of(db, mchid)["signs_with"]
    kept = accounts.CERTIFICATE if signs_with == accounts.CERTIFICATE else ""
    return db.execute(
        "DELETE FROM wechat_keys WHERE mchid = ? AND kind <> ?", (mchid, kept)
    ).rowcount


def _make(account: Account, kind: str) -> Issued:
    if kind == accounts.APIV3:
        return Issued(kind, "", keys.random_text(32))
    private = keys.new_private_key()
    pem = keys.private_pem(private)
    if kind == accounts.CERTIFICATE:
        serial, certificate = keys.self_signed(private, "Tenpay.com sandbox")
        return Issued(kind, serial, pem, certificate)
    if kind == accounts.MERCHANT:
        return Issued(kind, keys.random_serial(), pem)
    return Issued(kind, keys.random_public_key_id(account.mchid), pem)


def _keep(db: Connection, mchid: str, issued: Issued) -> None:
    db.execute(
        "INSERT INTO wechat_keys (mchid, kind, key_id, secret, certificate) VALUES (?, ?, ?, ?, ?)",
        (mchid, issued.kind, issued.key_id, issued.secret, issued.certificate),
    )
