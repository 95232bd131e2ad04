"""A change by staff always has a reason: the dialog that asks for it and carries the change out."""

from collections.abc import Callable

import streamlit as st

from console.client import ApiError
from console.parts.states import explain, flash, guarded
from console.texts import Texts

SHORTEST = 2
LONGEST = 200


def ask_reason(
    t: Texts,
    *,
    title: str,
    explanation: str,
    confirm: str,
    done: str,
    act: Callable[[str], object],
) -> None:
    """Open a dialog that calls `act` with the typed reason; it closes when that succeeded.

    `act` must be safe to repeat: after a failed call the same dialog may be confirmed again.
    """

    def ask() -> None:
        st.markdown(explanation)
        reason = ask_for_reason(t)
        with st.container(horizontal=True):
            is_confirmed = st.button(confirm, type="primary", key="reason_confirm")
            if st.button(t("action.cancel"), key="reason_cancel"):
                st.rerun()
        if is_confirmed and len(reason) < SHORTEST:
            st.warning(t("reason.missing"), icon=":material/edit:")
        elif is_confirmed:
            carry_out(t, act, reason, done)

    st.dialog(title)(ask)()


def ask_for_reason(t: Texts) -> str:
    """Draw the field for the reason."""
    typed: str = st.text_area(
        t("reason.label"), placeholder=t("reason.example"), max_chars=LONGEST, height=90
    )
    return typed.strip()


def carry_out(t: Texts, act: Callable[[str], object], reason: str, done: str) -> None:
    """Call `act` with the reason; close the dialog if that succeeded, say why if not."""
    try:
        act(reason)
    except ApiError as error:
        if error.status == 401:
            with guarded(t):
                raise
        st.error(explain(t, error), icon=":material/error:")
        return
    flash(done)
    st.rerun()
