"""Settings: the merchant's own limits; an owner changes them with a reason."""

import streamlit as st

from console import formats, markup
from console.client import Json
from console.parts.fields import ask_yuan
from console.parts.reasons import ask_reason
from console.parts.states import guarded
from console.session import Session

MOST_FEN = 10_000_000
FIRST_CAP_FEN = 3000


def show(session: Session) -> None:
    """Draw the page."""
    t = session.t
    st.title(t("settings.title"))
    with st.skeleton(height=160), guarded(t, key="settings"):
        settings = session.client.read_settings()
        cap = settings["daily_subsidy_cap_fen"]
        with st.container(border=True):
            st.subheader(t("settings.daily_subsidy_cap"), help=t("settings.daily_subsidy_cap_help"))
            text = t("settings.no_cap") if cap is None else formats.yuan(cap)
            st.html(markup.facts([(t("settings.now"), text)]))
            if session.may("change_settings"):
                _ask_cap(session, settings)
            else:
                st.caption(t("settings.owner_only"))


def _ask_cap(session: Session, settings: Json) -> None:
    t = session.t
    now = settings["daily_subsidy_cap_fen"]
    has_cap = st.toggle(t("settings.has_cap"), value=now is not None)
    wanted = None
    if has_cap:
        wanted = ask_yuan(
            t("settings.new_cap"),
            now or FIRST_CAP_FEN,
            least_fen=0,
            most_fen=MOST_FEN,
            key="cap",
            width=260,
        )
    if st.button(t("action.save"), type="primary", disabled=wanted == now):
        ask_reason(
            t,
            title=t("settings.daily_subsidy_cap"),
            explanation=t(
                "settings.explanation",
                now=formats.yuan(now),
                wanted=t("settings.no_cap") if wanted is None else formats.yuan(wanted),
            ),
            confirm=t("action.save"),
            done=t("settings.saved"),
            act=lambda reason: session.client.change_settings(
                daily_subsidy_cap_fen=wanted, reason=reason
            ),
        )
