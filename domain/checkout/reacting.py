"""Consuming facts: a chunk of one consumer's deliveries at a time, each exactly once."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from domain.checkout.working_off import CHUNK, work_off
from domain.work import Key

Consumer = Callable[[Session, Sequence[Key], datetime], None]


def consume_facts(name: str, consumer: Consumer, *, at: datetime, limit: int = CHUNK) -> int:
    """Give a consumer the facts that are due to it; returns how many."""
    return work_off(name, consumer, at=at, limit=limit)
