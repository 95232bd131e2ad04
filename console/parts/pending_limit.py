"""The banner all staff see while somebody asks for another approval limit."""

import streamlit as st

from console import formats, reading
from console.client import ApiError
from console.navigation import page_of
from console.session import Session


def show_pending_limit(session: Session) -> None:
    """Say on every page that the limit is to be raised or lifted, by whom, and from when."""
    t = session.t
    try:
        asked = reading.pending_limits(session.client)
    except ApiError:  # the page itself will say what is wrong
        return
    for approval in asked:
        limit = approval["command"]["approval_limit_fen"]
        with st.container(horizontal=True, vertical_alignment="center"):
            st.warning(
                t(
                    "approvals.limit_banner",
                    name=approval["requested_by"],
                    limit=t("approvals.no_limit") if limit is None else formats.yuan(limit),
                    at=formats.day_time(approval["alone_from_at"]),
                    reason=approval["reason"],
                ),
                icon=":material/gavel:",
            )
            st.page_link(page_of("approvals", session), label=t("nav.approvals"))
