"""Reads that several parts of one page share, kept for seconds and for one tab only."""

import streamlit as st

from console.client import Client, Json
from console.periods import Period

FRESH_SECONDS = 20


def figures(client: Client, language: str, period: Period, campaign_id: str | None) -> Json:
    """Return the figures of a period, of one campaign or of all."""
    return _figures(
        client, language, period.first.isoformat(), period.last.isoformat(), campaign_id
    )


@st.cache_data(ttl=FRESH_SECONDS, max_entries=16, scope="session", show_spinner=False)
def board(_client: Client) -> Json:
    """Return the live counts, for what may be some seconds old: the API's clock, a warning."""
    return _client.read_board()


@st.cache_data(ttl=FRESH_SECONDS, max_entries=2, scope="session", show_spinner=False)
def campaign_titles(_client: Client) -> dict[str, str]:
    """Return the campaigns to choose from, newest first: id to title."""
    return {one["id"]: one["title"] for one in _client.list_campaigns(limit=100).items}


@st.cache_data(ttl=FRESH_SECONDS, max_entries=16, scope="session", show_spinner=False)
def _figures(
    _client: Client, language: str, from_on: str, to_on: str, campaign_id: str | None
) -> Json:
    del language  # a key of the cache: the definitions are in it
    return _client.read_figures(from_on=from_on, to_on=to_on, campaign_id=campaign_id)
