"""Faults in what rows derive or copy from others: days, deadlines, lives, clocks, frozen rules."""

from collections.abc import Mapping


def shifted(table: str, column: str, by: str, where: str = "true") -> tuple[str, ...]:
    """Shift one instant of rows."""
    return (f"UPDATE {table} SET {column} = {column} + interval '{by}' WHERE {where}",)  # noqa: S608


DERIVED_FAULTS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "groups.deadlines-recounted": (
        shifted("groups", "deadline_at", "1 day", "state = 'open'"),
        shifted("groups", "deadline_at", "1 hour", "state = 'failed'"),
        (
            "UPDATE rule_versions SET terms = jsonb_set(terms, '{life_seconds}',"
            " to_jsonb((terms ->> 'life_seconds')::bigint * 2))",
        ),
        shifted("groups", "opened_at", "-1 second", "state = 'formed'"),
        shifted("groups", "created_at", "-1 second", "state = 'formed'"),
        ("UPDATE groups SET opened_at = NULL, deadline_at = NULL WHERE state = 'failed'",),
    ),
    "groups.never-ended-early": (
        (
            "CREATE TEMP TABLE hasty AS SELECT min(id) AS id FROM groups WHERE state = 'failed'",
            "UPDATE groups g SET ended_at = ended_at - interval '1 hour',"
            " moved_at = moved_at - interval '1 hour' FROM hasty WHERE g.id = hasty.id",
            "UPDATE state_moves m SET occurred_at = occurred_at - interval '1 hour' FROM hasty"
            " WHERE machine = 'group' AND subject_id = hasty.id"
            " AND to_state IN ('closing', 'failed')",
            "UPDATE grants s SET decided_at = decided_at - interval '1 hour' FROM hasty"
            " WHERE s.group_id = hasty.id",
        ),
        shifted("groups", "ended_at", "1 second", "state = 'formed'"),
        ("UPDATE groups SET end_reason = 'fail_now' WHERE state = 'failed'",),
        ("UPDATE groups SET end_reason = NULL WHERE state = 'abandoned'",),
    ),
    "groups.led-by-the-earliest": (
        (
            "UPDATE groups g SET leader_id = (SELECT shopper_id FROM orders o"
            " WHERE o.group_id = g.id AND o.seat_state = 'taken' ORDER BY o.id DESC LIMIT 1)"
            " WHERE state = 'formed'",
        ),
        ("UPDATE groups SET leader_id = NULL WHERE state = 'failed'",),
        ("UPDATE groups SET leader_id = 1 WHERE state IN ('abandoned', 'closed')",),
        (
            "UPDATE orders o SET paid_at = paid_at - interval '1 day' FROM groups g"
            " WHERE g.id = o.group_id AND g.state = 'formed' AND g.leader_id <> o.shopper_id",
            "UPDATE state_moves SET id = -id WHERE machine = 'order' AND to_state = 'paid'",
        ),
    ),
    "orders.cap-days-recounted": (
        ("UPDATE orders SET cap_on = cap_on + 1 WHERE state = 'paid'",),
        ("UPDATE orders SET cap_on = cap_on - 30 WHERE state = 'refunded'",),
        (
            "UPDATE orders SET cap_on = cap_on + 1 WHERE id IN ("
            " SELECT min(id) FROM orders WHERE group_id IS NOT NULL GROUP BY group_id)",
        ),
        ("UPDATE orders SET cap_on = placed_on WHERE group_id IS NULL",),
        ("UPDATE orders SET cap_on = NULL, cap_fen = 0 WHERE state = 'fulfilling'",),
    ),
    "orders.paid-when-they-were": (
        shifted("orders", "paid_at", "-1 hour", "state = 'fulfilling' AND payable_fen > 0"),
        shifted("orders", "paid_at", "-1 hour", "paid_at IS NOT NULL AND payable_fen = 0"),
        shifted("payments", "succeeded_at", "3 days", "outcome = 'seated'"),
    ),
    "orders.days-and-holds-recounted": (
        ("UPDATE orders SET placed_on = placed_on + 1",),
        shifted("orders", "hold_expires_at", "1 minute", "group_id IS NOT NULL"),
        shifted("orders", "hold_expires_at", "1 minute", "group_id IS NULL"),
        shifted("orders", "ended_at", "1 second"),
        ("UPDATE orders SET ended_at = placed_at WHERE state = 'paid'",),
        shifted("orders", "releasing_at", "-1 second", "group_id IS NOT NULL"),
        shifted("orders", "releasing_at", "1 day", "group_id IS NULL"),
        ("UPDATE orders SET release_reason = 'cancelled' WHERE state = 'expired'",),
    ),
    "moves.dated": (
        shifted("orders", "moved_at", "1 second", "seat_state IS NOT NULL"),
        ("UPDATE refunds SET moved_by = 'staff:1' WHERE state = 'arrived'",),
        shifted("campaigns", "moved_at", "1 second"),
    ),
    "ledger.dates-effects": (
        shifted("grants", "issued_at", "-3 hours"),
        shifted("refunds", "requested_at", "-3 hours"),
        shifted("refunds", "arrived_at", "1 day"),
        shifted("payments", "learned_at", "1 hour"),
        shifted("rewards", "issued_at", "1 hour"),
        shifted("gifts", "issued_at", "1 hour"),
        shifted("clawbacks", "at", "1 hour"),
        shifted("withdrawals", "requested_at", "1 hour"),
    ),
    "grants.dated-by-the-rules": (
        shifted("grants", "due_at", "7 days"),
        shifted("grants", "deadline_at", "1 day"),
        shifted("grants", "decided_at", "1 minute"),
        shifted("grants", "issued_at", "3 hours"),
        ("UPDATE rule_versions SET terms = jsonb_set(terms, '{subsidy,delay_seconds}', '3600')",),
    ),
    "payments.of-their-orders": (
        ("UPDATE payments SET amount_fen = amount_fen + 1 WHERE state = 'closed'",),
        shifted("payments", "expires_at", "1 hour"),
        shifted("payments", "created_at", "-1 day"),
        ("UPDATE payments SET succeeded_at = created_at WHERE state = 'closed'",),
        ("UPDATE payments SET learned_at = created_at WHERE state = 'closed'",),
    ),
    "refunds.purposes-recounted": (
        ("UPDATE refunds SET purpose = 'left' WHERE purpose = 'failed'",),
        ("UPDATE refunds SET purpose = 'failed' WHERE purpose = 'left'",),
        ("UPDATE refunds SET purpose = 'duplicate' WHERE purpose = 'late'",),
        shifted("refunds", "accepted_at", "-1 hour"),
        ("UPDATE refunds SET arrived_at = requested_at WHERE state = 'needs_funds'",),
        ("UPDATE refunds SET arrived_at = NULL",),
    ),
    "movements.fold-to-counters": (
        ("UPDATE campaign_movements SET spent_fen = spent_fen + 1 WHERE reason = 'failed'",),
        ("UPDATE campaign_movements SET people_paid = 0 WHERE reason = 'formed'",),
        ("UPDATE campaign_movements SET folded_at = NULL WHERE reason = 'formed'",),
        shifted("campaign_movements", "at", "1 hour", "reason = 'failed'"),
        (
            "UPDATE campaign_movements m SET campaign_id = other.id FROM campaigns other"
            " WHERE other.id <> m.campaign_id AND m.reason = 'opened'",
        ),
    ),
    "facts.say-what-is-so": (
        shifted("facts", "at", "1 minute", "kind = 'group.failed'"),
        shifted("facts", "at", "1 minute", "kind = 'reward.issued'"),
        (
            "UPDATE facts SET payload = jsonb_set(payload, '{amount_fen}', '1')"
            " WHERE kind = 'payment.returned'",
        ),
        (
            "UPDATE facts SET payload = jsonb_set(payload, '{why}', '\"late\"')"
            " WHERE kind = 'payment.returned'",
        ),
    ),
    "gifts.of-their-pushes": (
        ("UPDATE gifts SET staff_id = staff_id + 1 WHERE push_id IS NOT NULL",),
        ("UPDATE gifts SET reason = 'other' WHERE push_id IS NOT NULL",),
        shifted("coupon_pushes", "created_at", "1 day"),
        shifted("coupon_pushes", "done_at", "-1 day"),
    ),
    "withdrawals.to-their-shoppers": (
        ("UPDATE withdrawals SET payee_id = 'somebody'",),
        ("UPDATE withdrawals SET app_id = 'another'",),
        shifted("withdrawals", "ended_at", "1 hour"),
        shifted("withdrawals", "awaiting_at", "1 hour"),
    ),
    "directory.repeats-its-rows": (
        ("UPDATE share_tokens SET token = token || 'x'",),
        ("UPDATE shares SET token = token || 'x'",),
        ("DELETE FROM share_tokens",),
        ("UPDATE gateway_addresses SET public_id = 'elsewhere'",),
        ("UPDATE gateway_accounts SET public_id = 'elsewhere'",),
    ),
    "work.settles-in-time": (
        shifted("work_rows", "due_at", "1 hour", "kind = 'settle_group' AND state = 'due'"),
        (
            "UPDATE grants SET state = 'scheduled', due_at = due_at + interval '1 year'"
            " WHERE state = 'issued'",
            "UPDATE work_rows SET state = 'due', due_at = due_at + interval '2 years'"
            " WHERE kind = 'issue_grant'",
        ),
    ),
    "reconciliations.recounted": (
        (
            "INSERT INTO reconciliations (merchant_id, public_id, gateway_account_id, on_date,"
            " due_at, compared_at, lines, matched) SELECT merchant_id, 'day', id, '2026-05-01',"
            " created_at, created_at, 1, 1 FROM gateway_accounts",
        ),
        (
            "INSERT INTO reconciliations (merchant_id, public_id, gateway_account_id, on_date,"
            " due_at, compared_at, lines, matched) SELECT merchant_id, 'day', id, '2026-05-01',"
            " created_at, created_at, 0, 1 FROM gateway_accounts",
        ),
    ),
    "notices.to-their-shoppers": (
        ("UPDATE notices SET shopper_id = 1000 + shopper_id WHERE order_id IS NOT NULL",),
    ),
    "instruments.lives-recounted": (
        shifted("instruments", "expires_at", "1 year", "kind = 'coupon' AND state = 'issued'"),
        shifted("instruments", "expires_at", "1 day", "kind = 'pass'"),
        (
            "UPDATE instruments n SET expires_at = m.occurred_at + interval '6 days'"
            " FROM state_moves m WHERE m.machine = 'instrument' AND m.subject_id = n.id"
            " AND m.actor = 'settlement:fail' AND m.to_state = 'issued'",
        ),
        shifted("instruments", "issued_at", "-1 hour"),
        ("UPDATE instruments SET threshold_fen = threshold_fen + 1 WHERE source = 'reward'",),
        ("UPDATE coupon_pushes SET valid_days = valid_days + 1",),
    ),
    "points.lives-recounted": (
        shifted("point_lots", "expires_at", "1 hour"),
        shifted("point_lots", "issued_at", "1 hour"),
        shifted("point_uses", "used_at", "1 hour"),
        shifted("point_uses", "returned_at", "1 hour"),
    ),
    "values.warned-once": (
        ("UPDATE instruments SET warned_at = issued_at WHERE state = 'issued'",),
        ("UPDATE point_lots SET warned_at = issued_at",),
        ("DELETE FROM facts WHERE kind LIKE '%.expiring'",),
    ),
    "external-points.recounted": (
        ("UPDATE external_issues SET points = points + 1",),
        ("UPDATE external_issues SET programme_id = programme_id + 1",),
        ("UPDATE external_programmes SET points_per_yuan = points_per_yuan * 2",),
        shifted("external_issues", "created_at", "1 hour"),
        ("UPDATE external_issues SET delivered_at = NULL WHERE state = 'delivered'",),
    ),
    "rules.chained": (
        (
            "UPDATE rule_versions SET terms = jsonb_set(terms, '{subsidy,delay_seconds}', '60')"
            " WHERE id = (SELECT min(id) FROM rule_versions)",
        ),
        ("UPDATE rule_versions SET text_zh = '[\"其他\"]'",),
        ("UPDATE rule_versions SET text_en = '[\"other\"]'",),
        ('UPDATE rule_versions SET acknowledged = \'[{"code": "none"}]\'',),
        ("UPDATE rule_versions SET number = 2",),
        ("UPDATE rule_versions SET chain = CAST('' AS bytea)",),
        shifted("rule_versions", "published_at", "1 day"),
    ),
    "campaigns.follow-their-rules": (
        ("UPDATE campaigns SET rule_version_id = NULL",),
        ("UPDATE campaigns SET rule_version_id = rule_version_id + 1",),
        shifted("campaigns", "starts_at", "-1 day"),
        shifted("campaigns", "ends_at", "1 day"),
        (
            "INSERT INTO rule_versions (merchant_id, campaign_id, number, terms, text_zh, text_en,"
            " acknowledged, published_at, published_by, chain) SELECT merchant_id, campaign_id, 2,"
            " terms, text_zh, text_en, acknowledged, published_at, published_by, chain"
            " FROM rule_versions",
        ),
    ),
    "referrals.bound-by-the-first": (
        shifted("referrals", "bound_at", "1 hour"),
        shifted("rewards", "issued_at", "1 hour"),
        (
            "UPDATE orders o SET shopper_id = r.shopper_id, paid_at = e.paid_at - interval '9 days'"
            " FROM referrals r JOIN orders e ON e.id = r.order_id WHERE o.id = ("
            " SELECT min(id) FROM orders WHERE state = 'fulfilling' AND group_id IS NOT NULL)",
        ),
    ),
    "orders.firsts-recounted": (
        ("UPDATE orders SET is_first_paid = NOT is_first_paid WHERE group_id IS NULL",),
        ("UPDATE orders SET is_first_paid = NULL WHERE state = 'fulfilling'",),
        ("UPDATE orders SET is_first_paid = true WHERE state = 'expired'",),
    ),
    "orders.newcomers-recounted": (
        ("UPDATE orders SET is_new_paid = NOT is_new_paid WHERE state = 'fulfilling'",),
        ("UPDATE orders SET left_at = NULL",),
        ("UPDATE orders SET left_at = paid_at WHERE state = 'fulfilling'",),
    ),
    "orders.risks-recounted": (
        ("UPDATE orders SET risk_outcome = 'allow' WHERE risk_outcome = 'review'",),
        ("UPDATE orders SET risk_outcome = 'review' WHERE risk_outcome = 'allow'",),
    ),
    "late.credits": (
        shifted("grants", "decided_at", "3 hours"),
        shifted("grants", "issued_at", "3 hours"),
        ("UPDATE grants SET state = 'scheduled' WHERE state = 'issued'",),
        ("UPDATE grants SET issued_at = issued_at + interval '11 minutes'",),
    ),
    "late.refund-requests": (
        shifted("refunds", "requested_at", "3 hours", "purpose = 'failed'"),
        shifted("refunds", "requested_at", "11 minutes", "purpose = 'late'"),
        shifted("refunds", "requested_at", "11 minutes", "purpose = 'left'"),
        (
            "DROP INDEX uq_refunds_one_live",
            "INSERT INTO refunds (merchant_id, public_id, payment_id, order_id, purpose, state,"
            " amount_fen, requested_at, moved_at, moved_by) SELECT merchant_id, 'again' || id,"
            " payment_id, order_id, purpose, state, amount_fen, requested_at + interval '1 day',"
            " moved_at, moved_by FROM refunds WHERE purpose = 'late' AND state = 'arrived'",
            "UPDATE refunds SET state = 'closed' WHERE purpose = 'late' AND public_id NOT LIKE"
            " 'again%'",
            "INSERT INTO state_moves (merchant_id, occurred_at, machine, subject_id, from_state,"
            " to_state, actor) SELECT merchant_id, requested_at, 'refund', id, 'accepted',"
            " 'closed', 'test' FROM refunds WHERE state = 'closed'",
        ),
    ),
    "late.decisions": (
        ("UPDATE groups SET deadline_at = deadline_at - interval '30 days' WHERE state = 'open'",),
    ),
}
