"""Taking turns: how many chunks are worked off at once, so that shoppers have a share too.

Each chunk keeps one of the database's processors busy. The limit is for the shoppers' comfort,
never for correctness: who has waited for long goes on without a turn.
"""

import time

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.config import settings

PATIENCE_SECONDS = 5.0
_PAUSE_SECONDS = 0.01
_FIRST_TURN = 7_206_600

_TRY = text("SELECT pg_try_advisory_xact_lock(:turn)")


def take_turn(session: Session) -> None:
    """Wait for one of the turns there are, and keep it until the transaction ends."""
    turns = settings().settle_at_once
    gives_up_at = time.monotonic() + PATIENCE_SECONDS
    while turns and time.monotonic() < gives_up_at:
        for number in range(turns):
            if session.execute(_TRY, {"turn": _FIRST_TURN + number}).scalar_one():
                return
        time.sleep(_PAUSE_SECONDS)
