"""Rules of the catalogue. Pure."""

from domain.catalog.errors import AlonePriceAboveList


def check_prices(list_price_fen: int, alone_price_fen: int | None) -> None:
    """Refuse a price alone above the list price. Raises AlonePriceAboveList."""
    if alone_price_fen is not None and alone_price_fen > list_price_fen:
        raise AlonePriceAboveList(field="alone_price_fen")
