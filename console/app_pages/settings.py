"""Settings: the merchant's own limits; an owner changes them with a reason."""

import streamlit as st

from console import formats, markup
from console.client import Json
from console.parts.fields import ask_yuan
from console.parts.reasons import ask_reason
from console.parts.states import guarded
from console.session import Session

MOST_FEN = 10**10
MOST_TIMES = 1000
FEN = ("daily_subsidy_cap_fen", "monthly_subsidy_cap_fen", "approval_limit_fen")
TIMES = ("daily_failures_cap", "monthly_failures_cap")
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
        with st.grid("auto", min_column_width=340):
            for name in (*FEN, *TIMES):
                _show_limit(session, settings, name)
            _show_goodwill(session, settings)


def _show_limit(session: Session, settings: Json, name: str) -> None:
    """Show a limit that may be none, and let an owner change it."""
    t, now = session.t, settings[name]
    with st.container(border=True, key=f"setting_{name}"):
        st.subheader(t(f"settings.{name}"), help=t(f"settings.{name}_help"))
        st.html(markup.facts([(t("settings.now"), _write(session, name, now))]))
        if session.may("change_settings"):
            _save_button(session, name, now, _ask_limit(session, name, now))


def _ask_limit(session: Session, name: str, now: int | None) -> int | None:
    t = session.t
    if not st.toggle(t("settings.has_cap"), value=now is not None, key=f"has_{name}"):
        return None
    first = FIRST[name] if now is None else now
    if name in FEN:
        return ask_yuan(
            t("settings.new_cap"),
            first,
            least_fen=0,
            most_fen=MOST_FEN,
            key=f"new_{name}",
            width=260,
        )
    wanted: int = st.number_input(
        t("settings.new_count"), 0, MOST_TIMES, first, key=f"new_{name}", width=260
    )
    return wanted


def _show_goodwill(session: Session, settings: Json) -> None:
    """Show the goodwill budget, which is always an amount."""
    t, name = session.t, "goodwill_budget_fen"
    now = settings[name]
    with st.container(border=True, key=f"setting_{name}"):
        st.subheader(t(f"settings.{name}"), help=t(f"settings.{name}_help"))
        st.html(markup.facts([(t("settings.now"), formats.yuan(now))]))
        if session.may("change_settings"):
            wanted = ask_yuan(
                t("settings.new_cap"),
                now,
                least_fen=0,
                most_fen=MOST_FEN,
                key=f"new_{name}",
                width=260,
            )
            _save_button(session, name, now, wanted)


def _save_button(session: Session, name: str, now: int | None, wanted: int | None) -> None:
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
        )


def _write(session: Session, name: str, value: int | None) -> str:
    if value is None:
        return session.t("settings.no_cap")
    return formats.count(value) if name in TIMES else formats.yuan(value)
