"""docs/invariants.md lists every check with its sentence; its table is written from the checks."""

import re
from pathlib import Path

from domain.auditing.gateway_record import MATCHED
from domain.auditing.known_seals import KNOWN
from domain.auditing.running import checks

DOCUMENT = Path(__file__).parents[3] / "docs" / "invariants.md"


def test_document_lists_every_check_with_its_sentence() -> None:
    at_any_moment = {check.name for check in checks(at_rest=False)}
    listed = [*checks(at_rest=True), KNOWN, MATCHED]
    rows = [
        f"| {check.invariant} | `{check.name}` | {check.sentence} |"
        for check in sorted(listed, key=lambda check: check.name not in at_any_moment)
    ]

    written = [line for line in DOCUMENT.read_text().splitlines() if re.match(r"\| \d+ \| `", line)]

    assert written == rows
