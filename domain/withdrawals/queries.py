"""Reads of withdrawals, by their shopper and by the merchant's staff."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from domain.clock import iso
from domain.states import FINAL_WITHDRAWAL_STATES, WithdrawalState
from domain.texts import Language
from domain.texts import text as text_of
from domain.withdrawals.errors import WithdrawalNotFound
from domain.withdrawals.rules import CONFIRM_WITHIN, WithdrawalLimits, advise

Key = tuple[int, int]

_INSTANTS = ("requested_at", "awaiting_at", "cancel_requested_at", "ended_at")


@dataclass(frozen=True, slots=True)
class WithdrawalView:
    """A withdrawal as its shopper and staff see it."""

    row_id: int
    gateway_account_id: int
    app_id: str
    package_info: str | None
    id: str
    shopper: dict[str, Any]
    state: str
    gross_fen: int
    tax_fen: int
    net_fen: int
    tax_category: str
    transfer_no: str | None
    fail_reason: str | None
    requested_at: datetime
    awaiting_at: datetime | None
    cancel_requested_at: datetime | None
    ended_at: datetime | None

    @property
    def awaits_shopper(self) -> bool:
        """Say whether the shopper can confirm it now."""
        return self.state == WithdrawalState.AWAITING_SHOPPER and self.package_info is not None

    @property
    def confirm_by(self) -> datetime | None:
        """Return until when the shopper may confirm it."""
        if self.state != WithdrawalState.AWAITING_SHOPPER or self.awaiting_at is None:
            return None
        return self.awaiting_at + CONFIRM_WITHIN

    def advice(self) -> str | None:
        """Return what can be done about one whose money came back, as a code."""
        is_over = self.state in FINAL_WITHDRAWAL_STATES
        if not is_over or self.state == WithdrawalState.SUCCEEDED:
            return None
        return advise(self.fail_reason).value

    def describe(self, language: Language) -> dict[str, Any]:
        """Return what REST tells of the withdrawal to its shopper."""
        advice = self.advice()
        return {
            "id": self.id,
            "state": self.state,
            "text": text_of(f"withdrawals.{self.state}", language),
            "gross_fen": self.gross_fen,
            "tax_fen": self.tax_fen,
            "net_fen": self.net_fen,
            "tax_category": self.tax_category,
            "fail_reason": self.fail_reason,
            "advice": advice,
            "advice_text": advice and text_of(f"withdrawals.advice.{advice}", language),
            "requested_at": self.requested_at,
            "awaiting_at": self.awaiting_at,
            "confirm_by": self.confirm_by,
            "cancel_requested_at": self.cancel_requested_at,
            "ended_at": self.ended_at,
        }

    def to_json(self) -> dict[str, Any]:
        """Write the withdrawal as the answer to a key is kept."""
        written = asdict(self)
        return {**written, **{name: iso(written[name]) for name in _INSTANTS}}

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        instants = {
            name: None if kept[name] is None else datetime.fromisoformat(kept[name])
            for name in _INSTANTS
        }
        return cls(**{**kept, **instants})

    def describe_to_staff(self, language: Language) -> dict[str, Any]:
        """Return what REST tells of the withdrawal to staff."""
        more = {"shopper": self.shopper, "transfer_no": self.transfer_no}
        return self.describe(language) | more


_LINES = """
    SELECT w.id AS row_id, w.gateway_account_id, w.app_id, w.package_info, w.public_id AS id,
        s.public_id AS shopper_id, s.nickname, w.state, w.gross_fen, w.tax_fen, w.net_fen,
        w.tax_category, w.transfer_no, w.fail_reason, w.requested_at, w.awaiting_at,
        w.cancel_requested_at, w.ended_at
    FROM withdrawals w
    JOIN shoppers s ON s.merchant_id = w.merchant_id AND s.id = w.shopper_id
    WHERE w.merchant_id = :merchant_id
        AND (CAST(:shopper_id AS bigint) IS NULL OR w.shopper_id = :shopper_id)
        AND (CAST(:state AS text) IS NULL OR w.state = :state)
        AND (CAST(:public_id AS text) IS NULL OR w.public_id = :public_id)
        AND (CAST(:below_id AS bigint) IS NULL OR w.id < :below_id)
    ORDER BY w.id DESC
    LIMIT :limit
"""
_FIND = text(_LINES)
_LIMITS = text(
    """
    SELECT is_withdrawal_on, withdrawal_max_fen, withdrawal_daily_fen, withdrawal_tax_bps,
        withdrawal_tax_category
    FROM merchant_settings WHERE merchant_id = :merchant_id
    """
)
_WITHDRAWN = text(
    """
    SELECT coalesce(sum(gross_fen), 0) FROM withdrawals
    WHERE merchant_id = :merchant_id AND shopper_id = :shopper_id
        AND requested_at >= :since AND requested_at < :until
        AND state NOT IN ('failed', 'expired', 'cancelled')
    """
)


def list_withdrawals(
    session: Session,
    merchant_id: int,
    *,
    shopper_id: int | None = None,
    state: WithdrawalState | None = None,
    below_id: int | None,
    limit: int,
) -> list[WithdrawalView]:
    """List a merchant's withdrawals, or one shopper's, newest first, below an inner id."""
    values = _values(merchant_id, shopper_id=shopper_id, below_id=below_id, limit=limit)
    values["state"] = None if state is None else state.value
    return [_view(row) for row in session.execute(_FIND, values).mappings()]


def find_withdrawal(session: Session, shopper: Key, public_id: str) -> WithdrawalView:
    """Return a shopper's withdrawal. Raises WithdrawalNotFound."""
    values = _values(shopper[0], shopper_id=shopper[1], public_id=public_id)
    row = session.execute(_FIND, values).mappings().one_or_none()
    if row is None:
        raise WithdrawalNotFound
    return _view(row)


def read_limits(session: Session, merchant_id: int) -> WithdrawalLimits:
    """Return a merchant's rules for withdrawals."""
    return WithdrawalLimits(*session.execute(_LIMITS, {"merchant_id": merchant_id}).one())


def withdrawn_between(session: Session, shopper: Key, since: datetime, until: datetime) -> int:
    """Return what a shopper withdrew in a time, in fen; what came back does not count."""
    found = session.execute(
        _WITHDRAWN,
        {"merchant_id": shopper[0], "shopper_id": shopper[1], "since": since, "until": until},
    )
    return int(found.scalar_one())


def _values(merchant_id: int, **values: Any) -> dict[str, Any]:
    unset = {"shopper_id": None, "state": None, "public_id": None, "below_id": None, "limit": 2}
    return {**unset, "merchant_id": merchant_id, **values}


def _view(row: RowMapping) -> WithdrawalView:
    values = dict(row)
    shopper = {"id": values.pop("shopper_id"), "nickname": values.pop("nickname")}
    return WithdrawalView(shopper=shopper, **values)
