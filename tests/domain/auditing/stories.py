"""Everything that has happened in the world that the audit is tried on, up to a moment of rest."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from domain.checkout.buying_alone import buy_alone
from domain.checkout.commands import BuyAlone
from domain.checkout.settling import fold_campaigns
from domain.gateways.protocol import TransferStatus
from domain.interventions.deciding_grants import deny_grant, release_grant
from domain.states import RefundState
from domain.subsidies.segments import Segment
from domain.terms import Levers, RewardRule, SubsidyKind, SubsidyRule
from tests.domain.auditing.sealed import seal_all
from tests.domain.auditing.world import DAY, HOUR, MINUTE, SECOND, World
from tests.scenarios.stage import make_stage

Story = Callable[[World, datetime], None]


def form(world: World, at: datetime) -> None:
    group = world.open(at)
    world.join(group, at + MINUTE)
    world.join(group, at + 2 * MINUTE)


def fail(world: World, at: datetime) -> None:
    group = world.open(at)
    world.named["refunded"] = world.join(group, at + MINUTE)


def fail_under_review(world: World, at: datetime) -> None:
    group = world.open(at)
    world.join(group, at + MINUTE, world.stage.shopper(flag="review"))


def fail_under_review_again(world: World, at: datetime) -> None:
    """Two more subsidies are held: staff will release the first and deny the second."""
    world.open(at, world.stage.shopper(flag="review"))
    world.open(at, world.stage.shopper(flag="review"))


def fail_beyond_the_cap(world: World, at: datetime) -> None:
    shopper = world.stage.shopper()
    for _ in range(4):
        world.open(at, shopper)


def pay_in_time_and_be_heard_late(world: World, at: datetime) -> None:
    group = world.open(at)
    order = world.stage.join(world.stage.shopper(), group, at + DAY - 2 * MINUTE)
    world.named["heard_late"] = world.add_payment(order, at + DAY - 2 * MINUTE)


def pay_too_late(world: World, at: datetime) -> None:
    group = world.open(at)
    order = world.stage.join(world.stage.shopper(), group, at + DAY - 2 * MINUTE)
    world.named["late"] = world.add_payment(order, at + DAY - 2 * MINUTE)


def pay_too_late_to_open(world: World, at: datetime) -> None:
    """A campaign ends in half an hour and a minute: its leader pays after that minute."""
    ending = world.with_campaign(ends_at=at + 31 * MINUTE)
    order = ending.stage.open(ending.stage.shopper(), at)
    ending.stage.succeed(ending.add_payment(order, at), at + 2 * MINUTE)


def stay_releasing(world: World, at: datetime) -> None:
    group = world.open(at)
    order = world.stage.join(world.stage.shopper(), group, at + DAY - 2 * MINUTE)
    world.add_payment(order, at + DAY - 2 * MINUTE)


def leave_and_come_back(world: World, at: datetime) -> None:
    leader = world.stage.shopper()
    order = world.stage.open(leader, at)
    world.pay(order, at)
    world.join(order["group_id"], at + MINUTE)
    world.give_up(leader, order, at + 2 * MINUTE)
    world.join(order["group_id"], at + 3 * MINUTE, leader)
    world.named["left"] = order


def hand_over_the_lead(world: World, at: datetime) -> None:
    """A leader leaves two others, of whom the first to pay leads from then on."""
    larger = world.with_campaign(group_size=4)
    leader = world.stage.shopper()
    order = larger.stage.open(leader, at)
    larger.pay(order, at)
    for n in (1, 2):
        larger.join(order["group_id"], at + n * MINUTE)
    larger.give_up(leader, order, at + 3 * MINUTE)


def leave_last(world: World, at: datetime) -> None:
    leader = world.stage.shopper()
    order = world.stage.open(leader, at)
    world.pay(order, at)
    world.give_up(leader, order, at + 2 * MINUTE)


def let_holds_run_out(world: World, at: datetime) -> None:
    world.stage.open(world.stage.shopper(), at)
    shopper = world.stage.shopper()
    world.give_up(shopper, world.stage.open(shopper, at), at + MINUTE)
    world.add_payment(world.stage.open(world.stage.shopper(), at), at)
    world.stage.expire(at + 5 * MINUTE)


def pay_another_amount(world: World, at: datetime) -> None:
    number = world.add_payment(world.stage.open(world.stage.shopper(), at), at)
    world.stage.succeed(number, at + MINUTE, amount_fen=1000, is_confirmed=True)


def pay_what_is_closed(world: World, at: datetime) -> None:
    order = world.stage.join(world.stage.shopper(), world.open(at), at + MINUTE)
    number = world.add_payment(order, at + MINUTE)
    world.close_payment(number, at + 2 * MINUTE)
    world.pay(order, at + 3 * MINUTE)
    world.stage.succeed(number, at + 3 * MINUTE)


def buy_without_a_group(world: World, at: datetime) -> None:
    shopper = world.stage.shopper()
    world.pay(buy_alone(BuyAlone(world.stage.basket(shopper)), at=at), at)
    buy_alone(BuyAlone(world.stage.basket(shopper)), at=at)
    world.stage.expire(at + 15 * MINUTE)


COUPON = SubsidyRule(SubsidyKind.COUPON, 500, threshold_fen=1500, valid_days=30)
POINTS = SubsidyRule(SubsidyKind.POINTS, 700)
PASS = SubsidyRule(SubsidyKind.PASS, 1500, valid_days=30)
CASH = SubsidyRule(
    SubsidyKind.CASH, 500, least_fen=100, new_shopper_fen=200, invite_fen=100, invites_most=2
)
CASH_LATER = SubsidyRule(SubsidyKind.CASH, 400)
LEVERS = Levers(full_from_seats=2, consolation_fen=50, least_paid_seconds=1800)


def fail_in_kind(world: World, at: datetime) -> None:
    """Groups fail that promised coupons, points and a pass; two shoppers of each, who spend them.

    One campaign draws its cash, pays more to new shoppers and inviters, less to a group of one, and
    nothing to who pays late.
    """
    world.named["spenders"] = {}
    for rule in (COUPON, POINTS, PASS):
        of_kind = world.with_campaign(subsidy=rule)
        shoppers = [world.stage.shopper() for _ in range(3)]
        of_kind.join(of_kind.open(at, shoppers[0]), at + MINUTE, shoppers[1])
        of_kind.open(at, shoppers[2])
        world.named["spenders"][rule.kind] = shoppers
    drawing = world.with_campaign(subsidy=CASH, levers=LEVERS)
    leader = world.stage.shopper()
    group = drawing.open(at, leader)
    drawing.join(group, at + DAY - 20 * MINUTE)
    inviting = drawing.open(at, leader)
    token = world.share(leader, inviting, at)
    drawing.join(inviting, at + MINUTE, share_token=token)
    drawing.open(at)


def fail_in_points_of_a_brand(world: World, at: datetime) -> None:
    """Two groups fail that promised points of an outside programme."""
    rule = SubsidyRule(SubsidyKind.EXTERNAL_POINTS, 600, programme_id=world.add_programme(at))
    of_brand = world.with_campaign(subsidy=rule)
    for _ in range(2):
        of_brand.open(at)


REWARD = RewardRule(formed_fen=500, failed_fen=300, threshold_fen=1000, valid_days=30)
INVITING = SubsidyRule(SubsidyKind.CASH, 300, invite_fen=200, invites_most=3)


def bring_friends(world: World, at: datetime) -> None:
    """Friends come by a share: one's group forms, another's fails, with a seat that is late."""
    rewarding = world.with_campaign(reward=REWARD, group_size=2)
    leader = world.stage.shopper()
    for _ in range(2):
        group = rewarding.open(at, leader)
        token = world.share(leader, group, at)
        rewarding.join(group, at + MINUTE, share_token=token)
    failing = rewarding.open(at, leader)
    token = world.share(leader, failing, at)
    own = rewarding.open(at, share_token=token)
    late = rewarding.stage.join(world.stage.shopper(), own, at + DAY - 2 * MINUTE)
    world.named["heard_after"] = rewarding.add_payment(late, at + DAY - 2 * MINUTE)
    rewarding.open(at)


def invite(world: World, at: datetime) -> None:
    """A friend who has opened the leader's share joins without naming it, and the group fails."""
    inviting = world.with_campaign(subsidy=INVITING)
    leader, friend = world.stage.shopper(), world.stage.shopper()
    group = inviting.open(at, leader)
    world.visit(friend, world.share(leader, group, at), at)
    inviting.join(group, at + 2 * MINUTE, friend)


