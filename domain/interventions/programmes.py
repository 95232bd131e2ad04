"""Programmes of outside brands, by staff: adding one, its secret, and its points by file.

The transaction is core's, as points on their way are core's to write. So every statement names the
merchant of the acting member of staff.
"""

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain import idempotency
from domain.config import settings
from domain.database import transaction
from domain.gateways.webhooks import SECRET_PREFIX, UrlNotAllowed, check_url
from domain.idempotency import RequestKey
from domain.merchants.auditing import StaffActor, audit
from domain.merchants.rules import Role
from domain.points.errors import (
    ExportNotOpen,
    NotAWebhook,
    NotByFile,
    NothingToExport,
    ProgrammeTaken,
    ProgrammeUrlNotAllowed,
)
from domain.points.programmes import SECRET_PURPOSE, ProgrammeLine, find_programme
from domain.public_ids import new_public_id
from domain.sealing import seal


@dataclass(frozen=True, slots=True)
class NewProgramme:
    """A brand's programme: by webhook to a URL, or by file without one."""

    name: str
    url: str | None
    points_per_yuan: int


_ADD = text(
    """
    INSERT INTO external_programmes (merchant_id, public_id, name, delivery, url, secret_sealed,
        points_per_yuan, created_at)
    VALUES (:merchant_id, :public_id, :name, :delivery, :url, :secret, :points_per_yuan, :at)
    ON CONFLICT (merchant_id, name) DO NOTHING
    RETURNING id
    """
)
_RENEW = text(
    "UPDATE external_programmes SET secret_sealed = :secret"
    " WHERE merchant_id = :merchant_id AND id = :id"
)
_LOCK = text(
    "SELECT FROM external_programmes WHERE merchant_id = :merchant_id AND id = :id"
    " FOR NO KEY UPDATE"
)
_NEXT = text(
    "SELECT coalesce(max(export), 0) + 1 FROM external_issues"
    " WHERE merchant_id = :merchant_id AND programme_id = :id"
)
_EXPORT = text(
    """
    WITH moved AS (
        UPDATE external_issues SET state = 'exported', export = :export
        WHERE merchant_id = :merchant_id AND programme_id = :id AND state = 'pending'
        RETURNING points, amount_fen
    )
    SELECT count(*), coalesce(sum(points), 0)::bigint, coalesce(sum(amount_fen), 0)::bigint
    FROM moved
    """
)
_CONFIRM = text(
    """
    WITH moved AS (
        UPDATE external_issues SET state = 'delivered', delivered_at = :at
        WHERE merchant_id = :merchant_id AND programme_id = :id AND state = 'exported'
            AND export = :export
        RETURNING points, amount_fen
    )
    SELECT count(*), coalesce(sum(points), 0)::bigint, coalesce(sum(amount_fen), 0)::bigint
    FROM moved
    """
)


def add_programme(
    actor: StaffActor, new: NewProgramme, *, at: datetime
) -> tuple[ProgrammeLine, str | None]:
    """Add a programme; returns it with its secret, which is shown this once.

    Raises ProgrammeUrlNotAllowed, ProgrammeTaken, RoleTooLow.
    """
    actor.require(Role.OWNER)
    secret = None if new.url is None else _new_secret()
    if new.url is not None:
        try:
            check_url(new.url, settings())
        except UrlNotAllowed as error:
            raise ProgrammeUrlNotAllowed(field="url") from error
    with transaction() as session:
        public_id = new_public_id()
        programme_id = session.execute(
            _ADD,
            {
                "merchant_id": actor.merchant_id,
                "public_id": public_id,
                "name": new.name,
                "delivery": "export" if new.url is None else "webhook",
                "url": new.url,
                "secret": None if secret is None else seal(secret, purpose=SECRET_PURPOSE),
                "points_per_yuan": new.points_per_yuan,
                "at": at,
            },
        ).scalar()
        if programme_id is None:
            raise ProgrammeTaken(field="name")
        after = {"name": new.name, "url": new.url, "points_per_yuan": new.points_per_yuan}
        audit(
            session,
            actor,
            "programme.added",
            subject_kind="programme",
            subject_id=programme_id,
            at=at,
            after=after,
        )
        return find_programme(session, actor.merchant_id, public_id), secret


def renew_secret(actor: StaffActor, programme_id: str, *, reason: str, at: datetime) -> str:
    """Give a programme another secret, in force at once; returns it, which is shown this once.

    Raises ProgrammeNotFound, NotAWebhook, RoleTooLow.
    """
    actor.require(Role.OWNER)
    secret = _new_secret()
    with transaction() as session:
        programme = find_programme(session, actor.merchant_id, programme_id)
        if programme.delivery != "webhook":
            raise NotAWebhook
        sealed = seal(secret, purpose=SECRET_PURPOSE)
        values = {"merchant_id": actor.merchant_id, "id": programme.row_id, "secret": sealed}
        session.execute(_RENEW, values)
        _audit(session, actor, "programme.secret_renewed", programme, reason, at=at)
    return secret


@dataclass(frozen=True, slots=True)
class MovePoints:
    """Move a programme's points (public id) on their way by file, and why.

    `export` is the number of the file that is confirmed.
    """

    actor: StaffActor
    key: RequestKey
    programme_id: str
    reason: str
    export: int | None = None


def export_points(command: MovePoints, *, at: datetime) -> dict[str, Any]:
    """Put all pending points into a file of their own; returns its number and how many that were.

    May be repeated with its key. Raises ProgrammeNotFound, NotByFile, NothingToExport, RoleTooLow,
    Busy, IdempotencyKeyReused.
    """
    return _move(command, _EXPORT, "programme.exported", at=at)


def confirm_points(command: MovePoints, *, at: datetime) -> dict[str, Any]:
    """Say that the brand has booked a file: what was in it is delivered.

    May be repeated with its key. Raises ProgrammeNotFound, NotByFile, ExportNotOpen (there is no
    such file, or it is confirmed already), RoleTooLow, Busy, IdempotencyKeyReused.
    """
    return _move(command, _CONFIRM, "programme.confirmed", at=at)


def _move(command: MovePoints, statement: Any, action: str, *, at: datetime) -> dict[str, Any]:
    actor = command.actor
    actor.require(Role.OPERATOR)
    with transaction() as session:
        done = idempotency.take(session, command.key)
        if done is not None:
            return done
        programme = find_programme(session, actor.merchant_id, command.programme_id)
        if programme.delivery != "export":
            raise NotByFile
        of = {"merchant_id": actor.merchant_id, "id": programme.row_id}
        session.execute(_LOCK, of)
        export = command.export or session.execute(_NEXT, of).scalar_one()
        values = {**of, "export": export, "at": at}
        count, points, fen = session.execute(statement, values).one()
        if count == 0:
            raise NothingToExport if command.export is None else ExportNotOpen(export=export)
        body = {"export": export, "count": count, "points": points, "amount_fen": fen}
        _audit(session, actor, action, programme, command.reason, at=at, after=body)
        idempotency.store(session, command.key, body, at=at, status=200)
    return body


def _audit(
    session: Session,
    actor: StaffActor,
    action: str,
    programme: ProgrammeLine,
    reason: str,
    *,
    at: datetime,
    after: dict[str, Any] | None = None,
) -> None:
    audit(
        session,
        actor,
        action,
        subject_kind="programme",
        subject_id=programme.row_id,
        at=at,
        reason=reason,
        after=after,
    )


def _new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
