"""Jobs that settle groups, release holds and fold campaigns."""

from domain.checkout import settling
from jobs.looping import until_done


def settle_groups() -> int:
    """Settle groups whose deadline has come."""
    return until_done(lambda at: settling.settle_due_groups(at=at))


def release_holds() -> int:
    """Release unpaid holds that ran out."""
    return until_done(lambda at: settling.release_due_holds(at=at))


def fold_campaigns() -> int:
    """Fold movements into their campaigns."""
    return until_done(lambda at: settling.fold_campaigns(at=at))