def pay_later(world: World, at: datetime) -> None:
    """Subsidies are issued two hours after the deadline; one shopper is flagged by then."""
    later = replace(CASH_LATER, delay_seconds=7200)
    delayed = world.with_campaign(subsidy=later)
    flagged = world.stage.shopper()
    delayed.join(delayed.open(at), at + MINUTE, flagged)
    delayed.open(at)
    world.named["flagged"] = flagged


def mature(world: World, at: datetime) -> None:
    at += DAY + MINUTE
    world.stage.succeed(world.named["heard_after"], at - DAY - MINUTE + DAY - SECOND, at=at)
    world.reward(at)
    world.flag(world.named["flagged"])
    world.issue_grants(at + 2 * HOUR)
    world.reward(at + 2 * HOUR)


def take_back(world: World, at: datetime) -> None:
    """Staff give points, push a coupon, and take back cash in part, and other kinds unspent."""
    at += 2 * DAY
    world.give(SubsidyKind.POINTS, 700, at)
    world.push(Segment.SUBSIDISED, 150, at)
    for kind, source in (("cash", "grants"), ("points", "grants"), ("coupon", "grants")):
        world.claw_back(source, kind, at)
    world.claw_back("rewards", "coupon", at)


def hold_what_is_short_lived(world: World, at: datetime) -> None:
    """A coupon of a day, and points of a day; some of them pay a seat that is left after that."""
    short = replace(COUPON, valid_days=1)
    world.with_campaign(subsidy=short).open(at)
    world.live_points(at, days=1)
    points = world.with_campaign(subsidy=POINTS)
    shopper = world.stage.shopper()
    points.settle_alone(points.open(at, shopper), at + DAY)
    world.live_points(at, days=365)
    cheap = world.with_campaign(group_price_fen=500, subsidy_fen=300)
    order = cheap.stage.open(shopper, at + DAY + MINUTE, use_points=True)
    world.named["short_lived"] = (shopper, order)


