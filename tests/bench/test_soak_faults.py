"""The faults of the soak: every one that the sandbox knows is dealt, each with a count."""

from bench.soak.faults import FAULTS, NEVER_DEALT, deal
from sandbox.faults import NAMES, OPERATIONS


def test_every_fault_that_can_be_seen_is_dealt_by_the_first_fifty_seeds() -> None:
    dealt = {rule["name"] for seed in range(1, 51) for rule in deal(seed, "1600000001")}

    assert dealt == set(NAMES) - NEVER_DEALT


def test_faults_strike_operations_that_the_sandbox_has() -> None:
    assert {options.get("operation", "*") for _, options in FAULTS} <= set(OPERATIONS)


def test_seed_alone_decides_its_faults() -> None:
    assert deal(17, "1600000001") == deal(17, "1600000001")
    assert deal(17, "1600000001") != deal(18, "1600000001")


def test_faults_strike_one_merchant_and_end() -> None:
    rules = [rule for seed in range(1, 51) for rule in deal(seed, "1600000001")]

    assert all(rule["count"] >= 1 for rule in rules)
    assert {rule.get("mchid") for rule in rules if "operation" not in rule} == {"1600000001"}
