"""Recording risk decisions: append-only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.sql import bindparam

from domain.risk.rules import Decision

_RECORD = text(
    """
    INSERT INTO risk_decisions
        (merchant_id, occurred_at, point, shopper_id, order_id, outcome, fired, inputs)
    SELECT m, :at, :point, shopper, order_id, outcome, fired, inputs
    FROM jsonb_to_recordset(:decisions) AS t (
        m bigint, shopper bigint, order_id bigint, outcome text, fired jsonb, inputs jsonb)
    """
).bindparams(bindparam("decisions", type_=JSONB))


@dataclass(frozen=True, slots=True)
class Judged:
    """A decision about a shopper's order (or attempt: no order)."""

    merchant_id: int
    shopper_id: int
    order_id: int | None
    decision: Decision


def record_decisions(
    session: Session, judged: Sequence[Judged], *, point: str, at: datetime
) -> None:
    """Record decisions made at one point: join (any placing of an order), pay or settle."""
    if judged:
        session.execute(
            _RECORD,
            {
                "at": at,
                "point": point,
                "decisions": [
                    {
                        "m": j.merchant_id,
                        "shopper": j.shopper_id,
                        "order_id": j.order_id,
                        "outcome": j.decision.outcome.value,
                        "fired": j.decision.fired,
                        "inputs": j.decision.inputs,
                    }
                    for j in judged
                ],
            },
        )
