"""Lanes of queues: what other people's servers can hold up, and what they cannot."""

import time

import pytest

from domain.checkout.conveying import Belt
from domain.checkout.driving import _threads
from jobs.queues import GATEWAY, OUTSIDE
from jobs.schedule import SCHEDULE


def test_refunds_wait_for_no_brand_and_no_message() -> None:
    queues = {entry.function: entry.queue for entry in SCHEDULE}

    assert queues["jobs.gateways.deliver_points"] == OUTSIDE
    assert queues["jobs.gateways.send_messages"] == OUTSIDE
    assert queues["jobs.gateways.drive_refunds"] == GATEWAY


def test_job_whose_time_is_up_does_not_wait_for_its_threads() -> None:
    def work() -> None:
        with _threads(2) as pool:
            pool.submit(time.sleep, 3)
            raise TimeoutError

    began = time.monotonic()
    with pytest.raises(TimeoutError):
        work()

    assert time.monotonic() - began < 1


def test_belt_whose_time_is_up_does_not_wait_for_its_calls() -> None:
    def work() -> None:
        with Belt(time.sleep) as belt:
            belt.put(3)
            time.sleep(0.2)
            raise TimeoutError

    began = time.monotonic()
    with pytest.raises(TimeoutError):
        work()

    assert time.monotonic() - began < 1
