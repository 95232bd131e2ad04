"""For each check a fault that it must find: what a superuser does to rows, or to the schema.

Triggers and foreign keys are off while a fault is planted; other constraints that forbid it are
dropped first.
"""

from collections.abc import Mapping

from tests.domain.auditing.derived_faults import DERIVED_FAULTS


def unposted(kind: str) -> str:
    """Forget one ledger transaction of a kind, with its entries."""
    return f"""
        WITH gone AS (
            DELETE FROM ledger_transactions WHERE id = (
                SELECT min(id) FROM ledger_transactions WHERE kind = '{kind}')
            RETURNING id
        )
        DELETE FROM ledger_entries e USING gone WHERE e.transaction_id = gone.id
        """  # noqa: S608 - constants only


def posted_twice(kind: str) -> str:
    """Post one ledger transaction of a kind again."""
    return f"""
        WITH first AS (
            SELECT * FROM ledger_transactions WHERE kind = '{kind}' ORDER BY id LIMIT 1
        ), again AS (
            INSERT INTO ledger_transactions (merchant_id, kind, ref_id, at)
            SELECT merchant_id, kind, ref_id, at FROM first RETURNING id
        )
        INSERT INTO ledger_entries (merchant_id, transaction_id, account_id, amount_fen)
        SELECT e.merchant_id, again.id, e.account_id, e.amount_fen
        FROM ledger_entries e JOIN first ON e.transaction_id = first.id CROSS JOIN again
        """  # noqa: S608 - constants only


def quoted(amount_fen: int, parts: str) -> str:
    """Change what a paid order was promised."""
    return (
        f"UPDATE orders SET quote_fen = {amount_fen}, cap_fen = {amount_fen},"  # noqa: S608
        f" quote_parts = '{parts}'"
        " WHERE state = 'paid'"
    )


def cut_by(reason: str) -> str:
    """Write the parts of a promise of one fen."""
    return (
        '[{"kind": "base", "amount_fen": 1000},'
        f' {{"kind": "cut", "by": "{reason}", "amount_fen": -999}}]'
    )


def decided(amount_fen: int, parts: str, state: str, *, was: str) -> str:
    """Change what was decided of a subsidy."""
    return (
        f"UPDATE grants SET state = '{state}', amount_fen = {amount_fen},"  # noqa: S608
        f" parts = {parts} WHERE state = '{was}' AND quote_fen >= {amount_fen}"
    )


LAST_FACT = (
    "DELETE FROM facts f WHERE kind = '{}'"
    " AND at > (SELECT min(at) FROM facts e WHERE e.kind = f.kind)"
)
POST_TWICE = (
    "ALTER TABLE ledger_transactions DROP CONSTRAINT uq_ledger_transactions_merchant_id_kind_ref_id"
)

