import pytest

from domain.auditing.gateway_record import MATCHED, MoneyLine, compare_lines, read_sandbox_record
from domain.auditing.running import audit
from domain.database import read_clock
from tests.world import World, expect

PAID = MoneyLine("payment", "1900000001", "p1", 1990, "t1")
ARRIVED = MoneyLine("refund", "1900000001", "r1", 1990, "arrived")
UNHEARD = MoneyLine("refund", "1900000001", "r1", 1990, None)


def test_equal_books_have_no_difference() -> None:
    assert compare_lines([PAID, ARRIVED], [ARRIVED, PAID]) == []


@pytest.mark.parametrize(
    ("ours", "theirs", "says"),
    [
        (PAID, None, "ours 1990 fen (t1), the gateway's nothing"),
        (None, PAID, "ours nothing, the gateway's 1990 fen (t1)"),
        (PAID, MoneyLine(*PAID.key, 1991, "t1"), "the gateway's 1991 fen (t1)"),
        (PAID, MoneyLine(*PAID.key, 1990, "t2"), "the gateway's 1990 fen (t2)"),
        (ARRIVED, MoneyLine(*ARRIVED.key, 1990, "processing"), "1990 fen (processing)"),
        (ARRIVED, None, "the gateway's nothing"),
        (UNHEARD, MoneyLine(*ARRIVED.key, 1, "processing"), "the gateway's 1 fen (processing)"),
    ],
)
def test_differences_are_found_both_ways(
    ours: MoneyLine | None, theirs: MoneyLine | None, says: str
) -> None:
    [difference] = compare_lines([ours] if ours else [], [theirs] if theirs else [])

    assert says in difference


def test_number_of_another_account_is_another_line() -> None:
    elsewhere = MoneyLine("payment", "1900000002", "p1", 1990, "t1")

    assert len(compare_lines([PAID], [elsewhere])) == 2


@pytest.mark.parametrize("theirs", [[], [ARRIVED]])
def test_refund_that_was_not_heard_of_yet_may_be_there_or_not(theirs: list[MoneyLine]) -> None:
    assert compare_lines([UNHEARD], theirs) == []


@pytest.mark.transactional
def test_books_are_compared_with_the_sandbox_at_rest(world: World) -> None:
    control = f"{world.sandbox.url}/control"
    _, failing = world.opened()
    _, lasting = world.opened()
    world.end_deadline(failing["group_id"])
    world.run_jobs()
    world.sandbox.wait_drained()
    world.run_jobs()

    report = audit(at=read_clock(), at_rest=True, gateway_record=read_sandbox_record(control))

    assert report.is_ok, report.to_text()
    assert report.lines[-1].check == MATCHED

    world.sandbox.post("/callbacks/withhold", mchid=world.mch_no)
    payer = world.phone()
    prepared = payer.prepare(payer.join(lasting["group_id"]))
    expect(200, payer.pay(prepared))

    report = audit(at=read_clock(), gateway_record=read_sandbox_record(control))

    assert report.violated == (MATCHED.name,)
    world.sandbox.post("/callbacks/release", mchid=world.mch_no)
