"""The filters pages share: the span of days and the campaign; their codes stand in the address."""

from datetime import date

import streamlit as st

from console import formats, reading
from console.parts.choices import choose_one
from console.periods import (
    DEFAULT_PRESET,
    PRESETS,
    Period,
    custom_period,
    period_of,
    read_day,
)
from console.session import Session

PRESET_KEY = "period_preset"
SPAN_KEY = "period_span"
CAMPAIGN_KEY = "campaign_filter"


def choose_period(session: Session, today: date) -> Period:
    """Draw the presets, and a date range where none fits; returns the chosen span."""
    t = session.t
    if PRESET_KEY not in st.session_state:
        asked = st.query_params.get("range")
        st.session_state[PRESET_KEY] = asked if asked in PRESETS else DEFAULT_PRESET
    preset = st.segmented_control(
        t("filter.period"),
        PRESETS,
        format_func=lambda code: t(f"period.{code}"),
        key=PRESET_KEY,
        required=True,
        label_visibility="collapsed",
        persist_state="session",
    )
    _keep_in_address("range", None if preset == DEFAULT_PRESET else preset)
    if preset != "custom":
        _keep_in_address("from", None)
        _keep_in_address("to", None)
        return period_of(preset, today)
    return _choose_span(session, today)


def choose_campaign(session: Session, *, width: int = 280) -> str | None:
    """Draw the choice of one campaign or all; returns its id or None."""
    t = session.t
    campaigns = reading.campaigns(session.client)
    titles = {"": t("filter.all_campaigns"), **{one["id"]: one["title"] for one in campaigns}}
    if CAMPAIGN_KEY not in st.session_state:
        st.session_state[CAMPAIGN_KEY] = st.query_params.get("campaign", "")
    if st.session_state[CAMPAIGN_KEY] not in titles:
        st.session_state[CAMPAIGN_KEY] = ""
    campaign_id = choose_one(
        t("filter.campaign"),
        titles,
        {one["id"]: formats.day_span(one["starts_at"], one["ends_at"]) for one in campaigns},
        {one["id"]: t.named("phase", one["phase"]) for one in campaigns},
        key=CAMPAIGN_KEY,
        width=width,
        label_visibility="collapsed",
        persist_state="session",
    )
    _keep_in_address("campaign", campaign_id or None)
    return campaign_id or None


def _choose_span(session: Session, today: date) -> Period:
    if SPAN_KEY not in st.session_state:
        week = period_of("7d", today)
        first = read_day(st.query_params.get("from")) or week.first
        last = read_day(st.query_params.get("to")) or week.last
        period = custom_period(first, last, today)
        st.session_state[SPAN_KEY] = (period.first, period.last)
    chosen = st.date_input(
        session.t("filter.days"),
        key=SPAN_KEY,
        max_value=today,
        format="YYYY-MM-DD",
        width=240,
        label_visibility="collapsed",
        persist_state="session",
    )
    first, last = (chosen[0], chosen[-1]) if chosen else (today, today)
    period = custom_period(first, last, today)
    _keep_in_address("from", period.first.isoformat())
    _keep_in_address("to", period.last.isoformat())
    return period


def _keep_in_address(name: str, code: str | None) -> None:
    if code is None:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != code:
        st.query_params[name] = code
