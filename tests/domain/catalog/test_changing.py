import threading

import pytest

from domain.catalog.changing import change_variant
from domain.catalog.errors import AlonePriceAboveList, StockBelowZero
from domain.catalog.rules import check_prices
from domain.database import merchant_transaction, transaction
from domain.models import Variant
from launcher.addresses import DatabaseUrls
from tests.factories.merchants import make_merchant
from tests.factories.products import make_product, make_variant

pytestmark = pytest.mark.transactional


@pytest.fixture
def variant(database: DatabaseUrls) -> Variant:
    with transaction() as session:
        merchant = make_merchant(session)
        return make_variant(session, make_product(session, merchant.id), stock_units=10)


def test_simultaneous_differences_all_count(variant: Variant) -> None:
    start = threading.Barrier(6)
    refused: list[StockBelowZero] = []

    def take_three() -> None:
        start.wait()
        try:
            with merchant_transaction(variant.merchant_id) as session:
                change_variant(session, variant.merchant_id, variant.public_id, {}, stock_delta=-3)
        except StockBelowZero as error:
            refused.append(error)

    threads = [threading.Thread(target=take_three) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with transaction() as session:
        left = session.get_one(Variant, (variant.merchant_id, variant.id)).stock_units
    assert (left, len(refused)) == (1, 3)


@pytest.mark.parametrize("alone_price_fen", [None, 1, 3000])
def test_price_alone_is_at_most_the_list_price(alone_price_fen: int | None) -> None:
    check_prices(3000, alone_price_fen)


def test_higher_price_alone_is_refused() -> None:
    with pytest.raises(AlonePriceAboveList):
        check_prices(3000, 3001)
