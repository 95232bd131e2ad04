"""Shoppers: find one, see orders and subsidies, set or lift a flag with a reason."""

from html import escape

import streamlit as st

from console import formats, markup
from console.client import Json
from console.parts.pager import Pager
from console.parts.reasons import ask_reason
from console.parts.states import guarded, show_empty
from console.session import Session

FLAGS = ("review", "block")


def show(session: Session) -> None:
    """Draw the page."""
    t = session.t
    st.title(t("shoppers.title"))
    query = st.text_input(
        t("shoppers.search"),
        key="shoppers_query",
        placeholder=t("shoppers.search_example"),
        icon=":material/search:",
        label_visibility="collapsed",
        max_chars=40,
    ).strip()
    pager = Pager(t, "shoppers", scope=query)
    with st.skeleton(height=300), guarded(t, key="shoppers"):
        page = session.client.list_shoppers(query=query or None, cursor=pager.cursor)
        if not page.items:
            why = "empty" if query else "nobody"
            show_empty(t(f"shoppers.{why}"), t(f"shoppers.{why}_next"))
            return
        for shopper in page.items:
            _show_shopper(session, shopper)
        pager.show_buttons(page)


def _show_shopper(session: Session, shopper: Json) -> None:
    t = session.t
    with st.container(
        horizontal=True, vertical_alignment="center", key=f"row_{shopper['id']}", gap="small"
    ):
        st.html(_row(session, shopper))
        if not session.may("change"):
            return
        choice = st.menu_button(
            t("shoppers.flag"),
            [flag for flag in (*FLAGS, "none") if flag != (shopper["flag"] or "none")],
            format_func=lambda flag: t(f"shoppers.to_{flag}"),
            key=f"flag_{shopper['id']}",
            type="tertiary",
            icon=":material/flag:",
        )
        if choice:
            open_flag(session, shopper, None if choice == "none" else choice)


def _row(session: Session, shopper: Json) -> str:
    t = session.t
    paid = t("shoppers.subsidies", amount=formats.yuan(shopper["subsidies_fen"]))
    flag = markup.pill(t.named("flag", shopper["flag"]), shopper["flag"]) if shopper["flag"] else ""
    return (
        '<div class="pb-group pb-shopper">'
        f'<div class="pb-title">{escape(shopper["nickname"])}'
        f"<span>{t('shoppers.since', at=formats.day_time(shopper['created_at']))}</span></div>"
        f"<div>{flag}</div>"
        f"<div>{t('shoppers.orders', number=shopper['orders'])}</div>"
        f'<div class="pb-left">{paid}</div>'
        "</div>"
    )


def open_flag(session: Session, shopper: Json, flag: str | None) -> None:
    """Ask for the reason of a flag, or of lifting it."""
    t = session.t
    code = flag or "none"
    ask_reason(
        t,
        title=t(f"shoppers.to_{code}"),
        explanation=t(f"shoppers.{code}_explanation", shopper=shopper["nickname"]),
        confirm=t("action.confirm"),
        done=t("shoppers.flagged"),
        act=lambda reason: session.client.flag_shopper(shopper["id"], flag, reason),
    )
