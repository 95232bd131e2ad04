"""The faults: each takes one guard away, and names the tests that must go red.

A fault is a replacement in one file, whose old text stands there exactly once: code that has moved
on is noticed, not silently left whole.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One guard taken away: its name, what that would do to people, where, and what finds it.

    `found_by` are tests, files or single ones, run in this order until one goes red.
    """

    name: str
    damage: str
    path: str
    old: str
    new: str
    found_by: tuple[str, ...]


FAULTS: tuple[Fault, ...] = (
    Fault(
        "no-unique-refund",
        "one payment is refunded twice for one purpose",
        "migrations/versions/2026_11_22_2153_first_schema.py",
        """\
        ["merchant_id", "payment_id", "purpose"],
        unique=True,""",
        """\
        ["merchant_id", "payment_id", "purpose"],
        unique=False,""",
        ("tests/migrations/test_guards.py",),
    ),
    Fault(
        "no-unique-member",
        "a shopper takes two seats of one group",
        "migrations/versions/2026_11_22_2153_first_schema.py",
        """\
        ["merchant_id", "group_id", "shopper_id"],
        unique=True,""",
        """\
        ["merchant_id", "group_id", "shopper_id"],
        unique=False,""",
        ("tests/migrations/test_guards.py",),
    ),
    Fault(
        "no-seat-guard",
        "more seats are sold than the group has",
        "domain/checkout/joining.py",
        """\
    if group.taken + group.held + group.releasing >= group.size:
""",
        """\
    if group.taken + group.held > group.size:
""",
        ("tests/concurrency/test_seats.py",),
    ),
    Fault(
        "join-after-deadline",
        "a seat is sold in a group that cannot form any more",
        "domain/checkout/joining.py",
        """\
    if group.state != "open" or group.deadline_at <= at:
        raise GroupNotOpen(state=group.state)
    if group.deadline_at - at < LAST_JOIN:
        raise TooLateToJoin
""",
        """\
    if group.state != "open":
        raise GroupNotOpen(state=group.state)
""",
        ("tests/scenarios/test_promises.py",),
    ),
    Fault(
        "forms-one-short",
        "a group forms with a seat that nobody paid",
        "domain/settlement/taking.py",
        """\
    if taken == group.size:
""",
        """\
    if taken == group.size - 1:
""",
        ("tests/scenarios/test_outcomes.py",),
    ),
    Fault(
        "pays-at-the-cut",
        "a payment after the deadline takes a seat",
        "domain/settlement/taking.py",
        """\
    return group.cut is None or paid_at < group.cut
""",
        """\
    return True
""",
        ("tests/concurrency/test_deadlines.py", "tests/scenarios/test_outcomes.py"),
    ),
    Fault(
        "no-late-branch",
        "money that comes after the group failed stays with us",
        "domain/settlement/applying_payments.py",
        """\
    _give_back(session, group, order, payment_id=payment.id, paid=paid, outcome=outcome, at=at)
""",
        """\
    if outcome != "late":
        _give_back(session, group, order, payment_id=payment.id, paid=paid, outcome=outcome, at=at)
""",
        (
            "tests/scenarios/test_outcomes.py",
            "tests/scenarios/test_wrong_money.py",
            "tests/concurrency/test_deadlines.py",
        ),
    ),
    Fault(
        "late-member-forgotten",
        "who paid in time and was heard late gets neither seat nor subsidy",
        "domain/settlement/applying_payments.py",
        """\
        and order.seat_state == SeatState.RELEASING
""",
        """\
        and order.seat_state == SeatState.HELD
""",
        ("tests/scenarios/test_outcomes.py", "tests/concurrency/test_deadlines.py"),
    ),
    Fault(
        "wrong-amount-seated",
        "a fen buys the product",
        "domain/settlement/applying_payments.py",
        """\
    if payment.amount_fen != paid.amount_fen:
        return "wrong_amount", None
""",
        "",
        ("tests/scenarios/test_wrong_money.py",),
    ),
    Fault(
        "repeated-callback-applied",
        "a callback told twice is booked twice",
        "domain/settlement/applying_payments.py",
        """\
    if payment.state == PaymentState.SUCCEEDED:
        _compare_transaction(session, payment, paid, at=at)
        return Applied.REPEATED
""",
        "",
        ("tests/concurrency/test_callbacks.py",),
    ),
    Fault(
        "refund-of-what-was-asked",
        "too much goes back for too little paid",
        "domain/settlement/refunding.py",
        """\
    return WantedRefund(order.merchant_id, order.payment_id, order.id, order.left_fen, purpose)
""",
        """\
    return WantedRefund(order.merchant_id, order.payment_id, order.id, order.price_fen, purpose)
""",
        ("tests/scenarios/test_spending.py", "tests/scenarios/test_outcomes.py"),
    ),
    Fault(
        "refund-with-a-new-number",
        "a refund that was accepted unheard is paid again",
        "domain/checkout/calling_refunds.py",
        """\
                out_refund_no=row.public_id,
""",
        """\
                out_refund_no=row.public_id[:-1] + str(job.lease.fence % 10),
""",
        ("tests/faults/test_killed_refunds.py",),
    ),
    Fault(
        "transfer-with-a-new-number",
        "a withdrawal whose answer was lost is paid twice",
        "domain/checkout/driving_withdrawals.py",
        """\
                out_bill_no=row.public_id,
""",
        """\
                out_bill_no=row.public_id[:-1] + str(lease.fence % 10),
""",
        (
            "tests/scenarios/test_gateway_faults.py::test_01_transfer_accepted_without_an_answer_is_repeated_under_its_number",
        ),
    ),
    Fault(
        "signature-unchecked",
        "anybody can say that an order was paid",
        "domain/gateways/wechat_sdk.py",
        """\
                    return bool(verify({**named, _SERIAL: key.key_id}, body))
""",
        """\
                    return True
""",
        ("tests/domain/gateways/test_callbacks.py",),
    ),
    Fault(
        "stale-callback-believed",
        "a callback of last week is replayed",
        "domain/gateways/wechat_asking.py",
        """\
    return abs(now_real.timestamp() - int(stamp)) <= SKEW_SECONDS
""",
        """\
    return True
""",
        ("tests/domain/gateways/test_callbacks.py",),
    ),
    Fault(
        "foreign-merchant-believed",
        "another merchant's payment pays our order",
        "domain/gateways/wechat_answers.py",
        """\
    if said is not None and said != mch_no:
        raise Contradiction(mch_no=(mch_no, said))
""",
        "",
        (
            "tests/domain/gateways/test_callbacks.py",
            "tests/scenarios/test_gateway_faults.py::test_09_callback_of_another_merchant_or_currency_seats_nobody",
        ),
    ),
    Fault(
        "utc-day",
        "caps of two days count as one, around eight in the morning",
        "domain/clock.py",
        """\
    return at.astimezone(SHANGHAI).date()
""",
        """\
    return at.astimezone(UTC).date()
""",
        (
            "tests/concurrency/test_caps.py",
            "tests/scenarios/test_promises.py",
            "tests/domain/auditing/test_nightly.py",
        ),
    ),
    Fault(
        "deadline-of-the-next-day",
        "a deadline at 24:00 counts against tomorrow's cap",
        "domain/clock.py",
        """\
    return shanghai_day(at - timedelta(microseconds=1))
""",
        """\
    return shanghai_day(at)
""",
        ("tests/scenarios/test_promises.py",),
    ),
    Fault(
        "cap-not-counted",
        "a shopper takes the day's cap again and again",
        "domain/checkout/placing.py",
        """\
            %(placed_on)s, %(cap_on)s, %(quote)s, %(at)s, %(hold_expires_at)s, %(address)s,
""",
        """\
            %(placed_on)s, %(cap_on)s, 0, %(at)s, %(hold_expires_at)s, %(address)s,
""",
        ("tests/concurrency/test_caps.py", "tests/domain/auditing/test_running.py"),
    ),
    Fault(
        "cache-without-tenant",
        "one merchant's shoppers see another's leaderboard",
        "api/views/leaderboards.py",
        """\
    return kept.get((merchant_id, name, clock.shanghai_day(at)), make)
""",
        """\
    return kept.get((name, clock.shanghai_day(at)), make)
""",
        ("tests/api/test_leaderboards.py",),
    ),
    Fault(
        "no-row-security",
        "one merchant's staff read another's rows",
        "migrations/versions/2026_11_22_2153_first_schema.py",
        """\
            f"CREATE POLICY merchant_own ON {table} TO pinbu_merchant USING"
            " (merchant_id = nullif(current_setting('pinbu.merchant_id', true), '')::bigint)"
        )
        op.execute(f"GRANT SELECT ON {table} TO pinbu_merchant")
""",
        """\
            f"CREATE POLICY merchant_own ON {table} TO pinbu_merchant USING (true)"
        )
        op.execute(f"GRANT SELECT ON {table} TO pinbu_merchant")
""",
        ("tests/domain/merchants/test_tenants.py",),
    ),
    Fault(
        "budget-unchecked",
        "a budget is overrun",
        "domain/checkout/opening.py",
        """\
        AND committed_fen + spent_fen + :worst <= budget_fen
""",
        "",
        ("tests/concurrency/test_budgets.py",),
    ),
    Fault(
        "commitment-kept",
        "a budget is used up by groups that are long over",
        "domain/settlement/failing.py",
        """\
        committed_fen=kept - group.size * group.largest_subsidy_fen,
""",
        """\
        committed_fen=kept,
""",
        ("tests/scenarios/test_budget_runs_out.py", "tests/domain/auditing/test_running.py"),
    ),
    Fault(
        "key-not-kept",
        "a repeated request buys twice",
        "domain/idempotency.py",
        """\
    if row.stored_hash is None:
        return None
""",
        """\
    if row.stored_hash is None or row.is_taken:
        return None
""",
        ("tests/concurrency/test_idempotency_keys.py",),
    ),
    Fault(
        "key-of-another-request",
        "a key answers for another request",
        "domain/idempotency.py",
        """\
    if bytes(row.stored_hash) != key.request_hash:
""",
        """\
    if not key.request_hash:
""",
        ("tests/scenarios/test_promises.py",),
    ),
    Fault(
        "fence-unchecked",
        "a worker that was paused settles what another has settled",
        "domain/work.py",
        """\
        AS t (m, i, f) ON w.merchant_id = t.m AND w.id = t.i AND w.fence = t.f
""",
        """\
        AS t (m, i, f) ON w.merchant_id = t.m AND w.id = t.i
""",
        ("tests/jobs/test_leases.py",),
    ),
    Fault(
        "poison-never-parked",
        "one broken row is tried for ever",
        "domain/work.py",
        """\
    SET state = CASE WHEN w.failures + 1 >= :most THEN 'parked' ELSE 'due' END,
""",
        """\
    SET state = CASE WHEN w.failures + 1 >= 10 * :most THEN 'parked' ELSE 'due' END,
""",
        ("tests/jobs/test_parking.py",),
    ),
    Fault(
        "herd-first-come",
        "a merchant's herd keeps all others waiting",
        "domain/work.py",
        """\
    rows = _deal(session, kind, limit // 2, at=at, but_not=but_not, values=values)
""",
        """\
    rows: list[Lease] = []
""",
        ("tests/jobs/test_dealing.py",),
    ),
    Fault(
        "leaves-after-the-deadline",
        "a member leaves and is subsidised too",
        "domain/settlement/leaving.py",
        """\
        and at < group.cut
""",
        "",
        ("tests/scenarios/test_promises.py",),
    ),
    Fault(
        "left-without-refund",
        "who leaves loses what it paid",
        "domain/settlement/leaving.py",
        """\
    postings = request_refunds(session, [] if refund is None else [refund], at=at, actor=actor)
""",
        """\
    postings = request_refunds(session, [], at=at, actor=actor)
""",
        ("tests/concurrency/test_leaving.py",),
    ),
    Fault(
        "coupon-spent-twice",
        "one coupon pays two orders",
        "domain/settlement/spending.py",
        """\
    WHERE merchant_id = :merchant_id AND id = :id AND state = 'issued'
    RETURNING id
""",
        """\
    WHERE merchant_id = :merchant_id AND id = :id
    RETURNING id
""",
        ("tests/concurrency/test_spending.py",),
    ),
    Fault(
        "failed-fact-untold",
        "a shopper is never told that the group failed",
        "domain/settlement/failing.py",
        """\
    outbox.emit(
        session, [outbox.NewFact(g.merchant_id, "group.failed", g.id) for g in groups], at=at
    )
""",
        "",
        ("tests/domain/auditing/test_running.py",),
    ),
    Fault(
        "grant-above-its-quote",
        "a member gets more than was promised, and the budget is overrun",
        "domain/subsidies/rules.py",
        """\
    amount = _within(parts, quote, amount)
""",
        "",
        ("tests/domain/subsidies/test_rules.py",),
    ),
    Fault(
        "quote-above-what-was-paid",
        "a subsidy is more than the shopper paid",
        "domain/subsidies/rules.py",
        """\
    limits.append(("paid", paid_fen))
""",
        "",
        ("tests/domain/subsidies/test_rules.py",),
    ),
    Fault(
        "held-paid-all-the-same",
        "a suspected ring is paid before anybody looked",
        "domain/subsidies/rules.py",
        """\
    if outcome.is_to_be_held:
        return""",
        """\
    if outcome.is_to_be_held and not amount:
        return""",
        ("tests/domain/subsidies/test_rules.py",),
    ),
    Fault(
        "reward-in-a-circle",
        "a circle of friends rewards each other",
        "domain/settlement/rewarding.py",
        """\
        if ancestor is None:
            above""",
        """\
        if ancestor is None or above:
            above""",
        ("tests/scenarios/test_rewards.py",),
    ),
    Fault(
        "claw-back-of-what-is-spent",
        "a later gift is taken for one that is spent",
        "domain/settlement/clawing_back.py",
        """\
        return max(0, min(most, balance - int(later.scalar_one())))
""",
        """\
        return min(most, balance)
""",
        ("tests/scenarios/test_promises.py",),
    ),
    Fault(
        "seat-freed-unasked",
        "a seat is sold again while its payment may still come",
        "domain/settlement/releasing.py",
        """\
    WHERE p.state IN ('created', 'pending', 'unknown', 'closing')
""",
        """\
    WHERE p.state IN ('created')
""",
        (
            "tests/scenarios/test_outcomes.py",
            "tests/jobs/test_driving_payments.py",
            "tests/concurrency/test_holds.py",
        ),
    ),
    Fault(
        "entries-unsealed",
        "a ledger entry is changed unnoticed",
        "domain/ledger/sealing.py",
        """\
            string_agg(concat_ws(':', e.id, e.account_id, e.amount_fen), ',' ORDER BY e.id)
""",
        """\
            count(e.id)
""",
        ("tests/jobs/test_sealing.py",),
    ),
    Fault(
        "export-confirmed-unseen",
        "points are called delivered that no file ever held",
        "domain/interventions/programmes.py",
        """\
            AND export = :export
""",
        """\
            AND export <> -:export
""",
        ("tests/api/merchant/test_programmes.py",),
    ),
    Fault(
        "approval-unweighed",
        "a second person approves more than was shown",
        "domain/interventions/approving.py",
        """\
            _require_weight(act, doing, asked.amount_fen)
""",
        "",
        ("tests/api/merchant/test_approvals.py",),
    ),
    Fault(
        "lease-unrenewed",
        "a slow gateway's refund is sent by two workers at once",
        "domain/checkout/renewing.py",
        """\
        if self.due_in:
""",
        """\
        if self.due_in or leases:
""",
        ("tests/jobs/test_leases.py",),
    ),
    Fault(
        "no-unique-grant",
        "an order is subsidised twice",
        "migrations/versions/2026_11_22_2153_first_schema.py",
        """\
        sa.UniqueConstraint("merchant_id", "order_id", name=op.f("uq_grants_merchant_id_order_id")),
""",
        "",
        ("tests/migrations/test_guards.py",),
    ),
    Fault(
        "wallet-overdrawn",
        "a balance is spent twice and stands below zero",
        "migrations/versions/2026_11_22_2153_first_schema.py",
        """\
            "balance_fen >= 0", name=op.f("ck_ledger_accounts_balance_fen_positive")
""",
        """\
            "balance_fen >= -10000", name=op.f("ck_ledger_accounts_balance_fen_positive")
""",
        ("tests/concurrency/test_wallets.py",),
    ),
    Fault(
        "ledger-out-of-balance",
        "money is booked that comes from nowhere",
        "migrations/sql/ledger_1.sql",
        "HAVING sum(amount_fen) <> 0",
        "HAVING sum(amount_fen) IS NULL",
        ("tests/jobs/test_parking.py",),
    ),
    Fault(
        "refund-booked-backwards",
        "deposits grow with each refund, and the merchant seems to owe nothing",
        "domain/settlement/refunding.py",
        """\
            "refund.requested",
            row.id,
            ORDER_DEPOSITS,
            REFUNDS_PAYABLE,
""",
        """\
            "refund.requested",
            row.id,
            REFUNDS_PAYABLE,
            ORDER_DEPOSITS,
""",
        ("tests/concurrency/test_settling_twice.py", "tests/scenarios/test_promises.py"),
    ),
    Fault(
        "done-before-the-effect",
        "a worker's death loses what it had said was done",
        "domain/checkout/working_off.py",
        """\
        kept = work.hold(session, leases)
        waits = effect(session, [lease.subject for lease in kept], at) or {}
        work.finish(session, [lease for lease in kept if lease.subject not in waits])
""",
        """\
        kept = work.hold(session, leases)
        work.finish(session, kept)
    with transaction() as session:
        waits = effect(session, [lease.subject for lease in kept], at) or {}
""",
        ("tests/jobs/test_deliveries.py",),
    ),
    Fault(
        "late-told-too-late",
        "nobody is warned before the ten minutes are over",
        "domain/analytics/settling.py",
        """\
LATE_AFTER = timedelta(minutes=3)
""",
        """\
LATE_AFTER = timedelta(minutes=13)
""",
        ("tests/jobs/test_lateness.py",),
    ),
    Fault(
        "turns-never-end",
        "a herd stands still behind a worker that sleeps",
        "domain/settlement/turns.py",
        """\
    while turns and time.monotonic() < gives_up_at:
""",
        """\
    while turns and time.monotonic() < gives_up_at + 5:
""",
        ("tests/concurrency/test_turns.py",),
    ),
    Fault(
        "waiting-refund-unfenced",
        "a worker that was paused sends what another has taken over",
        "domain/checkout/driving_refunds.py",
        """\
        kept = set(work.hold(session, [job.lease for job in jobs]))
""",
        """\
        kept = {job.lease for job in jobs}
""",
        ("tests/jobs/test_leases.py",),
    ),
    Fault(
        "undecided-unseen",
        "thousands wait for their money, and the clocks are green",
        "domain/analytics/clocks.py",
        """\
        decided, members=decided.members + undecided, waiting=decided.waiting + undecided
""",
        """\
        decided, members=decided.members, waiting=decided.waiting
""",
        ("tests/api/merchant/test_settlement.py",),
    ),
    Fault(
        "parked-in-the-herd",
        "one broken group makes each later herd look a day old",
        "domain/analytics/settling.py",
        """\
        min(u.due_at) FILTER (WHERE NOT u.is_parked) AS oldest_at,
""",
        """\
        min(u.due_at) AS oldest_at,
""",
        ("tests/api/merchant/test_settlement.py",),
    ),
    Fault(
        "seals-told-nowhere",
        "who deletes the newest seals and their transactions leaves no trace",
        "jobs/worker.py",
        """\
    configure_logging()
""",
        """\
    import logging

    logging.basicConfig(level=logging.INFO)
""",
        ("tests/jobs/test_worker.py",),
    ),
    Fault(
        "sealing-stopped",
        "the newest books can be changed, and the audit stays green",
        "domain/auditing/seals.py",
        """\
        WHERE t.at <= CAST(:at AS timestamptz) - interval '1 hour'
""",
        """\
        WHERE t.at <= CAST(:at AS timestamptz) - interval '100 years'
""",
        ("tests/domain/auditing/test_faults.py",),
    ),
    Fault(
        "cap-of-the-day-of-placing",
        "a seat counts against the cap of another day than its deadline's",
        "domain/checkout/joining.py",
        """\
        cap_on=clock.ending_day(seen.deadline_at),
""",
        """\
        cap_on=clock.shanghai_day(at),
""",
        ("tests/domain/auditing/test_running.py",),
    ),
    Fault(
        "life-cut-short",
        "a group fails before the time that its rules promise",
        "domain/settlement/taking.py",
        """\
    return min(paid_at + timedelta(seconds=terms.life_seconds), terms.ends_at)
""",
        """\
    return min(paid_at + timedelta(seconds=terms.life_seconds - 1), terms.ends_at)
""",
        ("tests/domain/auditing/test_running.py",),
    ),
    Fault(
        "fails-before-its-deadline",
        "a group fails while friends may still join",
        "domain/settlement/failing.py",
        """\
        and group.cut <= at
""",
        """\
        and group.cut <= at + timedelta(hours=1)
""",
        ("tests/domain/auditing/test_running.py",),
    ),
    Fault(
        "paid-when-heard",
        "who paid in time counts as late, because we heard it late",
        "domain/settlement/taking.py",
        """\
            "paid_at": paid_at,
            "at": at,
            "actor": actor,
            "judged": decision.outcome.value,
""",
        """\
            "paid_at": at,
            "at": at,
            "actor": actor,
            "judged": decision.outcome.value,
""",
        ("tests/domain/auditing/test_running.py",),
    ),
    Fault(
        "delay-forgotten",
        "a subsidy is due at another time than its rule says",
        "domain/settlement/granting.py",
        """\
    return _deadline(failed) + timedelta(seconds=failed.terms.subsidy.delay_seconds)
""",
        """\
    return _deadline(failed) + timedelta(seconds=2 * failed.terms.subsidy.delay_seconds)
""",
        ("tests/domain/auditing/test_running.py",),
    ),
    Fault(
        "coupon-of-another-life",
        "a coupon lives shorter than its rule says",
        "domain/settlement/issuing.py",
        """\
        "expires_at": (at + timedelta(days=issue.valid_days)).isoformat(),
""",
        """\
        "expires_at": (at + timedelta(days=issue.valid_days - 1)).isoformat(),
""",
        ("tests/domain/auditing/test_running.py",),
    ),
    Fault(
        "last-payer-leads",
        "the member who paid last leads",
        "domain/settlement/leaving.py",
        """\
        ORDER BY o.paid_at, o.id LIMIT 1
""",
        """\
        ORDER BY o.paid_at DESC, o.id LIMIT 1
""",
        ("tests/domain/auditing/test_running.py",),
    ),
    Fault(
        "texts-out-of-the-chain",
        "the rules that shoppers were shown can be rewritten unseen",
        "migrations/sql/frozen_rules_1.sql",
        """\
 v.text_zh,
        v.text_en, v.acknowledged)""",
        """\
 v.acknowledged)""",
        ("tests/domain/auditing/test_running.py",),
    ),
)
