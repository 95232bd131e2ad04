"""A change by staff always has a reason: the dialog that asks for it and carries the change out."""

from collections.abc import Callable

import streamlit as st

from console.client import ApiError
from console.parts.states import explain, flash, guarded
from console.texts import Texts

SHORTEST = 2
LONGEST = 200
REFUSED_KEY = "reason_refused"
APPROVAL_NEEDED = "approval_needed"


def ask_reason(
    t: Texts,
    *,
    title: str,
    explanation: str,
    confirm: str,
    done: str,
    act: Callable[[str], object],
    ask_approval: Callable[[str], object] | None = None,
) -> None:
    """Open a dialog that calls `act` with the typed reason; it closes when that succeeded.

    `act` must be safe to repeat: after a failed call the same dialog may be confirmed again.
    Where the act is above the approval limit, `ask_approval` asks a second person for it instead.
    """

    def noted(reason: str) -> None:
        try:
            act(reason)
        except ApiError as error:
            if error.code == APPROVAL_NEEDED:
                st.session_state[REFUSED_KEY] = explanation
            raise

    def ask() -> None:
        st.markdown(explanation)
        reason = ask_for_reason(t)
        with st.container(horizontal=True):
            is_confirmed = st.button(confirm, type="primary", key="reason_confirm")
            if st.button(t("action.cancel"), key="reason_cancel"):
                _forget()
                st.rerun()
        if is_confirmed and len(reason) < SHORTEST:
            st.warning(t("reason.missing"), icon=":material/edit:")
        elif is_confirmed:
            carry_out(t, noted, reason, done)
        if ask_approval is not None and st.session_state.get(REFUSED_KEY) == explanation:
            offer_approval(t, ask_approval, reason)

    st.dialog(title, on_dismiss=_forget)(ask)()


def _forget() -> None:
    st.session_state.pop(REFUSED_KEY, None)


def offer_approval(t: Texts, ask_approval: Callable[[str], object], reason: str) -> None:
    """Let the same act be asked of a second person, with the reason typed already."""
    st.caption(t("approvals.needed"))
    if not st.button(t("approvals.submit"), icon=":material/how_to_reg:", key="reason_approval"):
        return
    if len(reason) < SHORTEST:
        st.warning(t("reason.missing"), icon=":material/edit:")
        return
    carry_out(t, ask_approval, reason, t("approvals.submitted"))


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
