"""The dialog that changes a product: its words, its pictures, a variant, or one variant more."""

from collections.abc import Callable

import streamlit as st

from console import formats
from console.client import Json
from console.parts.choices import choose_one
from console.parts.fields import ask_optional_yuan, ask_yuan
from console.parts.reasons import carry_out
from console.session import Session

MOST_FEN = 10**8
MOST_STOCK = 1_000_000
MOST_IMAGES = 9
TABS = ("words", "variant", "more")


def open_editing(session: Session, product: Json) -> None:
    """Open the dialog."""
    t = session.t

    def ask() -> None:
        drawers: dict[str, Callable[[Session, Json], None]] = {
            "words": _edit_words,
            "variant": _edit_variant,
            "more": _add_variant,
        }
        for tab, draw in zip(
            st.tabs([t(f"products.edit_{name}") for name in TABS]), drawers.values(), strict=True
        ):
            with tab:
                draw(session, product)

    st.dialog(t("products.edit_title", title=product["title"]), width="medium")(ask)()


def _edit_words(session: Session, product: Json) -> None:
    t = session.t
    with st.form("edit_words", border=False):
        title = st.text_input(t("products.name"), product["title"], max_chars=100).strip()
        category = st.text_input(t("products.category"), product["category"], max_chars=60).strip()
        description = st.text_area(
            t("products.description"), product["description"], max_chars=5000, height=100
        ).strip()
        images = st.text_area(
            t("products.images"),
            "\n".join(product["images"]),
            height=90,
            help=t("products.images_help", most=MOST_IMAGES),
        ).split()
        is_done = st.form_submit_button(t("action.save"), type="primary")
    if not is_done:
        return
    if not title:
        st.warning(t("products.name_missing"), icon=":material/edit:")
        return
    body = {"title": title, "category": category, "description": description, "images": images}
    _save(session, lambda _: session.client.change_product(product["id"], body))


def _edit_variant(session: Session, product: Json) -> None:
    t = session.t
    variants = {one["id"]: one for one in product["variants"]}
    chosen = choose_one(
        t("products.variant"),
        {id_: one["title"] for id_, one in variants.items()},
        {id_: formats.yuan(one["list_price_fen"]) for id_, one in variants.items()},
        key="edit_chosen",
    )
    variant = variants[chosen]
    with st.form(f"edit_variant_{chosen}", border=False):
        body = _ask_variant(session, variant, key=f"edit_{chosen}")
        st.caption(t("products.prices_apply"))
        is_done = st.form_submit_button(t("action.save"), type="primary")
    if not is_done:
        return
    if not body["title"]:
        st.warning(t("products.name_missing"), icon=":material/edit:")
        return
    _save(session, lambda _: session.client.change_variant(chosen, body))


def _add_variant(session: Session, product: Json) -> None:
    t = session.t
    with st.form("add_variant", border=False):
        body = _ask_variant(session, None, key="add")
        stock = st.number_input(t("products.stock_units"), 0, MOST_STOCK, 0, key="add_stock")
        is_done = st.form_submit_button(t("products.add_variant"), type="primary")
    if not is_done:
        return
    if not body["title"]:
        st.warning(t("products.name_missing"), icon=":material/edit:")
        return
    more = {**body, "stock_units": int(stock)}
    _save(session, lambda _: session.client.add_variant(product["id"], more))


def _ask_variant(session: Session, variant: Json | None, *, key: str) -> Json:
    """Ask for the title and the prices of a variant; an empty optional price is none."""
    t, known = session.t, variant or {}
    title = st.text_input(
        t("products.variant"), known.get("title", ""), max_chars=60, key=f"{key}_title"
    )
    with st.grid(3, min_column_width=130):
        listed = ask_yuan(
            t("products.list_price"),
            known.get("list_price_fen", 3000),
            least_fen=1,
            most_fen=MOST_FEN,
            key=f"{key}_list",
        )
        alone = ask_optional_yuan(
            t("products.alone_price"),
            key=f"{key}_alone",
            help_text=t("products.alone_price_help"),
            value_fen=known.get("alone_price_fen"),
        )
        cost = ask_optional_yuan(
            t("products.unit_cost"),
            key=f"{key}_cost",
            help_text=t("products.unit_cost_help"),
            value_fen=known.get("unit_cost_fen"),
        )
    return {
        "title": title.strip(),
        "list_price_fen": listed,
        "alone_price_fen": alone,
        "unit_cost_fen": cost,
    }


def _save(session: Session, act: Callable[[str], object]) -> None:
    carry_out(session.t, act, "", session.t("products.saved"))
