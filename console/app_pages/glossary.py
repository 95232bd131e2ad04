"""Glossary: what each figure means, in the words of the API that computes it."""

from html import escape

import streamlit as st

from console import markup, reading
from console.parts.states import guarded
from console.periods import local_day, period_of
from console.session import Session


def show(session: Session) -> None:
    """Draw the page."""
    t = session.t
    st.title(t("glossary.title"))
    st.caption(t("glossary.about"))
    with st.skeleton(height=300), guarded(t, key="glossary"):
        today = local_day(reading.board(session.client)["server_time"])
        figures = reading.figures(
            session.client, session.language, period_of("7d", today), campaign_id=None
        )
        columns = [(t("glossary.name"), ""), (t("glossary.sentence"), ""), (t("glossary.key"), "")]
        st.html(
            markup.table(
                columns,
                (
                    (
                        f"<b>{escape(one['name'])}</b>",
                        escape(one["sentence"]),
                        f"<code>{escape(one['key'])}</code>",
                    )
                    for one in figures["definitions"]
                ),
            )
        )
    st.subheader(t("glossary.rules"))
    st.markdown("\n".join(f"- {t(f'glossary.rule_{number}')}" for number in range(1, 6)))
