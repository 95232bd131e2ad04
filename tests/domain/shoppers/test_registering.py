import threading

import pytest
from sqlalchemy import func, select

from domain import clock
from domain.database import transaction
from domain.models import LedgerAccount, Shopper
from domain.shoppers.registering import Registered, Registration, register_shopper
from launcher.addresses import DatabaseUrls
from tests.factories.merchants import MadeMerchant, make_merchant

pytestmark = pytest.mark.transactional


@pytest.fixture
def merchant(database: DatabaseUrls) -> MadeMerchant:
    with transaction() as session:
        return make_merchant(session)


def register(merchant: MadeMerchant, openid: str, nickname: str | None = None) -> Registered:
    with transaction() as session:
        return register_shopper(
            session,
            Registration(merchant.id, merchant.app_id, openid, nickname),
            at=clock.real_now(),
        )


def test_given_name_replaces_the_old_one(merchant: MadeMerchant) -> None:
    register(merchant, "o1", "小红")

    assert register(merchant, "o1", "小蓝").nickname == "小蓝"
    assert register(merchant, "o1").nickname == "小蓝"


def test_openid_means_another_person_in_another_mall(merchant: MadeMerchant) -> None:
    with transaction() as session:
        other = make_merchant(session)

    first, second = register(merchant, "o1"), register(other, "o1")

    assert first.id != second.id
    assert second.is_new


def test_simultaneous_first_sign_ins_make_one_shopper(merchant: MadeMerchant) -> None:
    start = threading.Barrier(8)
    made: list[Registered] = []

    def sign_in() -> None:
        start.wait()
        made.append(register(merchant, "o-race"))

    threads = [threading.Thread(target=sign_in) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({registered.id for registered in made}) == 1
    assert sum(registered.is_new for registered in made) == 1
    with transaction() as session:
        shoppers = session.scalar(
            select(func.count()).select_from(Shopper).where(Shopper.merchant_id == merchant.id)
        )
        wallets = session.scalar(
            select(func.count())
            .select_from(LedgerAccount)
            .where(LedgerAccount.merchant_id == merchant.id, LedgerAccount.kind == "wallet")
        )
    assert (shoppers, wallets) == (1, 1)
