"""Subsidies: grants by state; a held one is released or denied with a reason."""

from html import escape

import streamlit as st

from console import formats, markup
from console.client import Json, new_idempotency_key
from console.parts.pager import Pager
from console.parts.reasons import ask_reason
from console.parts.states import guarded, show_empty
from console.parts.subsidy_words import describe_part
from console.session import Session

VIEWS = ("held", "issued", "scheduled", "denied", "zero", "all")
VIEW_KEY = "grants_view"


def show(session: Session) -> None:
    """Draw the page."""
    t = session.t
    st.title(t("grants.title"))
    st.caption(t("grants.about"))
    if VIEW_KEY not in st.session_state:
        asked = st.query_params.get("view")
        st.session_state[VIEW_KEY] = asked if asked in VIEWS else "held"
    view = st.segmented_control(
        t("grants.state"),
        VIEWS,
        format_func=lambda code: t("grants.all") if code == "all" else t.named("grant", code),
        key=VIEW_KEY,
        required=True,
        label_visibility="collapsed",
        persist_state="session",
    )
    st.query_params["view"] = view
    pager = Pager(t, "grants", scope=view)
    with st.skeleton(height=300), guarded(t, key="grants"):
        state = None if view == "all" else view
        page = session.client.list_grants(state=state, cursor=pager.cursor)
        if not page.items:
            kind = "held" if view == "held" else "other"
            show_empty(t(f"grants.empty_{kind}"), t(f"grants.empty_{kind}_next"))
            return
        for grant in page.items:
            _show_grant(session, grant)
        pager.show_buttons(page)


def _show_grant(session: Session, grant: Json) -> None:
    t = session.t
    with st.container(
        horizontal=True, vertical_alignment="center", key=f"row_{grant['id']}", gap="small"
    ):
        st.html(_row(session, grant))
        if grant["state"] == "held" and session.may("change"):
            for verdict in ("release", "deny"):
                if st.button(
                    t(f"grants.{verdict}"),
                    key=f"{verdict}_{grant['id']}",
                    type="primary" if verdict == "release" else "secondary",
                ):
                    open_decision(session, grant, verdict)
        if grant["is_stuck"] and session.may("change"):
            st.html(markup.pill(t("grants.stuck"), "held"))
            if st.button(t("grants.retry"), key=f"retry_{grant['id']}", type="primary"):
                open_decision(session, grant, "retry")


def _row(session: Session, grant: Json) -> str:
    t = session.t
    rules = (t.named("risk_rule", one["rule"]) for one in grant["risk"])
    kind = t.named("subsidy_kind", grant["kind"])
    parts = " · ".join((kind, *(describe_part(t, part) for part in grant["parts"]), *rules))
    return (
        '<div class="pb-group pb-grant">'
        f"<div>{markup.pill(t.named('grant', grant['state']), grant['state'])}</div>"
        f'<div class="pb-title">{escape(grant["shopper"]["nickname"])}{_flag(session, grant)}'
        f"<span>{escape(grant['campaign_title'])}</span></div>"
        f'<div class="pb-note">{escape(parts)}</div>'
        f'<div class="pb-left"><b>{formats.yuan(grant["amount_fen"])}</b>'
        f'<br><span class="pb-note">{formats.clock_time(grant["decided_at"])}</span></div>'
        "</div>"
    )


def _flag(session: Session, grant: Json) -> str:
    flag = grant["shopper"]["flag"]
    return f" {markup.pill(session.t.named('flag', flag), flag)}" if flag else ""


def open_decision(session: Session, grant: Json, verdict: str) -> None:
    """Ask for the reason of a decision; its idempotency key is as old as the dialog."""
    t, client = session.t, session.client
    key, approval_key = new_idempotency_key(), new_idempotency_key()
    decide = {
        "release": client.release_grant,
        "deny": client.deny_grant,
        "retry": client.retry_grant,
    }[verdict]
    words = f"{verdict}_explanation"
    ask_reason(
        t,
        title=t(f"grants.{verdict}_title"),
        explanation=t(
            f"grants.{words}_{grant['kind']}" if verdict == "release" else f"grants.{words}",
            amount=formats.yuan(grant["amount_fen"]),
            shopper=grant["shopper"]["nickname"],
        ),
        confirm=t(f"grants.{verdict}"),
        done=t(f"grants.{verdict}_done"),
        act=lambda reason: decide(grant["id"], reason, idempotency_key=key),
        ask_approval=(
            None
            if verdict == "retry"
            else lambda reason: client.ask_approval(
                {"release": "grant_release", "deny": "grant_denial"}[verdict],
                {"grant_id": grant["id"]},
                reason,
                idempotency_key=approval_key,
            )
        ),
    )
