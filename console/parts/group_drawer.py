"""One group in a drawer: its clocks, its members with their money, its recorded moves."""

from html import escape

import streamlit as st

from console import formats, markup
from console.client import Json
from console.parts.states import guarded
from console.session import Session


def open_group_drawer(session: Session, group_id: str) -> None:
    """Open the drawer; the address names the group, so the link can be shared."""
    st.query_params["group"] = group_id
    t = session.t

    def draw() -> None:
        with st.skeleton(height=320), guarded(t, key="group"):
            _show_group(session, session.client.read_group(group_id))

    st.dialog(t("group.title"), width="medium", position="right", on_dismiss=_forget_group)(draw)()


def _forget_group() -> None:
    st.query_params.pop("group", None)


def _show_group(session: Session, group: Json) -> None:
    t = session.t
    _show_heading(group["campaign_title"])
    st.html(
        markup.facts(
            [
                (t("group.state"), markup.pill(t.named("group", group["state"]), group["state"])),
                (t("group.seats"), markup.seats_of(group)),
                (t("group.opened_at"), formats.clock_time(group["opened_at"])),
                (t("group.deadline_at"), formats.clock_time(group["deadline_at"])),
                (t("group.ended_at"), formats.clock_time(group["ended_at"])),
                (t("group.id"), f"<code>{escape(group['id'])}</code>"),
            ]
        )
    )
    _show_heading(t("group.members"))
    if group["members"]:
        st.html(_members(session, group["members"]))
    else:
        st.caption(t("group.no_members"))
    _show_heading(t("group.moves"))
    st.html(_moves(session, group["moves"]))


def _show_heading(text: str) -> None:
    st.html(f'<p class="pb-h">{escape(text)}</p>')


def _members(session: Session, members: list[Json]) -> str:
    t = session.t
    columns = [
        (t("group.member"), ""),
        (t("group.seat"), ""),
        (t("group.paid_at"), ""),
        (t("group.price"), "num"),
        (t("group.refund"), ""),
        (t("group.subsidy"), ""),
    ]
    return markup.table(columns, (_member(session, member) for member in members))


def _member(session: Session, member: Json) -> tuple[str, ...]:
    t = session.t
    marks = [markup.pill(t("group.leader"), "open")] if member["is_leader"] else []
    if member["flag"]:
        marks.append(markup.pill(t.named("flag", member["flag"]), member["flag"]))
    return (
        f"<span>{escape(member['nickname'])} {' '.join(marks)}</span>",
        markup.pill(t.named("seat", member["seat_state"]), member["seat_state"] or ""),
        formats.clock_time(member["paid_at"]),
        formats.yuan(member["price_fen"]),
        _money(session, "refund", member["refund"]),
        _money(session, "grant", member["subsidy"]),
    )


def _money(session: Session, machine: str, part: Json | None) -> str:
    if part is None:
        return formats.DASH
    state = markup.pill(session.t.named(machine, part["state"]), part["state"])
    return f"<span>{formats.yuan(part['amount_fen'])} {state}</span>"


def _moves(session: Session, moves: list[Json]) -> str:
    t = session.t
    return markup.timeline(
        (
            formats.clock_time(move["at"]),
            markup.pill(t.named("group", move["to"]), move["to"]),
            " · ".join(filter(None, (t.named("actor", move["by"]), move["name"]))),
        )
        for move in moves
    )
