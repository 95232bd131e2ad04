"""Fields for money: typed in yuan, handed on in fen."""

from typing import Literal

import streamlit as st

from console.formats import fen_of

MOST_YUAN = 1_000_000.0


def ask_yuan(
    label: str,
    value_fen: int,
    *,
    least_fen: int,
    most_fen: int,
    key: str | None = None,
    help_text: str | None = None,
    width: int | Literal["stretch"] = "stretch",
    disabled: bool = False,
) -> int:
    """Ask for an amount in yuan; returns fen."""
    typed = st.number_input(
        label,
        min_value=least_fen / 100,
        max_value=most_fen / 100,
        value=min(max(value_fen, least_fen), most_fen) / 100,
        step=0.1,
        format="%.2f",
        width=width,
        key=key,
        help=help_text,
        disabled=disabled,
    )
    return fen_of(typed)


def ask_optional_yuan(
    label: str, *, key: str, help_text: str | None = None, value_fen: int | None = None
) -> int | None:
    """Ask for an amount in yuan that may be left out; returns fen or None."""
    if value_fen is not None:  # a field that begins with a value could not be cleared
        st.session_state.setdefault(key, max(0.01, value_fen / 100))
    typed = st.number_input(
        label,
        min_value=0.01,
        max_value=MOST_YUAN,
        value=None,
        step=0.1,
        format="%.2f",
        key=key,
        help=help_text,
    )
    return None if typed is None else fen_of(typed)
