"""Schema migrations (Alembic), roles and functions."""
