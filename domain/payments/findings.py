"""What gateways said that cannot be believed as it stands: kept, shown, alarmed, resolved by staff.

A finding changes nothing else: whatever it is about stays as it was.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.sql import bindparam

from domain.clock import iso
from domain.gateways.errors import GatewayUnknown, InvalidCallback, Statement
from domain.gateways.reading import storable
from domain.payments.errors import FindingNotFound, FindingResolved
from domain.public_ids import new_public_id

logger = logging.getLogger(__name__)


class FindingKind(StrEnum):
    """What is wrong with a statement."""

    PAYMENT_DIFFERS = "payment_differs"
    REFUND_DIFFERS = "refund_differs"
    TRANSFER_DIFFERS = "transfer_differs"
    SECOND_TRANSACTION = "second_transaction"
    SUCCESS_TIME_BOUNDED = "success_time_bounded"
    REFUNDED_ELSEWHERE = "refunded_elsewhere"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Finding:
    """One statement: `number` is what it is about (ours, or empty), `fields` what differs.

    `fields` maps a name to {"ours": …, "theirs": …}.
    """

    account: tuple[int, int]
    kind: FindingKind
    number: str
    heard_by: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
    said: str = field(default="", repr=False)

    @property
    def digest(self) -> str:
        """Tell this statement from others about the same number."""
        told = json.dumps([self.fields, self.problem, "" if self.fields else self.said])
        return hashlib.sha256(told.encode()).hexdigest()[:32]


_RECORD = text(
    """
    INSERT INTO gateway_findings (merchant_id, public_id, gateway_account_id, kind, number, digest,
        heard_by, problem, fields, said, times, first_at, last_at)
    VALUES (:merchant_id, :public_id, :account_id, :kind, :number, :digest, :heard_by, :problem,
        :fields, :said, 1, :at, :at)
    ON CONFLICT (merchant_id, gateway_account_id, kind, number, digest) DO UPDATE
    SET times = gateway_findings.times + 1, last_at = greatest(gateway_findings.last_at, :at)
    RETURNING times
    """
).bindparams(bindparam("fields", type_=JSONB))


def record_finding(session: Session, finding: Finding, *, at: datetime) -> None:
    """Keep a statement; the same one heard again is counted. May be repeated."""
    times = session.execute(
        _RECORD,
        {
            "merchant_id": finding.account[0],
            "public_id": new_public_id(),
            "account_id": finding.account[1],
            "kind": finding.kind.value,
            "number": storable(finding.number),
            "digest": finding.digest,
            "heard_by": finding.heard_by,
            "problem": storable(finding.problem),
            "fields": dict(finding.fields),
            "said": finding.said,
            "at": at,
        },
    ).scalar_one()
    if times == 1:
        extra = {
            "merchant_id": finding.account[0],
            "gateway_account_id": finding.account[1],
            "kind": finding.kind.value,
            "number": finding.number,
            "fields": sorted(finding.fields),
        }
        logger.error("the gateway cannot be believed", extra=extra)


_ABOUT = {
    "query": FindingKind.PAYMENT_DIFFERS,
    "close": FindingKind.PAYMENT_DIFFERS,
    "prepay": FindingKind.PAYMENT_DIFFERS,
    "refund": FindingKind.REFUND_DIFFERS,
    "query_refund": FindingKind.REFUND_DIFFERS,
    "abnormal_refund": FindingKind.REFUND_DIFFERS,
    "transfer": FindingKind.TRANSFER_DIFFERS,
    "query_transfer": FindingKind.TRANSFER_DIFFERS,
    "cancel_transfer": FindingKind.TRANSFER_DIFFERS,
}


def finding_of(
    account: tuple[int, int], error: Exception, *, number: str, heard_by: str
) -> Finding | None:
    """Return the finding of an error that keeps what a gateway said; None for any other error."""
    if not isinstance(error, GatewayUnknown | InvalidCallback) or error.statement is None:
        return None
    said: Statement = error.statement
    kind = _ABOUT.get(said.operation, FindingKind.PAYMENT_DIFFERS)
    return Finding(
        account,
        kind if said.fields else FindingKind.UNREADABLE,
        number,
        heard_by,
        said.fields,
        said.problem,
        said.said,
    )


@dataclass(frozen=True, slots=True)
class FindingLine:
    """A finding as staff see it."""

    row_id: int
    id: str
    account_id: str
    gateway: str
    mch_no: str
    kind: str
    number: str
    heard_by: str
    problem: str
    fields: dict[str, Any]
    said: str
    times: int
    first_at: datetime
    last_at: datetime
    resolved_at: datetime | None
    resolved_by: str | None
    resolution: str | None

    @property
    def account(self) -> dict[str, str]:
        """Return the account as staff know it."""
        return {"id": self.account_id, "gateway": self.gateway, "mch_no": self.mch_no}

    @property
    def differing(self) -> list[dict[str, Any]]:
        """List what differs, by name."""
        return [
            {"name": name, "ours": told.get("ours"), "theirs": told.get("theirs")}
            for name, told in sorted(self.fields.items())
        ]

    def to_json(self) -> dict[str, Any]:
        """Write the finding as REST answers it."""
        return {
            "id": self.id,
            "account": self.account,
            "kind": self.kind,
            "number": self.number,
            "heard_by": self.heard_by,
            "problem": self.problem,
            "differing": self.differing,
            "said": self.said,
            "times": self.times,
            "first_at": iso(self.first_at),
            "last_at": iso(self.last_at),
            "resolved_at": iso(self.resolved_at),
            "resolved_by": self.resolved_by,
            "resolution": self.resolution,
        }


_LIST = text(
    """
    SELECT f.id AS row_id, f.public_id AS id, a.public_id AS account_id, a.gateway, a.mch_no,
        f.kind, f.number, f.heard_by, f.problem, f.fields, f.said, f.times, f.first_at, f.last_at,
        f.resolved_at, f.resolved_by, f.resolution
    FROM gateway_findings f
    JOIN gateway_accounts a ON a.merchant_id = f.merchant_id AND a.id = f.gateway_account_id
    WHERE f.merchant_id = :merchant_id
        AND (CAST(:is_open AS boolean) IS NULL OR (f.resolved_at IS NULL) = :is_open)
        AND (CAST(:kind AS text) IS NULL OR f.kind = :kind)
        AND (CAST(:public_id AS text) IS NULL OR f.public_id = :public_id)
        AND (CAST(:below_id AS bigint) IS NULL OR f.id < :below_id)
    ORDER BY f.id DESC
    LIMIT :limit
    """
)


def list_findings(
    session: Session,
    merchant_id: int,
    *,
    is_open: bool | None = None,
    kind: str | None = None,
    below_id: int | None = None,
    limit: int,
) -> list[FindingLine]:
    """List a merchant's findings, newest first, below an inner id."""
    return _lines(session, merchant_id, limit=limit, is_open=is_open, kind=kind, below_id=below_id)


