"""The rules that shoppers read, version by version, and what the draft would change of them."""

from collections.abc import Iterator
from difflib import SequenceMatcher
from html import escape

import streamlit as st

from console import formats
from console.client import Json
from console.parts.campaign_moves import show_warning
from console.parts.choices import choose_one
from console.parts.states import guarded
from console.session import Session
from console.texts import LANGUAGES, NAMES

OVER = ("ended", "archived")
MOST_VERSIONS = 50


def show_rules(session: Session, campaign: Json) -> None:
    """Draw what shoppers read now; beside it what the draft would make of it."""
    versions = session.client.list_rules(campaign["id"], limit=MOST_VERSIONS).items
    if versions:
        _show_published(session, versions)
    if campaign["has_unpublished_changes"] and campaign["state"] not in OVER:
        with guarded(session.t, key="check"):
            check = session.client.check_campaign(campaign["id"])
            _show_draft(session, check, versions)


def lines_of(rules: Json, language: str) -> list[str]:
    """Return the lines that shoppers read: the frozen text, and the merchant's caps below it."""
    lines: list[str] = rules[f"rules_text_{language}"] + rules.get(f"caps_text_{language}", [])
    return lines


def differences(old: list[str], new: list[str]) -> Iterator[tuple[str, str]]:
    """Yield what goes and what comes as ("gone" or "come", line); what stays is left out."""
    for kind, first, last, start, end in SequenceMatcher(None, old, new, False).get_opcodes():
        if kind != "equal":
            yield from (("gone", line) for line in old[first:last])
            yield from (("come", line) for line in new[start:end])


def _show_published(session: Session, versions: list[Json]) -> None:
    t = session.t
    with st.container(border=True):
        st.subheader(t("campaign.rules"), help=t("campaign.rules_help"))
        chosen = versions[0]
        if len(versions) > 1:
            names = {str(one["number"]): _name(session, one) for one in versions}
            number = choose_one(t("campaign.rule_version"), names, label_visibility="collapsed")
            chosen = next(one for one in versions if str(one["number"]) == number)
        else:
            st.caption(_name(session, chosen))
        _show_lines({language: _list(lines_of(chosen, language)) for language in LANGUAGES})
        st.caption(t("campaign.rules_of_open_groups"))


def _show_draft(session: Session, check: Json, versions: list[Json]) -> None:
    t = session.t
    with st.container(border=True):
        if versions:
            st.subheader(t("campaign.differences"), help=t("campaign.differences_help"))
            _show_lines(
                {
                    language: _difference(
                        session, lines_of(versions[0], language), lines_of(check, language)
                    )
                    for language in LANGUAGES
                }
            )
        else:
            st.subheader(t("campaign.rules_to_be"), help=t("campaign.rules_help"))
            _show_lines({language: _list(lines_of(check, language)) for language in LANGUAGES})
    if check["warnings"]:
        with st.container(border=True):
            st.subheader(t("campaign.warnings"))
            for warning in check["warnings"]:
                show_warning(warning)


def _name(session: Session, version: Json) -> str:
    state = "in_force" if version["is_in_force"] else "replaced"
    return session.t(
        f"campaign.version_{state}",
        version=version["number"],
        at=formats.day_time(version["published_at"]),
        who=version["published_by"],
    )


def _show_lines(by_language: dict[str, str]) -> None:
    tabs = st.tabs([NAMES[language] for language in by_language])
    for tab, html in zip(tabs, by_language.values(), strict=True):
        tab.html(html)


def _list(lines: list[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _difference(session: Session, old: list[str], new: list[str]) -> str:
    marks = {"gone": "−", "come": "+"}
    items = "".join(
        f'<li class="{kind}"><b>{marks[kind]}</b><span>{escape(line)}</span></li>'
        for kind, line in differences(old, new)
    )
    if not items:
        return f'<p class="pb-note">{escape(session.t("campaign.no_difference"))}</p>'
    return f'<ul class="pb-diff">{items}</ul>'
