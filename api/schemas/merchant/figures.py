"""Figures of a period."""

from datetime import timedelta
from typing import Any

import marshmallow as ma

from api.schemas.fields import (
    Answer,
    Count,
    DayOn,
    Instant,
    PublicId,
    Schema,
    String,
)
from domain.analytics.definitions import DEFINITIONS

LONGEST = timedelta(days=366)

_FIGURES = {
    definition.key: ma.fields.Integer(
        allow_none=True, metadata={"description": definition.sentence.en}
    )
    for definition in DEFINITIONS
}
FiguresSchema = Answer.from_dict(dict(_FIGURES), name="Figures")
"""All figures of one day or span; null where there is nothing to divide by."""

DayFiguresSchema = Answer.from_dict({"on": DayOn(), **_FIGURES}, name="DayFigures")
"""The figures of one day."""


class DefinitionSchema(Answer):
    """What a figure means, in the language asked for."""

    key = String()
    name = String()
    sentence = String()


class PeriodFiguresSchema(Answer):
    """The figures of a period, of the one before it, and of each day."""

    from_on = DayOn()
    to_on = DayOn()
    as_of = Instant()
    total = ma.fields.Nested(FiguresSchema)
    previous = ma.fields.Nested(FiguresSchema)
    previous_until = Instant(
        metadata={
            "description": "how far `previous` is counted: the same time of its last day as now,"
            " where the period has not ended"
        }
    )
    days = ma.fields.List(ma.fields.Nested(DayFiguresSchema))
    definitions = ma.fields.List(ma.fields.Nested(DefinitionSchema))


class StepClockSchema(Answer):
    """One step after a deadline: its members, those who wait for it, the seconds of the others.

    Percentiles are null where no member has come so far.
    """

    key = String()
    name = String()
    sentence = String()
    members = Count()
    waiting = Count()
    p50_seconds = Count(allow_none=True)
    p99_seconds = Count(allow_none=True)
    max_seconds = Count(allow_none=True)


class ClocksSchema(Answer):
    """The steps of the members decided in a period, in their order."""

    from_on = DayOn()
    to_on = DayOn()
    as_of = Instant()
    clocks = ma.fields.List(ma.fields.Nested(StepClockSchema))


class FiguresArguments(Schema):
    """Which days (both included), and which campaign if not all."""

    from_on = DayOn(required=True)
    to_on = DayOn(required=True)
    campaign_id = PublicId(load_default=None)

    @ma.validates_schema
    def check_order(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse a period that ends before it starts, or is longer than a year."""
        length = data["to_on"] - data["from_on"]
        if length < timedelta(0):
            raise ma.ValidationError("before_start", "to_on")
        if length >= LONGEST:
            raise ma.ValidationError("window_too_long", "to_on")
