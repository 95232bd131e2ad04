"""One campaign: state and moves, budget and stock, terms, and the rules text shoppers read."""

from html import escape

import streamlit as st

from console import formats, markup
from console.client import Json
from console.navigation import page_of
from console.parts.campaign_moves import show_moves
from console.parts.raising import open_raise
from console.parts.rules_text import show_rules
from console.parts.states import guarded
from console.parts.subsidy_words import describe_subsidy, describe_terms
from console.session import Session

RAISED_IN = ("upcoming", "running", "paused")


def show_campaign(session: Session, campaign_id: str) -> None:
    """Draw the campaign's page."""
    t = session.t
    st.button(
        t("campaigns.back"),
        icon=":material/arrow_back:",
        type="tertiary",
        on_click=st.query_params.clear,
    )
    with st.skeleton(height=300), guarded(t, key="campaign"):
        campaign = session.client.read_campaign(campaign_id)
        product = session.client.read_product(campaign["product_id"])
        _show_head(session, campaign)
        if campaign["published"] and campaign["has_unpublished_changes"]:
            st.info(t("campaign.unpublished"), icon=":material/edit_note:")
        left, right = st.columns([3, 2], gap="medium")
        with left:
            _show_money(session, campaign)
            _show_terms(session, campaign, product)
        with right:
            _show_results(session, campaign)
            with guarded(t, key="rules"):
                show_rules(session, campaign)


def _show_head(session: Session, campaign: Json) -> None:
    t = session.t
    state = markup.pill(t.named("phase", campaign["phase"]), campaign["phase"])
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(f'<div class="pb-head"><h1>{escape(campaign["title"])}</h1>{state}</div>')
        show_moves(session, campaign)


def _show_money(session: Session, campaign: Json) -> None:
    t = session.t
    left = campaign["budget_fen"] - campaign["spent_fen"] - campaign["committed_fen"]
    free = campaign["stock_units"] - campaign["stock_consumed"] - campaign["stock_committed"]
    with st.container(border=True):
        _show_kind(session, campaign, "budget")
        st.html(
            markup.meter(
                [(campaign["spent_fen"], "teal"), (campaign["committed_fen"], "amber")],
                campaign["budget_fen"],
            )
            + markup.facts(
                [
                    (t("campaign.budget"), formats.yuan(campaign["budget_fen"])),
                    (t("campaign.spent"), formats.yuan(campaign["spent_fen"])),
                    (t("campaign.committed"), formats.yuan(campaign["committed_fen"])),
                    (t("campaign.left"), formats.yuan(left)),
                ]
            )
        )
        _show_kind(session, campaign, "stock")
        st.html(
            markup.meter(
                [(campaign["stock_consumed"], "teal"), (campaign["stock_committed"], "amber")],
                campaign["stock_units"],
            )
            + markup.facts(
                [
                    (t("campaign.stock"), formats.count(campaign["stock_units"])),
                    (t("campaign.consumed"), formats.count(campaign["stock_consumed"])),
                    (t("campaign.committed"), formats.count(campaign["stock_committed"])),
                    (t("campaign.left"), formats.count(free)),
                ]
            )
        )


def _show_kind(session: Session, campaign: Json, kind: str) -> None:
    """Draw the heading of budget or stock, with the button that changes it while it is on sale."""
    t = session.t
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(t(f"campaign.{kind}"), help=t(f"campaign.{kind}_help"))
        is_open = campaign["phase"] in RAISED_IN and session.may("change")
        if is_open and st.button(t(f"raise.{kind}"), key=f"raise_{kind}", icon=":material/add:"):
            open_raise(session, campaign, kind)


def _show_terms(session: Session, campaign: Json, product: Json) -> None:
    t = session.t
    in_force = campaign["published"] or campaign
    terms = in_force["terms"]
    limits = terms["limits"]
    with st.container(border=True):
        st.subheader(t("campaign.terms"))
        st.html(
            markup.facts(
                [
                    (t("campaign.starts_at"), formats.day_time(in_force["starts_at"])),
                    (t("campaign.ends_at"), formats.day_time(in_force["ends_at"])),
                    (t("campaign.size"), t("campaign.people", number=terms["group_size"])),
                    (t("campaign.life"), formats.span(terms["life_seconds"], session.language)),
                    (t("campaign.subsidy"), describe_subsidy(t, terms["subsidy"])),
                    *describe_terms(t, terms),
                    (t("campaign.open_groups"), formats.count(limits["open_groups"])),
                    (t("campaign.per_day"), formats.count(limits["participations_per_day"])),
                    (t("campaign.rule_version"), formats.count(campaign["rule_version"])),
                    ("ID", f"<code>{escape(campaign['id'])}</code>"),
                ]
            )
            + markup.table(
                [
                    (t("campaign.variant"), ""),
                    (t("campaign.group_price"), "num"),
                    (t("campaign.list_price"), "num"),
                    (t("campaign.gap"), "num"),
                ],
                _prices(terms, product),
            )
        )


def _prices(terms: Json, product: Json) -> list[tuple[str, ...]]:
    variants = {one["id"]: one for one in product["variants"]}
    rows = []
    for price in terms["prices"]:
        variant = variants.get(price["variant_id"], {})
        listed = variant.get("list_price_fen")
        gap = None if listed is None else listed - price["group_price_fen"]
        rows.append(
            (
                escape(variant.get("title", price["variant_id"])),
                formats.yuan(price["group_price_fen"]),
                formats.yuan(listed),
                formats.yuan(gap),
            )
        )
    return rows


def _show_results(session: Session, campaign: Json) -> None:
    t, totals = session.t, campaign["totals"]
    with st.container(border=True):
        st.subheader(t("campaign.results"))
        st.html(
            markup.facts(
                (t(f"campaign.{key}"), formats.count(totals[key]))
                for key in ("groups_opened", "groups_formed", "groups_failed", "people_paid")
            )
        )
        with st.container(horizontal=True):
            for name, label in (("overview", "figures"), ("board", "groups")):
                st.page_link(
                    page_of(name, session),
                    label=t(f"campaign.to_{label}"),
                    query_params={"campaign": campaign["id"]},
                )
