"""Audit log: who did what to what, why, and what it was before."""

from html import escape

import streamlit as st

from console import formats, markup
from console.client import Json
from console.parts.pager import Pager
from console.parts.states import guarded, show_empty
from console.session import Session

MOST_LINES = 5
LONGEST_VALUE = 40
COLUMNS = ("at", "who", "action", "subject", "reason", "change")


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
        columns = [(t(f"audit.{key}"), "") for key in COLUMNS]
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
    """Write what changed, field by field: old → new; of a new thing, what it is."""
    old, new = _flat(before), _flat(after)
    changed = [field for field in dict.fromkeys((*old, *new)) if old.get(field) != new.get(field)]
    lines = [_change(field, old, new) for field in changed[:MOST_LINES]]
    if len(changed) > MOST_LINES:
        lines.append(f"<small>… +{len(changed) - MOST_LINES}</small>")
    return "<br>".join(lines) or formats.DASH


def _change(field: str, old: Json, new: Json) -> str:
    name = f"<small>{escape(field.removesuffix('_fen'))}</small> "
    if not old:
        return name + _value(field, new[field])
    return f"{name}{_value(field, old.get(field))} → {_value(field, new.get(field))}"


def _flat(tree: Json | None, prefix: str = "") -> Json:
    """Write nested fields as dotted ones; lists stay as they are."""
    flat: Json = {}
    for key, value in (tree or {}).items():
        flat |= (
            _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
        )
    return flat


def _value(field: str, value: object) -> str:
    if value is None:
        return formats.DASH
    if field.endswith("_fen") and isinstance(value, int):
        return formats.yuan(value)
    text = str(value)
    return escape(text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…")
