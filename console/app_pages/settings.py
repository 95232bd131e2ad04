"""Settings: the merchant's own limits; an owner changes them with a reason."""

from collections.abc import Callable
from html import escape
from typing import Any

import streamlit as st

from console import formats, markup
from console.client import new_idempotency_key
from console.parts.fields import ask_yuan
from console.parts.reasons import ask_reason
from console.parts.states import guarded
from console.session import Session

MOST_FEN = 10**10
MOST_TIMES = 1000
LEAST_WITHDRAWAL_FEN = 10
MOST_WITHDRAWAL_FEN = 199_999
MOST_TAX_PERCENT = 99.99
LONGEST_POINTS_DAYS = 3660
LONGEST_CATEGORY = 64
POINTS_PER_YUAN = (1, 2, 4, 5, 10, 20, 25, 50, 100, 200, 500, 1000)
SECTIONS = {
    "caps": (
        "daily_subsidy_cap_fen",
        "monthly_subsidy_cap_fen",
        "daily_failures_cap",
        "monthly_failures_cap",
    ),
    "people": ("approval_limit_fen", "goodwill_budget_fen"),
    "points": ("points_per_yuan", "points_valid_days"),
    "withdrawals": (
        "is_withdrawal_on",
        "withdrawal_max_fen",
        "withdrawal_daily_fen",
        "withdrawal_tax_bps",
        "withdrawal_tax_category",
    ),
}
MAY_BE_NONE = (*SECTIONS["caps"], "approval_limit_fen")
APPROVALS = {"goodwill_budget_fen": "goodwill_budget", "approval_limit_fen": "approval_limit"}
FIRST = {
    "daily_subsidy_cap_fen": 3000,
    "monthly_subsidy_cap_fen": 20_000,
    "approval_limit_fen": 100_000,
    "daily_failures_cap": 3,
    "monthly_failures_cap": 20,
}
"""What a limit is offered as where there is none."""


def show(session: Session) -> None:
    """Draw the page."""
    t = session.t
    st.title(t("settings.title"))
    with st.skeleton(height=320), guarded(t, key="settings"):
        settings = session.client.read_settings()
        if not session.may("change_settings"):
            st.caption(t("settings.owner_only"))
        for section, names in SECTIONS.items():
            st.html(f'<p class="pb-h">{t(f"settings.{section}")}</p>')
            with st.grid("auto", min_column_width=290):
                for name in names:
                    _show_setting(session, name, settings[name])


def _show_setting(session: Session, name: str, now: Any) -> None:
    """Show a setting as it is, and let an owner change it."""
    t = session.t
    with st.container(border=True, key=f"setting_{name}"):
        st.subheader(t(f"settings.{name}"), help=t(f"settings.{name}_help"))
        st.html(markup.facts([(t("settings.now"), _write(session, name, now))]))
        if session.may("change_settings"):
            _save_button(session, name, now, _ask(session, name, now))


def _ask(session: Session, name: str, now: Any) -> Any:
    """Ask for the new value, in the unit that the name ends in."""
    t = session.t
    if name in MAY_BE_NONE:
        if not st.toggle(t("settings.has_cap"), value=now is not None, key=f"has_{name}"):
            return None
        now = FIRST[name] if now is None else now
    if name == "is_withdrawal_on":
        return st.toggle(t("settings.withdrawal_on"), value=now, key=f"new_{name}")
    if name == "withdrawal_tax_category":
        typed = st.text_input(
            t("settings.new_text"), now, max_chars=LONGEST_CATEGORY, key=f"new_{name}", width=260
        )
        return typed.strip() or now
    if name == "points_per_yuan":
        return st.select_slider(
            t("settings.new_points"), POINTS_PER_YUAN, value=now, key=f"new_{name}", width=260
        )
    if name.endswith("_fen"):
        return _ask_fen(session, name, now)
    return _ask_number(session, name, now)


def _ask_fen(session: Session, name: str, now: int) -> int:
    is_withdrawal = name.startswith("withdrawal_")
    return ask_yuan(
        session.t("settings.new_cap"),
        now,
        least_fen=LEAST_WITHDRAWAL_FEN if is_withdrawal else 0,
        most_fen=MOST_WITHDRAWAL_FEN if name == "withdrawal_max_fen" else MOST_FEN,
        key=f"new_{name}",
        width=260,
    )


def _ask_number(session: Session, name: str, now: int) -> int:
    t = session.t
    if name == "withdrawal_tax_bps":
        percent = st.number_input(
            t("settings.new_percent"),
            0.0,
            MOST_TAX_PERCENT,
            now / 100,
            step=1.0,
            key=f"new_{name}",
            width=260,
        )
        return round(100 * percent)
    is_days = name == "points_valid_days"
    wanted: int = st.number_input(
        t("settings.new_days" if is_days else "settings.new_count"),
        1 if is_days else 0,
        LONGEST_POINTS_DAYS if is_days else MOST_TIMES,
        now,
        key=f"new_{name}",
        width=260,
    )
    return wanted


def _save_button(session: Session, name: str, now: Any, wanted: Any) -> None:
    t = session.t
    if st.button(t("action.save"), type="primary", disabled=wanted == now, key=f"save_{name}"):
        ask_reason(
            t,
            title=t(f"settings.{name}"),
            explanation=t(
                "settings.explanation",
                name=t(f"settings.{name}"),
                now=_write(session, name, now),
                wanted=_write(session, name, wanted),
            ),
            confirm=t("action.save"),
            done=t("settings.saved"),
            act=lambda reason: session.client.change_settings({name: wanted}, reason=reason),
            ask_approval=_asker(session, name, wanted),
        )


def _asker(session: Session, name: str, wanted: Any) -> Callable[[str], object] | None:
    """Return how a second person is asked for a setting; None where nobody has to be."""
    kind = APPROVALS.get(name)
    if kind is None:
        return None
    key = new_idempotency_key()
    return lambda reason: session.client.ask_approval(
        kind, {name: wanted}, reason, idempotency_key=key
    )


def _write(session: Session, name: str, value: Any) -> str:
    t = session.t
    if value is None:
        return t("settings.no_cap")
    own: dict[str, Callable[[Any], str]] = {
        "is_withdrawal_on": lambda is_on: t("settings.on" if is_on else "settings.off"),
        "withdrawal_tax_category": lambda category: escape(t.named("tax_category", category)),
        "points_per_yuan": lambda rate: t("settings.points_a_yuan", number=formats.count(rate)),
        "points_valid_days": lambda days: t("settings.days", number=formats.count(days)),
        "withdrawal_tax_bps": formats.percent,
    }
    return own.get(name, formats.yuan if name.endswith("_fen") else formats.count)(value)
