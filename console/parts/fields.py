"""Fields for money: typed in yuan, handed on in fen."""

import streamlit as st

from console.formats import fen_of


def ask_yuan(
    label: str,
    value_fen: int,
    *,
    least_fen: int,
    most_fen: int,
    key: str | None = None,
    help_text: str | None = None,
) -> int:
    """Ask for an amount in yuan; returns fen."""
    typed = st.number_input(
        label,
        min_value=least_fen / 100,
        max_value=most_fen / 100,
        value=min(max(value_fen, least_fen), most_fen) / 100,
        step=0.1,
        format="%.2f",
        key=key,
        help=help_text,
    )
    return fen_of(typed)
