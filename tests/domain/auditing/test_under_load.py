"""The audit sees one instant: it stays green while shoppers and jobs change everything at once."""

import random
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from itertools import count

import pytest

from domain.auditing.running import audit
from domain.checkout.buying_alone import buy_alone
from domain.checkout.commands import BuyAlone
from domain.checkout.settling import fold_campaigns
from domain.database import transaction
from domain.errors import DomainError
from domain.settlement.releasing import expire_holds, find_expired_holds
from tests.domain.auditing.stories import begin
from tests.domain.auditing.world import DAY, MINUTE, Order, Shopper, World

pytestmark = pytest.mark.transactional

SHOPPERS = 4
FEWEST, MOST = 10, 100


class Market:
    """Shoppers who do what comes to their mind; time passes by a minute with each deed."""

    def __init__(self) -> None:
        self.world: World = begin()
        self.is_over = threading.Event()
        self.failures: list[BaseException] = []
        self.groups: list[str] = []
        self._minutes = count()

    def now(self) -> datetime:
        return self.world.start + 20 * next(self._minutes) * MINUTE

    def has_seen_both_ends(self) -> bool:
        states = {state for (state,) in self.world.stage.rows("SELECT state FROM groups")}
        return {"formed", "failed"} <= states

    def shop(self, seed: int) -> None:
        dice = random.Random(seed)
        self._until_over(lambda: self._act(dice))

    def settle(self) -> None:
        self._until_over(self._do_due_work)

    def _until_over(self, deed: Callable[[], None]) -> None:
        try:
            while not self.is_over.is_set():
                with suppress(DomainError):
                    deed()
        except BaseException as failure:
            self.failures.append(failure)
            raise

    def _act(self, dice: random.Random) -> None:
        shopper, at = self.world.stage.shopper(), self.now()
        if dice.random() < 0.1:
            self._buy_alone(shopper, at, is_paid=dice.random() < 0.5)
            return
        group = dice.choice(self.groups[-6:]) if self.groups and dice.random() < 0.8 else None
        order = (
            self.world.stage.open(shopper, at)
            if group is None
            else self.world.stage.join(shopper, group, at)
        )
        deed = dice.random()
        if deed < 0.8:
            self._pay(order, at)
            self.groups.append(order["group_id"])
        if deed < 0.2 or deed > 0.9:
            self.world.give_up(shopper, order, at)

    def _buy_alone(self, shopper: Shopper, at: datetime, *, is_paid: bool) -> None:
        order = buy_alone(BuyAlone(self.world.stage.basket(shopper)), at=at)
        if is_paid:
            self._pay(order, at)

    def _pay(self, order: Order, at: datetime) -> None:
        """Pay, perhaps too late: another's deed may have ended the group in between."""
        number = self.world.add_payment(order, at)
        self.world.stage.succeed(number, at, amount_fen=order["payable_fen"])

    def _do_due_work(self) -> None:
        at = self.now() + DAY / 2
        self.world.settle(at)
        with transaction() as session:
            found = find_expired_holds(session, at=at, limit=50)
            expire_holds(session, found, at=at)
        self.world.notify(at)
        fold_campaigns(at=at)


def test_audit_is_green_in_the_middle_of_load(fresh_database: object) -> None:
    market = Market()
    threads = [threading.Thread(target=market.shop, args=(seed,)) for seed in range(SHOPPERS)]
    threads.append(threading.Thread(target=market.settle))
    for thread in threads:
        thread.start()

    reports = []
    while len(reports) < FEWEST or (len(reports) < MOST and not market.has_seen_both_ends()):
        reports.append(audit(at=market.world.start))

    market.is_over.set()
    for thread in threads:
        thread.join()
    assert market.failures == []
    assert {report.violated for report in reports} == {()}
    assert market.has_seen_both_ends()
