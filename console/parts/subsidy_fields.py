"""The fields of a subsidy rule, and of the caps, levers and rewards around it."""

import streamlit as st

from console.client import Json
from console.drafting import Draft
from console.parts.choices import choose_one
from console.parts.fields import ask_yuan
from console.session import Session

KINDS = ("cash", "coupon", "points", "pass", "external_points")
MOST_FEN = 10_000_000
LONGEST_DELAY_HOURS = 720.0
LONGEST_VALID_DAYS = 3650
MOST_TIMES = 1000
_OF_SOME_KINDS: Json = {"valid_days": 0, "threshold_fen": 0, "programme_id": None}
_FIXED: Json = {"new_shopper_fen": 0, "invite_fen": 0, "invites_most": 0}


def ask_subsidy(session: Session, draft: Draft) -> None:
    """Ask for kind and amount, and for what belongs to the kind."""
    t, rule = session.t, draft.subsidy
    programmes = session.client.list_programmes()
    kinds = [kind for kind in KINDS if kind != "external_points" or programmes]
    kind = st.segmented_control(
        t("wizard.kind"),
        kinds,
        default=rule["kind"] if rule["kind"] in kinds else "cash",
        format_func=lambda code: t.named("subsidy_kind", code),
        required=True,
        key="subsidy_kind",
    )
    lowest_fen = min(draft.prices_fen.values())
    most_fen = lowest_fen if kind == "pass" else max(1, lowest_fen - 1)
    with st.grid("auto", min_column_width=220):
        amount = ask_yuan(
            t("wizard.subsidy"),
            min(rule["amount_fen"], most_fen),
            least_fen=1,
            most_fen=most_fen,
            key="subsidy",
            help_text=t("wizard.subsidy_help"),
        )
        least = None
        if kind != "pass" and _ask_random(session, rule):
            least = ask_yuan(
                t("wizard.least"),
                rule.get("least_fen") or amount,
                least_fen=1,
                most_fen=amount,
                key="subsidy_least",
                help_text=t("wizard.least_help"),
            )
        chosen = {"kind": kind, "amount_fen": amount, "least_fen": least}
        if kind in {"coupon", "pass"}:
            chosen["valid_days"] = st.number_input(
                t("wizard.valid_days"), 1, LONGEST_VALID_DAYS, rule.get("valid_days") or 30
            )
        if kind == "coupon":
            chosen["threshold_fen"] = _ask_yuan_or_none(session, rule, "threshold_fen")
        if kind == "external_points":
            chosen["programme_id"] = _ask_programme(session, rule, programmes)
    draft.subsidy = {**rule, **_OF_SOME_KINDS, **(_FIXED if kind == "pass" else {}), **chosen}


def ask_more(session: Session, draft: Draft) -> None:
    """Ask for extras, delay, caps, levers and the reward of who brings new shoppers."""
    t = session.t
    with st.expander(t("wizard.more"), icon=":material/tune:"):
        _ask_extras(session, draft.subsidy)
        _ask_caps(session, draft.caps)
        _ask_levers(session, draft.levers)
        _ask_reward(session, draft.reward)


def _ask_extras(session: Session, rule: Json) -> None:
    t = session.t
    st.markdown(f"**{t('wizard.extras')}**")
    with st.grid("auto", min_column_width=220):
        if rule["kind"] != "pass":
            rule["new_shopper_fen"] = _ask_yuan_or_none(session, rule, "new_shopper_fen")
            rule["invite_fen"] = _ask_yuan_or_none(session, rule, "invite_fen")
            most = _ask_count(session, rule, "invites_most", most=99)
            rule["invites_most"] = max(most, 1) if rule["invite_fen"] else 0
        hours = st.number_input(
            t("wizard.delay_hours"),
            0.0,
            LONGEST_DELAY_HOURS,
            rule.get("delay_seconds", 0) / 3600,
            step=0.5,
        )
        rule["delay_seconds"] = round(hours * 3600)


def _ask_caps(session: Session, caps: Json) -> None:
    st.markdown(f"**{session.t('wizard.caps')}**")
    with st.grid("auto", min_column_width=220):
        for name in ("day_fen", "month_fen"):
            caps[name] = _ask_yuan_or_none(session, caps, name) or None
        for name in ("day_failures", "month_failures", "failures"):
            caps[name] = _ask_count(session, caps, name, most=MOST_TIMES) or None


def _ask_levers(session: Session, levers: Json) -> None:
    t = session.t
    st.markdown(f"**{t('wizard.levers')}**")
    with st.grid("auto", min_column_width=220):
        is_full = st.toggle(
            t("wizard.full_from_two"),
            value=levers.get("full_from_seats", 1) > 1,
            help=t("wizard.full_from_two_help"),
        )
        was = levers.get("full_from_seats", 1)
        levers["full_from_seats"] = max(was, 2) if is_full else 1
        levers["consolation_fen"] = (
            _ask_yuan_or_none(session, levers, "consolation_fen") if is_full else 0
        )
        minutes = st.number_input(
            t("wizard.least_paid_minutes"), 0, 10_080, levers.get("least_paid_seconds", 0) // 60
        )
        levers["least_paid_seconds"] = minutes * 60
        levers["is_pool_open"] = st.toggle(
            t("wizard.pool"), value=levers.get("is_pool_open", True), help=t("wizard.pool_help")
        )


def _ask_reward(session: Session, reward: Json) -> None:
    st.markdown(f"**{session.t('wizard.reward')}**")
    with st.grid("auto", min_column_width=220):
        for name in ("formed_fen", "failed_fen"):
            reward[name] = _ask_yuan_or_none(session, reward, name)
        if reward["formed_fen"] or reward["failed_fen"]:
            reward["threshold_fen"] = _ask_yuan_or_none(session, reward, "threshold_fen")
            reward["valid_days"] = st.number_input(
                session.t("wizard.valid_days"),
                1,
                LONGEST_VALID_DAYS,
                reward.get("valid_days") or 30,
                key="reward_valid_days",
            )


def _ask_random(session: Session, rule: Json) -> bool:
    return st.toggle(
        session.t("wizard.random"),
        value=(rule.get("least_fen") or rule["amount_fen"]) < rule["amount_fen"],
        help=session.t("wizard.random_help"),
        key="subsidy_random",
    )


def _ask_programme(session: Session, rule: Json, programmes: list[Json]) -> str:
    ids = [one["id"] for one in programmes]
    known = rule.get("programme_id")
    return choose_one(
        session.t("wizard.programme"),
        {one["id"]: one["name"] for one in programmes},
        index=ids.index(known) if known in ids else 0,
    )


def _ask_yuan_or_none(session: Session, values: Json, name: str) -> int:
    """Ask for an amount that may be zero, which means none."""
    return ask_yuan(
        session.t(f"wizard.{name}"),
        values.get(name) or 0,
        least_fen=0,
        most_fen=MOST_FEN,
        key=f"wizard_{name}_{_whose(values)}",
        help_text=session.t("wizard.none_help"),
    )


def _ask_count(session: Session, values: Json, name: str, *, most: int) -> int:
    return st.number_input(
        session.t(f"wizard.{name}"),
        0,
        most,
        values.get(name) or 0,
        key=f"wizard_{name}",
        help=session.t("wizard.none_help"),
    )


def _whose(values: Json) -> str:
    """Tell a subsidy's threshold from a reward's: widgets need keys of their own."""
    return "subsidy" if "kind" in values else "other"