def let_expire(world: World, at: datetime) -> None:
    world.warn_of_expiring(at + DAY + MINUTE)
    at += 2 * DAY + 30 * SECOND
    world.expire_values(at)
    shopper, order = world.named["short_lived"]
    world.give_up(shopper, order, at)
    world.expire_values(at)


def spend_in_kind(world: World, at: datetime) -> None:
    """Coupons, points and passes pay seats that form, fail, are given up and are left unpaid."""
    at += DAY + 5 * MINUTE
    for kind, (first, second, third) in world.named["spenders"].items():
        cheap = world.with_campaign(group_price_fen=1200, subsidy_fen=300)
        dear = world if kind is SubsidyKind.COUPON else cheap
        means = [world.means_of(kind, shopper) for shopper in (first, second, third)]
        forming = dear.open(at)
        dear.join(forming, at, first, **means[0])
        dear.join(forming, at)
        dear.open(at, second, **means[1])
        order = dear.stage.open(third, at, **means[2])
        if order["payable_fen"]:
            dear.give_up(third, order, at + MINUTE)
            dear.stage.open(third, at + 2 * MINUTE, **means[2])
    world.stage.expire(at + 15 * MINUTE)
    world.settle(at + DAY)


def settle_the_day(world: World, at: datetime) -> None:
    world.settle(at + DAY)
    world.stage.succeed(world.named["heard_late"], at + DAY - SECOND, at=at + DAY + MINUTE)
    world.stage.succeed(world.named["late"], at + DAY, at=at + DAY + MINUTE)


def decide_what_is_held(world: World, at: datetime) -> None:
    _, released, denied = world.held_grants()
    world.decide(release_grant, released, at + DAY + MINUTE)
    world.decide(deny_grant, denied, at + DAY + MINUTE)


def hear_of_refunds(world: World, at: datetime) -> None:
    at += DAY + 2 * MINUTE
    arriving = (RefundState.SENDING, RefundState.ACCEPTED, RefundState.ARRIVED)
    world.move_refunds(world.named["refunded"], *arriving, at=at)
    world.move_refunds(world.named["left"], RefundState.SENDING, RefundState.NEEDS_FUNDS, at=at)
    world.notify(at)
    fold_campaigns(at=at)


