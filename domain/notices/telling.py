"""What a notice says, in a language: from its key and parameters, part by part. Pure.

Texts hold places for phrases that are put together here: `{back}` is what goes back by each means,
`{what}` a subsidy by its kind, `{gain}` what was given and where it is.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from domain.clock import SHANGHAI
from domain.money import yuan
from domain.texts import Language, has_text
from domain.texts import text as text_of

_IS_BACK: Final = ("order.refunded",)
"""Notices that tell of a gateway's money that has arrived; the others say that it will."""


def write_text(key: str, parameters: Mapping[str, Any], language: Language) -> str:
    """Write a notice's text: the one for its subsidy's state or its outcome, where there is one.

    Instants are told in Shanghai's time.
    """
    values = _values(parameters, language)
    values["back"] = _back(parameters, language, is_done=key in _IS_BACK)
    kind = parameters.get("subsidy_kind") or parameters.get("kind") or "cash"
    for name in ("what", "gain"):
        values[name] = text_of(f"notices.{name}.{kind}", language, **values).strip()
    for name in ("subsidy_state", "outcome", "why"):
        special = f"notices.{key}.{parameters.get(name)}"
        if has_text(special):
            return text_of(special, language, **values)
    return text_of(f"notices.{key}", language, **values)


def _values(parameters: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """Write the parameters for people: yuan, points, Shanghai's time, and what they stand for."""
    values = dict(parameters)
    for name in ("refund", "subsidy", "amount"):
        if (amount_fen := parameters.get(f"{name}_fen")) is not None:
            values[name] = yuan(amount_fen)
    worth_fen = parameters.get("subsidy_fen", parameters.get("amount_fen")) or 0
    values["worth"] = yuan(worth_fen)
    values.setdefault("points", "")
    if "advice" in parameters:
        values["advice"] = text_of(f"withdrawals.advice.{parameters['advice']}", language)
    for name, place in (("expires_at", "expires"), ("due_at", "due")):
        if parameters.get(name):
            values[place] = _moment(parameters[name])
    values["use"] = text_of(
        "notices.use.withdraw" if parameters.get("is_withdrawable", True) else "notices.use.spend",
        language,
    )
    threshold_fen = parameters.get("threshold_fen") or 0
    values["condition"] = text_of(
        "rules.threshold" if threshold_fen else "rules.no_threshold",
        language,
        amount=yuan(threshold_fen),
    )
    until = "notices.until" if "expires" in values else "notices.until_shown"
    values["until"] = text_of(until, language, **values)
    when = "notices.when" if "due" in values else "notices.when_ruled"
    values["when"] = text_of(when, language, **values)
    values["reason"] = text_of(f"subsidies.cut.{parameters.get('cut_by') or 'quote'}", language)
    return values


def _moment(instant: str) -> str:
    return f"{datetime.fromisoformat(instant).astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


def _back(parameters: Mapping[str, Any], language: Language, *, is_done: bool) -> str:
    """Say what goes back, by means; notices of earlier releases named one sum of money."""
    parts = parameters.get("back")
    if parts is None:
        parts = [{"means": "gateway", "amount_fen": parameters.get("refund_fen") or 0}]
    if not parts:
        return text_of("notices.back.nothing", language)
    return text_of("notices.back_separator", language).join(
        text_of(
            f"notices.{'returned' if is_done and part['means'] == 'gateway' else 'back'}"
            f".{part['means']}",
            language,
            amount=yuan(part["amount_fen"]),
            points=part.get("points", part["amount_fen"]),
        )
        for part in parts
    )
