"""WeChat Pay's further tables, and the columns of any table that older records lack."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS wechat_settings (
    mchid TEXT PRIMARY KEY,
    operation_fen INTEGER NOT NULL DEFAULT 0,
    transfers_from TEXT NOT NULL DEFAULT 'BASIC',
    transfer_min_fen INTEGER NOT NULL DEFAULT 10,
    transfer_max_fen INTEGER NOT NULL DEFAULT 20000,
    transfer_daily_fen INTEGER,
    transfer_delay_seconds REAL NOT NULL DEFAULT 0,
    transfer_closes_as TEXT NOT NULL DEFAULT 'FAIL',
    refunds_per_second INTEGER,
    transfers_per_second INTEGER,
    signs_with TEXT NOT NULL DEFAULT 'public_key',
    new_key_percent REAL
);
CREATE TABLE IF NOT EXISTS wechat_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mchid TEXT NOT NULL,
    kind TEXT NOT NULL,
    key_id TEXT NOT NULL,
    secret TEXT NOT NULL,
    certificate TEXT
);
CREATE INDEX IF NOT EXISTS wechat_keys_of ON wechat_keys (mchid, id);
CREATE TABLE IF NOT EXISTS flows (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mchid TEXT NOT NULL,
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    number TEXT NOT NULL,
    gateway_no TEXT NOT NULL,
    fen INTEGER NOT NULL,
    balance_fen INTEGER NOT NULL,
    at REAL NOT NULL,
    memo TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS flows_of_day ON flows (mchid, account, at);
CREATE TABLE IF NOT EXISTS transfers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mchid TEXT NOT NULL,
    appid TEXT NOT NULL,
    out_bill_no TEXT NOT NULL,
    transfer_bill_no TEXT NOT NULL UNIQUE,
    request TEXT NOT NULL,
    openid TEXT NOT NULL,
    transfer_fen INTEGER NOT NULL,
    remark TEXT NOT NULL,
    notify_url TEXT,
    account TEXT NOT NULL,
    state TEXT NOT NULL,
    fail_reason TEXT,
    package_info TEXT NOT NULL UNIQUE,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    next_state TEXT,
    next_reason TEXT,
    due_at REAL,
    UNIQUE (mchid, out_bill_no)
);
CREATE INDEX IF NOT EXISTS transfers_due ON transfers (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS transfers_of_payee ON transfers (mchid, openid, updated_at);
CREATE TABLE IF NOT EXISTS bill_files (
    token TEXT PRIMARY KEY, mchid TEXT NOT NULL, content BLOB NOT NULL, expires_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS stocks (
    mchid TEXT NOT NULL,
    stock_id TEXT NOT NULL,
    remaining INTEGER NOT NULL,
    most_per_user INTEGER NOT NULL,
    PRIMARY KEY (mchid, stock_id)
);
CREATE TABLE IF NOT EXISTS coupons (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mchid TEXT NOT NULL,
    stock_id TEXT NOT NULL,
    openid TEXT NOT NULL,
    out_request_no TEXT NOT NULL,
    coupon_id TEXT NOT NULL UNIQUE,
    request TEXT NOT NULL,
    created_at REAL NOT NULL,
    UNIQUE (mchid, out_request_no)
);
"""
COLUMNS = (
    ("callbacks", "out_bill_no", "TEXT"),
    ("refunds", "channel", "TEXT NOT NULL DEFAULT 'ORIGINAL'"),
    ("refunds", "received_by", "TEXT"),
    ("alipay_bill_links", "falsified", "TEXT NOT NULL DEFAULT ''"),
    ("faults", "reason", "TEXT"),
    ("faults", "days", "REAL"),
)
