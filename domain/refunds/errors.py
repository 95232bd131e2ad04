"""What can be wrong with a refund."""

from domain.errors import Conflict, NotFound


class RefundNotFound(NotFound):
    """No such refund of this merchant."""


class RefundNotRejected(Conflict):
    """The gateway has not rejected the refund: it needs no repeating; `state` says how it is."""
