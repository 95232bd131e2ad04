"""Every planted fault can still be planted, and what is to find it is there."""

import ast
from pathlib import Path

import pytest

from bench.planted.faults import FAULTS, Fault

PROJECT = Path(__file__).parents[2]


def test_faults_are_told_apart() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 20
    assert len({fault.damage for fault in FAULTS}) == len(FAULTS)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_can_be_planted(fault: Fault) -> None:
    whole = (PROJECT / fault.path).read_text()

    assert whole.count(fault.old) == 1
    if fault.path.endswith(".py"):
        ast.parse(whole.replace(fault.old, fault.new))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_what_finds_it_is_there(fault: Fault) -> None:
    for test in fault.found_by:
        file, _, name = test.partition("::")
        assert (PROJECT / file).is_file()
        assert f"def {name}(" in (PROJECT / file).read_text() if name else fault.found_by