FAULTS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "seats.within-size": (
        (
            "ALTER TABLE groups DROP CONSTRAINT ck_groups_seats_kept",
            "UPDATE groups SET size = 2 WHERE state = 'formed'",
        ),
    ),
    "seats.counted": (
        ("UPDATE groups SET held = held + 1 WHERE state = 'failed'",),
        ("UPDATE orders SET seat_state = 'released' WHERE seat_state = 'held'",),
    ),
    "seats.fit-the-group": (
        ("UPDATE groups SET state = 'closed' WHERE state = 'open'",),
        ("UPDATE groups SET state = 'pending' WHERE state = 'open'",),
        ("UPDATE groups SET state = 'open' WHERE state = 'abandoned'",),
    ),
    "seats.match-orders": (
        ("UPDATE orders SET seat_state = 'released' WHERE state = 'paid'",),
        ("UPDATE orders SET seat_state = 'taken' WHERE state = 'refunded'",),
        ("UPDATE orders SET seat_state = 'held' WHERE seat_state = 'releasing'",),
    ),
    "seats.one-per-shopper": (
        (
            "DROP INDEX uq_orders_one_per_group",
            "UPDATE orders SET shopper_id = (SELECT shopper_id FROM orders"
            " WHERE seat_state = 'held') WHERE state = 'paid'",
        ),
    ),
    "seats.one-hold": (
        (
            "DROP INDEX uq_orders_one_hold",
            "UPDATE orders SET state = 'placed', releasing_at = NULL, shopper_id = ("
            " SELECT shopper_id FROM orders WHERE seat_state = 'held') WHERE id = ("
            " SELECT min(id) FROM orders WHERE state = 'expired' AND group_id IS NOT NULL)",
        ),
        (
            "DROP INDEX uq_orders_one_hold",
            "UPDATE orders SET state = 'placed', releasing_at = NULL, shopper_id = ("
            " SELECT shopper_id FROM orders WHERE seat_state = 'held') WHERE id = ("
            " SELECT min(id) FROM orders WHERE state = 'expired' AND group_id IS NULL)",
        ),
    ),
    "seats.two-releases": (
        (
            "UPDATE orders SET state = 'placed', releasing_at = placed_at, shopper_id = ("
            " SELECT min(id) FROM shoppers) WHERE id IN ("
            " SELECT id FROM orders WHERE state = 'expired' ORDER BY id LIMIT 3)",
        ),
    ),
    "groups.formed-full": (
        ("UPDATE groups SET state = 'formed' WHERE state = 'open'",),
        ("UPDATE groups SET state = 'formed_short' WHERE state = 'formed'",),
        ("UPDATE groups SET state = 'failed' WHERE state = 'formed'",),
        ("UPDATE groups SET size = 4 WHERE state = 'formed'",),
    ),
    "groups.paid-seats-recounted": (
        ("UPDATE groups SET paid_seats = paid_seats + 1 WHERE state = 'failed'",),
        ("UPDATE groups SET paid_seats = NULL WHERE state = 'formed'",),
    ),
    "groups.never-formed-after-a-cut": (
        ("UPDATE groups SET cut_at = moved_at WHERE state = 'formed'",),
    ),
    "groups.led-by-a-paid-member": (
        (
            "UPDATE groups SET leader_id = (SELECT shopper_id FROM orders"
            " WHERE seat_state = 'held') WHERE state = 'open'",
        ),
        ("UPDATE groups SET leader_id = NULL WHERE state = 'open'",),
        ("UPDATE orders SET state = 'refunding' WHERE state = 'paid'",),
    ),
    "groups.keep-their-rules": (
        ("UPDATE groups SET largest_subsidy_fen = 1 WHERE state = 'open'",),
        ("UPDATE groups SET size = 9 WHERE state = 'open'",),
    ),
    "orders.paid-in-time": (
        (
            "UPDATE orders o SET paid_at = g.deadline_at FROM groups g"
            " WHERE g.id = o.group_id AND o.state = 'paid'",
        ),
        ("UPDATE groups SET cut_at = opened_at WHERE state = 'failed'",),
    ),
    "payments.seated-or-refunded": (
        ("DELETE FROM refunds WHERE purpose = 'late'",),
        ("DELETE FROM refunds WHERE purpose = 'failed' AND state = 'arrived'",),
        ("UPDATE refunds SET state = 'closed' WHERE purpose = 'wrong_amount'",),
        ("UPDATE orders SET state = 'fulfilling' WHERE state = 'refunded'",),
        ("UPDATE orders SET state = 'refunded' WHERE state = 'fulfilling'",),
        ("UPDATE refunds SET amount_fen = amount_fen - 1 WHERE purpose = 'late'",),
        (
            "INSERT INTO refunds (merchant_id, public_id, payment_id, order_id, purpose, state,"
            " amount_fen, requested_at, moved_at, moved_by)"
            " SELECT merchant_id, 'again', payment_id, order_id, 'again', state, amount_fen,"
            " requested_at, moved_at, moved_by FROM refunds WHERE purpose = 'late' LIMIT 1",
        ),
    ),
    "payments.outcome-is-true": (
        (
            "UPDATE payments SET succeeded_at = succeeded_at - interval '1 hour'"
            " WHERE outcome = 'late'",
        ),
        ("UPDATE payments SET outcome = 'duplicate' WHERE outcome = 'late'",),
        ("UPDATE payments SET outcome = 'closed_payment' WHERE outcome = 'late'",),
        ("UPDATE payments SET outcome = 'wrong_amount' WHERE outcome = 'late'",),
        ("UPDATE payments SET outcome = NULL WHERE outcome = 'late'",),
        ("UPDATE payments SET amount_fen = amount_fen + 1 WHERE outcome = 'seated'",),
        ("UPDATE payments SET amount_fen = amount_fen + 1 WHERE outcome = 'closed_payment'",),
        ("UPDATE payments SET amount_fen = amount_fen + 1 WHERE outcome = 'late'",),
        ("UPDATE payments SET amount_fen = received_fen WHERE outcome = 'wrong_amount'",),
        (
            "UPDATE payments p SET succeeded_at = p.succeeded_at - interval '1 minute'"
            " FROM orders o JOIN groups g ON g.id = o.group_id"
            " WHERE o.id = p.order_id AND p.outcome = 'late' AND g.opened_at IS NULL",
        ),
        (
            "UPDATE rule_versions SET terms = jsonb_set(terms, '{ends_at}',"
            """ '"2099-01-01T00:00:00+00:00"')""",
        ),
    ),
    "orders.paid-in-full": (
        ("UPDATE payments SET received_fen = received_fen - 1 WHERE outcome = 'seated'",),
        ("UPDATE payments SET outcome = 'late' WHERE outcome = 'seated'",),
        ("UPDATE orders SET paid_at = NULL WHERE state = 'fulfilling'",),
        ("UPDATE orders SET paid_at = placed_at WHERE state = 'expired'",),
        (
            "DROP INDEX uq_payments_one_seated",
            "UPDATE payments p SET outcome = 'seated' FROM payments s"
            " WHERE p.outcome = 'closed_payment' AND s.order_id = p.order_id",
        ),
    ),
    "orders.keep-their-rules": (
        (
            "UPDATE orders SET price_fen = price_fen - 1, payable_fen = payable_fen - 1"
            " WHERE state = 'paid'",
        ),
        ("UPDATE orders SET quote_fen = 1001 WHERE state = 'paid'",),
        ("UPDATE orders SET quote_fen = 1, cap_fen = 1 WHERE state = 'paid'",),
        ("UPDATE orders SET campaign_id = campaign_id + 1 WHERE state = 'paid'",),
        (quoted(1, '[{"kind": "base", "amount_fen": 1}]'),),
        (quoted(0, "[]"),),
        (quoted(1, cut_by("whim")),),
        (quoted(1, cut_by("paid")),),
        (quoted(1, cut_by("merchant_daily_subsidy_cap")),),
        ("UPDATE merchant_settings SET daily_subsidy_cap_fen = NULL",),
    ),
    "payments.posted": (
        (unposted("payment.received"),),
        (POST_TWICE, posted_twice("payment.received")),
        (
            "UPDATE ledger_entries SET amount_fen = amount_fen * 2 WHERE transaction_id = ("
            " SELECT min(id) FROM ledger_transactions WHERE kind = 'payment.received')",
        ),
    ),
    "orders.means-returned-once": (
        (unposted("wallet.returned"),),
        (unposted("wallet.spent"),),
        ("UPDATE orders SET wallet_fen = 1, payable_fen = payable_fen - 1 WHERE state = 'paid'",),
    ),
    "orders.sales-posted": (
        (unposted("order.sold"),),
        ("UPDATE orders SET state = 'paid' WHERE state = 'fulfilling'",),
    ),
    "refunds.one-per-purpose": (
        (
            "DROP INDEX uq_refunds_one_live",
            "INSERT INTO refunds (merchant_id, public_id, payment_id, order_id, purpose, state,"
            " amount_fen, requested_at, moved_at, moved_by)"
            " SELECT merchant_id, 'again', payment_id, order_id, purpose, state, amount_fen,"
            " requested_at, moved_at, moved_by FROM refunds WHERE purpose = 'late' LIMIT 1",
        ),
    ),
    "refunds.within-received": (
        ("UPDATE refunds SET amount_fen = amount_fen + 1 WHERE purpose = 'late'",),
        ("UPDATE refunds SET order_id = order_id + 1 WHERE purpose = 'late'",),
        (
            "UPDATE refunds SET payment_id = (SELECT min(id) FROM payments WHERE state = 'closed')"
            " WHERE id = (SELECT min(id) FROM refunds WHERE purpose = 'late')",
        ),
    ),
    "orders.refunded-when-arrived": (
        ("UPDATE orders SET state = 'refunded' WHERE state = 'refunding'",),
        ("UPDATE orders SET state = 'refunding' WHERE state = 'refunded'",),
        ("UPDATE refunds SET state = 'closed' WHERE state = 'arrived'",),
    ),
    "refunds.posted": (
        (unposted("refund.requested"),),
        (unposted("refund.arrived"),),
        ("UPDATE refunds SET state = 'accepted' WHERE state = 'arrived'",),
    ),
    "withdrawals.posted": (
        (unposted("withdrawal.requested"),),
        (unposted("withdrawal.paid"),),
        (unposted("withdrawal.taxed"),),
        (unposted("withdrawal.returned"),),
        (POST_TWICE, posted_twice("withdrawal.paid")),
        ("UPDATE withdrawals SET state = 'succeeded' WHERE state = 'failed'",),
    ),
    "grants.one-per-member": (
        ("DELETE FROM grants WHERE state = 'held'",),
        (
            "UPDATE grants SET order_id = (SELECT min(id) FROM orders WHERE state = 'fulfilling')"
            " WHERE id = (SELECT min(id) FROM grants WHERE state = 'held')",
        ),
        (
            "UPDATE state_moves m SET actor = 'shopper:' || o.shopper_id FROM orders o, grants s"
            " WHERE m.machine = 'seat' AND m.to_state = 'released' AND m.subject_id = o.id"
            " AND s.order_id = o.id AND s.state = 'held'",
        ),
    ),
    "orders.end-with-product-or-decision": (
        (
            "UPDATE orders SET state = 'refunded'"
            " WHERE state = 'fulfilling' AND group_id IS NOT NULL",
        ),
        ("UPDATE orders SET state = 'paid' WHERE state = 'refunded'",),
        (
            "UPDATE groups SET state = 'closed' WHERE id = ("
            " SELECT min(id) FROM groups WHERE state = 'failed')",
        ),
    ),
    "grants.explained": (
        ("UPDATE grants SET parts = '[]' WHERE state = 'issued'",),
        ("UPDATE grants SET amount_fen = amount_fen - 1 WHERE state = 'held'",),
        ("UPDATE grants SET state = 'issued' WHERE state = 'zero'",),
        (
            "UPDATE orders SET quote_fen = quote_fen - 1, cap_fen = 0"
            " WHERE state = 'refunded' AND quote_fen > 0",
        ),
        (decided(500, """'[{"kind": "base", "amount_fen": 500}]'""", "issued", was="issued"),),
        (decided(500, "parts", "held", was="held"),),
        (decided(500, "parts", "denied", was="denied"),),
        (decided(0, "'[]'", "zero", was="issued"),),
        (decided(0, """parts || '{"kind": "cut", "amount_fen": -1000}'""", "zero", was="issued"),),
        (decided(0, "parts", "denied", was="issued"),),
        (decided(0, "parts - -1", "denied", was="denied"),),
        (decided(1000, "parts - -1", "held", was="held"),),
        ("UPDATE orders SET quote_parts = '[]' WHERE quote_fen = 0",),
        ("UPDATE grants SET kind = 'points' WHERE kind = 'coupon'",),
        (
            "UPDATE grants SET parts = replace(parts::text, 'few_paid_seats', 'paid_late')::jsonb"
            " WHERE parts::text LIKE '%few_paid_seats%'",
        ),
        ("UPDATE shares SET shopper_id = shopper_id + 1",),
        ("UPDATE orders SET is_new_paid = NOT is_new_paid WHERE group_id IS NOT NULL",),
    ),
    "grants.extra-once": (
        (
            "UPDATE grants SET shopper_id = (SELECT min(shopper_id) FROM grants),"
            """ parts = parts || '{"kind": "new_shopper", "amount_fen": 0}'""",
        ),
    ),
    "grants.drawn": (
        (
            "UPDATE grants SET parts = jsonb_set(parts, '{0,amount_fen}',"
            " to_jsonb((parts -> 0 ->> 'amount_fen')::bigint + 1))",
        ),
        (
            "UPDATE orders o SET public_id = 'another' || o.id FROM grants s"
            " WHERE s.order_id = o.id",
        ),
    ),
    "goodwill.recounted": (
        ("UPDATE merchant_settings SET goodwill_budget_fen = 1, goodwill_spent_fen = 1",),
        ("UPDATE coupon_pushes SET set_aside_fen = 0",),
        (
            "INSERT INTO gifts (merchant_id, public_id, shopper_id, staff_id, kind, amount_fen,"
            " reason, issued_at) SELECT merchant_id, 'lost', min(shopper_id), 1, 'cash', 5, 'none',"
            " min(placed_at) FROM orders GROUP BY 1",
        ),
    ),
    "pushes.recounted": (
        ("UPDATE coupon_pushes SET shoppers = 1",),
        ("UPDATE coupon_pushes SET value_fen = value_fen + 1",),
        ("UPDATE coupon_pushes SET set_aside_fen = set_aside_fen + 1",),
        ("UPDATE coupon_pushes SET done_at = NULL",),
        ("DELETE FROM gifts WHERE push_id IS NOT NULL",),
    ),
    "expiries.posted": (
        (unposted("instrument.expired"),),
        (unposted("points.expired"),),
        (POST_TWICE, posted_twice("instrument.expired")),
        ("UPDATE instruments SET state = 'expired' WHERE state = 'issued' AND kind = 'coupon'",),
        (
            "UPDATE point_lots SET expired_fen = expired_fen - 1, left_fen = left_fen + 1"
            " WHERE expired_fen > 0",
        ),
    ),
    "clawbacks.posted": (
        (unposted("clawback"),),
        ("UPDATE clawbacks SET amount_fen = amount_fen + 1",),
        ("UPDATE clawbacks SET source = 'gift' WHERE source = 'reward'",),
    ),
    "work.issues-grants": (
        ("UPDATE grants SET state = 'scheduled' WHERE state = 'issued' AND kind = 'cash'",),
    ),
    "work.delivers-points": (
        ("UPDATE external_issues SET state = 'pending'",),
        (
            "UPDATE external_issues SET state = 'pending'",
            "DELETE FROM work_rows WHERE kind = 'deliver_points'",
        ),
    ),
    "work.rewards-groups": (
        ("DELETE FROM campaign_movements WHERE reason = 'rewarded'",),
        ("UPDATE groups SET largest_reward_fen = 1 WHERE state = 'formed'",),
    ),
    "instruments.issued-once": (
        ("DELETE FROM instruments WHERE kind = 'coupon' AND state = 'issued'",),
        ("UPDATE instruments SET value_fen = value_fen + 1 WHERE state = 'spent'",),
        ("UPDATE point_lots SET shopper_id = shopper_id + 1",),
        ("UPDATE instruments SET source_id = source_id + 1000 WHERE kind = 'pass'",),
        ("UPDATE instruments SET kind = 'pass' WHERE kind = 'coupon'",),
    ),
    "instruments.used-once": (
        (
            "UPDATE instruments SET state = 'issued', order_id = NULL"
            " WHERE state = 'spent' AND kind = 'coupon'",
        ),
        ("UPDATE instruments SET state = 'reserved' WHERE state = 'spent'",),
        ("UPDATE instruments SET threshold_fen = 9999 WHERE state = 'spent'",),
        (
            "UPDATE instruments n SET state = 'spent', order_id = o.id FROM orders o"
            " WHERE o.instrument_id = n.id AND o.state IN ('refunding', 'refunded')"
            " AND n.state = 'issued'",
        ),
        (
            "UPDATE orders o SET instrument_id = (SELECT max(id) FROM instruments)"
            " WHERE instrument_id IS NOT NULL",
        ),
    ),
    "referrals.bound-truly": (
        (
            "ALTER TABLE referrals DROP CONSTRAINT ck_referrals_never_oneself",
            "UPDATE referrals SET referrer_id = shopper_id",
        ),
        ("UPDATE referrals SET referrer_id = referrer_id + 100000",),
        (
            "INSERT INTO referrals (merchant_id, shopper_id, referrer_id, share_id, order_id,"
            " bound_at) SELECT merchant_id, referrer_id, shopper_id, share_id, order_id, bound_at"
            " FROM referrals LIMIT 1",
        ),
        (
            "ALTER TABLE referrals DROP CONSTRAINT uq_referrals_merchant_id_shopper_id",
            "INSERT INTO referrals (merchant_id, shopper_id, referrer_id, share_id, order_id,"
            " bound_at) SELECT merchant_id, shopper_id, referrer_id, share_id, order_id, bound_at"
            " FROM referrals",
        ),
        (
            "UPDATE orders SET share_id = NULL, share_source = NULL",
            "UPDATE visits SET occurred_at = occurred_at - interval '8 days'",
            "UPDATE shoppers SET came_by_share_id = NULL",
        ),
        ("UPDATE referrals r SET order_id = (SELECT min(o.id) FROM orders o)",),
    ),
    "orders.promise-their-least": (
        ("UPDATE orders SET quote_least_fen = quote_least_fen - 1 WHERE quote_least_fen > 0",),
        ("UPDATE orders SET quote_least_fen = quote_fen WHERE quote_least_fen < quote_fen",),
        ("UPDATE grants SET amount_fen = 0 WHERE state = 'issued'",),
    ),
    "orders.came-by-their-share": (
        ("UPDATE orders SET share_id = NULL, share_source = NULL WHERE share_source = 'visit'",),
        ("UPDATE orders SET share_source = 'visit' WHERE share_source = 'token'",),
        ("UPDATE orders SET share_source = 'registration' WHERE share_source = 'visit'",),
        (
            "UPDATE shares h SET shopper_id = o.shopper_id FROM orders o"
            " WHERE o.share_id = h.id AND o.share_source = 'token'",
        ),
        (
            "UPDATE orders o SET share_id = h.id FROM shares h"
            " WHERE o.share_source = 'visit' AND h.group_id <> o.group_id",
        ),
        ("UPDATE visits SET occurred_at = occurred_at + interval '4 minutes'",),
        (
            "INSERT INTO shares (merchant_id, token, group_id, shopper_id, created_at)"
            " SELECT o.merchant_id, 'planted', o.group_id, (SELECT max(id) FROM shoppers),"
            " o.placed_at FROM orders o WHERE o.share_source = 'visit' LIMIT 1",
            "INSERT INTO visits (merchant_id, occurred_at, share_id, shopper_id)"
            " SELECT o.merchant_id, v.occurred_at + interval '1 second', h.id, o.shopper_id"
            " FROM orders o JOIN visits v ON v.share_id = o.share_id"
            " JOIN shares h ON h.token = 'planted' AND h.group_id = o.group_id"
            " WHERE o.share_source = 'visit'",
        ),
    ),
    "grants.count-invites": (
        (
            "UPDATE grants SET parts = jsonb_build_array(jsonb_build_object('kind', 'invites',"
            " 'count', 2)) WHERE parts @> '[{\"kind\": \"invites\"}]'",
        ),
        ("UPDATE grants SET parts = '[]' WHERE parts @> '[{\"kind\": \"invites\"}]'",),
        ("UPDATE orders SET share_id = NULL, share_source = NULL",),
        (
            'UPDATE grants SET parts = parts || \'[{"kind": "invites", "count": 1}]\''
            ' WHERE NOT parts @> \'[{"kind": "invites"}]\'',
        ),
    ),
    "rewards.one-per-referral": (
        ("UPDATE rewards SET amount_fen = amount_fen + 1",),
        (
            "UPDATE rewards w SET referrer_id = r.shopper_id FROM referrals r"
            " WHERE r.id = w.referral_id",
        ),
        ("DELETE FROM rewards",),
        (
            "ALTER TABLE rewards DROP CONSTRAINT uq_rewards_merchant_id_referral_id,"
            " DROP CONSTRAINT uq_rewards_merchant_id_order_id",
            "INSERT INTO rewards (merchant_id, public_id, referral_id, referrer_id, order_id,"
            " group_id, campaign_id, outcome, amount_fen, issued_at)"
            " SELECT merchant_id, reverse(public_id), referral_id, referrer_id, order_id, group_id,"
            " campaign_id, outcome, amount_fen, issued_at FROM rewards",
        ),
        (
            "UPDATE rewards"
            " SET outcome = CASE outcome WHEN 'failed' THEN 'formed' ELSE 'failed' END",
        ),
        ("DELETE FROM referrals",),
    ),
    "points.counted": (
        (
            "UPDATE point_lots SET left_fen = left_fen + 1, spent_fen = spent_fen - 1"
            " WHERE spent_fen > 0",
        ),
        ("UPDATE point_uses SET returned_at = NULL",),
        ("UPDATE point_uses SET returned_at = used_at",),
        ("DELETE FROM point_uses",),
        ("UPDATE point_uses SET amount_fen = amount_fen + 1",),
    ),
    "clawbacks.within-issued": (
        ("UPDATE grants SET clawed_back_fen = 1 WHERE state = 'issued' AND kind = 'cash'",),
        (
            "INSERT INTO clawbacks (merchant_id, public_id, source, source_id, amount_fen, reason,"
            " actor, at) SELECT merchant_id, 'lost', 'grant', id, 1, 'none', 'staff:1', decided_at"
            " FROM grants WHERE state = 'issued' LIMIT 1",
        ),
        (
            "UPDATE instruments SET state = 'clawed_back', order_id = NULL"
            " WHERE state = 'issued' AND kind = 'coupon'",
        ),
    ),
    "grants.issued-once": (
        (unposted("grant.issued"),),
        (POST_TWICE, posted_twice("grant.issued")),
        ("UPDATE grants SET state = 'issued' WHERE state = 'held'",),
        (
            "UPDATE ledger_entries e SET account_id = other.id"
            " FROM ledger_transactions t, ledger_accounts own, ledger_accounts other"
            " WHERE t.id = e.transaction_id AND t.kind = 'grant.issued' AND own.id = e.account_id"
            " AND own.kind = 'wallet' AND other.kind = 'wallet' AND other.id = own.id + 1",
        ),
    ),
    "ledger.transactions-balance": (
        (
            "UPDATE ledger_entries SET amount_fen = amount_fen + 1 WHERE id = ("
            " SELECT min(id) FROM ledger_entries)",
        ),
        ("DELETE FROM ledger_entries WHERE id = (SELECT min(id) FROM ledger_entries)",),
        ("DELETE FROM ledger_transactions WHERE id = (SELECT min(id) FROM ledger_transactions)",),
    ),
    "ledger.postings-have-a-cause": (
        (
            "UPDATE ledger_transactions SET kind = 'gift' WHERE id = ("
            " SELECT min(id) FROM ledger_transactions)",
        ),
    ),
    "ledger.effects-once": ((POST_TWICE, posted_twice("order.sold")),),
    "ledger.wallets-counted": (
        (
            "UPDATE ledger_accounts SET balance_fen = balance_fen + 1 WHERE id = ("
            " SELECT min(id) FROM ledger_accounts WHERE kind = 'wallet')",
        ),
    ),
    "ledger.one-merchant": (
        (
            "UPDATE ledger_accounts SET owner_id = 999 WHERE id = ("
            " SELECT max(id) FROM ledger_accounts WHERE kind = 'wallet')",
        ),
        (
            "UPDATE ledger_entries SET merchant_id = 999 WHERE id = ("
            " SELECT min(id) FROM ledger_entries)",
        ),
    ),
    "ledger.accounts-explained": (
        (unposted("payment.received"),),
        ("UPDATE refunds SET state = 'accepted' WHERE state = 'arrived'",),
        ("UPDATE grants SET state = 'held' WHERE state = 'issued'",),
    ),
    "budgets.kept": (
        (
            "ALTER TABLE campaigns DROP CONSTRAINT ck_campaigns_budget_kept",
            "UPDATE campaigns SET budget_fen = committed_fen + spent_fen - 1",
        ),
        (
            "ALTER TABLE campaigns DROP CONSTRAINT ck_campaigns_budget_kept",
            "UPDATE campaigns SET committed_fen = 0, spent_fen = 0, budget_fen = 0",
        ),
    ),
    "budgets.commitments-covered": (
        (
            "UPDATE campaigns SET committed_fen = committed_fen - 1"
            " WHERE id = (SELECT min(id) FROM campaigns)",
        ),
        ("UPDATE orders SET seat_state = 'releasing' WHERE state = 'refunded'",),
    ),
    "budgets.recounted": (
        ("UPDATE campaigns SET committed_fen = committed_fen + 1",),
        (
            "UPDATE campaigns SET spent_fen = spent_fen - 1"
            " WHERE id = (SELECT min(id) FROM campaigns)",
        ),
        ("UPDATE campaign_movements SET folded_at = NULL WHERE reason = 'failed'",),
        ("UPDATE grants SET amount_fen = amount_fen - 1 WHERE state = 'held'",),
    ),
    "stock.kept": (
        (
            "ALTER TABLE campaigns DROP CONSTRAINT ck_campaigns_stock_kept",
            "UPDATE campaigns SET stock_units = stock_committed + stock_consumed - 1",
        ),
        (
            "ALTER TABLE variants DROP CONSTRAINT ck_variants_stock_units_positive",
            "UPDATE variants SET stock_units = -1",
        ),
    ),
    "stock.recounted": (
        ("UPDATE campaigns SET stock_committed = stock_committed + 1",),
        (
            "UPDATE campaigns SET stock_consumed = stock_consumed - 1"
            " WHERE id = (SELECT min(id) FROM campaigns)",
        ),
    ),
    "campaigns.totals-recounted": (
        ("UPDATE campaigns SET groups_opened = groups_opened + 1",),
        ("UPDATE campaigns SET groups_formed = groups_formed + 1",),
        ("UPDATE campaigns SET groups_failed = groups_failed + 1",),
        ("UPDATE campaigns SET people_paid = people_paid + 1",),
    ),
    "days.participations-recounted": (
        ("UPDATE shopper_days SET participations = participations + 1",),
        ("UPDATE shopper_days SET expired_holds = expired_holds + 1",),
        (
            "UPDATE shopper_days d SET expired_holds = 0 FROM orders o"
            " WHERE o.shopper_id = d.shopper_id AND o.state = 'expired' AND o.group_id IS NULL",
        ),
        ("UPDATE orders SET state = 'cancelled' WHERE state = 'expired' AND group_id IS NULL",),
        ("DELETE FROM shopper_days",),
    ),
    "caps.recounted": (
        ("UPDATE orders SET cap_fen = cap_fen - 1 WHERE state = 'paid' AND cap_fen > 0",),
        (
            "UPDATE orders o SET cap_fen = 0 FROM grants s WHERE s.order_id = o.id"
            " AND s.state = 'issued'",
        ),
        ("UPDATE orders SET cap_fen = quote_fen WHERE state = 'fulfilling' AND quote_fen > 0",),
    ),
    "caps.within-campaigns": (
        *(
            (
                "UPDATE rule_versions SET terms = jsonb_set(terms, '{caps}',"  # noqa: S608
                f""" '{{"day_fen": {day}, "month_fen": {month}, "failures": {failures}}}')""",
            )
            for day, month, failures in (
                (999, "null", "null"),
                ("null", 999, "null"),
                ("null", "null", 0),
            )
        ),
    ),
    "caps.within-merchants": (
        ("UPDATE merchant_settings SET monthly_subsidy_cap_fen = 999",),
        ("UPDATE merchant_settings SET daily_failures_cap = 0",),
        ("UPDATE merchant_settings SET monthly_failures_cap = 1",),
    ),
    "days.within-cap": (
        ("UPDATE merchant_settings SET daily_subsidy_cap_fen = 999",),
        (
            "UPDATE merchant_settings SET daily_subsidy_cap_fen = 999",
            "INSERT INTO audit_log (merchant_id, staff_id, action, subject_kind, before, at)"
            " SELECT merchant_id, 1, 'settings.changed', 'settings',"
            """ '{"daily_subsidy_cap_fen": 900}', min(placed_at) FROM orders GROUP BY 1""",
        ),
    ),
    "days.within-limit": (
        (
            "UPDATE rule_versions"
            " SET terms = jsonb_set(terms, '{limits,participations_per_day}', '1')",
        ),
    ),
    "moves.legal-edges": (
        (
            "ALTER TABLE state_moves DROP CONSTRAINT ck_state_moves_edge_legal",
            "INSERT INTO state_moves (merchant_id, occurred_at, machine, subject_id, from_state,"
            " to_state, actor)"
            " SELECT merchant_id, moved_at, 'order', id, 'paid', 'placed', 'test' FROM orders",
        ),
    ),
    "moves.chain": (
        ("DELETE FROM state_moves WHERE machine = 'order' AND from_state = 'placed'",),
        ("DELETE FROM state_moves WHERE machine = 'group' AND to_state = 'formed'",),
        ("UPDATE refunds SET state = 'accepted' WHERE state = 'arrived'",),
        ("UPDATE groups SET state = 'open' WHERE state = 'pending' OR state = 'abandoned'",),
        ("UPDATE campaigns SET state = 'paused'",),
        ("DELETE FROM grants WHERE state = 'held'",),
        (
            "INSERT INTO state_moves (merchant_id, occurred_at, machine, subject_id, from_state,"
            " to_state, actor)"
            " SELECT merchant_id, moved_at, 'payment', id, 'pending', 'closing', 'test'"
            " FROM payments WHERE state = 'pending'",
        ),
    ),
    "facts.emitted": (
        ("DELETE FROM facts WHERE kind = 'group.failed'",),
        ("DELETE FROM facts WHERE kind = 'group.formed'",),
        ("DELETE FROM facts WHERE kind = 'order.refunded'",),
        (LAST_FACT.format("order.expired"),),
        (LAST_FACT.format("order.bought"),),
        (LAST_FACT.format("order.led"),),
        (
            "INSERT INTO facts (merchant_id, kind, subject_id, at)"
            " SELECT merchant_id, kind, subject_id, at FROM facts WHERE kind = 'group.failed'",
        ),
    ),
    "facts.delivered-once": (
        ("DELETE FROM work_rows WHERE kind = 'notify'",),
        ("UPDATE work_rows SET subject_id = subject_id + 10000 WHERE kind = 'notify'",),
        (
            "ALTER TABLE work_rows DROP CONSTRAINT uq_work_rows_merchant_id_kind_subject_id",
            "INSERT INTO work_rows (merchant_id, kind, subject_id, state, due_at)"
            " SELECT merchant_id, kind, subject_id, state, due_at FROM work_rows"
            " WHERE kind = 'notify'",
        ),
    ),
    "facts.acted-on-once": (
        ("DELETE FROM notices WHERE key = 'group.formed'",),
        ("DELETE FROM notices WHERE key = 'group.failed'",),
        ("DELETE FROM notices WHERE key = 'order.refunded'",),
        ("DELETE FROM notices WHERE key = 'order.expired'",),
        ("DELETE FROM notices WHERE key = 'order.bought'",),
        ("DELETE FROM notices WHERE key = 'order.led'",),
        ("DELETE FROM notices WHERE key LIKE 'payment.returned.%'",),
        ("DELETE FROM notices WHERE key LIKE 'withdrawal.paid.%'",),
        ("DELETE FROM notices WHERE key LIKE 'reward.issued.%'",),
        ("DELETE FROM notices WHERE key LIKE 'gift.issued.%'",),
        ("DELETE FROM notices WHERE key LIKE 'coupon.expiring.%'",),
        (
            "ALTER TABLE notices DROP CONSTRAINT uq_notices_merchant_id_order_id_key",
            "DROP INDEX uq_notices_without_order",
            "INSERT INTO notices (merchant_id, shopper_id, order_id, key, parameters, created_at)"
            " SELECT merchant_id, shopper_id, order_id, key, parameters, created_at FROM notices",
        ),
    ),
    "work.settles-groups": (
        ("UPDATE work_rows SET state = 'done' WHERE kind = 'settle_group'",),
        ("DELETE FROM work_rows WHERE kind = 'settle_group'",),
    ),
    "work.drives-payments": (
        ("UPDATE work_rows SET state = 'done' WHERE kind = 'drive_payment'",),
        ("DELETE FROM work_rows WHERE kind = 'drive_payment'",),
    ),
    "work.drives-refunds": (
        ("UPDATE work_rows SET state = 'done' WHERE kind = 'drive_refund'",),
        ("UPDATE refunds SET state = 'unknown' WHERE state = 'arrived'",),
    ),
    "work.drives-withdrawals": (
        ("UPDATE work_rows SET state = 'done' WHERE kind = 'drive_withdrawal'",),
    ),
    "tenants.keys-hold-the-merchant": (
        ("ALTER TABLE orders DROP CONSTRAINT fk_orders_merchant_id_group_id",),
        ("CREATE TABLE keepsakes (id bigint PRIMARY KEY)",),
        ("CREATE TABLE keepsakes (merchant_id bigint)",),
        ("CREATE UNIQUE INDEX ON shoppers (openid)",),
        (
            "CREATE UNIQUE INDEX ON groups (merchant_id, id, campaign_id)",
            "ALTER TABLE groups ADD UNIQUE (id)",
            "ALTER TABLE visits ADD FOREIGN KEY (share_id) REFERENCES groups (id)",
        ),
        (
            "ALTER TABLE orders DROP CONSTRAINT fk_orders_merchant_id_group_id",
            "ALTER TABLE orders ADD CONSTRAINT fk_orders_merchant_id_group_id"
            " FOREIGN KEY (merchant_id, group_id) REFERENCES groups (merchant_id, id) NOT VALID",
        ),
    ),
    "tenants.row-security": (
        ("ALTER TABLE orders DISABLE ROW LEVEL SECURITY",),
        ("CREATE POLICY everything ON orders TO pinbu_merchant USING (true)",),
        ("CREATE POLICY everything ON orders USING (true)",),
        ("ALTER POLICY merchant_own ON orders USING (merchant_id > 0)",),
        ("ALTER POLICY merchant_own ON orders WITH CHECK (true)",),
    ),
    "tenants.roles": (
        ("ALTER ROLE pinbu_merchant BYPASSRLS",),
        ("ALTER ROLE pinbu_core SUPERUSER",),
        ("GRANT pinbu_owner TO pinbu_merchant",),
        ("ALTER TABLE notices OWNER TO pinbu_core",),
    ),
    "tenants.append-only": (
        ("GRANT UPDATE ON ledger_entries TO pinbu_core",),
        ("GRANT UPDATE (actor) ON state_moves TO PUBLIC",),
        ("GRANT DELETE ON orders TO pinbu_core",),
        ("GRANT SELECT ON state_moves_part_rest TO pinbu_merchant",),
    ),
    "tenants.references-stay-inside": (
        ("UPDATE facts SET subject_id = 99999 WHERE kind = 'group.formed'",),
        ("UPDATE risk_decisions SET order_id = 99999",),
        ("UPDATE work_rows SET subject_id = 99999 + id WHERE kind = 'settle_group'",),
        ("UPDATE gateway_addresses SET gateway_account_id = 99999",),
    ),
    "ledger.sealed": (
        ("UPDATE ledger_entries SET amount_fen = amount_fen * 2 WHERE transaction_id = 1",),
        ("UPDATE ledger_transactions SET at = at + interval '1 microsecond' WHERE id = 1",),
        (unposted("grant.issued"),),
        (
            "INSERT INTO ledger_transactions (merchant_id, kind, ref_id, at, written_in)"
            " SELECT merchant_id, 'order.sold', 99999, at, written_in FROM ledger_transactions"
            " WHERE id = 1",
        ),
        (
            "INSERT INTO ledger_transactions (merchant_id, kind, ref_id, at, written_in)"
            " SELECT merchant_id, 'order.sold', 99999, at, 1 FROM ledger_transactions"
            " WHERE id = 1",
        ),
        ("UPDATE ledger_seals SET transactions = transactions + 1 WHERE number = 2",),
        ("UPDATE ledger_seals SET chain = digest WHERE number = 2",),
        ("DELETE FROM ledger_seals WHERE number = 1",),
        ("DELETE FROM ledger_seals WHERE number = 2",),
    ),
    "ledger.sealed-in-time": (
        ("DELETE FROM ledger_seals WHERE number > 1",),
        (
            "INSERT INTO ledger_transactions (merchant_id, kind, ref_id, at)"
            " SELECT merchant_id, 'order.sold', 99999, at FROM ledger_transactions WHERE id = 1",
        ),
    ),
    "rest.work-is-done": (
        ("UPDATE work_rows SET state = 'leased' WHERE state = 'due'",),
        ("UPDATE work_rows SET due_at = due_at - interval '30 days'",),
    ),
    "rest.movements-are-folded": (("UPDATE campaign_movements SET folded_at = NULL",),),
    "rest.groups": (
        ("UPDATE groups SET deadline_at = opened_at WHERE state = 'open'",),
        ("UPDATE groups SET state = 'closing' WHERE state = 'failed'",),
        ("UPDATE groups SET state = 'frozen' WHERE state = 'open'",),
    ),
    "rest.orders": (
        ("UPDATE orders SET state = 'refunding' WHERE state = 'refunded'",),
        ("UPDATE orders SET hold_expires_at = placed_at WHERE seat_state = 'held'",),
        ("UPDATE payments SET state = 'closed' WHERE state = 'closing'",),
        ("UPDATE groups SET state = 'failed' WHERE state = 'open'",),
    ),
    "rest.payments": (
        ("UPDATE payments SET expires_at = created_at",),
        ("UPDATE orders SET releasing_at = placed_at WHERE seat_state = 'held'",),
    ),
    "rest.refunds": (
        ("UPDATE refunds SET state = 'sending' WHERE state = 'arrived'",),
        (
            "UPDATE refunds SET state = 'requested' WHERE state = 'needs_funds'",
            "UPDATE work_rows SET state = 'done' WHERE kind = 'drive_refund'",
        ),
        ("UPDATE refunds SET state = 'accepted' WHERE state = 'arrived'",),
    ),
    "rest.withdrawals": (
        ("UPDATE withdrawals SET state = 'unknown' WHERE state = 'needs_funds'",),
        ("UPDATE work_rows SET state = 'done' WHERE kind = 'drive_withdrawal'",),
        ("UPDATE work_rows SET due_at = 'epoch' WHERE kind = 'drive_withdrawal'",),
    ),
    "rest.grants": (
        ("UPDATE grants SET state = 'decided' WHERE state = 'issued'",),
        ("UPDATE grants SET state = 'scheduled' WHERE state = 'issued'",),
    ),
    "rest.values": (
        ("UPDATE instruments SET expires_at = 'epoch' WHERE state = 'issued'",),
        ("UPDATE point_lots SET expires_at = 'epoch' WHERE left_fen > 0",),
    ),
    **DERIVED_FAULTS,
}
