"""Who may call what: `docs/roles.md` has a row for every operation, as the API really answers.

After a change of purpose: `PINBU_WRITE_ROLES=1 make test ARGS="tests/api/test_roles.py"`.
"""

import os
import re
from pathlib import Path

from tests.api.callers import Caller, Mall
from tests.contract import METHODS

TABLE = Path(__file__).parents[2] / "docs" / "roles.md"
ENDS_SESSIONS = "DELETE /v1/merchant/sessions/current"
HEADING = """# Who may call what

Each operation was called by each kind of caller, with arguments that it refuses: `-` is 401 (who
are you?), `no` is 403 (you may not), `yes` is let in. Another merchant's owner is let in
where an owner is, and finds nothing that is not its own (404).

| operation | anonymous | shopper | viewer | operator | owner | another's owner |
| --- | --- | --- | --- | --- | --- | --- |
"""


def answered(caller: Caller, operation: str) -> str:
    method, path = operation.split()
    body = {"data": '{"nonsense": 1}', "content_type": "application/json"}
    address = re.sub(r"{\w+}", "0" * 20, path)
    options = {} if method == "GET" else body
    status = caller.call(method, f"{address}?nonsense=1", **options).status_code
    assert status < 500, (operation, status)
    return {401: "-", 403: "no"}.get(status, "yes")


def test_every_operation_has_its_row(anyone: Caller, mall: Mall, other_mall: Mall) -> None:
    document = anyone.get("/openapi.json").json
    assert document is not None
    operations = [
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in METHODS
        if method in methods and "/dev/" not in path and "/callbacks/" not in path
    ]
    operations.sort(key=lambda operation: operation == ENDS_SESSIONS)
    callers = (anyone, mall.shopper, mall.viewer, mall.operator, mall.owner, other_mall.owner)

    rows = {
        operation: [answered(caller, operation) for caller in callers] for operation in operations
    }

    table = HEADING + "".join(
        f"| `{operation}` | {' | '.join(cells)} |\n" for operation, cells in sorted(rows.items())
    )
    if os.environ.get("PINBU_WRITE_ROLES"):
        TABLE.write_text(table)
    assert len(rows) > 110
    assert TABLE.read_text() == table
