import pytest

from domain.notices.queries import public_id_of, write_text


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

    assert "is in your balance" in texts["issued"]
    assert "being checked" in texts["held"]
    assert "no subsidy" in texts["zero"]
    assert "when the rules say" in texts["scheduled"]
    assert texts["denied"] == texts[None]
    assert not any("{" in text for text in texts.values())


@pytest.mark.parametrize(
    ("key", "kind", "said"),
    [
        ("group.failed", "cash", "is in your balance"),
        ("group.failed", "coupon", "a coupon of 10 yuan is yours"),
        ("group.failed", "pass", "free seat of up to 10 yuan"),
        ("group.failed", "points", "points worth 10 yuan are yours"),
        ("group.failed", "external_points", "brand's points worth 10 yuan"),
        ("grant.released", "cash", "is in your balance"),
        ("grant.released", "coupon", "coupon worth 10 yuan"),
        ("grant.released", "pass", "free seat of up to 10 yuan"),
        ("grant.released", "points", "points worth 10 yuan"),
        ("grant.released", "external_points", "brand's points worth 10 yuan"),
    ],
)
def test_kind_of_the_subsidy_chooses_the_text(key: str, kind: str, said: str) -> None:
    parameters = {"title": "薯片团", "refund_fen": 1990, "subsidy_fen": 1000}
    parameters |= {"subsidy_state": "issued", "subsidy_kind": kind}

    assert said in write_text(key, parameters, "en")