def spend_the_wallet(world: World, at: datetime) -> None:
    """Shoppers with two subsidies pay with them: seats that form, fail, are left, and run out."""
    at += 2 * DAY
    shoppers = [world.stage.shopper() for _ in range(4)]
    for shopper in shoppers:
        world.open(at, shopper)
        world.open(at, shopper)
    world.settle(at + DAY)
    at += DAY + MINUTE
    forming = world.open(at)
    world.join(forming, at, shoppers[0], use_wallet=True)
    world.join(forming, at)
    world.open(at, shoppers[1], use_wallet=True)
    order = world.stage.open(shoppers[2], at, use_wallet=True)
    world.give_up(shoppers[2], order, at + MINUTE)
    buy_alone(BuyAlone(world.stage.basket(shoppers[3], use_wallet=True)), at=at)
    world.stage.expire(at + 15 * MINUTE)
    world.settle(at + DAY)


def withdraw_and_wait(world: World, at: datetime) -> None:
    """Withdrawals that arrive with tax withheld, fail, wait for funds, and await their shopper."""
    at += 4 * DAY
    shoppers = [world.stage.shopper() for _ in range(4)]
    for shopper in shoppers:
        world.open(at, shopper)
    world.settle(at + DAY)
    at += DAY + MINUTE
    world.withhold_tax(2000)
    paid, failed, waiting, awaiting = (world.withdraw(shopper, 500, at) for shopper in shoppers)
    world.hear_of(paid, TransferStatus.SUCCESS, at)
    world.hear_of(failed, TransferStatus.FAILED, at)
    world.hear_of(awaiting, TransferStatus.AWAITING_SHOPPER, at)
    world.lack_funds(waiting, at)
    world.notify(at)


def come_to_rest(world: World, at: datetime) -> None:
    world.come_to_rest(at + 10 * DAY)
    world.come_to_rest(at + 10 * DAY)


def wait_for_a_date(world: World, at: datetime) -> None:
    """Leave a group open, a hold running, and a payment that is being closed.

    Something is bought alone, and a member leads whose leader has left.
    """
    at += 10 * DAY
    world.pay(buy_alone(BuyAlone(world.stage.basket(world.stage.shopper())), at=at), at)
    leader = world.stage.shopper()
    led = world.stage.open(leader, at)
    world.pay(led, at)
    world.join(led["group_id"], at)
    world.give_up(leader, led, at)
    world.come_to_rest(at)
    group = world.open(at)
    world.add_payment(world.stage.join(world.stage.shopper(), group, at), at)
    shopper = world.stage.shopper()
    order = world.stage.join(shopper, group, at)
    world.add_payment(order, at)
    world.give_up(shopper, order, at)
    world.look_later(at)
    fold_campaigns(at=at)
    world.named["now"] = at


STORIES: tuple[Story, ...] = (
    form,
    fail,
    fail_under_review,
    fail_under_review_again,
    fail_beyond_the_cap,
    pay_in_time_and_be_heard_late,
    pay_too_late,
    pay_too_late_to_open,
    stay_releasing,
    leave_and_come_back,
    hand_over_the_lead,
    leave_last,
    let_holds_run_out,
    pay_another_amount,
    pay_what_is_closed,
    buy_without_a_group,
    fail_in_kind,
    fail_in_points_of_a_brand,
    bring_friends,
    invite,
    pay_later,
    hold_what_is_short_lived,
    settle_the_day,
    decide_what_is_held,
    mature,
    hear_of_refunds,
    let_expire,
    spend_in_kind,
    take_back,
    spend_the_wallet,
    withdraw_and_wait,
    come_to_rest,
    wait_for_a_date,
)


def begin() -> World:
    """Make a world in which nothing has happened."""
    return World(make_stage(daily_subsidy_cap_fen=2500, group_price_fen=1990, subsidy_fen=1000))


def play() -> World:
    """Play every story; leaves the world at rest at `named["now"]`, with a group that is open."""
    world = begin()
    for story in STORIES:
        story(world, world.start)
        seal_all()
    return world
