"""More budget or stock for a campaign: how much, why, and what it comes to; or an approval."""

from dataclasses import dataclass

import streamlit as st

from console import formats, markup
from console.client import ApiError, Json, new_idempotency_key
from console.drafting import worst_group_fen
from console.parts.fields import ask_yuan
from console.parts.reasons import SHORTEST, ask_for_reason, carry_out
from console.session import Session

MOST_FEN = 10**10
MOST_UNITS = 1_000_000
REFUSED_KEY = "raise_refused"
APPROVAL_NEEDED = "approval_needed"


@dataclass(frozen=True)
class Funds:
    """What a campaign has of one kind: in all, promised or used, and what a group takes of it."""

    kind: str
    whole: int
    used: int
    per_group: int

    @property
    def left(self) -> int:
        """Return what no group has yet."""
        return self.whole - self.used


def funds_of(campaign: Json, kind: str) -> Funds:
    """Return a campaign's budget in fen, or its stock in units."""
    terms = (campaign["published"] or campaign)["terms"]
    if kind == "budget":
        used = campaign["spent_fen"] + campaign["committed_fen"]
        return Funds(kind, campaign["budget_fen"], used, worst_group_fen(terms))
    used = campaign["stock_consumed"] + campaign["stock_committed"]
    return Funds(kind, campaign["stock_units"], used, terms["group_size"])


def open_raise(session: Session, campaign: Json, kind: str) -> None:
    """Open the dialog for more budget or stock; what it does may be repeated."""
    t = session.t
    key = new_idempotency_key()

    def ask() -> None:
        funds = funds_of(campaign, kind)
        st.html(markup.facts(_present(session, funds)))
        delta = _ask_delta(session, funds)
        st.html(f'<p class="pb-preview">{_preview(session, funds, delta)}</p>')
        reason = ask_for_reason(t)
        _show_buttons(session, campaign, funds, delta, reason, key)

    st.dialog(t(f"raise.{kind}_title"), on_dismiss=_forget)(ask)()


def _present(session: Session, funds: Funds) -> list[tuple[str, str]]:
    t = session.t
    return [
        (t("raise.now"), _write(funds, funds.whole)),
        (t("raise.used"), _write(funds, funds.used)),
        (t("raise.left"), _write(funds, funds.left)),
    ]


def _ask_delta(session: Session, funds: Funds) -> int:
    label = session.t(f"raise.{funds.kind}_delta")
    if funds.kind == "budget":
        return ask_yuan(label, 0, least_fen=-funds.left, most_fen=MOST_FEN, key="raise_delta")
    return int(st.number_input(label, -funds.left, MOST_UNITS, 0, key="raise_delta"))


def _preview(session: Session, funds: Funds, delta: int) -> str:
    """Say what the campaign has after it, and how many groups that is for."""
    left = funds.left + delta
    return session.t(
        f"raise.{funds.kind}_preview",
        old=_write(funds, funds.whole),
        new=_write(funds, funds.whole + delta),
        left=_write(funds, left),
        groups=formats.count(left // funds.per_group if funds.per_group else None),
        each=_write(funds, funds.per_group),
    )


def _show_buttons(  # noqa: PLR0917 - what the dialog has gathered
    session: Session, campaign: Json, funds: Funds, delta: int, reason: str, key: str
) -> None:
    t, wanted = session.t, funds.whole + delta
    with st.container(horizontal=True):
        is_confirmed = st.button(
            t("action.confirm"), type="primary", key="raise_confirm", disabled=delta == 0
        )
        if st.button(t("action.cancel"), key="raise_cancel"):
            _forget()
            st.rerun()
    if is_confirmed and len(reason) < SHORTEST:
        st.warning(t("reason.missing"), icon=":material/edit:")
    elif is_confirmed:
        st.session_state.pop(REFUSED_KEY, None)
        _raise(session, campaign, funds, wanted, reason)
    if st.session_state.get(REFUSED_KEY) == (campaign["id"], wanted):
        _offer_approval(session, campaign, wanted, reason, key)


def _raise(session: Session, campaign: Json, funds: Funds, wanted: int, reason: str) -> None:
    field, was = {
        "budget": ("budget_fen", "budget_was_fen"),
        "stock": ("stock_units", "stock_was_units"),
    }[funds.kind]
    body = {field: wanted, was: funds.whole}

    def act(reason: str) -> None:
        try:
            session.client.change_campaign(campaign["id"], {**body, "reason": reason})
        except ApiError as error:
            if error.code == APPROVAL_NEEDED:
                st.session_state[REFUSED_KEY] = (campaign["id"], wanted)
            raise

    carry_out(session.t, act, reason, session.t("raise.done"))


def _offer_approval(session: Session, campaign: Json, wanted: int, reason: str, key: str) -> None:
    """Let the same act be asked of a second person, with the reason typed already."""
    t = session.t
    st.caption(t("raise.needs_approval"))
    if not st.button(t("raise.ask_approval"), icon=":material/how_to_reg:", key="raise_approval"):
        return
    if len(reason) < SHORTEST:
        st.warning(t("reason.missing"), icon=":material/edit:")
        return
    command = {"campaign_id": campaign["id"], "budget_fen": wanted}
    carry_out(
        t,
        lambda why: session.client.ask_approval(
            "campaign_budget", command, why, idempotency_key=key
        ),
        reason,
        t("raise.asked"),
    )


def _forget() -> None:
    st.session_state.pop(REFUSED_KEY, None)


def _write(funds: Funds, amount: int) -> str:
    return formats.yuan(amount) if funds.kind == "budget" else formats.count(amount)
