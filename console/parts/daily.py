"""The figures day by day, as a table to read and as a file to take away."""

import csv
import io
from collections.abc import Callable

import streamlit as st

from console import formats, markup
from console.client import Json
from console.comparing import FEW, likely_range
from console.session import Session

BYTE_ORDER_MARK = "\ufeff"
COLUMNS = (
    ("groups_opened", formats.count),
    ("groups_formed", formats.count),
    ("groups_failed", formats.count),
    ("success_rate_bps", formats.percent),
    ("people_paid", formats.count),
    ("shoppers_registered", formats.count),
    ("new_shoppers_registered", formats.count),
    ("subsidies_issued_fen", formats.yuan),
    ("subsidy_share_of_formed_bps", formats.percent),
    ("subsidies_credited_fen", formats.yuan),
)
DIVISORS = {"_bps": 100, "_milli": 1000, "_fen": 100}


def show_daily(session: Session, days: list[Json], *, unfinished: str | None = None) -> None:
    """Draw the table, newest day first, folded away, with the file beside it."""
    t = session.t
    with st.expander(t("daily.title"), icon=":material/table_rows:"):
        st.html(
            markup.table(
                [(t("daily.on"), ""), *((t(f"daily.{key}"), "num") for key, _ in COLUMNS)],
                (
                    [
                        _day(session, day, unfinished),
                        *(_cell(day, key, write) for key, write in COLUMNS),
                    ]
                    for day in days[::-1]
                ),
            )
        )
        st.download_button(
            t("daily.download"),
            data=lambda: as_csv(days).encode(),
            file_name=f"pinbu-{days[0]['on']}-{days[-1]['on']}.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )


def _day(session: Session, day: Json, unfinished: str | None) -> str:
    on = str(day["on"])
    return f"{on} <small>{session.t('daily.unfinished')}</small>" if on == unfinished else on


def _cell(day: Json, key: str, write: Callable[[int | None], str]) -> str:
    """Write a figure; a success rate of few groups in grey, with the bounds it may truly have."""
    closed = day["groups_formed"] + day["groups_failed"]
    if key != "success_rate_bps" or not 0 < closed < FEW:
        return write(day.get(key))
    low, high = likely_range(day["groups_formed"], closed)
    return f"<small>{write(day[key])} ({low / 100:.0f}–{high / 100:.0f}%)</small>"


def as_csv(days: list[Json]) -> str:
    """Write all figures of the days in shown units; the mark lets Excel read Chinese."""
    keys = [key for key in days[0] if key != "on"]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["on", *(_column(key) for key in keys)])
    for day in days:
        writer.writerow([day["on"], *(_in_unit(key, day.get(key)) for key in keys)])
    return BYTE_ORDER_MARK + out.getvalue()


def _column(key: str) -> str:
    for ending, unit in (("_bps", "_percent"), ("_milli", ""), ("_fen", "_yuan")):
        if key.endswith(ending):
            return key.removesuffix(ending) + unit
    return key


def _in_unit(key: str, value: int | None) -> str | int:
    if value is None:
        return ""
    for ending, divisor in DIVISORS.items():
        if key.endswith(ending):
            return f"{value / divisor:.3f}".rstrip("0").rstrip(".")
    return value
