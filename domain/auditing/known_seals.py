"""Seals and frozen rules that were told to the outside, compared with those in the books.

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

_OF_LEDGER = "ledger sealed"  # of `domain.ledger.sealing.tell_seals`
_OF_RULES = "rules frozen"  # of `domain.publishing.publishing`
KNOWN = Check(
    "ledger.known-seals",
    6,
    "Every seal of the ledger and every version of rules that the log tells of stands, with the"
    " hash that was told.",
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
_FIND_RULES = text(
    """
    SELECT format('rules %s of campaign %s/%s were told of as %s', t.n, t.m, t.c, t.chain) AS key
    FROM unnest(CAST(:merchants AS bigint[]), CAST(:campaigns AS bigint[]),
        CAST(:numbers AS bigint[]), CAST(:chains AS text[])) AS t (m, c, n, chain)
    LEFT JOIN rule_versions v ON v.merchant_id = t.m AND v.campaign_id = t.c AND v.number = t.n
    WHERE encode(v.chain, 'hex') IS DISTINCT FROM t.chain
    ORDER BY t.m, t.c, t.n
    """
)


class KnownSeal(NamedTuple):
    """What the log told of a seal: its merchant, its number, its hash.

    Rules have their campaign; the ledger's seals have none.
    """

    merchant_id: int
    number: int
    chain: str
    campaign_id: int | None = None


def read_log(lines: Iterable[str | bytes]) -> Iterator[KnownSeal]:
    """Read the seals out of a worker's log; other lines, and torn ones, are passed over."""
    for line in lines:
        told = _parsed(line)
        if told.get("message") == _OF_LEDGER:
            yield KnownSeal(int(told["merchant_id"]), int(told["seal"]), str(told["chain"]))
        elif told.get("message") == _OF_RULES:
            yield KnownSeal(
                int(told["merchant_id"]),
                int(told["number"]),
                str(told["chain"]),
                int(told["campaign_id"]),
            )


def _parsed(line: str | bytes) -> dict[str, Any]:
    try:
        told = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}


def compare_seals(session: Session, known: Iterable[KnownSeal]) -> list[str]:
    """Return which of the known seals do not stand as they were told."""
    told = list(known)
    found = []
    for statement, is_of_rules in ((_FIND, False), (_FIND_RULES, True)):
        seals = [seal for seal in told if (seal.campaign_id is not None) is is_of_rules]
        values = {
            "merchants": array(seal.merchant_id for seal in seals),
            "numbers": array(seal.number for seal in seals),
            "chains": [seal.chain for seal in seals],
        }
        if is_of_rules:
            values["campaigns"] = array(seal.campaign_id or 0 for seal in seals)
        found += [row.key for row in session.execute(statement, values)]
    return found