def find_finding(session: Session, merchant_id: int, public_id: str) -> FindingLine:
    """Return a merchant's finding. Raises FindingNotFound."""
    found = _lines(session, merchant_id, limit=1, public_id=public_id)
    if not found:
        raise FindingNotFound
    return found[0]


def _lines(session: Session, merchant_id: int, **filters: object) -> list[FindingLine]:
    asked = {"is_open": None, "kind": None, "public_id": None, "below_id": None, **filters}
    rows = session.execute(_LIST, {"merchant_id": merchant_id, **asked})
    return [FindingLine(**row) for row in rows.mappings()]


_RESOLVE = text(
    """
    UPDATE gateway_findings SET resolved_at = :at, resolved_by = :who, resolution = :reason
    WHERE merchant_id = :merchant_id AND public_id = :public_id AND resolved_at IS NULL
    RETURNING id
    """
)


def resolve_finding(
    session: Session, merchant_id: int, public_id: str, *, reason: str, who: str, at: datetime
) -> FindingLine:
    """Resolve a finding, once, with what it was. Raises FindingNotFound, FindingResolved."""
    named = {"merchant_id": merchant_id, "public_id": public_id}
    done = session.execute(_RESOLVE, {**named, "reason": reason, "who": who, "at": at}).scalar()
    found = find_finding(session, merchant_id, public_id)
    if done is None:
        raise FindingResolved
    return found
