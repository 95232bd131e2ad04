"""What the browser of this tab tells and is told: its cookies, its language, where to go."""

import json
from typing import NoReturn

import streamlit as st

from console.signing_in import (
    LANGUAGE_COOKIE,
    LANGUAGE_SECONDS,
    forwarded_chain,
    session_token,
)
from console.texts import Texts, choose_language

LANGUAGE_KEY = "language"


def read_token() -> str | None:
    """Return the token of the cookie that the browser opened this tab with."""
    return session_token(st.context.cookies)


def read_chain() -> str:
    """Return the addresses this tab's requests came through, its own one last."""
    forwarded = ", ".join(st.context.headers.get_all("X-Forwarded-For"))
    return forwarded_chain(forwarded, st.context.ip_address)


def current_language() -> str:
    """Return the language chosen in this tab, in this browser before, or by the browser."""
    return choose_language(
        asked=st.session_state.get(LANGUAGE_KEY) or st.query_params.get("lang"),
        remembered=st.context.cookies.get(LANGUAGE_COOKIE),
        accepted=st.context.locale,
    )


def remember_language(language: str) -> None:
    """Let the browser keep the chosen language beyond this tab."""
    _run_script(
        f"document.cookie = '{LANGUAGE_COOKIE}={language}; path=/;"
        f" max-age={LANGUAGE_SECONDS}; SameSite=Lax';"
    )


def leave_for_login(t: Texts, *, is_ended: bool) -> NoReturn:
    """Send the browser to the login form and stop the script; comes back to the same page."""
    query = "?ended=1&next=" if is_ended else "?next="
    _run_script(
        f"window.location.replace('/login' + {json.dumps(query)}"
        " + encodeURIComponent(window.location.pathname + window.location.search));"
    )
    st.info(t("login.leaving"))
    st.html(f'<a href="/login" target="_self">{t("login.heading")}</a>')
    st.stop()


def _run_script(script: str) -> None:
    st.html(f"<script>{script}</script>", unsafe_allow_javascript=True, width="content")
