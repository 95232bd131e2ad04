"""The last net: an exception nobody expected becomes a plain sentence with a trace id."""

import logging
import secrets

import streamlit as st

from console.browser import current_language
from console.texts import Texts

logger = logging.getLogger(__name__)


def show_mishap(error: Exception) -> bool:
    """Log the exception under a trace id, show the id, and keep Streamlit's own box away."""
    trace_id = secrets.token_hex(4)
    logger.error("page failed", exc_info=error, extra={"trace_id": trace_id})
    t = Texts(current_language())
    st.error(t("error.mishap", trace_id=trace_id), icon=":material/error:")
    return True
