"""What a gateway call can end as. The class decides the retry, and nothing else does.

Details of each: `operation`, and where the gateway gave them `gateway_code`, `gateway_message`,
`http_status`. What was signed and could not be believed as it stands goes along in `statement`,
never in the details: those are shown to callers.
"""

from dataclasses import dataclass, field
from typing import Any, Self

from domain.errors import GatewayFailed, Rejected, Unauthenticated
from domain.gateways.reading import Contradiction, Malformed, write_said


@dataclass(frozen=True, slots=True)
class Statement:
    """What a gateway said, well signed, and what is wrong with it.

    `fields` holds what differs, by name; it is empty where the whole could not be read.
    """

    operation: str
    problem: str
    said: str = field(repr=False)
    fields: dict[str, Any] = field(default_factory=dict)


class _Stated:
    """An error that may keep the statement that it comes from."""

    statement: Statement | None = None

    def about(self, operation: str, problem: Malformed, said: object) -> Self:
        """Keep what was said."""
        fields = problem.fields if isinstance(problem, Contradiction) else {}
        self.statement = Statement(operation, str(problem)[:500], write_said(said), fields)
        return self


class GatewayUnknown(_Stated, GatewayFailed):
    """Nobody knows whether it happened: query, then repeat with the same number. The default."""


def restated(error: GatewayFailed) -> GatewayUnknown:
    """Return an error as one of which nobody knows whether it happened."""
    unknown = GatewayUnknown(**error.details)
    if isinstance(error, GatewayUnknown):
        unknown.statement = error.statement
    return unknown


class GatewayRetryable(GatewayFailed):
    """It did not happen and may be tried again later, with the same number."""


class BillNotReady(GatewayRetryable):
    """The day's bill is still being made: ask again later."""


class GatewayNeedsFunds(GatewayFailed):
    """The merchant's balance is short: top up, then repeat with the same number."""


class GatewayRejected(GatewayFailed):
    """It did not happen and will not, asked like this."""


class GatewayConflict(GatewayFailed):
    """The number is known with other parameters: a fault of ours, not to be repeated."""


class InvalidCallback(_Stated, Unauthenticated):
    """A callback that is not the gateway's, not fresh, or not for this merchant.

    `details["reason"]`: unsigned, stale, bad_signature, unreadable, unknown_event, wrong_merchant,
    wrong_currency.
    """


class LoginCodeRefused(Unauthenticated):
    """The mini-program's login code is unknown, used or too old: the client logs in again."""


class PhoneCodeRefused(Rejected):
    """The code for the telephone number is unknown, used or too old: the shopper taps again."""
