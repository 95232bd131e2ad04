"""Invariant 11: no row points across merchants, and nobody can read or write around that.

Read from the catalogue: what the database itself enforces, not what a migration meant to do.
"""

from domain.auditing.checks import Check, Probe, listed, probe, rows_of
from domain.models import DIRECTORY, Base

APPEND_ONLY = (
    "audit_log",
    "facts",
    "ledger_entries",
    "ledger_seals",
    "ledger_transactions",
    "risk_decisions",
    "rule_versions",
    "state_moves",
    "visits",
)
SERVING_ROLES = ("pinbu_core", "pinbu_merchant")
DELETABLE = ("bill_lines", "idempotency_keys", "sign_in_failures")

KEYS = Check(
    "tenants.keys-hold-the-merchant",
    11,
    "Every key, unique index and reference of a tenant's table holds its merchant, and every"
    " reference of the models is there and enforced.",
)
ROW_SECURITY = Check(
    "tenants.row-security",
    11,
    "Every tenant's table has row-level security, and shows the merchant role its own merchant's"
    " rows only.",
)
ROLES = Check(
    "tenants.roles",
    11,
    "The serving roles are no superusers, bypass no row-level security, own nothing and belong to"
    " no other role.",
)
RIGHTS = Check(
    "tenants.append-only",
    11,
    "Nobody but the owner may change or delete what is append-only, delete elsewhere, or reach a"
    " partition around its table.",
)
INSIDE = Check(
    "tenants.references-stay-inside",
    11,
    "References without a foreign key find their row at the same merchant.",
)

_REFERENCES = rows_of(
    (table.name, str(constraint.name))
    for table in Base.metadata.sorted_tables
    for constraint in table.foreign_key_constraints
)
_OWN_ROWS = (
    "(merchant_id = (NULLIF(current_setting(''pinbu.merchant_id''::text, true),"
    " ''''::text))::bigint)"
)
_TABLES = f"""
    SELECT c.oid, c.relname, c.relkind, c.relrowsecurity, c.relowner, c.relacl, c.relispartition,
        a.attnum AS merchant_column, c.relname IN ({listed(sorted(DIRECTORY))}) AS is_directory
    FROM pg_class c
    LEFT JOIN pg_attribute a
        ON a.attrelid = c.oid AND a.attname = 'merchant_id' AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
        AND c.relname <> 'alembic_version'
"""  # noqa: S608 - constants only


def _inside(table: str, column: str, target: str, where: str = "true") -> str:
    """Build the search for rows of `table` whose `column` names no row of `target` at theirs."""
    return f"""
        SELECT format('{table}.{column}: merchant %s, {target} %s', s.merchant_id, s.{column})
            AS key
        FROM {table} s
        WHERE {where} AND s.{column} IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM {target} t
            WHERE t.merchant_id = s.merchant_id AND t.id = s.{column})
        """  # noqa: S608 - constants only


_LOOSE = (
    ("visits", "share_id", "shares", "true"),
    ("visits", "shopper_id", "shoppers", "true"),
    ("risk_decisions", "shopper_id", "shoppers", "true"),
    ("risk_decisions", "order_id", "orders", "true"),
    ("campaign_movements", "order_id", "orders", "s.order_id <> 0"),
    ("facts", "subject_id", "groups", "s.kind LIKE 'group.%'"),
    ("facts", "subject_id", "orders", "s.kind LIKE 'order.%'"),
    ("facts", "subject_id", "payments", "s.kind LIKE 'payment.%'"),
    ("work_rows", "subject_id", "groups", "s.kind = 'settle_group'"),
    ("work_rows", "subject_id", "payments", "s.kind = 'drive_payment'"),
    ("work_rows", "subject_id", "refunds", "s.kind = 'drive_refund'"),
    ("share_tokens", "share_id", "shares", "true"),
    ("gateway_addresses", "gateway_account_id", "gateway_accounts", "true"),
    ("staff_logins", "staff_id", "staff", "true"),
    ("staff_sessions", "staff_id", "staff", "true"),
)

