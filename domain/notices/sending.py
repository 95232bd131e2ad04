"""Messages of notices: which are to be sent, to whom, and how it ended."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.notices.queries import plain_key
from domain.notices.templates import Message, Template, compose
from domain.texts import Language

SEND_MESSAGE = "send_message"
"""The kind of work whose subject is a notice."""

Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class UnsentMessage:
    """A message to be sent, from which mini-program, to whom."""

    app_id: str
    secret_sealed: bytes = field(repr=False)
    openid: str
    language: Language
    message: Message


_FIND = text(
    """
    SELECT n.key, n.parameters, n.created_at, s.openid, s.language, a.app_id, a.secret_sealed,
        a.message_templates
    FROM notices n
    JOIN shoppers s ON s.merchant_id = n.merchant_id AND s.id = n.shopper_id
    JOIN merchant_apps a ON a.merchant_id = n.merchant_id AND a.app_id = s.app_id
    WHERE n.merchant_id = :merchant_id AND n.id = :id AND n.sent_at IS NULL
    """
)
_RECORD = text(
    """
    UPDATE notices SET sent_at = :at, send_result = :result
    WHERE merchant_id = :merchant_id AND id = :id AND sent_at IS NULL
    """
)


def find_unsent(session: Session, notice: Key) -> UnsentMessage | None:
    """Return the message of a notice, or None where none is to be sent (any more)."""
    row = session.execute(_FIND, {"merchant_id": notice[0], "id": notice[1]}).one_or_none()
    if row is None:
        return None
    key = plain_key(row.key)
    kept: dict[str, Any] | None = row.message_templates.get(key)
    if kept is None:
        return None
    language: Language = "en" if row.language == "en" else "zh"
    message = compose(
        Template(**kept), key, row.parameters, written_at=row.created_at, language=language
    )
    return UnsentMessage(row.app_id, bytes(row.secret_sealed), row.openid, language, message)


def record_result(session: Session, notice: Key, result: str, *, at: datetime) -> None:
    """Record how a notice's message ended (sent, refused, failed); the first record stays."""
    session.execute(
        _RECORD, {"merchant_id": notice[0], "id": notice[1], "result": result, "at": at}
    )
