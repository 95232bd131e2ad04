"""Jobs that settle groups, issue grants, reward, give pushes, release holds and fold campaigns."""

from domain.checkout import settling
from jobs.looping import ASIDE_SECONDS, until_done


def settle_groups() -> int:
    """Settle groups whose deadline has come."""
    return until_done(lambda at: settling.settle_due_groups(at=at))


def issue_grants() -> int:
    """Issue scheduled grants that are due."""
    return until_done(lambda at: settling.issue_due_grants(at=at))


def reward_groups() -> int:
    """Reward who brought the members of groups that are over."""
    return until_done(lambda at: settling.reward_due_groups(at=at), seconds=ASIDE_SECONDS)


def give_pushes() -> int:
    """Give the coupons of pushes."""
    return until_done(lambda at: settling.give_due_pushes(at=at), seconds=ASIDE_SECONDS)


def release_holds() -> int:
    """Release unpaid holds that ran out."""
    return until_done(lambda at: settling.release_due_holds(at=at))


def fold_campaigns() -> int:
    """Fold movements into their campaigns."""
    return until_done(lambda at: settling.fold_campaigns(at=at))
