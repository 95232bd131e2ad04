"""The tables of Alipay's record; callbacks and faults are shared with WeChat's."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS alipay_accounts (
    seller_id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL UNIQUE,
    app_private_pem TEXT NOT NULL,
    app_certificate_pem TEXT NOT NULL,
    alipay_private_pem TEXT NOT NULL,
    alipay_certificate_pem TEXT NOT NULL,
    root_certificates_pem TEXT NOT NULL,
    balance_fen INTEGER NOT NULL DEFAULT 0,
    is_unlimited INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS alipay_open_ids (open_id TEXT PRIMARY KEY, app_id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS alipay_codes (
    code TEXT PRIMARY KEY, app_id TEXT NOT NULL, open_id TEXT NOT NULL, used_at REAL
);
CREATE TABLE IF NOT EXISTS alipay_trades (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    seller_id TEXT NOT NULL REFERENCES alipay_accounts (seller_id),
    app_id TEXT NOT NULL,
    out_trade_no TEXT NOT NULL,
    trade_no TEXT NOT NULL UNIQUE,
    request TEXT NOT NULL,
    notify_url TEXT,
    subject TEXT NOT NULL,
    total_fen INTEGER NOT NULL,
    buyer_open_id TEXT NOT NULL,
    expires_at REAL NOT NULL,
    status TEXT NOT NULL,
    created_at REAL NOT NULL,
    closed_at REAL,
    paid_fen INTEGER,
    payer_open_id TEXT,
    paid_at REAL,
    UNIQUE (seller_id, out_trade_no)
);
CREATE INDEX IF NOT EXISTS alipay_trades_unpaid ON alipay_trades (expires_at)
    WHERE status = 'WAIT_BUYER_PAY';
CREATE TABLE IF NOT EXISTS alipay_refunds (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    trade_id INTEGER NOT NULL REFERENCES alipay_trades (id),
    seller_id TEXT NOT NULL,
    out_request_no TEXT NOT NULL,
    refund_fen INTEGER NOT NULL,
    refunded_at REAL NOT NULL,
    UNIQUE (trade_id, out_request_no)
);
CREATE TABLE IF NOT EXISTS alipay_transfers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    seller_id TEXT NOT NULL REFERENCES alipay_accounts (seller_id),
    out_biz_no TEXT NOT NULL,
    order_id TEXT NOT NULL UNIQUE,
    fund_order_id TEXT NOT NULL UNIQUE,
    request TEXT NOT NULL,
    title TEXT NOT NULL,
    amount_fen INTEGER NOT NULL,
    payee_open_id TEXT NOT NULL,
    status TEXT NOT NULL,
    fail_reason TEXT,
    transferred_at REAL NOT NULL,
    UNIQUE (seller_id, out_biz_no)
);
CREATE TABLE IF NOT EXISTS alipay_bill_links (
    token TEXT PRIMARY KEY, seller_id TEXT NOT NULL, bill_type TEXT NOT NULL,
    bill_date TEXT NOT NULL, dies_at REAL NOT NULL
);
"""
