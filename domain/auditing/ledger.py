"""Invariant 6, and the ledger's half of 3, 4, 5: every posting has its cause, and vice versa."""

from domain.auditing.checks import Check, Probe

BALANCED = Check(
    "ledger.transactions-balance", 6, "The entries of a ledger transaction are two and sum to zero."
)
EFFECTS_ONCE = Check(
    "ledger.effects-once", 6, "A business effect is one ledger transaction, never two."
)
CAUSED = Check(
    "ledger.postings-have-a-cause", 6, "A ledger transaction is of a kind that something causes."
)
PAYMENTS_POSTED = Check(
    "payments.posted",
    3,
    "A successful payment has exactly one transaction of what it received, from its gateway account"
    " to the order deposits; nothing else has one.",
)
MEANS_RETURNED = Check(
    "orders.means-returned-once",
    8,
    "What an order takes of a wallet, of points, of a coupon or a pass (the rest of its value is"
    " lost) left where it was held once; it came back once if the order is over without a product,"
    " else not.",
)
SALES_POSTED = Check(
    "orders.sales-posted",
    6,
    "An order that is fulfilled has one transaction of its whole price; one that was refunded"
    " after that has one back.",
)
REFUNDS_POSTED = Check(
    "refunds.posted",
    4,
    "A refund has one transaction of its amount when requested, one when it has arrived, to the"
    " gateway account it was paid at, and one back if the gateway closed it. One made elsewhere"
    " has one when it has arrived, and one of the order that pays for it; one that staff settled"
    " offline has one for that.",
)
GRANTS_POSTED = Check(
    "grants.issued-once",
    5,
    "An issued grant, reward or gift has exactly one transaction of its amount, out of its expense"
    " into its shopper's wallet, or into what is owed as coupons, passes or points; no other has"
    " one.",
)
EXPIRIES_POSTED = Check(
    "expiries.posted",
    8,
    "An expired coupon or pass has exactly one transaction of its value into breakage; what of a"
    " lot expired is the sum of its transactions, the first by the lot, later ones by points that"
    " came back into it.",
)
CLAWBACKS_POSTED = Check(
    "clawbacks.posted",
    8,
    "A claw-back has exactly one transaction of its amount, from where the value was held back to"
    " the expense that it was issued out of.",
)
WITHDRAWALS_POSTED = Check(
    "withdrawals.posted",
    5,
    "A withdrawal has one transaction of its gross out of its shopper's wallet; one of its net to"
    " the gateway account and one of its tax if it succeeded; one of its gross back if it did not.",
)
ONE_MERCHANT = Check(
    "ledger.one-merchant",
    6,
    "A transaction touches one merchant: its entries are on accounts of that merchant, wallets of"
    " its shoppers, gateways of its own.",
)
WALLETS_COUNTED = Check(
    "ledger.wallets-counted", 6, "A wallet's balance is the sum of its entries, and not negative."
)
ACCOUNTS_EXPLAINED = Check(
    "ledger.accounts-explained",
    6,
    "Order deposits are what placed and paid orders hold, the gateway account what came and has not"
    " gone back or out, refunds and withdrawals payable what has not arrived, coupons, passes and"
    " points payable what is live of them; sales, tax payable, breakage and expenses likewise.",
)

_BY_KIND = f"""
    CASE WHEN kind = 'payment.received' THEN '{PAYMENTS_POSTED.name}'
        WHEN split_part(kind, '.', 1) IN ('wallet', 'points', 'coupon', 'pass')
            AND split_part(kind, '.', 2) IN ('spent', 'returned', 'rest_spent', 'rest_returned')
            THEN '{MEANS_RETURNED.name}'
        WHEN kind IN ('order.sold', 'order.returned') THEN '{SALES_POSTED.name}'
        WHEN kind IN ('refund.requested', 'refund.arrived', 'refund.closed', 'refund.elsewhere',
            'refund.covered', 'refund.uncovered', 'refund.settled_offline')
            THEN '{REFUNDS_POSTED.name}'
        WHEN kind IN ('grant.issued', 'reward.issued', 'gift.issued') THEN '{GRANTS_POSTED.name}'
        WHEN kind IN ('instrument.expired', 'points.expired', 'points.return_expired')
            THEN '{EXPIRIES_POSTED.name}'
        WHEN kind = 'clawback' THEN '{CLAWBACKS_POSTED.name}'
        WHEN kind LIKE 'withdrawal.%' THEN '{WITHDRAWALS_POSTED.name}'
        ELSE '{CAUSED.name}' END
"""

