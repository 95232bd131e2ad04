"""Audit log: who did what to what, why, and what it was before."""

from html import escape

import streamlit as st

from console import formats, markup
from console.client import Json
from console.parts.pager import Pager
from console.parts.states import guarded, show_empty
from console.session import Session
from console.texts import Texts

MOST_LINES = 4
LONGEST_VALUE = 40
COLUMNS = (
    ("at", "brief"),
    ("who", "brief"),
    ("action", "brief"),
    ("subject", ""),
    ("reason", ""),
    ("change", ""),
)


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
        columns = [(t(f"audit.{key}"), kind) for key, kind in COLUMNS]
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
        f"<span>{changes(t, entry)}</span>",
    )


def changes(t: Texts, entry: Json) -> str:
    """Write what changed, field by field: old → new; of a new thing, what it is."""
    old, new = _flat(entry["before"]), _flat(entry["after"])
    changed = [
        field
        for field in dict.fromkeys((*old, *new))
        if old.get(field) != new.get(field) and (old or _says_something(new[field]))
    ]
    kind = entry["subject_kind"]
    lines = [_change(t, kind, field, old, new) for field in changed[:MOST_LINES]]
    if len(changed) > MOST_LINES:
        lines.append(f"<small>… +{len(changed) - MOST_LINES}</small>")
    return "<br>".join(lines) or formats.DASH


def _change(t: Texts, kind: str, field: str, old: Json, new: Json) -> str:
    name = f"<small>{escape(t.named('field', field))}</small> "
    if not old:
        return name + _value(t, kind, field, new[field])
    before, after = (_value(t, kind, field, one.get(field)) for one in (old, new))
    return f"{name}{before} → {after}"


def _flat(tree: Json | None, prefix: str = "") -> Json:
    """Write nested fields as dotted ones; lists stay as they are."""
    flat: Json = {}
    for key, value in (tree or {}).items():
        flat |= (
            _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
        )
    return flat


def _says_something(value: object) -> bool:
    return value not in (None, "") and not isinstance(value, list)


def _value(t: Texts, kind: str, field: str, value: object) -> str:
    if value is None:
        return formats.DASH
    if field.endswith("_fen") and isinstance(value, int):
        return formats.yuan(value)
    if field in ("state", "flag"):
        return escape(t.named("flag" if field == "flag" else kind, str(value)))
    text = f"({len(value)})" if isinstance(value, list) else str(value)
    return escape(text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…")
