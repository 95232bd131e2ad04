"""Live board: counts and groups, drawn again every five seconds; one group in a drawer."""

from datetime import datetime

import streamlit as st

from console import formats
from console.client import Json
from console.parts.filters import choose_campaign
from console.parts.group_drawer import open_group_drawer
from console.parts.group_rows import show_group_rows
from console.parts.pager import Pager
from console.parts.states import guarded, show_empty
from console.session import Session

EVERY = "5s"
RUNNING = ("ending", "one_short", "open")
VIEWS = (*RUNNING, "pending", "closing", "formed", "failed", "all")
SOON_SECONDS = 1800
MOST_RUNNING = 100
MOST_SHOWN = 30
VIEW_KEY = "board_view"
COUNTS = ("open", "one_short", "ending_soon", "pending", "closing")
TROUBLES = ("unsettled_past_deadline", "rejected_refunds", "abnormal_refunds", "parked_work")


def show(session: Session) -> None:
    """Draw the page."""
    t = session.t
    st.title(t("board.title"))
    with st.container(horizontal=True, vertical_alignment="center", key="filters"):
        view = _choose_view(session)
        campaign_id = choose_campaign(session)
    _show_live(session, view, campaign_id)
    asked = st.query_params.get("group")
    if asked:
        open_group_drawer(session, asked)


@st.fragment(run_every=EVERY)
def _show_live(session: Session, view: str, campaign_id: str | None) -> None:
    with guarded(session.t, key="board"):
        board = session.client.read_board()
        _show_counts(session, board)
        _show_refund_queue(session)
        now = formats.instant(board["server_time"])
        if view in RUNNING:
            _show_running(session, view, campaign_id, now)
        else:
            _show_paged(session, view, campaign_id, now)


def _choose_view(session: Session) -> str:
    t = session.t
    if VIEW_KEY not in st.session_state:
        asked = st.query_params.get("view")
        st.session_state[VIEW_KEY] = asked if asked in VIEWS else "open"
    view: str = st.segmented_control(
        t("board.view"),
        VIEWS,
        format_func=lambda code: t(f"board.view_{code}"),
        key=VIEW_KEY,
        required=True,
        label_visibility="collapsed",
        persist_state="session",
    )
    st.query_params["view"] = view
    return view


def _show_counts(session: Session, board: Json) -> None:
    t = session.t
    at = formats.clock_time(board["server_time"])
    st.html(f'<div class="pb-stamp"><i class="pb-pulse"></i>{t("board.stamp", at=at)}</div>')
    with st.grid(len(COUNTS), min_column_width=120, key="counts"):
        for key in COUNTS:
            st.metric(
                t(f"board.{key}"),
                formats.count(board.get(key)),
                border=True,
                height="stretch",
                help=t(f"board.{key}_help"),
            )
    with st.grid(len(TROUBLES), min_column_width=120, key="troubles"):
        for key in TROUBLES:
            is_trouble = bool(board.get(key))
            st.metric(
                t(f"board.{key}"),
                formats.count(board.get(key)),
                delta=_trouble_note(session, key, board) if is_trouble else t("board.fine"),
                delta_color="red" if is_trouble else "green",
                delta_arrow="off",
                border=True,
                height="stretch",
                help=t(f"board.{key}_help"),
            )


def _trouble_note(session: Session, key: str, board: Json) -> str:
    t = session.t
    if key != "unsettled_past_deadline":
        return t("board.needs_a_look")
    oldest = formats.span(board.get("oldest_unsettled_seconds"), session.language)
    return t("board.oldest", span=oldest)


def _show_refund_queue(session: Session) -> None:
    """Tell of each account whose refunds wait: how many, and when they will have been accepted."""
    t = session.t
    for queue in session.client.read_refund_queue():
        if not queue["waiting"]:
            continue
        told = {
            "number": formats.count(queue["waiting"]),
            "yuan": formats.yuan(queue["amount_fen"]),
            "account": queue["account"]["mch_no"],
        }
        if queue["short_since"]:
            since = formats.day_time(queue["short_since"])
            st.warning(
                t("board.refunds_short", since=since, **told), icon=":material/account_balance:"
            )
        else:
            st.caption(
                t("board.refunds_queue", at=formats.clock_time(queue["expected_end_at"]), **told)
            )


def _show_running(session: Session, view: str, campaign_id: str | None, now: datetime) -> None:
    """Show open groups, the one that ends first on top, of the hundred the API gives."""
    page = session.client.list_groups(state="open", campaign_id=campaign_id, limit=MOST_RUNNING)
    groups = sorted(page.items, key=lambda group: group["deadline_at"])
    if view == "one_short":
        groups = [group for group in groups if group["size"] - group["taken"] == 1]
    elif view == "ending":
        groups = [group for group in groups if _seconds_left(group, now) <= SOON_SECONDS]
    _show_groups(session, groups[:MOST_SHOWN], now)
    if page.next_cursor or len(groups) > MOST_SHOWN:
        st.caption(session.t("board.only_first", number=min(len(groups), MOST_SHOWN)))


def _show_paged(session: Session, view: str, campaign_id: str | None, now: datetime) -> None:
    pager = Pager(session.t, "board", scope=(view, campaign_id))
    page = session.client.list_groups(
        state=None if view == "all" else view, campaign_id=campaign_id, cursor=pager.cursor
    )
    _show_groups(session, page.items, now)
    pager.show_buttons(page)


def _show_groups(session: Session, groups: list[Json], now: datetime) -> None:
    if not groups:
        show_empty(session.t("board.empty"), session.t("board.empty_next"))
        return
    show_group_rows(session, groups, now)


def _seconds_left(group: Json, now: datetime) -> float:
    return (formats.instant(group["deadline_at"]) - now).total_seconds()
