"""Made-up merchants' data in the shapes of docs/rest.md, the same for the same seed."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

Json = dict[str, Any]

SHANGHAI = timedelta(hours=8)
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
SHOPPERS = (
    "小满", "阿柚", "Momo", "橘子汽水", "山野", "一只鹿", "Echo", "豆花", "南风", "Coco",
    "青柠", "大白", "念念", "栗子", "Lucas", "花卷", "海盐", "周舟", "芋圆", "七月",
)  # fmt: skip
PRODUCTS = (
    ("云岭网红薯片三包装", "零食", (("原味×3", 3000, 1990, 1060), ("番茄×3", 3000, 1990, 1080))),
    ("高山核桃仁 500g", "坚果", (("袋装", 5900, 3990, 2310), ("罐装", 6800, 4690, 2870))),
    ("现烤蛋黄酥礼盒", "糕点", (("六枚", 4200, 2890, 1490),)),
    ("丹东草莓 2 斤顺丰", "生鲜", (("中果", 7900, 5980, 3620), ("大果", 9900, 7480, 4710))),
    ("清爽控油面膜小样", "美妆", (("5 片", 2900, 1290, 480),)),
)
DEFINITIONS = {
    "success_rate_bps": (
        "拼团成功率",
        "成团数 ÷（成团数 + 未成团数），按成团日或截止日归属；进行中、取消和关闭的团不计。",
        "Success rate",
        "Groups formed ÷ (formed + failed), by the day of forming or of the deadline; open, "
        "formed-short, cancelled and closed groups do not count.",
    ),
    "viral_registered_milli": (
        "裂变系数（注册）",
        "通过团分享注册的新用户 ÷ 开团数。",
        "Viral coefficient, registered",
        "New shoppers who registered through a share of a group, per group opened.",
    ),
    "viral_paid_milli": (
        "裂变系数（付款）",
        "通过团分享来、并已付款的新用户 ÷ 开团数。",
        "Viral coefficient, paid",
        "New shoppers who came through a share of a group and paid, per group opened.",
    ),
    "k_factor_milli": (
        "K 因子",
        "人均邀请数 × 每个邀请的转化率。",
        "K-factor",
        "Invitations per shopper × conversion of an invitation.",
    ),
    "subsidy_share_of_formed_bps": (
        "补贴成本占比",
        "已发补贴 ÷ 成团订单的实付金额。",
        "Subsidy cost share",
        "Subsidies issued ÷ paid value of formed groups.",
    ),
    "subsidies_issued_fen": (
        "已发补贴",
        "本期发放到账的补贴总额。",
        "Subsidies issued",
        "Value of the subsidies credited in the period.",
    ),
    "people_paid": (
        "付款人数",
        "本期付款的去重用户数。",
        "People paid",
        "Distinct shoppers who paid.",
    ),
    "new_shoppers_registered": (
        "新用户",
        "本期首次注册的用户数。",
        "New shoppers",
        "Shoppers who registered in the period.",
    ),
    "shoppers_registered": (
        "新注册用户",
        "首次注册的所有用户，不论怎么来的。",
        "Shoppers who registered",
        "All shoppers who registered, however they came.",
    ),
    "solo_failure_share_bps": (
        "单人失败率",
        "只有一个付款名额的未成团数 ÷ 未成团数；偏高说明有人开团后不分享。",
        "Solo-failure share",
        "Failed groups with one paid seat ÷ failed groups: the fingerprint of openers who never "
        "share.",
    ),
    "credit_seconds_p99": (
        "补贴到账耗时",
        "从团截止到补贴入账的秒数；承诺 10 分钟内。",
        "Deadline to credit",
        "Seconds from a group's deadline to the subsidy's credit; the promise is 10 minutes.",
    ),
}


def public_id(*seed: object) -> str:
    """Make the same 20 characters for the same seed."""
    dice = random.Random(repr(seed))
    return "".join(dice.choice(ALPHABET) for _ in range(20))


def stamp(at: datetime) -> str:
    """Write an instant as the API does."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def products() -> list[Json]:
    """Make the catalogue."""
    return [
        {
            "id": public_id("product", title),
            "title": title,
            "description": f"{title}，产地直发。",
            "category": category,
            "images": [],
            "variants": [
                {
                    "id": public_id("variant", title, name),
                    "title": name,
                    "list_price_fen": list_price,
                    "alone_price_fen": list_price,
                    "unit_cost_fen": cost,
                    "stock_units": 400 + 130 * index,
                }
                for index, (name, list_price, _, cost) in enumerate(variants)
            ],
        }
        for title, category, variants in PRODUCTS
    ]


