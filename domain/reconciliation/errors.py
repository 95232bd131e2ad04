"""What can be wrong with a reconciliation."""

from domain.errors import Conflict, NotFound, Rejected


class ReconciliationNotFound(NotFound):
    """No such reconciliation of this merchant."""


class ReconciliationTaskNotFound(NotFound):
    """No such difference of this merchant."""


class ReconciliationTaskResolved(Conflict):
    """The difference is resolved already."""


class BillTooRecent(Rejected):
    """The gateway makes the bill of a day the morning after, not before `ready_at`."""
