"""Approvals: what staff asked for above the limit, and what a second person says to it."""

from html import escape

import streamlit as st

from console import formats, markup
from console.client import Json, new_idempotency_key
from console.parts.pager import Pager
from console.parts.reasons import ask_reason
from console.parts.states import guarded, show_empty
from console.session import Session

VIEWS = ("pending", "approved", "refused", "withdrawn", "all")
VIEW_KEY = "approvals_view"
OWNERS_ONLY = ("goodwill_budget", "approval_limit")


def show(session: Session) -> None:
    """Draw the page."""
    t = session.t
    st.title(t("approvals.title"))
    st.caption(t("approvals.about"))
    if VIEW_KEY not in st.session_state:
        asked = st.query_params.get("view")
        st.session_state[VIEW_KEY] = asked if asked in VIEWS else "pending"
    view = st.segmented_control(
        t("approvals.state"),
        VIEWS,
        format_func=lambda code: t("approvals.all") if code == "all" else t.named("approval", code),
        key=VIEW_KEY,
        required=True,
        label_visibility="collapsed",
        persist_state="session",
    )
    st.query_params["view"] = view
    pager = Pager(t, "approvals", scope=view)
    with st.skeleton(height=300), guarded(t, key="approvals"):
        state = None if view == "all" else view
        page = session.client.list_approvals(state=state, cursor=pager.cursor)
        if not page.items:
            show_empty(t("approvals.empty"), t("approvals.empty_next"))
            return
        for approval in page.items:
            _show_approval(session, approval)
        pager.show_buttons(page)


def _show_approval(session: Session, approval: Json) -> None:
    t = session.t
    with st.container(
        horizontal=True, vertical_alignment="center", key=f"row_{approval['id']}", gap="small"
    ):
        st.html(_row(session, approval))
        if approval["state"] != "pending" or not _may_decide(session, approval):
            return
        for verdict in ("approve", "refuse", "withdraw"):
            if st.button(
                t(f"approvals.{verdict}"),
                key=f"{verdict}_{approval['id']}",
                type="primary" if verdict == "approve" else "secondary",
            ):
                open_decision(session, approval, verdict)


def _may_decide(session: Session, approval: Json) -> bool:
    action = "change_settings" if approval["kind"] in OWNERS_ONLY else "change"
    return session.may(action)


def _row(session: Session, approval: Json) -> str:
    t = session.t
    told = [t("approvals.asked", name=approval["requested_by"], reason=approval["reason"])]
    if approval["decided_by"]:
        told.append(
            t(
                "approvals.decided",
                name=approval["decided_by"],
                reason=approval["decision_reason"] or "",
            )
        )
    elif approval["alone_from_at"]:
        told.append(t("approvals.alone_from", at=formats.day_time(approval["alone_from_at"])))
    return (
        '<div class="pb-group pb-grant">'
        f"<div>{markup.pill(t.named('approval', approval['state']), approval['state'])}</div>"
        f'<div class="pb-title">{escape(t.named("approval_kind", approval["kind"]))}'
        f"<span>{escape(describe_command(session, approval['command']))}</span></div>"
        f'<div class="pb-note">{escape(" · ".join(told))}</div>'
        f'<div class="pb-left"><b>{formats.yuan(approval["amount_fen"])}</b>'
        f'<br><span class="pb-note">{formats.day_time(approval["requested_at"])}</span></div>'
        "</div>"
    )


def describe_command(session: Session, command: Json) -> str:
    """Say in words what would be done."""
    t = session.t
    return " · ".join(
        f"{t.named('command', name)} {_written(session, name, value)}"
        for name, value in sorted(command.items())
        if value is not None or name == "approval_limit_fen"
    )


def _written(session: Session, name: str, value: object) -> str:
    if name.endswith("_fen"):
        return formats.yuan(value) if isinstance(value, int) else session.t("approvals.no_limit")
    if name in ("kind", "source", "segment"):
        group = {"kind": "subsidy_kind"}.get(name, name)
        return session.t.named(group, str(value))
    return str(value)


def open_decision(session: Session, approval: Json, verdict: str) -> None:
    """Ask for the reason of a decision; its idempotency key is as old as the dialog."""
    t = session.t
    key = new_idempotency_key()
    ask_reason(
        t,
        title=t(f"approvals.{verdict}_title"),
        explanation=t(
            f"approvals.{verdict}_explanation",
            act=t.named("approval_kind", approval["kind"]),
            what=describe_command(session, approval["command"]),
            name=approval["requested_by"],
        ),
        confirm=t(f"approvals.{verdict}"),
        done=t(f"approvals.{verdict}_done"),
        act=lambda reason: session.client.decide_approval(
            approval["id"], verdict, reason, idempotency_key=key
        ),
    )
