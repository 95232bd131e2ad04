import pytest

from domain.notices.queries import public_id_of
from domain.notices.telling import write_text


def test_public_ids_are_stable_and_tell_nothing() -> None:
    first, again, next_one = public_id_of((1, 7)), public_id_of((1, 7)), public_id_of((1, 8))

    assert first == again
    assert first != next_one
    assert public_id_of((2, 7)) != first
    assert len(first) == 20


def test_state_of_the_subsidy_chooses_the_text() -> None:
    common = {"title": "薯片团", "refund_fen": 1990, "subsidy_fen": 1000}

    texts = {
        state: write_text("group.failed", {**common, "subsidy_state": state}, "en")
        for state in ("issued", "held", "zero", "scheduled", "denied", None)
    }

    assert "10 yuan are in your balance" in texts["issued"]
    assert "being checked" in texts["held"]
    assert "no subsidy" in texts["zero"]
    assert "when the rules say" in texts["scheduled"]
    assert texts["denied"] == texts[None]
    assert not any("{" in text for text in texts.values())


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("cash", "10 yuan are in your balance, to withdraw or to spend"),
        (
            "coupon",
            "a coupon of 10 yuan is yours (for orders from 15 yuan on, until 2026-12-08 08:00",
        ),
        ("pass", "one free order of up to 10 yuan is yours (until 2026-12-08 08:00"),
        ("points", "500 points (worth 10 yuan) are yours"),
        ("external_points", "500 of the brand's points (worth 10 yuan) are on their way"),
    ],
)
@pytest.mark.parametrize("key", ["group.failed", "grant.released", "grant.matured"])
def test_kind_of_the_subsidy_chooses_the_text(key: str, kind: str, said: str) -> None:
    parameters = {"title": "薯片团", "refund_fen": 1990, "subsidy_fen": 1000, "points": 500}
    parameters |= {"threshold_fen": 1500, "expires_at": "2026-12-08T00:00:00Z"}
    parameters |= {"subsidy_state": "issued", "subsidy_kind": kind}

    assert said in write_text(key, parameters, "en")


def test_cash_is_to_spend_where_nothing_can_be_withdrawn() -> None:
    parameters = {"title": "x", "subsidy_fen": 1000, "subsidy_state": "issued"}

    text = write_text("grant.matured", parameters | {"is_withdrawable": False}, "zh")

    assert text == "「x」的补贴已发放：10 元已记入您的余额，付款时可以使用。"


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("wrong_amount", "您支付的 0.01 元与订单金额不符"),
        ("duplicate", "重复支付了 0.01 元"),
        ("late", "名额已不能保留"),
        ("closed_payment", "支付单已关闭"),
        ("something_new", "您的一笔 0.01 元付款未能用于订单"),
    ],
)
def test_money_that_goes_back_says_why(why: str, said: str) -> None:
    assert said in write_text("payment.returned", {"amount_fen": 1, "why": why}, "zh")


@pytest.mark.parametrize(("outcome", "said"), [("formed", "拼团成功"), ("failed", "拼团未成功")])
def test_reward_says_how_the_friend_s_group_ended(outcome: str, said: str) -> None:
    parameters = {"amount_fen": 300, "kind": "coupon", "outcome": outcome}

    text = write_text("reward.issued", parameters | {"threshold_fen": 1500}, "zh")

    assert said in text
    assert "一张 3 元优惠券（满 15 元可用，" in text


def test_zero_subsidy_says_why() -> None:
    parameters = {"title": "x", "back": [{"means": "pass", "amount_fen": 1990}]}
    parameters |= {"subsidy_state": "zero", "cut_by": "campaign_daily_subsidy_cap"}

    assert write_text("group.failed", parameters, "zh") == (
        "很遗憾，「x」未成团。免单资格已退回卡包。这一单没有补贴：您当天在本活动的补贴已达上限。"
    )
