"""Commands about staff, for whoever operates Pinbu: where no owner can sign in any more."""

import json
from collections.abc import Callable
from typing import Any

import click
from sqlalchemy.orm import Session

from domain import clock
from domain.database import read_clock, transaction
from domain.errors import DomainError
from domain.merchants import adding, passwords, staffing
from domain.merchants.auditing import StaffActor, audit
from domain.merchants.rules import SHORTEST_PASSWORD, Role
from domain.merchants.staffing import StaffMember

Change = Callable[[Session, int, StaffMember], object]


def _of_person(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--reason", required=True, help="Why; kept in the audit log."),
        click.argument("staff_id"),
        click.argument("merchant_id"),
    ):
        command = option(command)
    return command


def _change(merchant_id: str, staff_id: str, action: str, reason: str, change: Change) -> None:
    """Change a person as the operator; the audit log names the person, and who it was by."""
    at, now = read_clock(), clock.real_now()
    try:
        with transaction() as session:
            merchant = adding.find_merchant(session, merchant_id)
            person = staffing.find_staff(session, merchant.id, staff_id, now=now)
            change(session, merchant.id, person)
            after = staffing.find_staff(session, merchant.id, staff_id, now=now)
            audit(
                session,
                StaffActor(merchant.id, person.row_id, Role(person.role)),
                action,
                subject_kind="staff",
                subject_id=person.row_id,
                at=at,
                reason=f"by the operator: {reason}",
                after={"role": after.role, "is_disabled": after.disabled_at is not None},
            )
    except DomainError as error:
        raise click.ClickException(error.code) from error
    _print(staff_id=after.id, role=after.role, disabled=after.disabled_at is not None)


def _print(**answer: Any) -> None:
    click.echo(json.dumps(answer, ensure_ascii=False))


@click.command("staff-disable")
@_of_person
def staff_disable(merchant_id: str, staff_id: str, reason: str) -> None:
    """Shut a person out: sessions end, the login opens no more."""
    at, now = read_clock(), clock.real_now()

    def change(session: Session, merchant: int, person: StaffMember) -> None:
        staffing.disable(session, merchant, person, at=at, now=now)

    _change(merchant_id, staff_id, "staff.disabled", reason, change)


@click.command("staff-enable")
@_of_person
def staff_enable(merchant_id: str, staff_id: str, reason: str) -> None:
    """Let a person in again."""
    _change(merchant_id, staff_id, "staff.enabled", reason, staffing.enable)


@click.command("staff-role")
@_of_person
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]))
def staff_role(merchant_id: str, staff_id: str, reason: str, role: str) -> None:
    """Give a person another role."""

    def change(session: Session, merchant: int, person: StaffMember) -> None:
        staffing.change_role(session, merchant, person, Role(role))

    _change(merchant_id, staff_id, "staff.role_changed", reason, change)


@click.command("staff-password")
@_of_person
@click.option(
    "--password",
    prompt=True,
    hide_input=True,
    confirmation_prompt=True,
    envvar="PINBU_STAFF_PASSWORD",
)
def staff_password(merchant_id: str, staff_id: str, reason: str, password: str) -> None:
    """Give a person another password; their sessions end."""
    if len(password) < SHORTEST_PASSWORD:
        raise click.ClickException(f"a password has at least {SHORTEST_PASSWORD} characters")
    now, password_hash = clock.real_now(), passwords.hash_password(password)

    def change(session: Session, merchant: int, person: StaffMember) -> None:
        staffing.reset_password(session, merchant, person, password_hash, now=now)

    _change(merchant_id, staff_id, "staff.password_reset", reason, change)


@click.command("sessions-end")
@_of_person
def sessions_end(merchant_id: str, staff_id: str, reason: str) -> None:
    """End all sessions of a person; the login still opens."""
    now = clock.real_now()

    def change(session: Session, merchant: int, person: StaffMember) -> None:
        staffing.end_sessions(session, merchant, person.row_id, now=now)

    _change(merchant_id, staff_id, "staff.sessions_ended", reason, change)


@click.command("staff-list")
@click.argument("merchant_id")
def staff_list(merchant_id: str) -> None:
    """List the people of a merchant, one JSON object a line."""
    now = clock.real_now()
    try:
        with transaction() as session:
            merchant = adding.find_merchant(session, merchant_id)
            people = staffing.list_staff(session, merchant.id, now=now)
    except DomainError as error:
        raise click.ClickException(error.code) from error
    for person in people:
        _print(
            staff_id=person.id,
            name=person.name,
            role=person.role,
            login=person.login,
            disabled=person.disabled_at is not None,
            sessions=person.sessions,
        )


STAFF_COMMANDS = (
    staff_list,
    staff_disable,
    staff_enable,
    staff_role,
    staff_password,
    sessions_end,
)
