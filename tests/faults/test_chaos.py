"""Ten kills of the whole stack under load; `make chaos KILLS=200` is the large form.

Once is enough: the stack starts servers of its own.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.addresses import OUTSIDE
from launcher.places import PROJECT
from tests.faults.conftest import ONLY_DEBIAN

KILLS = 10
SETTLEMENTS = 100
SEED = 71
PATIENCE_SECONDS = 300


@pytest.mark.skipif(ONLY_DEBIAN, reason="once is enough")
def test_ten_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    told = tmp_path / "chaos.json"
    command = (
        *(sys.executable, "-m", "bench.chaos", "--kills", str(KILLS), "--seed", str(SEED)),
        *("--settlements", str(SETTLEMENTS), "--clients", "3"),
        *("--report", str(told), "--journal", str(tmp_path / "journal.jsonl")),
    )

    done = subprocess.run(
        command,
        cwd=PROJECT,
        env={name: value for name, value in os.environ.items() if name not in OUTSIDE},
        timeout=PATIENCE_SECONDS,
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    report = json.loads(told.read_text())
    assert (report["kills"], report["violations"]) == (KILLS, 0)
    assert len(report["kills_by_kind"]) == KILLS
    assert report["settled"]["members"] >= SETTLEMENTS
