"""Invariant 16, of rules: what all else is judged by, and shoppers were shown, never changed."""

from domain.auditing.checks import Check, Probe, probe

CHAINED = Check(
    "rules.chained",
    16,
    "Each version of a campaign's rules holds the hash of its frozen rules, of the texts that"
    " shoppers were shown, and of the version before; versions are numbered without a gap.",
)
FOLLOWED = Check(
    "campaigns.follow-their-rules",
    16,
    "A campaign that was published opens groups by the newest version of its own rules, in their"
    " window; its versions were published one after another.",
)

PROBES: tuple[Probe, ...] = (
    probe(
        CHAINED,
        """
        WITH versions AS (
            SELECT v.merchant_id, v.id, v.campaign_id, v.number, v.chain,
                row_number() OVER w AS place, sha256(
                    coalesce(lag(v.chain) OVER w, CAST('' AS bytea))
                    || convert_to(concat_ws('|', v.merchant_id, v.id, v.campaign_id, v.number,
                        extract(epoch FROM v.published_at), v.published_by, v.terms, v.text_zh,
                        v.text_en, v.acknowledged), 'UTF8')) AS recomputed
            FROM rule_versions v
            WINDOW w AS (PARTITION BY v.merchant_id, v.campaign_id ORDER BY v.number)
        )
        SELECT format('rule version %s/%s, number %s of campaign %s', merchant_id, id, number,
            campaign_id) AS key
        FROM versions WHERE chain <> recomputed OR number <> place
        """,
    ),
    probe(
        FOLLOWED,
        """
        WITH versions AS (
            SELECT merchant_id, campaign_id, array_agg(id ORDER BY number DESC) AS ids,
                (array_agg(terms ORDER BY number DESC))[1] AS terms
            FROM rule_versions GROUP BY 1, 2
        ), ordered AS (
            SELECT merchant_id, campaign_id, published_at
                < lag(published_at) OVER (PARTITION BY merchant_id, campaign_id ORDER BY number)
                AS is_backward
            FROM rule_versions
        )
        SELECT format('campaign %s/%s is %s, by version %s, from %s to %s', c.merchant_id, c.id,
            c.state, c.rule_version_id, c.starts_at, c.ends_at) AS key
        FROM campaigns c
        LEFT JOIN versions v ON v.merchant_id = c.merchant_id AND v.campaign_id = c.id
        WHERE (c.rule_version_id IS NOT DISTINCT FROM v.ids[1]
            AND (c.rule_version_id IS NOT NULL OR c.state IN ('draft', 'ended', 'archived'))
            AND c.starts_at = (coalesce(v.terms, c.draft_terms) ->> 'starts_at')::timestamptz
            AND c.ends_at = (coalesce(v.terms, c.draft_terms) ->> 'ends_at')::timestamptz
        ) IS NOT TRUE
        UNION ALL
        SELECT format('campaign %s/%s: versions published backward', merchant_id, campaign_id)
        FROM ordered WHERE is_backward
        """,
    ),
)
