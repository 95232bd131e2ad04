"""The sandbox's own record: one SQLite file in WAL mode, one connection, one lock.

`synchronous=NORMAL` hands each commit to the operating system before the answer goes out: it is
durable against `kill -9` of the sandbox, and costs no disk flush.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.alipay.schema import SCHEMA as ALIPAY_SCHEMA

_SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS apps (appid TEXT PRIMARY KEY, secret TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS openids (openid TEXT PRIMARY KEY, appid TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS codes (
    code TEXT PRIMARY KEY, appid TEXT NOT NULL, openid TEXT NOT NULL, used_at REAL
);
CREATE TABLE IF NOT EXISTS tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    token TEXT NOT NULL UNIQUE,
    appid TEXT NOT NULL,
    issued_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    is_forced INTEGER NOT NULL,
    is_revoked INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS tokens_of_app ON tokens (appid, id);
CREATE TABLE IF NOT EXISTS phone_codes (
    code TEXT PRIMARY KEY,
    appid TEXT NOT NULL,
    phone TEXT NOT NULL,
    country_code TEXT NOT NULL,
    created_at REAL NOT NULL,
    used_at REAL
);
CREATE TABLE IF NOT EXISTS url_links (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    url_link TEXT NOT NULL UNIQUE,
    appid TEXT NOT NULL,
    path TEXT NOT NULL,
    query TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS templates (
    appid TEXT NOT NULL,
    template_id TEXT NOT NULL,
    keywords TEXT NOT NULL,
    PRIMARY KEY (appid, template_id)
);
CREATE TABLE IF NOT EXISTS consents (
    appid TEXT NOT NULL,
    openid TEXT NOT NULL,
    template_id TEXT NOT NULL,
    remaining INTEGER NOT NULL,
    PRIMARY KEY (appid, openid, template_id)
);
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    appid TEXT NOT NULL,
    openid TEXT NOT NULL,
    template_id TEXT NOT NULL,
    page TEXT NOT NULL,
    lang TEXT NOT NULL,
    data TEXT NOT NULL,
    created_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS shippings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id INTEGER NOT NULL REFERENCES orders (id),
    content TEXT NOT NULL,
    is_complete INTEGER NOT NULL,
    upload_time TEXT NOT NULL,
    created_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS shippings_of_order ON shippings (order_id, id);
CREATE TABLE IF NOT EXISTS accounts (
    mchid TEXT PRIMARY KEY,
    appid TEXT NOT NULL,
    merchant_serial TEXT NOT NULL,
    merchant_private_pem TEXT NOT NULL,
    public_key_id TEXT NOT NULL,
    platform_private_pem TEXT NOT NULL,
    apiv3_key TEXT NOT NULL,
    balance_fen INTEGER NOT NULL DEFAULT 0,
    is_unlimited INTEGER NOT NULL DEFAULT 0,
    refund_delay_seconds REAL NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS bindings (
    mchid TEXT NOT NULL, appid TEXT NOT NULL, PRIMARY KEY (mchid, appid)
);
CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mchid TEXT NOT NULL,
    appid TEXT NOT NULL,
    out_trade_no TEXT NOT NULL,
    request TEXT NOT NULL,
    attach TEXT,
    notify_url TEXT NOT NULL,
    total_fen INTEGER NOT NULL,
    openid TEXT NOT NULL,
    expires_at REAL,
    prepay_id TEXT NOT NULL UNIQUE,
    prepaid_at REAL NOT NULL,
    state TEXT NOT NULL,
    created_at REAL NOT NULL,
    closed_at REAL,
    transaction_id TEXT UNIQUE,
    paid_fen INTEGER,
    payer_openid TEXT,
    success_at REAL,
    UNIQUE (mchid, out_trade_no)
);
CREATE INDEX IF NOT EXISTS orders_unpaid ON orders (created_at) WHERE state = 'NOTPAY';
CREATE TABLE IF NOT EXISTS refunds (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mchid TEXT NOT NULL,
    order_id INTEGER NOT NULL REFERENCES orders (id),
    out_refund_no TEXT NOT NULL,
    refund_id TEXT NOT NULL UNIQUE,
    request TEXT NOT NULL,
    notify_url TEXT,
    refund_fen INTEGER NOT NULL,
    status TEXT NOT NULL,
    outcome TEXT NOT NULL,
    created_at REAL NOT NULL,
    due_at REAL NOT NULL,
    success_at REAL,
    UNIQUE (mchid, out_refund_no)
);
CREATE INDEX IF NOT EXISTS refunds_of_order ON refunds (order_id);
CREATE INDEX IF NOT EXISTS refunds_processing ON refunds (due_at) WHERE status = 'PROCESSING';
CREATE TABLE IF NOT EXISTS callbacks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL UNIQUE,
    mchid TEXT NOT NULL,
    out_trade_no TEXT NOT NULL,
    out_refund_no TEXT,
    event_type TEXT NOT NULL,
    original_type TEXT NOT NULL,
    summary TEXT NOT NULL,
    plaintext TEXT NOT NULL,
    url TEXT NOT NULL,
    created_at REAL NOT NULL,
    state TEXT NOT NULL,
    is_held INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at REAL NOT NULL,
    last_status INTEGER,
    last_error TEXT,
    delivered_at REAL
);
CREATE INDEX IF NOT EXISTS callbacks_due ON callbacks (due_at)
    WHERE state = 'pending' AND is_held = 0;
CREATE INDEX IF NOT EXISTS callbacks_of_order ON callbacks (mchid, out_trade_no);
CREATE TABLE IF NOT EXISTS holds (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mchid TEXT, out_trade_no TEXT, event_type TEXT
);
CREATE TABLE IF NOT EXISTS faults (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    operation TEXT NOT NULL,
    mchid TEXT,
    probability REAL NOT NULL,
    remaining INTEGER,
    latency_ms INTEGER NOT NULL,
    fired INTEGER NOT NULL DEFAULT 0
);
"""


class Store:
    """The record; `transaction` and `snapshot` hold its lock, so keep slow work out of them."""

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "wal_autocheckpoint=4000"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.executescript(_SCHEMA + ALIPAY_SCHEMA)

    def extend(self, schema: str, columns: Iterable[tuple[str, str, str]]) -> None:
        """Add tables, and the columns (table, name, definition) that an older record lacks."""
        with self._lock:
            self._connection.executescript(schema)
            for table, name, definition in columns:
                known = self._connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
                if name not in {row["name"] for row in known}:
                    self._connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {definition}")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection inside a transaction that commits unless something is raised."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection for reading."""
        with self._lock:
            yield self._connection

    def setting(self, name: str, default: str) -> str:
        """Return a kept setting."""
        with self.snapshot() as db:
            row = db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return default if row is None else str(row["value"])

    def keep_setting(self, name: str, value: str) -> None:
        """Keep a setting over restarts."""
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (name, value))