def campaigns(now: datetime) -> list[Json]:
    """Make one campaign per product, in different states."""
    states = ("published", "published", "paused", "published", "draft")
    sizes = (3, 3, 5, 2, 4)
    made: list[Json] = []
    for index, (title, _, variants) in enumerate(PRODUCTS):
        dice = random.Random(title)
        state = states[index]
        is_draft = state == "draft"
        opened = 0 if is_draft else dice.randint(400, 2600)
        formed = int(opened * (0.52 + 0.06 * index))
        failed = int((opened - formed) * 0.92)
        budget = (800_000, 500_000, 300_000, 600_000, 200_000)[index]
        spent = 0 if is_draft else int(budget * (0.62, 0.34, 0.88, 0.21, 0)[index])
        made.append(
            {
                "id": public_id("campaign", title),
                "product_id": public_id("product", title),
                "product_title": title,
                "title": f"{title}拼团",
                "state": state,
                "starts_at": stamp(now - timedelta(days=20)),
                "ends_at": stamp(now + timedelta(days=(9, 16, 2, 30, 40)[index])),
                "budget_fen": budget,
                "committed_fen": 0 if is_draft else int(budget * 0.08),
                "spent_fen": spent,
                "stock_units": 3000,
                "stock_committed": 0 if is_draft else 210,
                "stock_consumed": min(formed * sizes[index], 2600),
                "terms": {
                    "group_size": sizes[index],
                    "life_seconds": 24 * 3600,
                    "prices": [
                        {
                            "variant_id": public_id("variant", title, name),
                            "group_price_fen": price,
                        }
                        for name, _, price, _ in variants
                    ],
                    "subsidy": {"kind": "cash", "amount_fen": (500, 600, 400, 800, 300)[index]},
                    "limits": {
                        "open_groups": 3,
                        "participations_per_day": 5,
                        "expired_holds_per_day": 10,
                    },
                },
                "rule_version": None if is_draft else 2,
                "has_unpublished_changes": is_draft,
                "created_at": stamp(now - timedelta(days=21)),
                "totals": {
                    "groups_opened": opened,
                    "groups_formed": formed,
                    "groups_failed": failed,
                    "people_paid": int(opened * 1.9),
                },
            }
        )
    for one in made:
        one["published"] = None if one["state"] == "draft" else published_of(one)
    return made


def published_of(campaign: Json) -> Json:
    """Freeze a campaign's rules."""
    return {
        "number": campaign["rule_version"],
        "published_at": campaign["starts_at"],
        "starts_at": campaign["starts_at"],
        "ends_at": campaign["ends_at"],
        "terms": campaign["terms"],
        "acknowledged": [],
    }


def versions_of(campaign: Json) -> list[Json]:
    """List a campaign's published versions, newest first."""
    if campaign["published"] is None:
        return []
    return [
        {
            **campaign["published"],
            "number": number,
            "is_in_force": number == campaign["published"]["number"],
            "published_by": "林店长",
        }
        for number in range(campaign["published"]["number"], 0, -1)
    ]


