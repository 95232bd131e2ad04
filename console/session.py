"""Who is looking: the token of the cookie, checked against the API, with a role and a language."""

from dataclasses import dataclass

import streamlit as st

from console import roles
from console.browser import read_chain, read_token
from console.client import ApiError, Client, Json
from console.texts import Texts

RECHECK_SECONDS = 30


@dataclass(frozen=True)
class Session:
    """One member of staff at work: their client, their words, their role."""

    client: Client
    t: Texts
    staff_name: str
    role: str
    merchant_name: str

    @property
    def language(self) -> str:
        """Return the language the session reads."""
        return self.t.language

    def may(self, action: str) -> bool:
        """Tell whether to offer an action."""
        return roles.may(self.role, action)


def open_session(language: str) -> Session:
    """Return the session of this tab's cookie; asks the API again after at most 30 seconds.

    Raises ApiError: 401 if nobody is signed in, another status if the API cannot tell.
    """
    token = read_token()
    if not token:
        raise ApiError(401, "not_signed_in", "")
    client = Client(token, language=language, forwarded_for=read_chain())
    known = _check(token, client)
    return Session(
        client=client,
        t=Texts(language),
        staff_name=known["staff"]["name"],
        role=known["staff"]["role"],
        merchant_name=known["merchant"]["name"],
    )


@st.cache_data(ttl=RECHECK_SECONDS, max_entries=2, scope="session", show_spinner=False)
def _check(token: str, _client: Client) -> Json:  # noqa: ARG001 - the token is the cache's key
    return _client.read_session()
