"""Merchants: the tenants, their apps, staff, gateway accounts, settings, audit log."""
