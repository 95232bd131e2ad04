"""What is around every page: the session, the navigation by role, language and logout."""

from pathlib import Path

import streamlit as st

from console import navigation
from console.browser import current_language, leave_for_login, read_token
from console.client import ApiError
from console.parts.account import show_account
from console.parts.pending_limit import show_pending_limit
from console.parts.states import guarded, show_error, show_flash
from console.session import open_session
from console.texts import Texts

ASSETS = Path(__file__).parent / "assets"


def main() -> None:
    """Draw the frame, then the chosen page; who is not signed in goes to the login form."""
    t = Texts(current_language())
    st.set_page_config(
        page_title=t("app.title"), page_icon=str(ASSETS / "favicon.png"), layout="wide"
    )
    st.html(ASSETS / "console.css")
    st.logo(str(ASSETS / "logo.svg"), size="large", icon_image=str(ASSETS / "mark.svg"))
    try:
        session = open_session(t.language)
    except ApiError as error:
        if error.status == 401:
            leave_for_login(t, is_ended=read_token() is not None)
        show_error(t, error)
        return
    chosen = st.navigation(navigation.pages_of(session))
    show_account(session)
    show_flash()
    show_pending_limit(session)
    with guarded(t):
        chosen.run()


main()
