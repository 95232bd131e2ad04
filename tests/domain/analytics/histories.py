"""A small random history of one merchant: everything that figures look at, in the order of time."""

import random
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from domain.checkout.buying_alone import buy_alone
from domain.checkout.commands import BuyAlone
from domain.checkout.giving_up import give_up_order
from domain.database import transaction
from domain.errors import DomainError
from domain.idempotency import RequestKey
from domain.interventions.deciding_grants import DecideGrant, deny_grant, release_grant
from domain.merchants.auditing import StaffActor
from domain.merchants.rules import Role
from domain.referrals.sharing import share_group
from domain.referrals.visiting import Visitor, visit_share
from tests.factories.campaigns import make_campaign
from tests.factories.products import make_variant
from tests.factories.staff import make_staff
from tests.scenarios.stage import Stage

Shopper = tuple[int, int]


class History:
    """Plays random steps on a stage; what is refused is simply not done."""

    def __init__(self, stage: Stage, seed: int, start: datetime) -> None:
        self.dice = random.Random(seed)
        self.now = start
        self.stages = [stage, self._second_campaign(stage)]
        self.merchant_id = stage.merchant_id
        self.shoppers: list[Shopper] = [stage.shopper() for _ in range(6)]
        self.shoppers += [stage.shopper(flag="review") for _ in range(3)]
        self.groups: dict[str, Stage] = {}
        self.shares: list[tuple[str, Shopper]] = []
        self.unpaid: list[tuple[Stage, str, int, datetime]] = []
        self.paid: list[tuple[Shopper, str]] = []
        with transaction() as session:
            staff = make_staff(session, self.merchant_id)
        self.actor = StaffActor(self.merchant_id, staff.id, Role.OPERATOR)

    def _second_campaign(self, stage: Stage) -> Stage:
        with transaction() as session:
            variant = make_variant(session, stage.campaign.product, list_price_fen=2890)
            made = make_campaign(
                session,
                stage.merchant_id,
                product=stage.campaign.product,
                variants=(variant,),
                group_size=2,
                life_seconds=7200,
                group_price_fen=1777,
                subsidy_fen=333,
                limits=stage.campaign.terms.limits,
                starts_at=stage.campaign.terms.starts_at,
                ends_at=stage.campaign.terms.ends_at,
            )
        return Stage(stage.merchant_id, made, stage.account_id, stage.start)

    def play(self, steps: int) -> None:
        moves = (
            (self.open, 24),
            (self.join, 40),
            (self.share, 14),
            (self.visit, 16),
            (self.register, 10),
            (self.learn_late, 6),
            (self.leave, 4),
            (self.buy_alone, 4),
            (self.decide, 7),
            (self.return_goods, 3),
        )
        names, weights = zip(*moves, strict=True)
        for _ in range(steps):
            self.now += timedelta(seconds=self.dice.randint(20, 3000))
            self.settle_due()
            [move] = self.dice.choices(names, weights)
            try:
                move()
            except DomainError:
                continue
        self.now += timedelta(days=2)
        self.settle_due()

    def settle_due(self) -> None:
        due = self.stages[0].rows(
            "SELECT public_id, deadline_at FROM groups WHERE merchant_id = :v"
            " AND state IN ('open', 'closing') ORDER BY deadline_at",
            self.merchant_id,
        )
        for group_id, deadline in due:
            if deadline > self.now:
                break
            late = timedelta(milliseconds=self.dice.randint(0, 9000))
            self.stages[0].expire(deadline)
            self.stages[0].settle(group_id, deadline + late)
            self.stages[0].settle(group_id, deadline + late + timedelta(minutes=3))
        self.stages[0].expire(self.now)

    def _pay(self, stage: Stage, shopper: Shopper, order: dict[str, Any]) -> None:
        self.paid.append((shopper, order["id"]))
        if order["payable_fen"] == 0:
            return
        number = stage.add_payment(order, self.now)
        at = self.now + timedelta(seconds=self.dice.randint(1, 15))
        if self.dice.random() < 0.15:
            self.unpaid.append((stage, number, order["payable_fen"], at))
        else:
            stage.succeed(number, at, amount_fen=order["payable_fen"])

    def _token(self) -> str | None:
        return (
            self.dice.choice(self.shares)[0] if self.shares and self.dice.random() < 0.4 else None
        )

    def open(self) -> None:
        stage, shopper = self.dice.choice(self.stages), self.dice.choice(self.shoppers)
        use_wallet = self.dice.random() < 0.5
        order = stage.open(shopper, self.now, use_wallet=use_wallet, share_token=self._token())
        self.groups[order["group_id"]] = stage
        self._pay(stage, shopper, order)

    def join(self) -> None:
        running = self.stages[0].rows(
            "SELECT public_id FROM groups WHERE merchant_id = :v AND state = 'open' ORDER BY id",
            self.merchant_id,
        )
        if not running:
            return
        [group_id] = self.dice.choice(running)
        stage = self.groups[group_id]
        shopper = self.dice.choice(self.shoppers)
        use_wallet = self.dice.random() < 0.5
        order = stage.join(
            shopper, group_id, self.now, use_wallet=use_wallet, share_token=self._token()
        )
        self._pay(stage, shopper, order)

    def share(self) -> None:
        if self.groups:
            shopper, group_id = self.dice.choice(self.shoppers), self.dice.choice(list(self.groups))
            with transaction() as session:
                made = share_group(session, shopper, group_id, at=self.now)
            self.shares.append((made.token, shopper))

    def visit(self) -> None:
        if self.shares:
            token, _ = self.dice.choice(self.shares)
            visitor = Visitor(
                self.dice.choice([None, *self.shoppers]),
                self.dice.choice([None, "10.0.0.1", "10.0.0.2"]),
                self.dice.choice([None, None, "d1", "d2", "d3"]),
            )
            with transaction() as session:
                visit_share(session, token, visitor, at=self.now)

    def register(self) -> None:
        stage = self.stages[0]
        share_id = None
        if self.shares and self.dice.random() < 0.8:
            token, _ = self.dice.choice(self.shares)
            share_id = stage.one("SELECT id FROM shares WHERE token = :v", token)
        shopper = stage.shopper(came_by_share_id=share_id)
        with transaction() as session:
            session.execute(
                text("UPDATE shoppers SET created_at = :at WHERE id = :id"),
                {"at": self.now, "id": shopper[1]},
            )
        self.shoppers.append(shopper)

    def learn_late(self) -> None:
        """Hear of a payment long after it succeeded: its seat may be gone, its group failed."""
        if self.unpaid:
            stage, number, amount_fen, paid_at = self.unpaid.pop()
            stage.succeed(number, paid_at, at=self.now, amount_fen=amount_fen)

    def leave(self) -> None:
        if self.paid:
            shopper, order_id = self.dice.choice(self.paid[-8:])
            key = RequestKey.of(self.merchant_id, f"shopper:{shopper[1]}", f"l{self.now}", "")
            give_up_order(shopper, order_id, key, at=self.now)

    def buy_alone(self) -> None:
        stage, shopper = self.dice.choice(self.stages), self.dice.choice(self.shoppers)
        order = buy_alone(BuyAlone(stage.basket(shopper, use_wallet=True)), at=self.now)
        self._pay(stage, shopper, order)

    def decide(self) -> None:
        held = self.stages[0].rows(
            "SELECT public_id FROM grants WHERE merchant_id = :v AND state = 'held' ORDER BY id",
            self.merchant_id,
        )
        if held:
            [grant_id] = self.dice.choice(held)
            key = RequestKey.of(self.merchant_id, f"staff:{self.actor.staff_id}", grant_id, "")
            verb = self.dice.choice([release_grant, deny_grant])
            verb(DecideGrant(self.actor, key, grant_id, "checked"), at=self.now)

    def return_goods(self) -> None:
        """Refund an order after its group formed: the seat is released, figures stay."""
        sold = self.stages[0].rows(
            "SELECT id FROM orders WHERE merchant_id = :v AND state = 'fulfilling'"
            " AND group_id IS NOT NULL ORDER BY id",
            self.merchant_id,
        )
        if sold:
            [order_id] = self.dice.choice(sold)
            with transaction() as session:
                session.execute(
                    text(
                        "UPDATE orders SET state = 'refunding', seat_state = 'released',"
                        " moved_at = :at, moved_by = 'test' WHERE id = :id"
                    ),
                    {"id": order_id, "at": self.now},
                )
