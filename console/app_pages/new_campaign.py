"""A campaign's draft, new or changed, in four steps: product, rules, subsidy, check."""

from datetime import datetime, time, timedelta

import streamlit as st

from console import formats, markup, reading
from console.client import ApiError, Json
from console.drafting import Draft
from console.navigation import page_of
from console.parts.choices import choose_one, distinct_labels
from console.parts.fields import ask_yuan
from console.parts.states import explain, flash, guarded, show_empty
from console.parts.subsidy_fields import ask_more, ask_subsidy
from console.parts.subsidy_words import describe_subsidy
from console.session import Session

DRAFT_KEY = "campaign_draft"
STEP_KEY = "campaign_step"
STEPS = ("product", "rules", "subsidy", "check")
LONGEST_TITLE = 100
SHORTEST_LIFE_HOURS = 0.5
LONGEST_LIFE_HOURS = 168.0
MOST_STOCK = 1_000_000
PER_SHOPPER = ("open_groups", "participations_per_day", "expired_holds_per_day")


def show(session: Session) -> None:
    """Draw the present step."""
    t = session.t
    with guarded(t, key="wizard"):
        draft = _current_draft(session)
        st.title(t("wizard.title_changed" if draft.campaign_id else "wizard.title"))
        step: int = st.session_state.setdefault(STEP_KEY, 0)
        _show_progress(session, step)
        (_ask_product, _ask_rules, _ask_subsidy, _show_check)[step](session, draft)


def _current_draft(session: Session) -> Draft:
    """Return the draft at work; the address names the campaign that is changed."""
    asked = st.query_params.get("id")
    known: Draft | None = st.session_state.get(DRAFT_KEY)
    if known is not None and known.campaign_id == asked:
        return known
    draft = Draft()
    if asked:
        campaign = session.client.read_campaign(asked)
        draft = Draft.of(campaign, session.client.read_product(campaign["product_id"]))
    st.session_state[DRAFT_KEY], st.session_state[STEP_KEY] = draft, 0
    return draft


def _show_progress(session: Session, step: int) -> None:
    t = session.t
    items = "".join(
        f'<li class="{"done" if place < step else "now" if place == step else ""}">'
        f"<b>{place + 1}</b>{t(f'wizard.step_{name}')}</li>"
        for place, name in enumerate(STEPS)
    )
    st.html(f'<ol class="pb-steps">{items}</ol>')


def _ask_product(session: Session, draft: Draft) -> None:
    t = session.t
    products = (
        [draft.product] if draft.campaign_id and draft.product else reading.products(session.client)
    )
    if not products:
        show_empty(t("products.empty"), t("products.empty_next"))
        st.page_link(page_of("products", session), label=t("nav.products"))
        return
    ids = [one["id"] for one in products]
    known = draft.product["id"] if draft.product else None
    chosen = choose_one(
        t("wizard.product"),
        {one["id"]: one["title"] for one in products},
        {one["id"]: one["category"] or "" for one in products},
        {one["id"]: _variants(session, one) for one in products},
        index=ids.index(known) if known in ids else 0,
        disabled=bool(draft.campaign_id),
    )
    product = next(one for one in products if one["id"] == chosen)
    today = formats.instant(reading.board(session.client)["server_time"]).astimezone(
        formats.SHANGHAI
    )
    with st.form("product", border=True):
        title = st.text_input(
            t("wizard.campaign_title"),
            value=draft.title or t("wizard.title_example", product=product["title"]),
            max_chars=LONGEST_TITLE,
        )
        prices = _ask_prices(session, draft, product)
        starts_at, ends_at = _ask_window(session, draft, today)
        is_done = st.form_submit_button(t("wizard.on"), type="primary")
    if not is_done:
        return
    if not title.strip() or starts_at >= ends_at:
        st.warning(t("wizard.window_wrong" if title.strip() else "wizard.title_missing"))
        return
    is_other = draft.product is None or draft.product["id"] != product["id"]
    if is_other and product.get("default_subsidy"):
        draft.subsidy = dict(product["default_subsidy"])
    draft.product, draft.title, draft.prices_fen = product, title.strip(), prices
    draft.starts_at, draft.ends_at = starts_at, ends_at
    _go_to(1)


def _variants(session: Session, product: Json) -> str:
    return session.t("wizard.variants", number=len(product["variants"]))