ISSUED = """
    SELECT merchant_id, 'grant' AS source, id, shopper_id, kind, amount_fen FROM grants
    WHERE state IN ('issued', 'clawed_back')
    UNION ALL
    SELECT merchant_id, 'reward', id, referrer_id, 'coupon', amount_fen FROM rewards
    UNION ALL
    SELECT merchant_id, 'gift', id, shopper_id, kind, amount_fen FROM gifts
"""
"""What was issued: (source, id) names it."""

_WAS_SOLD = """EXISTS (
    SELECT 1 FROM state_moves m
    WHERE m.merchant_id = o.merchant_id AND m.machine = 'order' AND m.subject_id = o.id
        AND m.to_state = 'fulfilling')"""
_MEANS = """
    SELECT o.merchant_id, o.id, v.means, v.amount, v.source_id, v.destination_id,
        o.state IN ('refunding', 'refunded', 'expired', 'cancelled') AS is_over
    FROM orders o
    JOIN books b ON b.merchant_id = o.merchant_id
    LEFT JOIN wallets w ON w.merchant_id = o.merchant_id AND w.owner_id = o.shopper_id
    LEFT JOIN instruments n ON n.merchant_id = o.merchant_id AND n.id = o.instrument_id
    CROSS JOIN LATERAL (VALUES
        ('wallet.', o.wallet_fen, w.id, b.deposits),
        ('points.', o.points_fen, b.points, b.deposits),
        (n.kind || '.', o.instrument_fen,
            CASE n.kind WHEN 'coupon' THEN b.coupons ELSE b.passes END, b.deposits),
        (n.kind || '.rest_', n.value_fen - o.instrument_fen,
            CASE n.kind WHEN 'coupon' THEN b.coupons ELSE b.passes END, b.breakage)
    ) AS v (means, amount, source_id, destination_id)
    WHERE o.wallet_fen > 0 OR o.points_fen > 0 OR o.instrument_fen > 0
"""

