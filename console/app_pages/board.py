"""Live board: counts and groups, drawn again every five seconds; one group in a drawer."""

from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from console import formats
from console.client import ApiError, Json, Page
from console.navigation import page_of
from console.parts.filters import choose_campaign
from console.parts.group_drawer import open_group_drawer
from console.parts.group_rows import show_group_rows
from console.parts.next_steps import show_no_groups
from console.parts.pager import Pager
from console.parts.states import explain, guarded, may_pass
from console.session import Session

EVERY = "5s"
RUNNING = ("ending", "one_short", "open")
VIEWS = (*RUNNING, "pending", "closing", "formed", "failed", "all")
SOON_SECONDS = 1800
MOST_RUNNING = 100
MOST_SHOWN = 30
VIEW_KEY = "board_view"
SEEN_KEY = "board_seen"
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


@dataclass(frozen=True)
class Seen:
    """What one tick read, for which choice."""

    scope: tuple[str, str | None, str | None]
    board: Json
    queues: list[Json]
    page: Page

    @property
    def at(self) -> datetime:
        """Return the API's clock at that tick."""
        return formats.instant(self.board["server_time"])


@st.fragment(run_every=EVERY)
def _show_live(session: Session, view: str, campaign_id: str | None) -> None:
    pager = Pager(session.t, "board", scope=(view, campaign_id))
    with guarded(session.t, key="board"), st.container(key="live"):
        seen = _tick(session, (view, campaign_id, pager.cursor))
        _show_counts(session, seen.board, campaign_id)
        _show_refund_queue(session, seen.queues)
        if view in RUNNING:
            _show_running(session, view, seen)
        else:
            _show_groups(session, seen.page.items, seen.at)
            pager.show_buttons(seen.page)


def _tick(session: Session, scope: tuple[str, str | None, str | None]) -> Seen:
    """Read the board; where that fails for now, return what was read last, and say so."""
    try:
        seen = _read(session, scope)
    except ApiError as error:
        kept: Seen | None = st.session_state.get(SEEN_KEY)
        if kept is None or kept.scope != scope or not may_pass(error):
            raise
        at = formats.clock_time(kept.board["server_time"])
        stopped = session.t("board.stopped", at=at)
        st.warning(f"{stopped} {explain(session.t, error)}", icon=":material/cloud_off:")
        return kept
    st.session_state[SEEN_KEY] = seen
    return seen


def _read(session: Session, scope: tuple[str, str | None, str | None]) -> Seen:
    view, campaign_id, cursor = scope
    client = session.client
    board = client.read_board(campaign_id=campaign_id)
    queues = client.read_refund_queue()
    if view in RUNNING:
        page = client.list_groups(state="open", campaign_id=campaign_id, limit=MOST_RUNNING)
    else:
        state = None if view == "all" else view
        page = client.list_groups(state=state, campaign_id=campaign_id, cursor=cursor)
    return Seen(scope, board, queues, page)


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


def _show_counts(session: Session, board: Json, campaign_id: str | None) -> None:
    """Show the counts, of the chosen campaign; work belongs to none, and says so."""
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
            is_shops = campaign_id is not None and key == "parked_work"
            st.metric(
                t(f"board.{key}") + (f" ({t('board.of_the_shop')})" if is_shops else ""),
                formats.count(board.get(key)),
                delta=_trouble_note(session, key, board) if is_trouble else t("board.fine"),
                delta_color="red" if is_trouble else "green",
                delta_arrow="off",
                border=True,
                height="stretch",
                help=t(f"board.{key}_help"),
            )
    _show_ways_out(session, board)


def _show_ways_out(session: Session, board: Json) -> None:
    """Lead to the refunds that wait for a person."""
    with st.container(horizontal=True):
        for state in ("rejected", "abnormal"):
            if board.get(f"{state}_refunds"):
                st.page_link(
                    page_of("refunds", session),
                    label=session.t(f"refunds.see_{state}"),
                    icon=":material/currency_exchange:",
                    query_params={"view": state},
                )


def _trouble_note(session: Session, key: str, board: Json) -> str:
    t = session.t
    if key != "unsettled_past_deadline":
        return t("board.needs_a_look")
    oldest = formats.span(board.get("oldest_unsettled_seconds"), session.language)
    return t("board.oldest", span=oldest)


def _show_refund_queue(session: Session, queues: list[Json]) -> None:
    """Tell of each account whose refunds wait: how many, and when they will have been accepted."""
    t = session.t
    for queue in queues:
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


def _show_running(session: Session, view: str, seen: Seen) -> None:
    """Show open groups, the one that ends first on top, of the hundred the API gives."""
    groups = sorted(seen.page.items, key=lambda group: group["deadline_at"])
    if view == "one_short":
        groups = [group for group in groups if group["size"] - group["taken"] == 1]
    elif view == "ending":
        groups = [group for group in groups if _seconds_left(group, seen.at) <= SOON_SECONDS]
    _show_groups(session, groups[:MOST_SHOWN], seen.at)
    if seen.page.next_cursor or len(groups) > MOST_SHOWN:
        st.caption(session.t("board.only_first", number=min(len(groups), MOST_SHOWN)))


def _show_groups(session: Session, groups: list[Json], now: datetime) -> None:
    if not groups:
        show_no_groups(session, session.t("board.empty"))
        return
    show_group_rows(session, groups, now)


def _seconds_left(group: Json, now: datetime) -> float:
    return (formats.instant(group["deadline_at"]) - now).total_seconds()
