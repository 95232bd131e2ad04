"""What happens in a seed: who does what, which faults the gateway has, how far the clock jumps."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from bench.shoppers.calling import Answer, Refused, Unanswered
from bench.soak.faults import deal
from bench.soak.house import ADDRESS, Guest, House
from domain.clock import shanghai_day
from domain.database import read_clock, transaction
from domain.reconciliation.planning import WORK, plan_days, ready_at
from domain.work import put

Act = Callable[[House, random.Random], str]


def play(house: House, dice: random.Random) -> None:
    """Play a seed's middle: rounds of groups, with whatever else happens between."""
    rules = deal(house.seed, house.mch_no)
    _break_the_gateway(house, rules)
    _play_round(house, dice)
    if dice.random() < 0.2 or any(rule["name"].startswith("bill_") for rule in rules):
        _do(house, dice, end_day)
    for _ in range(dice.randint(1, 2)):
        _play_round(house, dice)


def _break_the_gateway(house: House, rules: list[dict[str, Any]]) -> None:
    for rule in rules:
        told = house.control("/faults", **rule)
        if "id" not in told:
            raise ValueError(f"{rule}: {told}")
        house.steps.append(f"fault {rule}")


def _play_round(house: House, dice: random.Random) -> None:
    """Let a group open, others join it or not, anything happen, and its time run out or not."""
    while len(house.guests) < dice.randint(2, 5):
        _do(house, dice, come)
    _do(house, dice, open_group)
    _do(house, dice, pay)
    for _ in range(dice.randint(0, 4)):
        _do(house, dice, dice.choices((join_group, crowd), (6, 1))[0])
        _do(house, dice, dice.choices((pay, fail_payment, give_up, work), (8, 1, 1, 1))[0])
    _happen(house, dice, dice.randint(1, 6))
    for _ in range(dice.choice((0, 2, 4))):
        _do(house, dice, jump)
    for _ in house.guests:
        _do(house, dice, dice.choices((withdraw, work), (3, 1))[0])
        _do(house, dice, work)
        _do(house, dice, dice.choices((confirm, cancel, work, jump), (4, 1, 1, 1))[0])
    _happen(house, dice, dice.randint(0, 4))


def _happen(house: House, dice: random.Random, times: int) -> None:
    for act in dice.choices(ACTS, weights=WEIGHTS, k=times):
        _do(house, dice, act)


def _do(house: House, dice: random.Random, act: Act) -> None:
    """Do one thing, and note it with its outcome."""
    try:
        told = act(house, dice)
    except (Unanswered, Refused) as problem:
        told = f"{type(problem).__name__}: {problem}"
    house.steps.append(f"{read_clock():%d %H:%M:%S} {act.__name__}: {told}")


def _come(house: House) -> None:
    try:
        house.welcome()
    except (Unanswered, Refused) as problem:
        house.steps.append(f"nobody came: {problem}")


def come(house: House, _: random.Random) -> str:
    """Let another shopper sign in."""
    if len(house.guests) < 8:
        _come(house)
    return f"{len(house.guests)} guests"


def open_group(house: House, dice: random.Random) -> str:
    """Open a group."""
    guest = _guest(house, dice)
    answer = guest.phone.open_group(house.campaign_id, _order(house, dice))
    if answer.is_ok:
        house.groups.append(answer.body["group_id"])
    return _ordered(guest, answer)


def join_group(house: House, dice: random.Random) -> str:
    """Join one of the latest groups."""
    if not house.groups:
        return "no group"
    guest = _guest(house, dice)
    group_id = house.groups[-1] if dice.random() < 0.8 else dice.choice(house.groups)
    return _ordered(guest, guest.phone.join_group(group_id, _order(house, dice)))


def crowd(house: House, dice: random.Random) -> str:
    """Let several join and pay at the same time, while workers are at work."""
    if not house.groups:
        return "no group"
    group_id = dice.choice(house.groups[-2:])
    guests = dice.sample(house.guests, k=min(len(house.guests), dice.randint(2, 4)))
    orders = [_order(house, dice) for _ in guests]
    with ThreadPoolExecutor(len(guests)) as pool:
        going = [
            pool.submit(_join_and_pay, guest, group_id, order)
            for guest, order in zip(guests, orders, strict=True)
        ]
        house.theatre.run_some_jobs(dice)
        return "; ".join(one.result() for one in going)


def _join_and_pay(guest: Guest, group_id: str, order: dict[str, Any]) -> str:
    try:
        told = _ordered(guest, guest.phone.join_group(group_id, order))
        if not _prepare(guest):
            return told
        return f"{told}, {_told(guest.phone.pay(guest.prepared[-1]))}"
    except (Unanswered, Refused) as problem:
        return f"{type(problem).__name__}: {problem}"


def buy_alone(house: House, dice: random.Random) -> str:
    """Buy without a group."""
    guest = _guest(house, dice)
    return _ordered(guest, guest.phone.buy_alone(_order(house, dice)))


def pay(house: House, dice: random.Random) -> str:
    """Prepare a payment and make it; mostly stay until it has been heard of."""
    waiting = [guest for guest in house.guests if guest.unpaid]
    guest = dice.choice(waiting or house.guests)
    if not _prepare(guest, is_kept=dice.random() < 0.2):
        return "nothing to pay"
    answer = guest.phone.pay(guest.prepared[-1])
    if answer.is_ok and dice.random() < 0.8:
        guest.phone.wait_until_paid(guest.prepared[-1]["order_id"])
    return _told(answer)


def pay_something_old(house: House, dice: random.Random) -> str:
    """Pay what was prepared whenever: given up, run out, over, or paid already."""
    guest = _guest(house, dice)
    return _told(guest.phone.pay(dice.choice(guest.prepared))) if guest.prepared else "nothing"


