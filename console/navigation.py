"""The pages, their addresses and icons, in sections; a role sees what it may."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import streamlit as st

from console import roles
from console.session import Session

FIRST_PAGE = "overview"
SECTIONS = {
    "watch": ("overview", "board"),
    "sell": ("campaigns", "new_campaign", "products"),
    "care": ("grants", "refunds", "shoppers"),
    "house": ("approvals", "settings", "audit_log", "glossary"),
}
ICONS = {
    "overview": ":material/monitoring:",
    "board": ":material/view_timeline:",
    "campaigns": ":material/campaign:",
    "new_campaign": ":material/add_circle:",
    "products": ":material/inventory_2:",
    "grants": ":material/redeem:",
    "refunds": ":material/currency_exchange:",
    "approvals": ":material/how_to_reg:",
    "shoppers": ":material/group:",
    "settings": ":material/tune:",
    "audit_log": ":material/history:",
    "glossary": ":material/menu_book:",
}
WITHOUT_LINK = ("new_campaign",)


def pages_of(session: Session) -> dict[str, list[Any]]:
    """Return the navigation of a session: section title to pages.

    A page that the role may not see has no link, but an address: it says who sees it.
    """
    return {
        session.t(f"nav.{section}"): [page_of(name, session) for name in names]
        for section, names in SECTIONS.items()
    }


def page_of(name: str, session: Session) -> Any:
    """Return one page, for the navigation or to go to."""
    is_first = name == FIRST_PAGE
    may_see = roles.may_see(session.role, name)
    return st.Page(
        _shower(name, session) if may_see else _refuser(name, session),
        title=session.t(f"nav.{name}"),
        icon=ICONS[name],
        url_path=None if is_first else name.replace("_", "-"),
        default=is_first,
        visibility="hidden" if name in WITHOUT_LINK or not may_see else "visible",
    )


def _shower(name: str, session: Session) -> Callable[[], None]:
    def show() -> None:
        import_module(f"console.app_pages.{name}").show(session)

    show.__name__ = name
    return show


def _refuser(name: str, session: Session) -> Callable[[], None]:
    def show() -> None:
        refuse(session, name)

    show.__name__ = name
    return show


def refuse(session: Session, name: str) -> None:
    """Say that the role does not see a page, and which roles do."""
    t = session.t
    comma = "、" if session.language == "zh" else ", "
    seeing = comma.join(t.named("role", role) for role in roles.PAGES[name])
    refused = t("missing.role", role=t.named("role", session.role))
    st.title(t(f"nav.{name}"))
    st.warning(f"{refused} {t('missing.who', roles=seeing)}", icon=":material/lock:")
    st.page_link(page_of(FIRST_PAGE, session), label=t("missing.first"))
