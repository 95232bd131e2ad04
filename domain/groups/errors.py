"""What can be wrong with a group."""

from domain.errors import Conflict, NotFound, Rejected


class GroupNotFound(NotFound):
    """No such group of this merchant."""


class GroupFull(Conflict):
    """All seats are taken or held, or the group has formed."""


class GroupNotOpen(Conflict):
    """The group is not open for joining: its leader has not paid, or it is over."""


class AlreadyInGroup(Conflict):
    """The shopper has a seat in this group, by `order_id`."""


class TooLateToJoin(Conflict):
    """Less than a minute is left to the deadline."""


class ShareNeeded(Rejected):
    """The campaign's groups are joined through a share of theirs only."""
