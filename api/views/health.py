"""Is this process alive, and can it serve?"""

from functools import cache
from pathlib import Path
from typing import Any

from alembic.script import ScriptDirectory
from sqlalchemy import text

from api.blueprint import Blueprint
from api.schemas.fields import (
    Answer,
    Choice,
    String,
)
from api.schemas.problems import ProblemSchema
from domain.database import merchant_transaction, reading
from domain.merchants.queries import APP_SECRET_PURPOSE
from domain.sealing import opens

blueprint = Blueprint("health", __name__, description="Liveness and readiness")

_SEALED = text("SELECT secret_sealed FROM merchant_apps LIMIT 1")
_MIGRATIONS = Path(__file__).parents[2] / "migrations"


class HealthSchema(Answer):
    """What was found."""

    status = Choice(["alive", "ready", "waiting"])
    schema = String(
        metadata={"optional": True, "description": "of readiness: current, or the revision found"}
    )
    sealing = String(
        metadata={
            "optional": True,
            "description": "of readiness: current, or another: the key does not open what is kept",
        }
    )


@cache
def _heads() -> frozenset[str]:
    return frozenset(ScriptDirectory(str(_MIGRATIONS)).get_heads())


@blueprint.route("/healthz", name="check_liveness")
@blueprint.response(200, HealthSchema)
def live() -> dict[str, Any]:
    """Say that the process answers."""
    return {"status": "alive"}


@blueprint.route("/readyz", name="check_readiness")
@blueprint.response(200, HealthSchema)
@blueprint.alt_response(503, schema=HealthSchema)
@blueprint.alt_response(503, schema=ProblemSchema, content_type="application/problem+json")
def ready() -> Any:
    """Say whether this process can serve: both database roles, the schema, the sealing key."""
    with reading() as session:
        found = frozenset(
            session.execute(text("SELECT version_num FROM alembic_version")).scalars()
        )
        sealed = session.execute(_SEALED).scalar() if found == _heads() else None
    if found != _heads():
        return {"status": "waiting", "schema": ", ".join(sorted(found))}, 503
    with merchant_transaction(0) as session:
        session.execute(text("SELECT 1"))
    if sealed is not None and not opens(sealed, purpose=APP_SECRET_PURPOSE):
        return {"status": "waiting", "schema": "current", "sealing": "another"}, 503
    return {"status": "ready", "schema": "current", "sealing": "current"}