def figures_of(on: date, campaign_index: int | None) -> Json:
    """Make one day's counts; ratios are left to `with_ratios`."""
    dice = random.Random(f"{on}{campaign_index}")
    share = 1.0 if campaign_index is None else (0.38, 0.24, 0.1, 0.28, 0.0)[campaign_index]
    weekend = 1.25 if on.weekday() >= 5 else 1.0
    growth = 1 + (on.toordinal() % 60) / 240
    opened = int((300 + dice.randint(-30, 40)) * weekend * growth * share)
    closed = int(opened * 0.97)
    formed = int(closed * (0.585 + 0.06 * ((on.toordinal() % 14) / 14) + dice.uniform(-0.02, 0.02)))
    failed = closed - formed
    solo = int(failed * dice.uniform(0.28, 0.36))
    subsidised = int(failed * dice.uniform(1.35, 1.5))
    registered = int(opened * dice.uniform(1.35, 1.62))
    return {
        "groups_opened": opened,
        "groups_formed": formed,
        "groups_failed": failed,
        "people_paid": formed * 3 + subsidised,
        "seats_formed": formed * 3,
        "paid_formed_fen": formed * 3 * 2480,
        "paid_all_fen": formed * 3 * 2480 + subsidised * 2480,
        "subsidies_issued": subsidised,
        "subsidies_issued_fen": subsidised * 560,
        "subsidies_credited": subsidised,
        "subsidies_credited_fen": subsidised * 560,
        "discount_fen": formed * 3 * 1010,
        "shoppers_registered": registered + opened // 4,
        "new_shoppers_registered": registered,
        "new_shoppers_paid": int(registered * dice.uniform(0.52, 0.63)),
        "invitations": int(opened * dice.uniform(2.3, 2.9)),
        "solo_failures": solo,
        "share_visits": int(opened * 6.1),
        "repurchase_shoppers": int(formed * 0.9),
        "subsidy_spenders": int(subsidised * 0.7),
        "credit_seconds_p50": dice.randint(4, 8) if failed else None,
        "credit_seconds_p99": dice.randint(20, 60) if failed else None,
        "credit_seconds_max": dice.randint(61, 170) if failed else None,
    }


def added(days: list[Json]) -> Json:
    """Add days up; of the clocks the worst day counts."""
    worst = ("credit_seconds_p50", "credit_seconds_p99", "credit_seconds_max")
    total: Json = {}
    for key in figures_of(date(2026, 1, 1), None):
        values = [day[key] for day in days if day[key] is not None]
        total[key] = (max(values) if values else None) if key in worst else sum(values)
    return with_ratios(total)


def with_ratios(counts: Json) -> Json:
    """Derive the ratios, null where there is nothing to divide by."""

    def over(part: int, whole: int, scale: int) -> int | None:
        return round(part * scale / whole) if whole else None

    c = counts
    return {
        **c,
        "success_rate_bps": over(
            c["groups_formed"], c["groups_formed"] + c["groups_failed"], 10_000
        ),
        "subsidy_share_of_formed_bps": over(
            c["subsidies_issued_fen"], c["paid_formed_fen"], 10_000
        ),
        "credited_share_of_formed_bps": over(
            c["subsidies_credited_fen"], c["paid_formed_fen"], 10_000
        ),
        "subsidy_share_of_paid_bps": over(c["subsidies_issued_fen"], c["paid_all_fen"], 10_000),
        "total_incentive_fen": c["subsidies_issued_fen"] + c["discount_fen"],
        "viral_registered_milli": over(c["new_shoppers_registered"], c["groups_opened"], 1000),
        "viral_paid_milli": over(c["new_shoppers_paid"], c["groups_opened"], 1000),
        "k_factor_milli": over(c["new_shoppers_paid"], c["people_paid"], 1000),
        "solo_failure_share_bps": over(c["solo_failures"], c["groups_failed"], 10_000),
        "cost_per_new_shopper_fen": over(c["subsidies_issued_fen"], c["new_shoppers_paid"], 1),
        "repurchase_rate_bps": over(c["repurchase_shoppers"], c["people_paid"], 10_000),
        "subsidy_use_rate_bps": over(c["subsidy_spenders"], c["subsidies_issued"], 10_000),
    }