def _ask_prices(session: Session, draft: Draft, product: Json) -> dict[str, int]:
    prices = {}
    titles = distinct_labels({one["id"]: one["title"] for one in product["variants"]})
    with st.grid("auto", min_column_width=220):
        for variant in product["variants"]:
            listed = variant["list_price_fen"]
            prices[variant["id"]] = ask_yuan(
                session.t(
                    "wizard.group_price", variant=titles[variant["id"]], listed=formats.yuan(listed)
                ),
                draft.prices_fen.get(variant["id"], listed * 2 // 3),
                least_fen=1,
                most_fen=listed,
                key=f"price_{variant['id']}",
            )
    return prices


def _ask_window(session: Session, draft: Draft, today: datetime) -> tuple[datetime, datetime]:
    t = session.t
    first = datetime.combine(today.date(), time(0, 0))
    with st.container(horizontal=True):
        starts_at = st.datetime_input(
            t("wizard.starts_at"), draft.starts_at or first, width=240, step=1800
        )
        ends_at = st.datetime_input(
            t("wizard.ends_at"),
            draft.ends_at or first + timedelta(days=14),
            width=240,
            step=1800,
        )
    return starts_at, ends_at


def _ask_rules(session: Session, draft: Draft) -> None:
    """Ask for the rules; each answer is kept as it is typed, so that going back loses none."""
    t = session.t
    with st.container(border=True), st.grid("auto", min_column_width=220):
        draft.group_size = st.number_input(
            t("wizard.group_size"), 2, 100, draft.group_size, key="group_size"
        )
        hours = st.number_input(
            t("wizard.life_hours"),
            SHORTEST_LIFE_HOURS,
            LONGEST_LIFE_HOURS,
            draft.life_minutes / 60,
            step=0.5,
            key="life_hours",
        )
        draft.life_minutes = round(hours * 60)
        draft.stock_units = st.number_input(
            t("wizard.stock_units"),
            1,
            MOST_STOCK,
            draft.stock_units,
            key="stock_units",
            disabled=draft.is_published,
            help=t("wizard.raised_elsewhere" if draft.is_published else "wizard.stock_help"),
        )
        for name in PER_SHOPPER:
            value = st.number_input(t(f"wizard.{name}"), 1, 100, getattr(draft, name), key=name)
            setattr(draft, name, value)
    with st.container(horizontal=True):
        if st.button(t("wizard.on"), type="primary"):
            _go_to(2)
        _show_back(session)


def _ask_subsidy(session: Session, draft: Draft) -> None:
    t = session.t
    with st.container(border=True):
        ask_subsidy(session, draft)
        draft.budget_fen = ask_yuan(
            t("wizard.budget"),
            draft.budget_fen,
            least_fen=1,
            most_fen=10**10,
            key="budget",
            help_text=t("wizard.raised_elsewhere" if draft.is_published else "wizard.budget_help"),
            width=260,
            disabled=draft.is_published,
        )
        ask_more(session, draft)
        _show_cost(session, draft)
    with st.container(horizontal=True):
        if st.button(t("wizard.on"), type="primary"):
            _go_to(3)
        _show_back(session)


def _show_cost(session: Session, draft: Draft) -> None:
    t = session.t
    st.html(
        markup.facts(
            [
                (t("wizard.worst_group"), formats.yuan(draft.worst_group_fen)),
                (t("wizard.groups_in_budget"), formats.count(draft.groups_in_budget)),
                (t("wizard.smallest_gap"), formats.yuan(draft.smallest_gap_fen)),
                (t("wizard.gap_share"), formats.percent(draft.gap_share_bps)),
            ]
        )
    )
    with guarded(t, key="arbitrage"):
        _show_verdict(session.client.try_arbitrage(draft.offer()))
    if not draft.groups_in_budget:
        st.error(t("wizard.budget_too_small"), icon=":material/report:")


def _show_verdict(tested: Json) -> None:
    """Say whether sharing pays better than letting the group fail."""
    show, icon = {
        "green": (st.success, ":material/verified:"),
        "amber": (st.warning, ":material/report:"),
        "red": (st.error, ":material/report:"),
    }[tested["verdict"]]
    show(tested["sentence"], icon=icon)


def _show_check(session: Session, draft: Draft) -> None:
    t = session.t
    with st.container(border=True):
        st.subheader(draft.title)
        st.html(
            markup.facts(
                [
                    (t("wizard.product"), draft.product["title"] if draft.product else ""),
                    (t("campaign.size"), t("campaign.people", number=draft.group_size)),
                    (
                        t("campaign.life"),
                        formats.span(draft.life_minutes * 60, session.language),
                    ),
                    (
                        t("campaign.group_price"),
                        " / ".join(formats.yuan(price) for price in draft.prices_fen.values()),
                    ),
                    (t("campaign.subsidy"), describe_subsidy(t, draft.subsidy)),
                    (t("campaign.budget"), formats.yuan(draft.budget_fen)),
                    (t("campaign.stock"), formats.count(draft.stock_units)),
                    (t("campaign.window"), _window(draft)),
                ]
            )
        )
        _show_cost(session, draft)
    st.caption(t("wizard.check_note"))
    with st.container(horizontal=True):
        if st.button(t("wizard.save"), type="primary", icon=":material/save:"):
            _save(session, draft)
        _show_back(session)


def _window(draft: Draft) -> str:
    return f"{draft.starts_at:%Y-%m-%d %H:%M} – {draft.ends_at:%Y-%m-%d %H:%M}"


def _save(session: Session, draft: Draft) -> None:
    try:
        if draft.campaign_id:
            campaign = session.client.change_campaign(draft.campaign_id, draft.body())
        else:
            campaign = session.client.create_campaign(draft.body())
    except ApiError as error:
        st.error(explain(session.t, error), icon=":material/error:")
        return
    for key in (DRAFT_KEY, STEP_KEY):
        del st.session_state[key]
    flash(session.t("wizard.saved"))
    st.switch_page(page_of("campaigns", session), query_params={"id": campaign["id"]})


def _show_back(session: Session) -> None:
    if st.button(session.t("wizard.back"), icon=":material/arrow_back:", type="tertiary"):
        _go_to(st.session_state[STEP_KEY] - 1)


def _go_to(step: int) -> None:
    st.session_state[STEP_KEY] = step
    st.rerun()
