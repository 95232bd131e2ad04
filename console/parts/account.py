"""The foot of the navigation: who is signed in where, the language, the way out."""

from html import escape

import streamlit as st

from console.browser import LANGUAGE_KEY, leave_for_login, remember_language
from console.client import ApiError
from console.session import Session
from console.texts import LANGUAGES, NAMES

CHOICE_KEY = "language_choice"


def show_account(session: Session) -> None:
    """Draw the account block; a changed language is kept by the browser."""
    t = session.t
    with st.sidebar:
        st.html(
            f'<div class="pb-who"><i>{escape(session.staff_name[:1])}</i><div>'
            f"{escape(session.staff_name)} · {escape(t.named('role', session.role))}"
            f"<span>{escape(session.merchant_name)}</span></div></div>"
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            st.session_state.setdefault(CHOICE_KEY, session.language)
            st.segmented_control(
                t("account.language"),
                LANGUAGES,
                format_func=NAMES.__getitem__,
                key=CHOICE_KEY,
                required=True,
                label_visibility="collapsed",
                on_change=_take_language,
            )
            is_leaving = st.button(t("account.sign_out"), icon=":material/logout:", type="tertiary")
    if st.session_state.get(LANGUAGE_KEY):
        remember_language(session.language)
    if is_leaving:
        _sign_out(session)


def _take_language() -> None:
    st.session_state[LANGUAGE_KEY] = st.session_state[CHOICE_KEY]


def _sign_out(session: Session) -> None:
    try:
        session.client.sign_out()
    except ApiError as error:
        if error.status != 401:
            raise
    leave_for_login(session.t, is_ended=False)
