"""Seals that were told to the outside, compared with those in the books.

Who can delete the newest seals can have their transactions sealed anew: the chain alone does not
show it, a line of the log does.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.arrays import array
from domain.auditing.checks import Check

_MESSAGE = "ledger sealed"  # of `domain.ledger.sealing.tell_seals`
KNOWN = Check(
    "ledger.known-seals",
    6,
    "Every seal that the log tells of stands, with the hash that was told.",
)
_FIND = text(
    """
    SELECT format('seal %s/%s was told of as %s', t.m, t.n, t.chain) AS key
    FROM unnest(CAST(:merchants AS bigint[]), CAST(:numbers AS bigint[]), CAST(:chains AS text[]))
        AS t (m, n, chain)
    LEFT JOIN ledger_seals s ON s.merchant_id = t.m AND s.number = t.n
    WHERE encode(s.chain, 'hex') IS DISTINCT FROM t.chain
    ORDER BY t.m, t.n
    """
)


class KnownSeal(NamedTuple):
    """What the log told of a seal: its merchant, its number, its hash."""

    merchant_id: int
    number: int
    chain: str


def read_log(lines: Iterable[str | bytes]) -> Iterator[KnownSeal]:
    """Read the seals out of a worker's log; other lines, and torn ones, are passed over."""
    for line in lines:
        told = _parsed(line)
        if told.get("message") == _MESSAGE:
            yield KnownSeal(int(told["merchant_id"]), int(told["seal"]), str(told["chain"]))


def _parsed(line: str | bytes) -> dict[str, Any]:
    try:
        told = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}


def compare_seals(session: Session, known: Iterable[KnownSeal]) -> list[str]:
    """Return which of the known seals do not stand as they were told."""
    seals = list(known)
    values = {
        "merchants": array(seal.merchant_id for seal in seals),
        "numbers": array(seal.number for seal in seals),
        "chains": [seal.chain for seal in seals],
    }
    return [row.key for row in session.execute(_FIND, values)]
