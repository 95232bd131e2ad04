"""Refunds: whose money it is, where it stands, and what staff can do about one that is stuck."""

from html import escape

import streamlit as st

from console import formats, markup
from console.client import Json, new_idempotency_key
from console.navigation import page_of
from console.parts.pager import Pager
from console.parts.reasons import ask_reason
from console.parts.states import guarded, show_empty
from console.session import Session

VIEWS = ("rejected", "abnormal", "needs_funds", "unknown", "accepted", "arrived", "all")
TROUBLES = ("rejected", "abnormal")
VIEW_KEY = "refunds_view"
SEEN_KEY = "refunds_view_seen"


def show(session: Session) -> None:
    """Draw the page."""
    t = session.t
    st.title(t("refunds.title"))
    st.caption(t("refunds.about"))
    view = _choose_view(session)
    if view in TROUBLES:
        st.info(t(f"refunds.{view}_next"), icon=":material/info:")
    pager = Pager(t, "refunds", scope=view)
    with st.skeleton(height=300), guarded(t, key="refunds"):
        state = None if view == "all" else view
        page = session.client.list_refunds(state=state, cursor=pager.cursor)
        if not page.items:
            show_empty(t("refunds.empty"), t("refunds.empty_next"))
            return
        for refund in page.items:
            _show_refund(session, refund)
        pager.show_buttons(page)


def _choose_view(session: Session) -> str:
    t = session.t
    asked = st.query_params.get("view")
    # A link that leads here names a view; the choice made before would hide it.
    if VIEW_KEY not in st.session_state or asked not in (None, st.session_state.get(SEEN_KEY)):
        st.session_state[VIEW_KEY] = asked if asked in VIEWS else "all"
    view: str = st.segmented_control(
        t("refunds.state"),
        VIEWS,
        format_func=lambda code: t("refunds.all") if code == "all" else t.named("refund", code),
        key=VIEW_KEY,
        required=True,
        label_visibility="collapsed",
        persist_state="session",
    )
    st.query_params["view"] = st.session_state[SEEN_KEY] = view
    return view


def _show_refund(session: Session, refund: Json) -> None:
    t = session.t
    with st.container(
        horizontal=True, vertical_alignment="center", key=f"row_{refund['id']}", gap="small"
    ):
        st.html(_row(session, refund))
        if refund["group_id"]:
            st.page_link(
                page_of("board", session),
                label=t("refunds.group"),
                icon=":material/groups:",
                query_params={"group": refund["group_id"], "view": "all"},
            )
        may_retry = refund["state"] == "rejected" and session.may("change")
        if may_retry and st.button(t("refunds.retry"), key=f"retry_{refund['id']}", type="primary"):
            open_retry(session, refund)


def _row(session: Session, refund: Json) -> str:
    t = session.t
    told = [
        t.named("refund_purpose", refund["purpose"]),
        t("refunds.requested", at=formats.day_time(refund["requested_at"])),
    ]
    if refund["arrived_at"]:
        told.append(t("refunds.arrived", at=formats.day_time(refund["arrived_at"])))
    if refund["error_code"]:
        told.append(t("refunds.error", code=refund["error_code"]))
    return (
        '<div class="pb-group pb-grant">'
        f"<div>{markup.pill(t.named('refund', refund['state']), refund['state'])}</div>"
        f'<div class="pb-title">{escape(refund["shopper"]["nickname"])}'
        f"<span>{escape(t('refunds.order', id=refund['order_id']))}</span></div>"
        f'<div class="pb-note">{escape(" · ".join(told))}</div>'
        f'<div class="pb-left"><b>{formats.yuan(refund["amount_fen"])}</b></div>'
        "</div>"
    )


def open_retry(session: Session, refund: Json) -> None:
    """Ask why a rejected refund is sent again; its idempotency key is as old as the dialog."""
    t = session.t
    key = new_idempotency_key()
    ask_reason(
        t,
        title=t("refunds.retry_title"),
        explanation=t(
            "refunds.retry_explanation",
            amount=formats.yuan(refund["amount_fen"]),
            shopper=refund["shopper"]["nickname"],
        ),
        confirm=t("refunds.retry"),
        done=t("refunds.retry_done"),
        act=lambda reason: session.client.retry_refund(refund["id"], reason, idempotency_key=key),
    )
