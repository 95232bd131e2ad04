"""Reads that several parts of one page share, kept for seconds and for one tab only."""

from collections.abc import Callable

import streamlit as st

from console.client import Client, Json
from console.client import Page as ListPage
from console.periods import Period

FRESH_SECONDS = 20
PAGE = 100
MOST_CHOICES = 500


def figures(client: Client, language: str, period: Period, campaign_id: str | None) -> Json:
    """Return the figures of a period, of one campaign or of all."""
    return _figures(
        client, language, period.first.isoformat(), period.last.isoformat(), campaign_id
    )


@st.cache_data(ttl=FRESH_SECONDS, max_entries=2, scope="session", show_spinner=False)
def pending_limits(_client: Client) -> list[Json]:
    """Return the changes of the approval limit that somebody asks for."""
    asked = _client.list_approvals(state="pending", limit=100).items
    return [one for one in asked if one["kind"] == "approval_limit"]


@st.cache_data(ttl=FRESH_SECONDS, max_entries=16, scope="session", show_spinner=False)
def board(_client: Client) -> Json:
    """Return the live counts, for what may be some seconds old: the API's clock, a warning."""
    return _client.read_board()


@st.cache_data(ttl=FRESH_SECONDS, max_entries=2, scope="session", show_spinner=False)
def campaigns(_client: Client) -> list[Json]:
    """Return the campaigns to choose from, newest first."""
    return _all(_client.list_campaigns)


def products(client: Client) -> list[Json]:
    """Return the products to choose from; one just created is among them."""
    return _all(client.list_products)


def _all(listed: Callable[..., ListPage]) -> list[Json]:
    """Read a list to its end, or as far as anybody would look through a select box."""
    page = listed(limit=PAGE)
    found = [*page.items]
    while page.next_cursor and len(found) < MOST_CHOICES:
        page = listed(cursor=page.next_cursor, limit=PAGE)
        found += page.items
    return found


@st.cache_data(ttl=FRESH_SECONDS, max_entries=16, scope="session", show_spinner=False)
def _figures(
    _client: Client, language: str, from_on: str, to_on: str, campaign_id: str | None
) -> Json:
    del language  # a key of the cache: the definitions are in it
    return _client.read_figures(from_on=from_on, to_on=to_on, campaign_id=campaign_id)
