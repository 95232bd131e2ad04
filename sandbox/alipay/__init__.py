"""Alipay's OpenAPI as a merchant sees it: login, trades, refunds, transfers, bills, notices."""
