"""Audit log: who did what to what, why, and what it was before."""

from html import escape
from typing import Any

import streamlit as st

from console import formats, markup
from console.client import Json
from console.parts.choices import choose_one
from console.parts.pager import Pager
from console.parts.states import guarded, show_empty
from console.session import Session
from console.texts import Texts, catalogue

MOST_LINES = 4
WORDS = {"state": "", "flag": "flag", "kind": "subsidy_kind"}
"""Fields whose values are codes, and the group of their words; of a state, the subject's own."""
LONGEST_VALUE = 40
COLUMNS = (("at", "brief"), ("who", "brief"), ("action", "brief"), ("subject", ""), ("change", ""))
ACTION_KEY = "audit_action"
ACTIONS = (
    "approval.approved",
    "approval.refused",
    "approval.requested",
    "approval.withdrawn",
    "campaign.changed",
    "campaign.drafted",
    "campaign.ended",
    "campaign.paused",
    "campaign.published",
    "campaign.resumed",
    "coupon_push.ordered",
    "gateway_account.topped_up",
    "gateway_finding.resolved",
    "gift.clawed_back",
    "gift.given",
    "grant.clawed_back",
    "grant.denied",
    "grant.released",
    "grant.retried",
    "product.changed",
    "product.created",
    "programme.added",
    "programme.confirmed",
    "programme.exported",
    "programme.secret_renewed",
    "reconciliation.resolved",
    "refund.retried",
    "refund.settled_offline",
    "reward.clawed_back",
    "session.closed",
    "session.opened",
    "session.refused",
    "settings.changed",
    "shopper.flagged",
    "staff.added",
    "staff.disabled",
    "staff.enabled",
    "staff.password_changed",
    "staff.password_reset",
    "staff.role_changed",
    "staff.sessions_ended",
    "variant.changed",
    "variant.created",
)


def show(session: Session) -> None:
    """Draw the page."""
    t = session.t
    st.title(t("audit.title"))
    st.caption(t("audit.about"))
    action = _choose_action(session)
    pager = Pager(t, "audit", scope=action)
    with st.skeleton(height=300), guarded(t, key="audit"):
        page = session.client.list_audit_log(action=action, cursor=pager.cursor, limit=30)
        if not page.items:
            why = "empty" if action is None else "none_of_action"
            show_empty(t(f"audit.{why}"), t(f"audit.{why}_next"))
            return
        columns = [(t(f"audit.{key}"), kind) for key, kind in COLUMNS]
        st.html(markup.table(columns, (_entry(session, entry) for entry in page.items)))
        pager.show_buttons(page)


def _choose_action(session: Session) -> str | None:
    """Draw the kinds of acts to list; the address names the chosen one."""
    t = session.t
    if ACTION_KEY not in st.session_state:
        asked = st.query_params.get("action")
        st.session_state[ACTION_KEY] = asked if asked in ACTIONS else ""
    names = {"": t("audit.all_actions"), **{one: t.named("audited", one) for one in ACTIONS}}
    action = choose_one(
        t("audit.action"),
        names,
        key=ACTION_KEY,
        width=280,
        label_visibility="collapsed",
        persist_state="session",
    )
    if not action:
        st.query_params.pop("action", None)
        return None
    st.query_params["action"] = action
    return action


def _entry(session: Session, entry: Json) -> tuple[str, ...]:
    t = session.t
    subject = t.named("subject", entry["subject_kind"])
    number = f" <small>{escape(str(entry['subject_id']))}</small>" if entry["subject_id"] else ""
    return (
        formats.second_time(entry["at"]),
        escape(entry["staff_name"]),
        escape(t.named("audited", entry["action"])),
        f"<span>{escape(subject)}{number}</span>",
        f"<span>{_reason(t, entry)}{changes(t, entry)}</span>",
    )


def _reason(t: Texts, entry: Json) -> str:
    """Write why; a publication's reason names each warning that was accepted."""
    if not entry["reason"]:
        return ""
    parts = [_in_words(t, part) for part in entry["reason"].split("; ")]
    return f'<em class="pb-why">{escape(" · ".join(parts))}</em>'


def _in_words(t: Texts, part: str) -> str:
    code, colon, why = part.partition(": ")
    named = t.named("warning", code)
    return part if not colon or named == code else f"{named}: {why}"


def changes(t: Texts, entry: Json) -> str:
    """Write what changed, field by field: old → new; of a new thing, what it is."""
    old, new = _flat(entry["before"]), _flat(entry["after"])
    changed = [
        field
        for field in dict.fromkeys((*old, *new))
        if old.get(field) != new.get(field) and (old or _says_something(new[field]))
    ]
    changed.sort(key=lambda field: field.count("."))
    kind = "approval" if entry["action"].startswith("approval.") else entry["subject_kind"]
    lines = [_change(t, kind, field, old, new) for field in changed]
    shown, rest = "<br>".join(lines[:MOST_LINES]), lines[MOST_LINES:]
    if rest:
        more = t("audit.more", number=len(rest))
        shown += f"<details><summary>{more}</summary>{'<br>'.join(rest)}</details>"
    return shown or formats.DASH


def _change(t: Texts, kind: str, field: str, old: Json, new: Json) -> str:
    name = f"<small>{escape(_named(t, field))}</small> "
    if not old:
        return name + _value(t, kind, field, new[field])
    before, after = (_value(t, kind, field, one.get(field)) for one in (old, new))
    return f"{name}{before} → {after}"


def _named(t: Texts, field: str) -> str:
    """Name a field: as a whole, else by what its last part is called in the forms."""
    whole, last = field.replace(".", "_"), field.rpartition(".")[2]
    for key in (f"field.{whole}", f"field.{last}", f"wizard.{last}", f"settings.{last}"):
        if key in catalogue(t.language):
            return t(key)
    return field


def _flat(tree: Json | None, prefix: str = "") -> Json:
    """Write nested fields as dotted ones; lists stay as they are."""
    flat: Json = {}
    for key, value in (tree or {}).items():
        flat |= (
            _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
        )
    return flat


def _says_something(value: object) -> bool:
    return value is False or (value not in (None, "", 0) and not isinstance(value, list))


def _value(t: Texts, kind: str, field: str, value: object) -> str:
    last = field.rpartition(".")[2]
    if value is None:
        return formats.DASH
    if isinstance(value, bool):
        return t("audit.yes" if value else "audit.no")
    if isinstance(value, list):
        return escape(_items(t, value))
    if isinstance(value, int):
        return _number(t, last, value)
    if last in WORDS:
        group = "approval_kind" if (kind, last) == ("approval", "kind") else WORDS[last]
        return escape(t.named(group or kind, str(value)))
    text = formats.day_time(str(value)) if last.endswith("_at") else str(value)
    return escape(text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…")


def _number(t: Texts, name: str, value: int) -> str:
    if name.endswith("_fen"):
        return formats.yuan(value)
    if name.endswith("_bps"):
        return formats.percent(value)
    return formats.span(value, t.language) if name.endswith("_seconds") else formats.count(value)


def _items(t: Texts, items: list[Any]) -> str:
    """Write a list by its prices, or its titles, or how many there are."""
    for name in ("group_price_fen", "title"):
        if items and all(isinstance(one, dict) and name in one for one in items):
            return ", ".join(
                formats.yuan(one[name]) if name.endswith("_fen") else str(one[name])
                for one in items
            )
    return t("audit.items", number=len(items))
