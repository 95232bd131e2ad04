"""What can be wrong with a payment."""

from domain.errors import Conflict, NotFound


class NoGatewayAccount(Conflict):
    """The merchant has no account at a gateway: nothing can be paid there."""


class UnknownGatewayAccount(NotFound):
    """A callback names an account that does not exist."""


class FindingNotFound(NotFound):
    """No such finding of this merchant."""


class FindingResolved(Conflict):
    """The finding is resolved already."""
