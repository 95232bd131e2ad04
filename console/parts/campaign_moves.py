"""What staff may do with a campaign in its state, each with a reason."""

import streamlit as st

from console.client import ApiError, Json
from console.navigation import page_of
from console.parts.reasons import SHORTEST, ask_reason
from console.parts.states import explain, flash, guarded
from console.session import Session

MOVES = {"draft": (), "published": ("pause", "end"), "paused": ("resume", "end")}
ICONS = {
    "publish": ":material/rocket_launch:",
    "pause": ":material/pause:",
    "resume": ":material/play_arrow:",
    "end": ":material/stop:",
}


def show_moves(session: Session, campaign: Json) -> None:
    """Draw the buttons of the moves that this state and this role allow."""
    if not session.may("change"):
        return
    if campaign["state"] not in MOVES:
        return
    publish = ("publish",) if campaign["has_unpublished_changes"] else ()
    with st.container(horizontal=True, vertical_alignment="center"):
        for move in (*publish, *MOVES[campaign["state"]]):
            if st.button(
                session.t(f"move.{move}"),
                key=f"move_{move}",
                icon=ICONS[move],
                type="primary" if move in ("publish", "resume") else "secondary",
            ):
                open_move(session, campaign, move)
        st.page_link(
            page_of("new_campaign", session),
            label=session.t("move.change"),
            icon=":material/edit:",
            query_params={"id": campaign["id"]},
        )


def open_move(session: Session, campaign: Json, move: str) -> None:
    """Open the dialog of a move."""
    if move == "publish":
        _ask_publication(session, campaign)
        return
    t, client = session.t, session.client
    calls = {
        "pause": client.pause_campaign,
        "resume": client.resume_campaign,
        "end": client.end_campaign,
    }
    ask_reason(
        t,
        title=t(f"move.{move}_title"),
        explanation=t(f"move.{move}_explanation", title=campaign["title"]),
        confirm=t(f"move.{move}"),
        done=t(f"move.{move}_done"),
        act=lambda reason: calls[move](campaign["id"], reason),
    )


def _ask_publication(session: Session, campaign: Json) -> None:
    t = session.t

    def ask() -> None:
        with guarded(t, key="publication"):
            warnings = session.client.check_campaign(campaign["id"])["warnings"]
            reasons = _ask_acknowledgements(session, warnings)
            needs_owner = any(one["severity"] == "red" for one in warnings) and not session.may(
                "acknowledge_red"
            )
            if needs_owner:
                st.warning(t("publish.needs_owner"), icon=":material/lock:")
            if st.button(
                t("move.publish"), type="primary", key="publish_confirm", disabled=needs_owner
            ):
                _publish(session, campaign, reasons)

    st.dialog(t("move.publish_title"), width="medium")(ask)()


def _ask_acknowledgements(session: Session, warnings: list[Json]) -> dict[str, str]:
    t = session.t
    if not warnings:
        st.success(t("publish.no_warnings"), icon=":material/verified:")
        return {}
    st.markdown(t("publish.acknowledge"))
    reasons = {}
    for one in warnings:
        show_warning(one)
        reasons[one["code"]] = st.text_input(
            t("reason.label"), key=f"acknowledge_{one['code']}", max_chars=200
        ).strip()
    return reasons


def show_warning(warning: Json) -> None:
    """Show one finding of the check in the colour of its severity."""
    box = st.error if warning["severity"] == "red" else st.warning
    box(warning["sentence"], icon=":material/report:")


def _publish(session: Session, campaign: Json, reasons: dict[str, str]) -> None:
    t = session.t
    if any(len(reason) < SHORTEST for reason in reasons.values()):
        st.warning(t("reason.missing"), icon=":material/edit:")
        return
    acknowledged = [{"code": code, "reason": reason} for code, reason in reasons.items()]
    try:
        session.client.publish_campaign(campaign["id"], acknowledged)
    except ApiError as error:
        st.error(explain(t, error), icon=":material/error:")
        return
    flash(t("move.publish_done"))
    st.rerun()