PROBES: tuple[Probe, ...] = (
    probe(
        KEYS,
        f"""
        WITH tables AS ({_TABLES}), wanted (table_name, reference) AS (VALUES {_REFERENCES})
        SELECT format('%s has no merchant and is not in the directory', relname) AS key
        FROM tables WHERE merchant_column IS NULL AND NOT is_directory AND NOT relispartition
        UNION ALL
        SELECT format('%s: unique index %s does not begin with merchant_id', t.relname,
            i.indexrelid::regclass)
        FROM tables t JOIN pg_index i ON i.indrelid = t.oid
        WHERE i.indisunique AND NOT t.is_directory AND i.indkey[0] <> t.merchant_column
        UNION ALL
        SELECT format('%s has no primary key', t.relname)
        FROM tables t
        WHERE NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = t.oid AND i.indisprimary)
        UNION ALL
        SELECT format('%s: %s does not compare merchants', t.relname, f.conname)
        FROM tables t
        JOIN pg_constraint f ON f.conrelid = t.oid AND f.contype = 'f'
        JOIN tables target ON target.oid = f.confrelid
        WHERE NOT t.is_directory AND NOT target.is_directory AND NOT EXISTS (
            SELECT 1 FROM unnest(f.conkey, f.confkey) AS pair (source, destination)
            WHERE source = t.merchant_column AND destination = target.merchant_column)
        UNION ALL
        SELECT format('%s: %s is missing or not enforced', w.table_name, w.reference)
        FROM wanted w
        WHERE NOT EXISTS (
            SELECT 1 FROM pg_constraint f
            WHERE f.conrelid = to_regclass('public.' || w.table_name) AND f.contype = 'f'
                AND f.conname = w.reference AND f.convalidated)
        """,  # noqa: S608 - constants only
    ),
    probe(
        ROW_SECURITY,
        f"""
        WITH tables AS ({_TABLES})
        SELECT format('%s has no row-level security', relname) AS key
        FROM tables
        WHERE NOT is_directory AND NOT relispartition AND NOT relrowsecurity
        UNION ALL
        SELECT format('%s: policy %s shows the merchant role more than its own rows', t.relname,
            p.polname)
        FROM tables t
        JOIN pg_policy p ON p.polrelid = t.oid
        WHERE (p.polroles @> ARRAY[0::oid]
                OR p.polroles @> ARRAY[(SELECT oid FROM pg_roles WHERE rolname = 'pinbu_merchant')])
            AND (pg_get_expr(p.polqual, p.polrelid) IS DISTINCT FROM '{_OWN_ROWS}'
                OR coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '{_OWN_ROWS}')
                    <> '{_OWN_ROWS}')
        """,  # noqa: S608 - constants only
    ),
    probe(
        ROLES,
        f"""
        SELECT format('%s is missing', name) AS key
        FROM unnest(ARRAY[{listed(SERVING_ROLES)}]) AS wanted (name)
        WHERE NOT EXISTS (SELECT 1 FROM pg_roles r WHERE r.rolname = wanted.name)
        UNION ALL
        SELECT format('%s may too much', rolname) FROM pg_roles
        WHERE rolname IN ({listed(SERVING_ROLES)})
            AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolreplication)
        UNION ALL
        SELECT format('%s belongs to %s', r.rolname, m.roleid::regrole)
        FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member
        WHERE r.rolname IN ({listed(SERVING_ROLES)})
        UNION ALL
        SELECT format('%s owns %s', r.rolname, c.relname)
        FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
        WHERE r.rolname IN ({listed(SERVING_ROLES)})
        """,  # noqa: S608 - constants only
    ),
    probe(
        RIGHTS,
        f"""
        WITH tables AS ({_TABLES}), rights AS (
            SELECT t.relname, t.relispartition, r.grantee, r.privilege_type AS privilege
            FROM tables t CROSS JOIN LATERAL aclexplode(t.relacl) r WHERE r.grantee <> t.relowner
            UNION ALL
            SELECT t.relname, t.relispartition, r.grantee, r.privilege_type
            FROM tables t
            JOIN pg_attribute a ON a.attrelid = t.oid
            CROSS JOIN LATERAL aclexplode(a.attacl) r WHERE r.grantee <> t.relowner
        )
        SELECT format('%s: %s for %s', relname, privilege,
            CASE grantee WHEN 0 THEN 'everybody' ELSE grantee::regrole::text END) AS key
        FROM rights
        WHERE relispartition
            OR (relname IN ({listed(APPEND_ONLY)}) AND privilege NOT IN ('SELECT', 'INSERT'))
            OR (privilege IN ('DELETE', 'TRUNCATE') AND relname NOT IN ({listed(DELETABLE)}))
        """,  # noqa: S608 - constants only
    ),
    probe(INSIDE, " UNION ALL ".join(_inside(*reference) for reference in _LOOSE)),
)
