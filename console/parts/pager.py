"""Paging through an API list by cursor: the cursors already used are the way back."""

import streamlit as st

from console.client import Page
from console.texts import Texts


class Pager:
    """Where a reader stands in one list; another `scope` (its filters) starts at the first page."""

    def __init__(self, t: Texts, key: str, *, scope: object = None) -> None:
        self._t, self._key = t, key
        known = st.session_state.get(self._state_key)
        if known is None or known["scope"] != scope:
            st.session_state[self._state_key] = {"scope": scope, "trail": [None]}

    @property
    def cursor(self) -> str | None:
        """Return the cursor of the present page."""
        return self._trail[-1]

    def show_buttons(self, page: Page) -> None:
        """Draw back and on, unless everything is on one page."""
        if len(self._trail) == 1 and page.next_cursor is None:
            return
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                self._t("pager.back"),
                key=f"{self._key}_back",
                icon=":material/chevron_left:",
                disabled=len(self._trail) == 1,
                on_click=self._go_back,
            )
            st.button(
                self._t("pager.on"),
                key=f"{self._key}_on",
                icon=":material/chevron_right:",
                disabled=page.next_cursor is None,
                on_click=self._go_on,
                args=(page.next_cursor,),
            )
            st.caption(self._t("pager.page", number=len(self._trail)))

    @property
    def _state_key(self) -> str:
        return f"{self._key}_pager"

    @property
    def _trail(self) -> list[str | None]:
        trail: list[str | None] = st.session_state[self._state_key]["trail"]
        return trail

    def _go_back(self) -> None:
        self._trail.pop()

    def _go_on(self, cursor: str) -> None:
        self._trail.append(cursor)
