"""Alipay's yuan and Beijing times, which live at this border only: fen and UTC everywhere else."""

import re
from datetime import UTC, datetime

from domain.clock import SHANGHAI
from domain.money import Fen

_FORMAT = "%Y-%m-%d %H:%M:%S"
_FIRST_YEAR, _LAST_YEAR = 2000, 2199
_UNNAMED = re.compile(r"[0-9]+@[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}", re.ASCII)
_YUAN = re.compile(r"(-?)([0-9]{1,13})(?:\.([0-9]{1,2}))?", re.ASCII)


def write_yuan(amount_fen: Fen) -> str:
    """Write an amount as yuan with two decimals. Raises ValueError below zero."""
    if amount_fen < 0:
        raise ValueError(f"{amount_fen} fen is no amount")
    return f"{amount_fen // 100}.{amount_fen % 100:02d}"


def read_yuan(text: str) -> Fen:
    """Read yuan, exactly. Raises ValueError for anything else than at most two decimals."""
    match = _YUAN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not yuan")
    fen = int(match[2]) * 100 + int((match[3] or "").ljust(2, "0"))
    return Fen(-fen if match[1] else fen)


def write_instant(at: datetime) -> str:
    """Write an instant in Beijing time, whole seconds, rounded down."""
    return at.astimezone(SHANGHAI).strftime(_FORMAT)


def read_instant(text: str) -> datetime:
    """Read an instant of Beijing time, with or without milliseconds. Raises ValueError."""
    local = datetime.strptime(text.partition(".")[0], _FORMAT).replace(tzinfo=SHANGHAI)
    if not _FIRST_YEAR <= local.year <= _LAST_YEAR:
        raise ValueError(f"{text!r} is no instant of our time")
    return local.astimezone(UTC)


def unnamed_refund(trade_no: str, at: str) -> str:
    """Name a refund that Alipay gave no number: by its trade, and by when it was made."""
    return f"{trade_no}@{at.partition('.')[0].replace(' ', 'T')}"


def is_unnamed(number: str) -> bool:
    """Say whether a refund's number is one that `unnamed_refund` made: nobody can ask by it."""
    return _UNNAMED.fullmatch(number) is not None
