"""Is this process alive, and can it serve?"""

from functools import cache
from pathlib import Path
from typing import Any

from alembic.script import ScriptDirectory
from sqlalchemy import text

from api.blueprint import Blueprint
from api.schemas.fields import Schema, String
from domain.database import reading

blueprint = Blueprint("health", __name__, description="Liveness and readiness")

_MIGRATIONS = Path(__file__).parents[2] / "migrations"


class HealthSchema(Schema):
    """What was found."""

    status = String()
    schema = String(metadata={"description": "current, or the revision found"})


@cache
def _heads() -> frozenset[str]:
    return frozenset(ScriptDirectory(str(_MIGRATIONS)).get_heads())


@blueprint.route("/healthz")
@blueprint.response(200, HealthSchema)
def live() -> dict[str, Any]:
    """Say that the process answers."""
    return {"status": "alive"}


@blueprint.route("/readyz")
@blueprint.response(200, HealthSchema)
@blueprint.alt_response(503, response="DEFAULT_ERROR")
def ready() -> Any:
    """Say whether the database answers and its schema is this release's."""
    with reading() as session:
        found = frozenset(
            session.execute(text("SELECT version_num FROM alembic_version")).scalars()
        )
    if found != _heads():
        return {"status": "waiting", "schema": ", ".join(sorted(found))}, 503
    return {"status": "ready", "schema": "current"}
