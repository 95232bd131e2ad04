"""Campaigns: the list with budgets and results, and one campaign with its moves."""

from html import escape

import streamlit as st

from console import formats, markup
from console.client import Json
from console.comparing import FEW, likely_range
from console.navigation import page_of
from console.parts.campaign_detail import show_campaign
from console.parts.pager import Pager
from console.parts.states import guarded, show_empty
from console.session import Session

CHOSEN = "id"
PHASES = ("all", "running", "upcoming", "paused", "expired", "ended", "draft")
PHASE_KEY = "campaigns_phase"


def show(session: Session) -> None:
    """Draw the list, or the campaign that the address names."""
    chosen = st.query_params.get(CHOSEN)
    if chosen:
        show_campaign(session, chosen)
        return
    t = session.t
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title(t("campaigns.title"))
        if session.may("change"):
            st.page_link(
                page_of("new_campaign", session),
                label=t("campaigns.new"),
                icon=":material/add_circle:",
            )
    phase = _choose_phase(session)
    pager = Pager(t, "campaigns", scope=phase)
    with st.skeleton(height=300), guarded(t, key="campaigns"):
        page = session.client.list_campaigns(phase=phase, cursor=pager.cursor)
        if not page.items:
            why = "empty" if phase is None else "none_in_phase"
            show_empty(t(f"campaigns.{why}"), t(f"campaigns.{why}_next"))
            return
        with st.grid("auto", min_column_width=330, key="campaign_cards"):
            for campaign in page.items:
                _show_card(session, campaign)
        pager.show_buttons(page)


def _choose_phase(session: Session) -> str | None:
    """Draw the phases to list by; the address names the chosen one."""
    t = session.t
    if PHASE_KEY not in st.session_state:
        asked = st.query_params.get("phase")
        st.session_state[PHASE_KEY] = asked if asked in PHASES else "all"
    phase: str = st.segmented_control(
        t("campaigns.phase"),
        PHASES,
        format_func=lambda code: t(f"phase.{code}"),
        key=PHASE_KEY,
        required=True,
        label_visibility="collapsed",
        persist_state="session",
    )
    if phase == "all":
        st.query_params.pop("phase", None)
        return None
    st.query_params["phase"] = phase
    return phase


def _show_card(session: Session, campaign: Json) -> None:
    t = session.t
    with st.container(border=True, height="stretch", key=f"campaign_{campaign['id']}"):
        st.html(_card(session, campaign))
        st.button(
            t("campaigns.open"),
            key=f"open_{campaign['id']}",
            width="stretch",
            on_click=st.query_params.from_dict,
            args=({CHOSEN: campaign["id"]},),
        )


def _card(session: Session, campaign: Json) -> str:
    t, totals, terms = session.t, campaign["totals"], campaign["terms"]
    prices = [price["group_price_fen"] for price in terms["prices"]]
    return (
        '<div class="pb-card"><header>'
        f"<b>{escape(campaign['title'])}</b>"
        f"{markup.pill(t.named('phase', campaign['phase']), campaign['phase'])}</header>"
        f'<p class="pb-note">{escape(_terms(session, terms, prices))}</p>'
        f"{budget(session, campaign)}"
        f"{markup.facts(_results(session, totals))}"
        f'<p class="pb-note">{_window(session, campaign)}</p>'
        "</div>"
    )


def budget(session: Session, campaign: Json) -> str:
    """Draw how much of the budget is spent and committed."""
    used = campaign["spent_fen"] + campaign["committed_fen"]
    share = 10_000 * used // campaign["budget_fen"] if campaign["budget_fen"] else None
    spent_tone = "red" if share is not None and share >= 9500 else "teal"
    bar = markup.meter(
        [(campaign["spent_fen"], spent_tone), (campaign["committed_fen"], "amber")],
        campaign["budget_fen"],
    )
    words = session.t(
        "campaigns.budget",
        used=formats.short_yuan(used, session.language),
        whole=formats.short_yuan(campaign["budget_fen"], session.language),
        share=formats.percent(share),
    )
    return f'<div class="pb-budget"><span class="pb-note">{words}</span>{bar}</div>'


def _window(session: Session, campaign: Json) -> str:
    window = campaign["published"] or campaign
    return session.t(
        "campaigns.until",
        from_=formats.day_time(window["starts_at"]),
        at=formats.day_time(window["ends_at"]),
    )


def _terms(session: Session, terms: Json, prices: list[int]) -> str:
    low = formats.yuan(min(prices)) if prices else formats.DASH
    return session.t(
        "campaigns.terms",
        size=terms["group_size"],
        price=low,
        subsidy=formats.yuan(terms["subsidy"]["amount_fen"]),
        life=formats.span(terms["life_seconds"], session.language),
    )


def _success(formed: int, ended: int, rate: int | None) -> str:
    if not 0 < ended < FEW:
        return formats.percent(rate)
    low, high = likely_range(formed, ended)
    return f"<small>{formats.percent(rate)} ({low / 100:.0f}–{high / 100:.0f}%)</small>"


def _results(session: Session, totals: Json) -> list[tuple[str, str]]:
    ended = totals["groups_formed"] + totals["groups_failed"]
    rate = round(10_000 * totals["groups_formed"] / ended) if ended else None
    return [
        (session.t("campaigns.opened"), formats.count(totals["groups_opened"])),
        (session.t("campaigns.success"), _success(totals["groups_formed"], ended, rate)),
        (session.t("campaigns.people"), formats.count(totals["people_paid"])),
    ]
