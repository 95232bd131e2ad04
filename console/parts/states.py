"""Error, empty and done: what a page says when there is no data to draw."""

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

import streamlit as st

from console.browser import leave_for_login
from console.client import ApiError
from console.texts import Texts, catalogue

FLASH_KEY = "flash"


def explain(t: Texts, error: ApiError) -> str:
    """Say what went wrong: the API's own sentence, or ours where the API did not answer."""
    own = catalogue(t.language).get(f"error.{error.code}")
    text = own or error.detail or t("error.http", status=error.status)
    if error.request_id:
        text += f"  \n:small[{t('error.request', request_id=error.request_id)}]"
    return text


def may_pass(error: ApiError) -> bool:
    """Tell whether the same call may succeed later: no answer, too many, or a server's fault."""
    return error.status in (0, 429) or error.status >= 500


def show_error(t: Texts, error: ApiError, *, key: str = "page") -> None:
    """Show a failed call with its request id; a button to try again only where that may help."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"error_{key}"):
        if not may_pass(error):
            icon = ":material/lock:" if error.status == 403 else ":material/info:"
            st.warning(explain(t, error), icon=icon)
            return
        st.error(explain(t, error), icon=":material/cloud_off:")
        st.button(t("action.retry"), key=f"retry_{key}", icon=":material/refresh:")


def show_empty(title: str, next_step: str) -> None:
    """Say why there is nothing, and what comes next."""
    st.html(f'<div class="pb-empty"><b>{escape(title)}</b><span>{escape(next_step)}</span></div>')


@contextmanager
def guarded(t: Texts, *, key: str = "page") -> Iterator[None]:
    """Show a failed call in place; a session that ended leads to the login form."""
    try:
        yield
    except ApiError as error:
        if error.status == 401:
            leave_for_login(t, is_ended=True)
        show_error(t, error, key=key)


def flash(message: str) -> None:
    """Keep a message for the next run, which a dialog's closing starts."""
    st.session_state[FLASH_KEY] = message


def show_flash() -> None:
    """Show the kept message once."""
    message = st.session_state.pop(FLASH_KEY, None)
    if message:
        st.toast(message, icon=":material/check_circle:")
