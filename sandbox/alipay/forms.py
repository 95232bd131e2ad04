"""How Alipay writes amounts and instants, and the strict shapes of its parameters."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from sandbox.alipay.errors import ApiError
from sandbox.shapes import Check, Misshapen, text

BEIJING = timezone(timedelta(hours=8))
_FORMAT = "%Y-%m-%d %H:%M:%S"
_YUAN = re.compile(r"(0|[1-9]\d{0,8})(?:\.(\d{1,2}))?")


def write_yuan(fen: int) -> str:
    """Write fen as yuan with two decimals."""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def read_yuan(yuan: str) -> int:
    """Read a yuan text of at most two decimals as fen. Raises ValueError."""
    match = _YUAN.fullmatch(yuan)
    if match is None:
        raise ValueError(f"{yuan!r} is not yuan with at most two decimals")
    return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))


def write_instant(at: float) -> str:
    """Write an instant in Beijing time, whole seconds."""
    return datetime.fromtimestamp(at, UTC).astimezone(BEIJING).strftime(_FORMAT)


def read_instant(value: str) -> float:
    """Read an instant written in Beijing time. Raises ValueError."""
    return datetime.strptime(value, _FORMAT).replace(tzinfo=BEIJING).timestamp()


def yuan(minimum_fen: int) -> Check:
    """Accept a yuan text of at least so many fen; a JSON number is refused."""

    def check(value: Any, path: str) -> None:
        text(12)(value, path)
        try:
            fen = read_yuan(value)
        except ValueError as problem:
            raise Misshapen(path, str(problem)) from None
        if fen < minimum_fen:
            raise Misshapen(path, f"must be at least {write_yuan(minimum_fen)}")

    return check


def instant(value: Any, path: str) -> None:
    """Accept an instant of the form yyyy-MM-dd HH:mm:ss."""
    text(19, minimum=19)(value, path)
    try:
        read_instant(value)
    except ValueError:
        raise Misshapen(path, "must be yyyy-MM-dd HH:mm:ss") from None


def check(shape: Check, content: Any, refuse: Callable[[str], ApiError]) -> None:
    """Check a request's biz_content. Raises what `refuse` makes of the field at fault."""
    try:
        shape(content, "")
    except Misshapen as problem:
        raise refuse(f"参数无效：{problem.field} {problem.why}") from None
