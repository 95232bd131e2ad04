"""What each consumer of facts does; `domain.outbox.CONSUMERS` says which facts it hears of."""

from collections.abc import Mapping

from domain.checkout.reacting import Consumer
from domain.notices.writing import write_notices

REACTIONS: Mapping[str, Consumer] = {
    "notify": lambda session, facts, at: write_notices(session, facts, at=at),
}