def groups(now: datetime, made_campaigns: list[Json]) -> list[Json]:
    """Make groups of all states; some end soon, one is past its deadline and unsettled."""
    running = [one for one in made_campaigns if one["state"] in ("published", "paused")]
    dice = random.Random("groups")
    made = []
    for index in range(64):
        campaign = running[index % len(running)]
        size = campaign["terms"]["group_size"]
        state, taken, seconds = _situation(index, size, dice)
        deadline = now + timedelta(seconds=seconds)
        is_over = state in ("formed", "failed", "closed", "cancelled")
        made.append(
            {
                "id": public_id("group", index),
                "campaign_id": campaign["id"],
                "campaign_title": campaign["title"],
                "state": state,
                "size": size,
                "taken": 0 if state == "failed" else taken,
                "held": 1 if state == "open" and index % 5 == 0 and taken < size - 1 else 0,
                "releasing": 0,
                "end_reason": {"formed": "full", "failed": "deadline"}.get(state),
                "paid_seats": taken if is_over else None,
                "created_at": stamp(deadline - timedelta(hours=24, minutes=1)),
                "opened_at": None if state == "pending" else stamp(deadline - timedelta(hours=24)),
                "deadline_at": None if state == "pending" else stamp(deadline),
                "ended_at": stamp(deadline) if is_over else None,
                "leader_nickname": SHOPPERS[index % len(SHOPPERS)][0] + "**",
            }
        )
    return made


def _situation(index: int, size: int, dice: random.Random) -> tuple[str, int, int]:
    if index == 3:
        return "closing", size - 1, -190
    if index % 11 == 10:
        return "pending", 0, 86_000
    if index < 36:
        return "open", dice.randint(1, size - 1), 90 + index * index * 61
    if dice.random() < 0.6:
        return "formed", size, -(index - 34) * 1900
    return "failed", dice.randint(1, size - 1), -(index - 34) * 1900


def group_detail(group: Json) -> Json:
    """Add members and moves to a group."""
    has_failed = group["state"] == "failed"
    members = []
    paid = group["taken"] if group["paid_seats"] is None else group["paid_seats"]
    for seat in range(paid + group["held"]):
        is_held = seat >= paid
        amount = 500
        members.append(
            {
                "order_id": public_id("order", group["id"], seat),
                "shopper_id": public_id("shopper", (seat * 7) % 20),
                "nickname": SHOPPERS[(seat * 7 + len(group["id"])) % len(SHOPPERS)],
                "flag": "review" if seat == 2 else None,
                "is_leader": seat == 0,
                "wallet_fen": 0,
                "quote_fen": amount,
                "placed_at": group["created_at"],
                "came_by_share": seat > 0,
                "state": "placed" if is_held else ("refunding" if has_failed else "paid"),
                "seat_state": "held" if is_held else ("released" if has_failed else "taken"),
                "price_fen": 1990,
                "paid_at": None if is_held else group["opened_at"],
                "refund": refund_at(group["ended_at"]) if has_failed else None,
                "subsidy": {
                    "id": public_id("grant", group["id"], seat),
                    "state": "issued",
                    "amount_fen": amount,
                    "parts": [{"kind": "base", "amount_fen": amount}],
                    "issued_at": group["ended_at"],
                }
                if has_failed
                else None,
            }
        )
    return {**group, "members": members, "moves": list(_moves_of(group))}


def _moves_of(group: Json) -> Iterator[Json]:
    if group["state"] != "pending":
        yield _move("pending", "open", group["opened_at"], "gateway")
    if group["state"] == "failed":
        yield _move("open", "closing", group["deadline_at"], "settlement")
        yield _move("closing", "failed", group["ended_at"], "settlement")
    elif group["state"] in ("formed", "closing"):
        at = group["ended_at"] or group["deadline_at"]
        yield _move("open", group["state"], at, "settlement")


def _move(old: str, new: str, at: str, by: str) -> Json:
    return {"from": old, "to": new, "at": at, "by": by, "name": None}


def refund_at(at: str) -> Json:
    """Make a refund that the gateway has taken on."""
    return {
        "state": "accepted",
        "amount_fen": 1990,
        "requested_at": at,
        "accepted_at": at,
        "arrived_at": None,
    }


def shoppers(now: datetime) -> list[Json]:
    """Make shoppers; one is flagged."""
    return [
        {
            "id": public_id("shopper", index),
            "nickname": name,
            "flag": "review" if index == 4 else None,
            "created_at": stamp(now - timedelta(days=index * 3 + 1, minutes=index * 17)),
            "orders": 2 + (index * 5) % 11,
            "subsidies_fen": 500 * ((index * 3) % 7),
        }
        for index, name in enumerate(SHOPPERS)
    ]


STUCK_GRANT = 2


