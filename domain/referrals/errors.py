"""What can be wrong with a share."""

from domain.errors import Conflict, NotFound


class ShareNotFound(NotFound):
    """No such share of this mall."""


class GroupNotFound(NotFound):
    """No such group of this merchant."""


class GroupNotShareable(Conflict):
    """The group is not open yet: it can be shared once its leader has paid."""