PROBES: tuple[Probe, ...] = (
    Probe(
        (
            BALANCED,
            EFFECTS_ONCE,
            CAUSED,
            PAYMENTS_POSTED,
            MEANS_RETURNED,
            SALES_POSTED,
            REFUNDS_POSTED,
            GRANTS_POSTED,
            EXPIRIES_POSTED,
            CLAWBACKS_POSTED,
            WITHDRAWALS_POSTED,
        ),
        f"""
        WITH books AS (
            SELECT merchant_id,
                max(id) FILTER (WHERE kind = 'order_deposits') AS deposits,
                max(id) FILTER (WHERE kind = 'refunds_payable') AS payable,
                max(id) FILTER (WHERE kind = 'sales') AS sales,
                max(id) FILTER (WHERE kind = 'refunds_elsewhere') AS elsewhere,
                max(id) FILTER (WHERE kind = 'settled_offline') AS offline,
                max(id) FILTER (WHERE kind = 'subsidy_expense') AS expense,
                max(id) FILTER (WHERE kind = 'withdrawals_payable') AS withdrawals,
                max(id) FILTER (WHERE kind = 'tax_payable') AS tax,
                max(id) FILTER (WHERE kind = 'coupons_payable') AS coupons,
                max(id) FILTER (WHERE kind = 'passes_payable') AS passes,
                max(id) FILTER (WHERE kind = 'points_payable') AS points,
                max(id) FILTER (WHERE kind = 'external_points_payable') AS external_points,
                max(id) FILTER (WHERE kind = 'reward_expense') AS rewards,
                max(id) FILTER (WHERE kind = 'goodwill_expense') AS goodwill,
                max(id) FILTER (WHERE kind = 'breakage') AS breakage
            FROM ledger_accounts WHERE owner_id = 0 GROUP BY 1
        ), gateways AS (
            SELECT merchant_id, owner_id, id FROM ledger_accounts WHERE kind = 'gateway'
        ), wallets AS (
            SELECT merchant_id, owner_id, id FROM ledger_accounts WHERE kind = 'wallet'
        ), sides AS (
            SELECT merchant_id, transaction_id, count(*) AS entries, min(amount_fen) AS lowest,
                max(amount_fen) AS amount, max(account_id) FILTER (WHERE amount_fen < 0)
                    AS source_id, max(account_id) FILTER (WHERE amount_fen > 0) AS destination_id
            FROM ledger_entries GROUP BY 1, 2
        ), expired_later AS (
            SELECT u.merchant_id, u.lot_id, u.id AS use_id, s.amount,
                u.returned_at IS NOT NULL AS is_back
            FROM point_uses u
            JOIN ledger_transactions t ON t.merchant_id = u.merchant_id
                AND t.kind = 'points.return_expired' AND t.ref_id = u.id
            JOIN sides s ON s.merchant_id = t.merchant_id AND s.transaction_id = t.id
        ), caused (merchant_id, kind, ref_id, amount, source_id, destination_id) AS (
            SELECT p.merchant_id, 'payment.received', p.id, p.received_fen, g.id, b.deposits
            FROM payments p JOIN books b ON b.merchant_id = p.merchant_id
            LEFT JOIN gateways g
                ON g.merchant_id = p.merchant_id AND g.owner_id = p.gateway_account_id
            WHERE p.state = 'succeeded'
            UNION ALL
            SELECT r.merchant_id, 'refund.requested', r.id, r.amount_fen, b.deposits, b.payable
            FROM refunds r JOIN books b ON b.merchant_id = r.merchant_id
            WHERE r.elsewhere_no IS NULL
            UNION ALL
            SELECT r.merchant_id, v.kind, r.id, r.amount_fen, v.source_id, v.destination_id
            FROM refunds r JOIN books b ON b.merchant_id = r.merchant_id
            LEFT JOIN payments p ON p.merchant_id = r.merchant_id AND p.id = r.payment_id
            LEFT JOIN orders o ON o.merchant_id = r.merchant_id AND o.id = r.order_id
            LEFT JOIN gateways g
                ON g.merchant_id = p.merchant_id AND g.owner_id = p.gateway_account_id
            CROSS JOIN LATERAL (VALUES
                ('refund.elsewhere', b.elsewhere, g.id, r.state = 'arrived'),
                ('refund.covered', b.deposits, b.elsewhere, r.is_covered),
                ('refund.uncovered', b.elsewhere, b.deposits, r.is_covered AND r.state = 'closed')
            ) AS v (kind, source_id, destination_id, is_owed)
            WHERE r.elsewhere_no IS NOT NULL AND v.is_owed
            UNION ALL
            SELECT r.merchant_id, 'refund.settled_offline', r.id, r.amount_fen, b.payable, b.offline
            FROM refunds r JOIN books b ON b.merchant_id = r.merchant_id
            WHERE r.state = 'settled_offline'
            UNION ALL
            SELECT r.merchant_id, 'refund.arrived', r.id, r.amount_fen, b.payable, g.id
            FROM refunds r JOIN books b ON b.merchant_id = r.merchant_id
            LEFT JOIN payments p ON p.merchant_id = r.merchant_id AND p.id = r.payment_id
            LEFT JOIN gateways g
                ON g.merchant_id = p.merchant_id AND g.owner_id = p.gateway_account_id
            WHERE r.state = 'arrived' AND r.elsewhere_no IS NULL
            UNION ALL
            SELECT r.merchant_id, 'refund.closed', r.id, r.amount_fen, b.payable, b.deposits
            FROM refunds r JOIN books b ON b.merchant_id = r.merchant_id
            WHERE r.state = 'closed' AND r.elsewhere_no IS NULL
            UNION ALL
            SELECT m.merchant_id, m.means || v.suffix, m.id, m.amount,
                CASE WHEN v.is_back THEN m.destination_id ELSE m.source_id END,
                CASE WHEN v.is_back THEN m.source_id ELSE m.destination_id END
            FROM ({_MEANS}) m
            CROSS JOIN LATERAL (
                VALUES ('spent', false, true), ('returned', true, m.is_over)
            ) AS v (suffix, is_back, is_owed)
            WHERE v.is_owed AND m.amount > 0
            UNION ALL
            SELECT o.merchant_id, 'order.sold', o.id, o.price_fen, b.deposits, b.sales
            FROM orders o JOIN books b ON b.merchant_id = o.merchant_id
            WHERE o.state IN ('fulfilling', 'fulfilled', 'aftersale')
                OR o.state IN ('refunding', 'refunded') AND {_WAS_SOLD}
            UNION ALL
            SELECT o.merchant_id, 'order.returned', o.id, o.price_fen, b.sales, b.deposits
            FROM orders o JOIN books b ON b.merchant_id = o.merchant_id
            WHERE o.state IN ('refunding', 'refunded') AND {_WAS_SOLD}
            UNION ALL
            SELECT i.merchant_id, i.source || '.issued', i.id, i.amount_fen,
                CASE i.source WHEN 'grant' THEN b.expense WHEN 'reward' THEN b.rewards
                    ELSE b.goodwill END,
                CASE i.kind WHEN 'cash' THEN w.id WHEN 'coupon' THEN b.coupons
                    WHEN 'pass' THEN b.passes WHEN 'points' THEN b.points
                    ELSE b.external_points END
            FROM ({ISSUED}) i JOIN books b ON b.merchant_id = i.merchant_id
            LEFT JOIN wallets w ON w.merchant_id = i.merchant_id AND w.owner_id = i.shopper_id
            UNION ALL
            SELECT n.merchant_id, 'instrument.expired', n.id, n.value_fen,
                CASE n.kind WHEN 'coupon' THEN b.coupons ELSE b.passes END, b.breakage
            FROM instruments n JOIN books b ON b.merchant_id = n.merchant_id
            WHERE n.state = 'expired'
            UNION ALL
            SELECT l.merchant_id, 'points.expired', l.id,
                l.expired_fen - coalesce(later.amount, 0), b.points, b.breakage
            FROM point_lots l JOIN books b ON b.merchant_id = l.merchant_id
            LEFT JOIN (
                SELECT merchant_id, lot_id, sum(amount) AS amount FROM expired_later GROUP BY 1, 2
            ) later ON later.merchant_id = l.merchant_id AND later.lot_id = l.id
            WHERE l.expired_fen > 0
            UNION ALL
            SELECT e.merchant_id, 'points.return_expired', e.use_id, e.amount, b.points, b.breakage
            FROM expired_later e JOIN books b ON b.merchant_id = e.merchant_id
            WHERE e.is_back
            UNION ALL
            SELECT c.merchant_id, 'clawback', c.id, c.amount_fen,
                CASE i.kind WHEN 'cash' THEN w.id WHEN 'coupon' THEN b.coupons
                    WHEN 'pass' THEN b.passes WHEN 'points' THEN b.points END,
                CASE c.source WHEN 'grant' THEN b.expense WHEN 'reward' THEN b.rewards
                    ELSE b.goodwill END
            FROM clawbacks c JOIN books b ON b.merchant_id = c.merchant_id
            LEFT JOIN ({ISSUED}) i ON i.merchant_id = c.merchant_id AND i.source = c.source
                AND i.id = c.source_id
            LEFT JOIN wallets w ON w.merchant_id = c.merchant_id AND w.owner_id = i.shopper_id
            UNION ALL
            SELECT d.merchant_id, v.kind, d.id, v.amount, v.source_id, v.destination_id
            FROM withdrawals d JOIN books b ON b.merchant_id = d.merchant_id
            LEFT JOIN wallets w ON w.merchant_id = d.merchant_id AND w.owner_id = d.shopper_id
            LEFT JOIN gateways g
                ON g.merchant_id = d.merchant_id AND g.owner_id = d.gateway_account_id
            CROSS JOIN LATERAL (VALUES
                ('withdrawal.requested', d.gross_fen, w.id, b.withdrawals, true),
                ('withdrawal.paid', d.net_fen, b.withdrawals, g.id, d.state = 'succeeded'),
                ('withdrawal.taxed', d.tax_fen, b.withdrawals, b.tax,
                    d.state = 'succeeded' AND d.tax_fen > 0),
                ('withdrawal.returned', d.gross_fen, b.withdrawals, w.id,
                    d.state IN ('failed', 'expired', 'cancelled'))
            ) AS v (kind, amount, source_id, destination_id, is_owed)
            WHERE v.is_owed
        ), posted AS (
            SELECT coalesce(t.merchant_id, s.merchant_id) AS merchant_id,
                coalesce(t.id, s.transaction_id) AS id, coalesce(t.kind, 'unknown') AS kind,
                t.ref_id, s.amount, s.source_id, s.destination_id,
                coalesce(t.id IS NOT NULL AND s.entries = 2 AND s.lowest + s.amount = 0, false)
                    AS is_balanced
            FROM ledger_transactions t
            FULL JOIN sides s ON s.merchant_id = t.merchant_id AND s.transaction_id = t.id
        ), judged AS (
            SELECT coalesce(p.merchant_id, c.merchant_id) AS merchant_id, p.id,
                coalesce(p.kind, c.kind) AS kind, coalesce(p.ref_id, c.ref_id) AS ref_id,
                p.amount, p.source_id, p.destination_id, c.amount AS owed,
                c.source_id AS owed_from, c.destination_id AS owed_to,
                p.id IS NULL OR p.is_balanced AS is_balanced,
                coalesce(p.amount = c.amount AND p.source_id = c.source_id
                    AND p.destination_id = c.destination_id, false) AS is_caused
            FROM posted p
            FULL JOIN caused c
                ON c.merchant_id = p.merchant_id AND c.ref_id = p.ref_id AND c.kind = p.kind
        ), wrong AS (
            SELECT * FROM judged WHERE NOT (is_balanced AND is_caused)
        )
        SELECT v.name, format('transaction %s/%s, %s %s: %s fen from account %s to %s, owed: %s fen'
            ' from account %s to %s', merchant_id, id, kind, ref_id, amount, source_id,
            destination_id, owed, owed_from, owed_to) AS key
        FROM wrong CROSS JOIN LATERAL (
            VALUES ('{BALANCED.name}', is_balanced), ({_BY_KIND}, is_caused)
        ) AS v (name, is_so)
        WHERE NOT v.is_so
        UNION ALL
        SELECT v.name, format('merchant %s, %s %s: %s transactions', merchant_id, kind, ref_id, n)
        FROM (
            SELECT merchant_id, kind, ref_id, count(*) AS n FROM ledger_transactions
            GROUP BY 1, 2, 3 HAVING count(*) > 1
        ) AS twice CROSS JOIN LATERAL (VALUES ('{EFFECTS_ONCE.name}'), ({_BY_KIND})) AS v (name)
        """,  # noqa: S608 - constants only
    ),
    Probe(
        (WALLETS_COUNTED, ONE_MERCHANT, ACCOUNTS_EXPLAINED),
        f"""
        WITH sums AS (
            SELECT merchant_id, account_id, sum(amount_fen) AS balance
            FROM ledger_entries GROUP BY 1, 2
        ), owed AS (
            SELECT merchant_id, kind, owner_id, sum(amount) AS balance FROM (
                SELECT merchant_id, 'order_deposits' AS kind, 0 AS owner_id,
                    CASE state WHEN 'placed' THEN price_fen - payable_fen ELSE price_fen END
                        AS amount
                FROM orders WHERE state IN ('placed', 'paid')
                UNION ALL
                SELECT merchant_id, 'refunds_payable', 0, amount_fen
                FROM refunds
                WHERE state NOT IN ('arrived', 'closed', 'settled_offline') AND elsewhere_no IS NULL
                UNION ALL
                SELECT merchant_id, 'settled_offline', 0, amount_fen
                FROM refunds WHERE state = 'settled_offline'
                UNION ALL
                SELECT merchant_id, 'refunds_elsewhere', 0,
                    CASE WHEN is_covered AND state <> 'closed' THEN amount_fen ELSE 0 END
                        - CASE state WHEN 'arrived' THEN amount_fen ELSE 0 END
                FROM refunds WHERE elsewhere_no IS NOT NULL
                UNION ALL
                SELECT merchant_id, 'gateway', gateway_account_id, -received_fen
                FROM payments WHERE state = 'succeeded'
                UNION ALL
                SELECT r.merchant_id, 'gateway', p.gateway_account_id, r.amount_fen
                FROM refunds r
                JOIN payments p ON p.merchant_id = r.merchant_id AND p.id = r.payment_id
                WHERE r.state = 'arrived'
                UNION ALL
                SELECT merchant_id, 'sales', 0, price_fen
                FROM orders WHERE state IN ('fulfilling', 'fulfilled', 'aftersale')
                UNION ALL
                SELECT merchant_id, CASE source WHEN 'grant' THEN 'subsidy_expense'
                    WHEN 'reward' THEN 'reward_expense' ELSE 'goodwill_expense' END, 0, -amount_fen
                FROM ({ISSUED}) i
                UNION ALL
                SELECT merchant_id, CASE source WHEN 'grant' THEN 'subsidy_expense'
                    WHEN 'reward' THEN 'reward_expense' ELSE 'goodwill_expense' END, 0, amount_fen
                FROM clawbacks
                UNION ALL
                SELECT merchant_id, CASE kind WHEN 'coupon' THEN 'coupons_payable'
                    ELSE 'passes_payable' END, 0, value_fen
                FROM instruments WHERE state = 'issued'
                UNION ALL
                SELECT merchant_id, 'points_payable', 0, left_fen FROM point_lots
                UNION ALL
                SELECT merchant_id, 'external_points_payable', 0, amount_fen FROM external_issues
                UNION ALL
                SELECT n.merchant_id, 'breakage', 0, CASE n.state WHEN 'expired' THEN n.value_fen
                    ELSE n.value_fen - o.instrument_fen END
                FROM instruments n
                LEFT JOIN orders o ON o.merchant_id = n.merchant_id AND o.id = n.order_id
                WHERE n.state IN ('expired', 'reserved', 'spent')
                UNION ALL
                SELECT merchant_id, 'breakage', 0, expired_fen FROM point_lots
                UNION ALL
                SELECT merchant_id, 'withdrawals_payable', 0, gross_fen
                FROM withdrawals WHERE state NOT IN ('succeeded', 'failed', 'expired', 'cancelled')
                UNION ALL
                SELECT merchant_id, 'tax_payable', 0, tax_fen
                FROM withdrawals WHERE state = 'succeeded'
                UNION ALL
                SELECT merchant_id, 'gateway', gateway_account_id, net_fen
                FROM withdrawals WHERE state = 'succeeded'
            ) AS parts GROUP BY 1, 2, 3
        ), accounts AS (
            SELECT coalesce(a.merchant_id, s.merchant_id) AS merchant_id,
                coalesce(a.id, s.account_id) AS id, a.kind, a.owner_id, a.balance_fen,
                coalesce(s.balance, 0) AS balance, coalesce(o.balance, 0) AS owed,
                coalesce(CASE a.kind WHEN 'wallet' THEN p.id IS NOT NULL
                    WHEN 'gateway' THEN g.id IS NOT NULL ELSE a.owner_id = 0 END, false)
                    AS is_owned,
                a.kind IS DISTINCT FROM 'wallet'
                    OR (a.balance_fen = coalesce(s.balance, 0) AND a.balance_fen >= 0)
                    AS is_counted,
                a.kind IS NULL OR a.kind = 'wallet'
                    OR coalesce(s.balance, 0) = coalesce(o.balance, 0) AS is_explained
            FROM ledger_accounts a
            FULL JOIN sums s ON s.merchant_id = a.merchant_id AND s.account_id = a.id
            LEFT JOIN owed o ON o.merchant_id = a.merchant_id AND o.kind = a.kind
                AND o.owner_id = a.owner_id
            LEFT JOIN shoppers p ON a.kind = 'wallet' AND p.merchant_id = a.merchant_id
                AND p.id = a.owner_id
            LEFT JOIN gateway_accounts g ON a.kind = 'gateway' AND g.merchant_id = a.merchant_id
                AND g.id = a.owner_id
        ), wrong AS (
            SELECT * FROM accounts WHERE NOT (is_owned AND is_counted AND is_explained)
        )
        SELECT v.name, format('account %s/%s, %s of %s: balance %s, entries %s, owed %s',
            merchant_id, id, kind, owner_id, balance_fen, balance, owed) AS key
        FROM wrong CROSS JOIN LATERAL (VALUES
            ('{ONE_MERCHANT.name}', is_owned),
            ('{WALLETS_COUNTED.name}', is_counted),
            ('{ACCOUNTS_EXPLAINED.name}', is_explained)
        ) AS v (name, is_so)
        WHERE NOT v.is_so
        """,  # noqa: S608 - constants only
    ),
)
