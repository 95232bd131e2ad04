"""Rules of the catalogue. Pure."""

from domain.catalog.errors import AlonePriceAboveList, PointsPriceNotWhole


def check_prices(list_price_fen: int, alone_price_fen: int | None) -> None:
    """Refuse a price alone above the list price. Raises AlonePriceAboveList."""
    if alone_price_fen is not None and alone_price_fen > list_price_fen:
        raise AlonePriceAboveList(field="alone_price_fen")


def check_points_price(points_price_fen: int | None, point_fen: int) -> None:
    """Refuse a price in points that is not whole points. Raises PointsPriceNotWhole."""
    if points_price_fen is not None and points_price_fen % point_fen:
        raise PointsPriceNotWhole(field="points_price_fen", point_fen=point_fen)
