"""What an empty page says: what there is already, and what to do next."""

from collections import Counter

import streamlit as st

from console import reading
from console.navigation import page_of
from console.parts.states import show_empty
from console.session import Session


def show_no_groups(session: Session, title: str) -> None:
    """Say why nobody has opened a group yet: no product, no campaign, none that runs, or time."""
    t = session.t
    phases = Counter(one["phase"] for one in reading.campaigns(session.client))
    step, page, number = _next_step(phases, len(reading.products(session.client)))
    show_empty(title, t(f"next.{step}", number=number))
    if page != "new_campaign" or session.may("change"):
        st.page_link(page_of(page, session), label=t(f"nav.{page}"))


def _next_step(phases: Counter[str], products: int) -> tuple[str, str, int]:
    """Return the name of the step, the page it is done on, and of how many things it tells."""
    for phase in ("running", "upcoming", "draft"):
        if phases[phase]:
            return phase, "campaigns", phases[phase]
    if phases:
        return "over", "new_campaign", phases.total()
    return ("no_campaign", "new_campaign", products) if products else ("no_product", "products", 0)
