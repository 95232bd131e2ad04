"""Audit log: who did what to what, why, and what it was before."""

from html import escape

import streamlit as st

from console import formats, markup
from console.client import Json
from console.parts.pager import Pager
from console.parts.states import guarded, show_empty
from console.session import Session


def show(session: Session) -> None:
    """Draw the page."""
    t = session.t
    st.title(t("audit.title"))
    st.caption(t("audit.about"))
    pager = Pager(t, "audit")
    with st.skeleton(height=300), guarded(t, key="audit"):
        page = session.client.list_audit_log(cursor=pager.cursor, limit=30)
        if not page.items:
            show_empty(t("audit.empty"), t("audit.empty_next"))
            return
        columns = [
            (t(f"audit.{key}"), "")
            for key in ("at", "who", "action", "subject", "reason", "change")
        ]
        st.html(markup.table(columns, (_entry(session, entry) for entry in page.items)))
        pager.show_buttons(page)


def _entry(session: Session, entry: Json) -> tuple[str, ...]:
    t = session.t
    subject = t.named("subject", entry["subject_kind"])
    number = f" <small>{escape(str(entry['subject_id']))}</small>" if entry["subject_id"] else ""
    return (
        formats.clock_time(entry["at"]),
        escape(entry["staff_name"]),
        escape(t.named("audited", entry["action"])),
        f"<span>{escape(subject)}{number}</span>",
        escape(entry["reason"] or formats.DASH),
        f"<span>{changes(entry['before'], entry['after'])}</span>",
    )


def changes(before: Json | None, after: Json | None) -> str:
    """Write what changed, field by field: old → new."""
    before, after = before or {}, after or {}
    lines = [
        f"<small>{escape(key)}</small> {escape(str(before.get(key, formats.DASH)))}"
        f" → {escape(str(after.get(key, formats.DASH)))}"
        for key in dict.fromkeys((*before, *after))
        if before.get(key) != after.get(key)
    ]
    return "<br>".join(lines) or formats.DASH
