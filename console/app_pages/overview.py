"""Overview: the figures of a span of days against the span before, and their charts."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from console import formats, markup, reading
from console.app_pages.board import TROUBLES
from console.charts import growth, style, subsidies, success
from console.client import Json
from console.comparing import FEW, Kind, compare, likely_range
from console.navigation import page_of
from console.parts.daily import show_daily
from console.parts.filters import choose_campaign, choose_period
from console.parts.next_steps import show_no_groups
from console.parts.states import guarded
from console.periods import Period, local_day
from console.session import Session

STALE_SECONDS = 300
KPI_HEIGHT = 130


@dataclass(frozen=True)
class Kpi:
    """One number of the overview: its field, its unit, and whether more is good, bad or neither."""

    key: str
    kind: Kind
    more_is: str = "good"


KPIS = (
    Kpi("success_rate_bps", "bps"),
    Kpi("people_paid", "count"),
    Kpi("shoppers_registered", "count"),
    Kpi("new_shoppers_registered", "count"),
    Kpi("viral_registered_milli", "milli"),
    Kpi("viral_paid_milli", "milli"),
    Kpi("paid_formed_fen", "fen"),
    Kpi("subsidies_issued_fen", "fen", "neither"),
    Kpi("subsidy_share_of_formed_bps", "bps", "bad"),
    Kpi("solo_failure_share_bps", "bps", "bad"),
    Kpi("k_factor_milli", "milli"),
)
DELTA_COLORS: dict[str, Any] = {"good": "normal", "bad": "inverse", "neither": "off"}


def show(session: Session) -> None:
    """Draw the page."""
    t = session.t
    st.title(t("overview.title"))
    board = reading.board(session.client)
    today = local_day(board["server_time"])
    with st.container(horizontal=True, vertical_alignment="center", key="filters"):
        period = choose_period(session, today)
        campaign_id = choose_campaign(session)
    _show_alerts(session, board)
    with st.skeleton(height=2 * KPI_HEIGHT), guarded(t, key="figures"):
        figures = reading.figures(session.client, session.language, period, campaign_id)
        _show_stamp(session, figures, period, today)
        if not figures["total"]["groups_opened"] and not figures["total"]["people_paid"]:
            show_no_groups(session, t("overview.empty"))
            return
        _show_kpis(session, figures)
        with guarded(t, key="before"):
            before = reading.figures(session.client, session.language, period.before, campaign_id)
            _show_charts(session, figures, before["days"])
        show_daily(session, figures["days"], unfinished=_unfinished(figures))


def _unfinished(figures: Json) -> str | None:
    """Return the day of the figures that has not ended, if there is one."""
    today = local_day(figures["as_of"]).isoformat()
    return today if figures["days"][-1]["on"] == today else None


def _show_alerts(session: Session, board: Json) -> None:
    t = session.t
    troubles = [t(f"overview.alert_{key}", number=board[key]) for key in TROUBLES if board.get(key)]
    if not troubles:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning("  ".join(troubles), icon=":material/notification_important:")
        st.page_link(page_of("board", session), label=t("overview.open_board"))
        for state in ("rejected", "abnormal"):
            if board.get(f"{state}_refunds"):
                st.page_link(
                    page_of("refunds", session),
                    label=t(f"refunds.see_{state}"),
                    query_params={"view": state},
                )


def _show_stamp(session: Session, figures: Json, period: Period, today: object) -> None:
    t = session.t
    until = formats.instant(figures["as_of"])
    span = f"{period.first:%Y-%m-%d} – {period.last:%Y-%m-%d}"
    text = t("overview.stamp", span=span, until=formats.clock_time(figures["as_of"]))
    if period.last == today:
        text += " · " + t("overview.unfinished")
    st.html(f'<div class="pb-stamp">{text}</div>')
    if (datetime.now(UTC) - until).total_seconds() > STALE_SECONDS:
        st.warning(t("overview.stale"), icon=":material/schedule:")


def _show_kpis(session: Session, figures: Json) -> None:
    sentences = {one["key"]: one["sentence"] for one in figures["definitions"]}
    with st.grid(6, min_column_width=150, key="kpis"):
        for kpi in KPIS:
            _show_kpi(session, kpi, figures, sentences.get(kpi.key))
        _show_credit(session, figures, sentences.get("credit_seconds_p99"))


def _show_kpi(session: Session, kpi: Kpi, figures: Json, sentence: str | None) -> None:
    t = session.t
    if kpi.key == "success_rate_bps" and 0 < _closed(figures["total"]) < FEW:
        _show_uncertain(session, figures, sentence)
        return
    now, before = figures["total"].get(kpi.key), figures["previous"].get(kpi.key)
    change = compare(now, before, kpi.kind)
    is_flat = change is not None and change.is_flat
    against = "against_same_time" if _unfinished(figures) else "against_before"
    with _card(kpi.key):
        st.metric(
            t(f"kpi.{kpi.key}"),
            _written(kpi, figures["total"], session.language),
            delta=None if change is None else (t("kpi.flat") if is_flat else change.text),
            delta_color="off" if is_flat else DELTA_COLORS[kpi.more_is],
            delta_arrow="off" if is_flat else "auto",
            delta_description=t("kpi.nothing_before" if change is None else f"kpi.{against}"),
            help=sentence,
        )
        _show_sparkline(kpi.key, figures)


def _show_uncertain(session: Session, figures: Json, sentence: str | None) -> None:
    """Show a success rate of few groups in grey, with the bounds it may truly have."""
    t, total = session.t, figures["total"]
    closed = _closed(total)
    low, high = likely_range(total["groups_formed"], closed)
    with _card("success_rate_bps", is_uncertain=True):
        st.metric(
            t("kpi.success_rate_bps"),
            formats.percent(total["success_rate_bps"]),
            delta=t("kpi.few", number=closed),
            delta_color="off",
            delta_arrow="off",
            delta_description=f"{low / 100:.0f}–{high / 100:.0f}%",
            help="  \n".join(filter(None, (sentence, t("kpi.few_help", few=FEW)))),
        )
        _show_sparkline("success_rate_bps", figures)


def _closed(total: Json) -> int:
    return int(total["groups_formed"] + total["groups_failed"])


def _card(key: str, *, is_uncertain: bool = False) -> Any:
    return st.container(
        border=True, height="stretch", gap=None, key=f"kpi_{'few_' if is_uncertain else ''}{key}"
    )


def _show_sparkline(key: str, figures: Json) -> None:
    values = [day.get(key) for day in figures["days"]]
    st.html(markup.sparkline(values, is_last_open=_unfinished(figures) is not None))


def _written(kpi: Kpi, total: Json, language: str) -> str:
    value = total.get(kpi.key)
    writers: dict[str, Callable[[int | None], str]] = {
        "bps": formats.percent,
        "milli": formats.ratio,
        "count": lambda number: formats.short_count(number, language),
        "fen": lambda fen: formats.short_yuan(fen, language),
    }
    return writers[kpi.kind](value)


def _show_credit(session: Session, figures: Json, sentence: str | None) -> None:
    """Show the clock from deadline to credit; green as long as the slowest kept the promise."""
    t, total = session.t, figures["total"]
    p50, p99, slowest = (
        formats.span(total.get(f"credit_seconds_{name}"), session.language)
        for name in ("p50", "p99", "max")
    )
    worst = total.get("credit_seconds_max")
    with _card("credit_seconds_p99"):
        st.metric(
            t("kpi.credit_seconds_p99"),
            p99,
            delta=None if worst is None else t("kpi.credit_others", p50=p50, max=slowest),
            delta_color="green" if worst is None or worst <= subsidies.PROMISE_SECONDS else "red",
            delta_arrow="off",
            delta_description=t("kpi.nothing_credited") if worst is None else None,
            help="  \n".join(filter(None, (sentence, t("kpi.credit_help")))),
        )
        _show_sparkline("credit_seconds_p99", figures)


def _show_charts(session: Session, figures: Json, before: list[Json]) -> None:
    t, days, today = session.t, figures["days"], _unfinished(figures)
    charts = {
        "success": lambda: success.success_rate(days, before, t, unfinished=today),
        "outcomes": lambda: success.groups_by_outcome(days, t, unfinished=today),
        "subsidies": lambda: subsidies.subsidy_cost(days, t, unfinished=today),
        "viral": lambda: growth.viral(days, t, unfinished=today),
        "credit": lambda: subsidies.credit_clock(days, t, unfinished=today),
        "funnel": lambda: growth.funnel(figures["total"], t),
    }
    with st.grid(2, min_column_width=360, key="charts"):
        for name, draw in charts.items():
            with st.container(border=True, height="stretch"):
                st.subheader(t(f"chart.{name}_title"), help=t(f"chart.{name}_help"))
                st.plotly_chart(
                    draw(), theme=None, config=style.CONFIG, key=f"chart_{name}", width="stretch"
                )
