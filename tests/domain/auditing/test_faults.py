"""Each check is green on a world in which everything has happened, and red for a planted fault."""

import pytest

from domain.auditing.running import checks
from tests.domain.auditing.conftest import Laboratory
from tests.domain.auditing.faults import FAULTS

pytestmark = pytest.mark.transactional

PLANTED = [
    pytest.param(name, fault, id=f"{name}-{number}")
    for name, faults in FAULTS.items()
    for number, fault in enumerate(faults, start=1)
]


def test_every_check_has_a_fault() -> None:
    assert {check.name for check in checks(at_rest=True)} == FAULTS.keys()


@pytest.mark.parametrize("name", FAULTS)
def test_check_is_green_without_a_fault(laboratory: Laboratory, name: str) -> None:
    assert laboratory.breaches_of(name).examples == ()


@pytest.mark.parametrize(("name", "fault"), PLANTED)
def test_check_finds_its_fault(laboratory: Laboratory, name: str, fault: tuple[str, ...]) -> None:
    breaches = laboratory.breaches_of(name, *fault)

    assert breaches.count > 0
    assert 1 <= len(breaches.examples) <= 5