def pay_at_the_gateway(house: House, dice: random.Random) -> str:
    """Money comes in whatever the state, sometimes of another amount."""
    guest = _guest(house, dice)
    if not guest.prepared:
        return "nothing"
    paid = {"out_trade_no": dice.choice(guest.prepared)["payment_id"], "mchid": house.mch_no}
    if dice.random() < 0.3:
        paid["amount"] = dice.choice((1, 1989, 5000))
    if dice.random() < 0.5:
        paid["even_if_closed"] = True
    return str(house.control("/pay", **paid))


def fail_payment(house: House, dice: random.Random) -> str:
    """Prepare a payment and let it fail."""
    guest = _guest(house, dice)
    if not _prepare(guest):
        return "nothing to fail"
    number = guest.prepared[-1]["payment_id"]
    return str(house.control("/fail", out_trade_no=number, mchid=house.mch_no).get("state"))


def give_up(house: House, dice: random.Random) -> str:
    """Give up an order: unpaid, or a seat of an open group."""
    guest = _guest(house, dice)
    return _told(guest.phone.give_up(dice.choice(guest.orders))) if guest.orders else "no order"


def withdraw(house: House, dice: random.Random) -> str:
    """Withdraw some of the wallet."""
    balances = {guest.phone.openid: guest.phone.read_balance() for guest in house.guests}
    guest = dice.choices(
        house.guests, weights=[1 + balances[guest.phone.openid] for guest in house.guests]
    )[0]
    balance_fen = balances[guest.phone.openid]
    if balance_fen < 10:
        return "too poor"
    answer = guest.phone.withdraw(dice.randint(10, balance_fen))
    if answer.is_ok:
        guest.withdrawals.append(answer.body["id"])
    return _told(answer)


def confirm(house: House, dice: random.Random) -> str:
    """Confirm the latest withdrawal."""
    told = "nothing"
    for guest in dice.sample(house.guests, k=len(house.guests)):
        if guest.withdrawals:
            found = guest.phone.read_withdrawal(guest.withdrawals[-1])
            if found["client_parameters"] is not None:
                return _told(guest.phone.confirm_withdrawal(found))
            told = found["state"]
    return told


def cancel(house: House, dice: random.Random) -> str:
    """Cancel the latest withdrawal."""
    asked = [guest for guest in house.guests if guest.withdrawals]
    if not asked:
        return "nothing"
    guest = dice.choice(asked)
    return _told(guest.phone.cancel_withdrawal(guest.withdrawals[-1]))


def run_dry(house: House, dice: random.Random) -> str:
    """Change what the merchant's account at the gateway holds."""
    balance_fen = dice.choice((0, 0, 500, 3000, 100_000))
    return str(house.control(f"/accounts/{house.mch_no}", balance_fen=balance_fen))


def withhold(house: House, dice: random.Random) -> str:
    """Keep callbacks back, or let them go."""
    verb = dice.choice(("withhold", "release"))
    return str(house.control(f"/callbacks/{verb}", mchid=house.mch_no))


def work(house: House, dice: random.Random) -> str:
    """Let the workers do something."""
    house.theatre.run_some_jobs(dice)
    return "some jobs"


def jump(house: House, dice: random.Random) -> str:
    """Let everything due be done, and time pass."""
    house.theatre.jump(read_clock() + timedelta(minutes=dice.choice((1, 6, 20, 90))))
    return "jumped"


def end_day(house: House, _: random.Random) -> str:
    """Let funds come, the night pass, and the day's bill be compared while faults last."""
    house.control(f"/accounts/{house.mch_no}", balance_fen=10**6)
    on = shanghai_day(read_clock())
    house.theatre.jump_to(ready_at(on) + timedelta(minutes=1))
    at = read_clock()
    with transaction() as session:
        days = plan_days(session, house.opened_on, on, at=at, merchant_id=house.merchant_id)
        put(session, WORK, days, due_at=at)
    house.theatre.jump(at + timedelta(minutes=40))
    return f"{len(days)} bills"


ACTS: tuple[Act, ...] = (
    come,
    open_group,
    join_group,
    crowd,
    buy_alone,
    pay,
    pay_something_old,
    pay_at_the_gateway,
    fail_payment,
    give_up,
    withdraw,
    confirm,
    cancel,
    run_dry,
    withhold,
    work,
    jump,
)
WEIGHTS = (1, 1, 3, 2, 2, 4, 3, 3, 1, 2, 2, 2, 1, 2, 2, 3, 2)


def _guest(house: House, dice: random.Random) -> Guest:
    if not house.guests:
        house.welcome()
    return dice.choice(house.guests)


def _order(house: House, dice: random.Random) -> dict[str, Any]:
    use_wallet = dice.random() < 0.3
    return {"variant_id": house.variant_id, "address": ADDRESS, "use_wallet": use_wallet}


def _ordered(guest: Guest, answer: Answer) -> str:
    if answer.is_ok:
        guest.orders.append(answer.body["id"])
        if answer.body["state"] == "placed":
            guest.unpaid.append(answer.body["id"])
    return _told(answer)


def _prepare(guest: Guest, *, is_kept: bool = False) -> bool:
    """Prepare the payment of what was ordered last; returns whether there is one to make.

    What is kept will be prepared and paid again, whatever becomes of it now.
    """
    if not guest.unpaid:
        return False
    order_id = guest.unpaid.pop()
    if is_kept:
        guest.unpaid.insert(0, order_id)
    answer = guest.phone.prepare_payment(order_id)
    if answer.is_ok:
        guest.prepared.append({**answer.body, "order_id": order_id})
    return answer.is_ok


def _told(answer: Answer) -> str:
    body = answer.body
    return f"{answer.status} {answer.code or body.get('state') or body.get('errMsg') or ''}"
