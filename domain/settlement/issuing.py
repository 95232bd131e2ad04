"""Issuing what was promised: cash into wallets, coupons, passes and points as liabilities.

One ledger transaction each, at face value, out of the expense that caused it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.sql import bindparam

from domain.ledger.posting import (
    COUPONS_PAYABLE,
    EXTERNAL_POINTS_PAYABLE,
    GOODWILL_EXPENSE,
    PASSES_PAYABLE,
    POINTS_PAYABLE,
    REWARD_EXPENSE,
    SHARED,
    SUBSIDY_EXPENSE,
    WALLET,
    Account,
    Posting,
)
from domain.public_ids import new_public_id
from domain.terms import SubsidyKind


class Source(StrEnum):
    """What issues: a subsidy grant, a referrer's reward, a gift of staff."""

    GRANT = "grant"
    REWARD = "reward"
    GIFT = "gift"


EXPENSES = {
    Source.GRANT: SUBSIDY_EXPENSE,
    Source.REWARD: REWARD_EXPENSE,
    Source.GIFT: GOODWILL_EXPENSE,
}
HOLDERS = {
    SubsidyKind.CASH: WALLET,
    SubsidyKind.COUPON: COUPONS_PAYABLE,
    SubsidyKind.PASS: PASSES_PAYABLE,
    SubsidyKind.POINTS: POINTS_PAYABLE,
    SubsidyKind.EXTERNAL_POINTS: EXTERNAL_POINTS_PAYABLE,
}
"""The account in which each kind is held until it is spent."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One amount to be issued: to whom, as what, because of which row."""

    merchant_id: int
    source: Source
    source_id: int
    shopper_id: int
    kind: SubsidyKind
    amount_fen: int
    threshold_fen: int = 0
    valid_days: int = 0
    programme_id: int | None = None


_INSTRUMENTS = text(
    """
    INSERT INTO instruments (merchant_id, public_id, shopper_id, kind, state, value_fen,
        threshold_fen, source, source_id, issued_at, expires_at, moved_at, moved_by)
    SELECT m, public_id, shopper_id, kind, 'issued', value_fen, threshold_fen, source, source_id,
        :at, expires_at, :at, :actor
    FROM jsonb_to_recordset(:wanted) AS t (
        m bigint, public_id text, shopper_id bigint, kind text, value_fen bigint,
        threshold_fen bigint, source text, source_id bigint, expires_at timestamptz)
    """
).bindparams(bindparam("wanted", type_=JSONB))
_LOTS = text(
    """
    INSERT INTO point_lots (merchant_id, public_id, shopper_id, source, source_id, value_fen,
        left_fen, issued_at, expires_at)
    SELECT t.m, public_id, shopper_id, source, source_id, value_fen, value_fen, :at,
        CAST(:at AS timestamptz) + make_interval(days => coalesce(s.points_valid_days, 365)::int)
    FROM jsonb_to_recordset(:wanted) AS t (
        m bigint, public_id text, shopper_id bigint, value_fen bigint, source text,
        source_id bigint)
    LEFT JOIN merchant_settings s ON s.merchant_id = t.m
    """
).bindparams(bindparam("wanted", type_=JSONB))
_EXTERNAL = text(
    """
    WITH made AS (
        INSERT INTO external_issues (merchant_id, public_id, grant_id, programme_id, shopper_id,
            state, points, amount_fen, created_at)
        SELECT t.m, t.public_id, t.source_id, p.id, t.shopper_id, 'pending',
            t.value_fen * p.points_per_yuan / 100, t.value_fen, :at
        FROM jsonb_to_recordset(:wanted) AS t (
            m bigint, public_id text, shopper_id bigint, value_fen bigint, source_id bigint,
            programme_id bigint)
        JOIN external_programmes p ON p.merchant_id = t.m AND p.id = t.programme_id
        RETURNING merchant_id, id, programme_id
    )
    INSERT INTO work_rows (merchant_id, kind, subject_id, due_at)
    SELECT made.merchant_id, 'deliver_points', made.id, :at
    FROM made JOIN external_programmes p
        ON p.merchant_id = made.merchant_id AND p.id = made.programme_id
    WHERE p.delivery = 'webhook'
    """
).bindparams(bindparam("wanted", type_=JSONB))


def issue(session: Session, issues: Sequence[Issue], *, at: datetime, actor: str) -> list[Posting]:
    """Write what is issued beside the wallet; returns the postings, which the caller posts.

    Issuing for one row twice breaks a unique key, here or of the ledger.
    """
    instruments = [i for i in issues if i.kind.expires]
    if instruments:
        wanted = [_row(i, at) for i in instruments]
        session.execute(_INSTRUMENTS, {"wanted": wanted, "at": at, "actor": actor})
    for kind, statement in ((SubsidyKind.POINTS, _LOTS), (SubsidyKind.EXTERNAL_POINTS, _EXTERNAL)):
        of_kind = [_row(i, at) for i in issues if i.kind is kind]
        if of_kind:
            session.execute(statement, {"wanted": of_kind, "at": at})
    return [posting_of(i) for i in issues]


def _row(issue: Issue, at: datetime) -> dict[str, object]:
    return {
        "m": issue.merchant_id,
        "public_id": new_public_id(),
        "shopper_id": issue.shopper_id,
        "kind": issue.kind.value,
        "value_fen": issue.amount_fen,
        "threshold_fen": issue.threshold_fen,
        "source": issue.source.value,
        "source_id": issue.source_id,
        "programme_id": issue.programme_id,
        "expires_at": (at + timedelta(days=issue.valid_days)).isoformat(),
    }


def posting_of(issue: Issue) -> Posting:
    """Build the one ledger transaction of an issue."""
    account: Account = HOLDERS[issue.kind]
    return Posting(
        issue.merchant_id,
        f"{issue.source.value}.issued",
        issue.source_id,
        EXPENSES[issue.source],
        account,
        issue.amount_fen,
        destination_owner_id=issue.shopper_id if account == WALLET else SHARED,
    )
