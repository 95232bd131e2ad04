"""Chain the frozen rules: each version holds the hash of its rules and texts and of the one before.

And keep what a night's audit found late apart from what it found broken. A row's hash is written by
a trigger, so that the previous release writes it, too.

Revision ID: 8d20b6f4a71c
Revises: 8c41d6f7a2e5
"""

from pathlib import Path

from alembic import op

revision = "8d20b6f4a71c"
down_revision = "8c41d6f7a2e5"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql"
_CHAIN_WHAT_IS_THERE = """
    DO $$
    DECLARE version rule_versions;
    BEGIN
        FOR version IN SELECT * FROM rule_versions ORDER BY merchant_id, campaign_id, number LOOP
            UPDATE rule_versions SET chain = frozen_rules_chain(version, (
                SELECT f.chain FROM rule_versions f
                WHERE f.merchant_id = version.merchant_id AND f.campaign_id = version.campaign_id
                    AND f.number = version.number - 1))
            WHERE merchant_id = version.merchant_id AND id = version.id;
        END LOOP;
    END $$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE rule_versions ADD COLUMN chain BYTEA")
    op.execute((_SQL / "frozen_rules_1.sql").read_text())
    op.execute(_CHAIN_WHAT_IS_THERE)
    op.execute("ALTER TABLE rule_versions ALTER COLUMN chain SET NOT NULL")
    op.execute("ALTER TABLE audit_runs ADD COLUMN late JSONB NOT NULL DEFAULT '[]'")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE audit_runs DROP COLUMN late")
    op.execute("DROP TRIGGER chain_rule_version ON rule_versions")
    op.execute("DROP FUNCTION chain_rule_version")
    op.execute("ALTER TABLE rule_versions DROP COLUMN chain")
    op.execute("DROP FUNCTION frozen_rules_chain")
