"""What a gateway call can end as. The class decides the retry, and nothing else does.

Details of each: `operation`, and where the gateway gave them `gateway_code`, `gateway_message`,
`http_status`.
"""

from domain.errors import GatewayFailed, Rejected, Unauthenticated


class GatewayUnknown(GatewayFailed):
    """Nobody knows whether it happened: query, then repeat with the same number. The default."""


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


class InvalidCallback(Unauthenticated):
    """A callback that is not the gateway's, not fresh, or not for this merchant.

    `details["reason"]`: unsigned, stale, bad_signature, unreadable, unknown_event, wrong_merchant,
    wrong_currency.
    """


class LoginCodeRefused(Unauthenticated):
    """The mini-program's login code is unknown, used or too old: the client logs in again."""


class PhoneCodeRefused(Rejected):
    """The code for the telephone number is unknown, used or too old: the shopper taps again."""
