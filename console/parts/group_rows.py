"""Groups as rows: state, campaign, seats, time left, and a button that opens the drawer."""

from datetime import datetime
from html import escape

import streamlit as st

from console import formats, markup
from console.client import Json
from console.parts.group_drawer import open_group_drawer
from console.session import Session

URGENT_SECONDS = 600


def show_group_rows(session: Session, groups: list[Json], now: datetime) -> None:
    """Draw one row per group."""
    with st.container(key="group_rows", gap=None):
        for group in groups:
            _show_row(session, group, now)


def row_markup(session: Session, group: Json, now: datetime) -> str:
    """Write a group's row."""
    t = session.t
    state = markup.pill(t.named("group", group["state"]), group["state"])
    leader = f"<span>{escape(group['leader_nickname'])}</span>" if group["leader_nickname"] else ""
    is_one_short = group["state"] == "open" and group["size"] - group["taken"] == 1
    one_short = markup.pill(t("board.one_short"), "amber") if is_one_short else ""
    left, is_urgent = _clock(session, group, now)
    return (
        '<div class="pb-group">'
        f"<div>{state}</div>"
        f'<div class="pb-title">{escape(group["campaign_title"])}{leader}</div>'
        f"<div>{markup.seats_of(group)}{one_short}</div>"
        f'<div class="pb-left{" pb-urgent" if is_urgent else ""}">{escape(left)}</div>'
        "</div>"
    )


def _show_row(session: Session, group: Json, now: datetime) -> None:
    with st.container(
        horizontal=True, vertical_alignment="center", key=f"row_{group['id']}", gap="small"
    ):
        st.html(row_markup(session, group, now))
        if st.button(
            session.t("board.open_one"),
            key=f"open_{group['id']}",
            type="tertiary",
            icon=":material/chevron_right:",
            icon_position="right",
        ):
            open_group_drawer(session, group["id"])


def _clock(session: Session, group: Json, now: datetime) -> tuple[str, bool]:
    """Say how long is left, how long it is overdue, or when it ended."""
    t = session.t
    if group["ended_at"]:
        return t("board.ended", at=formats.clock_time(group["ended_at"])), False
    if not group["deadline_at"]:
        return t("board.not_begun"), False
    left = (formats.instant(group["deadline_at"]) - now).total_seconds()
    if left < 0:
        return t("board.overdue", span=formats.span(-left, session.language)), True
    return t("board.left", span=formats.span(left, session.language)), left < URGENT_SECONDS
