"""The ledger's seals: recomputed from the rows that they cover, and from one to the next."""

from domain.auditing.checks import Check, Probe, probe
from domain.ledger.sealing import CHAIN, DIGESTS

SEALED = Check(
    "ledger.sealed",
    6,
    "Each seal of the ledger is the hash of the transactions and entries that it covers and of the"
    " seal before it; no transaction stands outside of the seals of its time.",
)
IN_TIME = Check(
    "ledger.sealed-in-time",
    6,
    "Since sealing has begun, every transaction older than an hour is sealed (where the business"
    " clock has never jumped).",
)
_CHAIN = CHAIN.format(
    before="coalesce(lag(s.chain) OVER w, CAST('' AS bytea))",
    number="s.number",
    from_xid="s.from_xid",
    to_xid="s.to_xid",
    transactions="s.transactions",
    digest="s.digest",
)

PROBES: tuple[Probe, ...] = (
    probe(
        SEALED,
        f"""
        WITH ranges AS (
            SELECT merchant_id, array_agg(from_xid ORDER BY number) AS starts,
                array_agg(to_xid ORDER BY number) AS ends,
                array_agg(number ORDER BY number) AS seals
            FROM ledger_seals GROUP BY 1
        ), sealed AS (
            SELECT coalesce(max(to_xid), 0) AS xid FROM ledger_seals
        ), placed AS MATERIALIZED (
            SELECT t.*, r.seals[width_bucket(t.written_in, r.starts)] AS seal,
                r.ends[width_bucket(t.written_in, r.starts)] > t.written_in AS is_inside
            FROM ledger_transactions t
            JOIN sealed ON t.written_in < sealed.xid
            LEFT JOIN ranges r ON r.merchant_id = t.merchant_id
        ), covered AS (
            SELECT * FROM placed WHERE is_inside
        ), {DIGESTS}
        SELECT format('transaction %s/%s is outside of all seals', merchant_id, id) AS key
        FROM placed WHERE is_inside IS NOT TRUE
        UNION ALL
        SELECT format('seal %s/%s is not that of its rows', s.merchant_id, s.number)
        FROM ledger_seals s
        LEFT JOIN digests d ON d.merchant_id = s.merchant_id AND d.seal = s.number
        WHERE (d.transactions, d.digest) IS DISTINCT FROM (s.transactions, s.digest)
        UNION ALL
        SELECT format('seal %s/%s does not follow the one before', c.merchant_id, c.number)
        FROM (
            SELECT s.merchant_id, s.number, s.chain <> {_CHAIN}
                OR s.number <> row_number() OVER w AS is_broken
            FROM ledger_seals s
            WINDOW w AS (PARTITION BY s.merchant_id ORDER BY s.number)
        ) c
        WHERE c.is_broken
        """,  # noqa: S608 - constants only
    ),
    probe(
        IN_TIME,
        """
        SELECT format('transaction %s/%s of %s', t.merchant_id, t.id, t.at) AS key
        FROM ledger_transactions t
        JOIN (SELECT max(to_xid) AS xid FROM ledger_seals) sealed ON t.written_in >= sealed.xid
        WHERE t.at <= CAST(:at AS timestamptz) - interval '1 hour'
            AND NOT EXISTS (SELECT 1 FROM clock_offset WHERE offset_seconds <> 0)
        """,
    ),
)
