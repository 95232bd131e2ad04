"""Jobs that ask gateways."""

from domain.checkout import (
    driving_messages,
    driving_payments,
    driving_points,
    driving_refunds,
    driving_withdrawals,
)
from domain.database import read_clock
from jobs.looping import BUDGET_SECONDS, until_done


def drive_payments() -> int:
    """Ask about payments not heard of; close those given up."""
    return until_done(lambda at: driving_payments.drive_payments(at=at))


def drive_refunds() -> int:
    """Send refunds at their accounts' speed, and ask until they arrive."""
    return driving_refunds.keep_driving(read_clock, seconds=BUDGET_SECONDS)


def drive_withdrawals() -> int:
    """Send withdrawals, and ask until they are over."""
    return until_done(lambda at: driving_withdrawals.drive_withdrawals(at=at))


def deliver_points() -> int:
    """Tell brands of points of their own programmes."""
    return until_done(lambda at: driving_points.drive_points(at=at))


def send_messages() -> int:
    """Send the subscribe messages of notices."""
    return until_done(lambda at: driving_messages.drive_messages(at=at))