def grants(now: datetime, made_groups: list[Json]) -> list[Json]:
    """Make grants; every fourth is held."""
    failed = [group for group in made_groups if group["state"] == "failed"]
    made = []
    for index in range(16):
        group = failed[index % len(failed)]
        is_held = index % 4 == 1
        made.append(
            {
                "id": public_id("grant", index),
                "order_id": public_id("order", group["id"], index),
                "group_id": group["id"],
                "campaign_id": group["campaign_id"],
                "campaign_title": group["campaign_title"],
                "shopper": {
                    "id": public_id("shopper", index),
                    "nickname": SHOPPERS[index],
                    "flag": "review" if is_held else None,
                },
                "risk": [{"rule": "flagged_account", "outcome": "review"}] if is_held else [],
                "kind": "cash",
                "state": "held" if is_held else "issued",
                "quote_fen": 500,
                "amount_fen": 500,
                "parts": [{"kind": "base", "amount_fen": 500}]
                + ([{"kind": "held"}] if is_held else []),
                "deadline_at": group["deadline_at"],
                "decided_at": group["ended_at"],
                "issued_at": None if is_held else group["ended_at"],
                "is_stuck": index == STUCK_GRANT,
                "external": None,
                "clawed_back_fen": 0,
            }
        )
    return made


def refunds(now: datetime, made_groups: list[Json]) -> list[Json]:
    """Make refunds; the first is rejected, the second abnormal."""
    failed = [group for group in made_groups if group["state"] == "failed"]
    states = ("rejected", "abnormal", "accepted", "arrived")
    return [
        {
            "id": public_id("refund", index),
            "order_id": public_id("order", group["id"], 0),
            "group_id": group["id"],
            "shopper": {"id": public_id("shopper", index), "nickname": SHOPPERS[index]},
            "purpose": "failed",
            "state": states[index] if index < len(states) else "arrived",
            "amount_fen": 1990,
            "error_code": "NO_AUTH" if index == 0 else None,
            "requested_at": group["ended_at"],
            "accepted_at": None if index == 0 else group["ended_at"],
            "arrived_at": group["ended_at"] if index > 2 else None,
        }
        for index, group in enumerate(failed[:6])
    ]


def settings() -> Json:
    """Make a merchant's own limits."""
    return {
        "daily_subsidy_cap_fen": 3000,
        "monthly_subsidy_cap_fen": None,
        "approval_limit_fen": None,
        "daily_failures_cap": None,
        "monthly_failures_cap": 20,
        "goodwill_budget_fen": 50_000,
        "points_per_yuan": 100,
        "points_valid_days": 365,
        "is_withdrawal_on": True,
        "withdrawal_max_fen": 20_000,
        "withdrawal_daily_fen": 50_000,
        "withdrawal_tax_bps": 0,
        "withdrawal_tax_category": "偶然所得",
    }


def audit_log(now: datetime, made_campaigns: list[Json]) -> list[Json]:
    """Make the entries of two days' work."""
    subjects = [(one["id"], one["title"]) for one in made_campaigns]
    actions = (
        ("campaign.published", "campaign", "审核通过", {"state": "draft"}, {"state": "published"}),
        ("campaign.paused", "campaign", "库存盘点", {"state": "published"}, {"state": "paused"}),
        ("grant.released", "grant", "已电话核实为本人", {"state": "held"}, {"state": "issued"}),
        ("shopper.flagged", "shopper", "同一设备多账号", {"flag": None}, {"flag": "review"}),
        (
            "settings.changed",
            "settings",
            "大促期间收紧",
            {"daily_subsidy_cap_fen": 5000},
            {"daily_subsidy_cap_fen": 3000},
        ),
    )  # fmt: skip
    entries = []
    for index in range(27):
        action, kind, reason, before, after = actions[index % len(actions)]
        entries.append(
            {
                "at": stamp(now - timedelta(minutes=37 * index + 5)),
                "staff_name": ("林店长", "小周")[index % 2],
                "action": action,
                "subject_kind": kind,
                "subject_id": subjects[index % len(subjects)][0],
                "reason": reason,
                "before": before,
                "after": after,
            }
        )
    return entries
