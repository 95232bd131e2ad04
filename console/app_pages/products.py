"""Products: the catalogue with prices, costs and stock, and a dialog for a new one."""

from html import escape

import streamlit as st

from console import formats, markup
from console.client import ApiError, Json
from console.parts.choices import choose_one
from console.parts.fields import ask_optional_yuan, ask_yuan
from console.parts.pager import Pager
from console.parts.product_editing import open_editing
from console.parts.reasons import LONGEST, SHORTEST
from console.parts.states import explain, flash, guarded, show_empty
from console.session import Session

MOST_FEN = 10**8
MOST_STOCK = 1_000_000
MOST_VARIANTS = 8


def show(session: Session) -> None:
    """Draw the page."""
    t = session.t
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title(t("products.title"))
        if session.may("change") and st.button(t("products.new"), icon=":material/add_circle:"):
            open_new_product(session)
    pager = Pager(t, "products")
    with st.skeleton(height=300), guarded(t, key="products"):
        page = session.client.list_products(cursor=pager.cursor)
        if not page.items:
            show_empty(t("products.empty"), t("products.empty_next"))
            return
        for product in page.items:
            _show_product(session, product)
        pager.show_buttons(page)


def _show_product(session: Session, product: Json) -> None:
    t = session.t
    with st.container(border=True, key=f"product_{product['id']}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            category = markup.pill(product["category"] or formats.DASH, "open")
            st.html(
                f'<div class="pb-head"><h3>{escape(product["title"])}</h3>{category}</div>'
                f'<p class="pb-note">{escape(product["description"] or "")}</p>'
            )
            if session.may("change") and st.button(
                t("products.edit"), key=f"edit_{product['id']}", icon=":material/edit:"
            ):
                open_editing(session, product)
            if session.may("change") and st.button(
                t("products.stock"), key=f"stock_{product['id']}", icon=":material/inventory:"
            ):
                open_stock(session, product)
        st.html(_variants(session, product))


def _variants(session: Session, product: Json) -> str:
    t = session.t
    columns = [
        (t("products.variant"), ""),
        (t("products.list_price"), "num"),
        (t("products.alone_price"), "num"),
        (t("products.unit_cost"), "num"),
        (t("products.stock_units"), "num"),
    ]
    rows = (
        (
            escape(one["title"]),
            formats.yuan(one["list_price_fen"]),
            formats.yuan(one["alone_price_fen"]),
            formats.yuan(one["unit_cost_fen"]),
            formats.count(one["stock_units"]),
        )
        for one in product["variants"]
    )
    return markup.table(columns, rows)


def open_new_product(session: Session) -> None:
    """Open the dialog that creates a product."""
    t = session.t

    def ask() -> None:
        number = st.number_input(t("products.how_many"), 1, MOST_VARIANTS, 1)
        with st.form("new_product", border=False):
            title = st.text_input(t("products.name"), max_chars=100).strip()
            category = st.text_input(t("products.category"), max_chars=60).strip()
            description = st.text_area(t("products.description"), max_chars=5000, height=80).strip()
            variants = [_ask_variant(session, place) for place in range(int(number))]
            is_done = st.form_submit_button(t("products.create"), type="primary")
        if is_done and not (title and all(one["title"] for one in variants)):
            st.warning(t("products.name_missing"), icon=":material/edit:")
        elif is_done:
            body = {
                "title": title,
                "description": description,
                "category": category,
                "variants": variants,
            }
            _create(session, body)

    st.dialog(t("products.new"), width="medium")(ask)()


def _ask_variant(session: Session, place: int) -> Json:
    t = session.t
    with st.container(border=True):
        title = st.text_input(
            t("products.variant_name", number=place + 1), key=f"variant_{place}", max_chars=60
        )
        with st.grid(2, min_column_width=140):
            listed = ask_yuan(
                t("products.list_price"), 3000, least_fen=1, most_fen=MOST_FEN, key=f"list_{place}"
            )
            alone = ask_optional_yuan(
                t("products.alone_price"),
                key=f"alone_{place}",
                help_text=t("products.alone_price_help"),
            )
            cost = ask_optional_yuan(
                t("products.unit_cost"),
                key=f"cost_{place}",
                help_text=t("products.unit_cost_help"),
            )
            stock = st.number_input(
                t("products.stock_units"), 0, MOST_STOCK, 100, key=f"units_{place}"
            )
    return {
        "title": title.strip(),
        "list_price_fen": listed,
        "alone_price_fen": alone,
        "unit_cost_fen": cost,
        "stock_units": int(stock),
    }


def _create(session: Session, body: Json) -> None:
    try:
        session.client.create_product(body)
    except ApiError as error:
        st.error(explain(session.t, error), icon=":material/error:")
        return
    flash(session.t("products.created", title=body["title"]))
    st.rerun()


def open_stock(session: Session, product: Json) -> None:
    """Open the dialog that moves a variant's stock."""
    t = session.t

    def ask() -> None:
        variants = {one["id"]: one for one in product["variants"]}
        chosen = choose_one(
            t("products.variant"),
            {id_: one["title"] for id_, one in variants.items()},
            {id_: formats.yuan(one["list_price_fen"]) for id_, one in variants.items()},
        )
        delta = st.number_input(
            t("products.stock_delta", now=formats.count(variants[chosen]["stock_units"])),
            -variants[chosen]["stock_units"],
            MOST_STOCK,
            0,
        )
        reason = st.text_input(t("reason.label"), max_chars=LONGEST).strip()
        if st.button(t("action.save"), type="primary", disabled=delta == 0):
            if len(reason) < SHORTEST:
                st.warning(t("reason.missing"), icon=":material/edit:")
            else:
                _change_stock(session, chosen, {"stock_delta": int(delta), "reason": reason})

    st.dialog(t("products.stock"))(ask)()


def _change_stock(session: Session, variant_id: str, change: Json) -> None:
    try:
        session.client.change_variant(variant_id, change)
    except ApiError as error:
        st.error(explain(session.t, error), icon=":material/error:")
        return
    flash(session.t("products.stock_changed"))
    st.rerun()
