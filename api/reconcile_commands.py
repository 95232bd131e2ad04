"""Commands of reconciliation: `flask reconcile --day …`, `tasks`, `resolve`, for the operator."""

import getpass
import json
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from domain.database import read_clock, reading, transaction
from domain.errors import DomainError
from domain.merchants import adding
from domain.reconciliation.downloading import find_day
from domain.reconciliation.driving import reconcile_day
from domain.reconciliation.reporting import list_reconciliations, list_tasks, write_csv
from domain.reconciliation.resolving import resolve_task


class _Day(click.ParamType[date]):
    """A day: YYYY-MM-DD."""

    name = "day"

    def convert(self, value: Any, param: Any, ctx: Any) -> date:
        """Read a day."""
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value} is not YYYY-MM-DD", param, ctx)


@click.group("reconcile", invoke_without_command=True)
@click.option("--day", "on", type=_Day(), help="The Shanghai day, YYYY-MM-DD.")
@click.option("--merchant", "merchant", help="This merchant's accounts only (public id).")
@click.option(
    "--csv",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write a CSV per account into this folder.",
)
@click.pass_context
def reconcile(
    context: click.Context, on: date | None, merchant: str | None, folder: Path | None
) -> None:
    """Compare a day's bills with our books, now; exits 1 if a difference is open."""
    if context.invoked_subcommand is not None:
        return
    if on is None:
        raise click.UsageError("which day? --day YYYY-MM-DD")
    at = read_clock()
    try:
        merchant_id = _merchant_id(merchant)
        reconcile_day(on, merchant_id=merchant_id, at=at)
    except DomainError as error:
        raise _refused(error) from error
    with reading() as session:
        days = list_reconciliations(session, merchant_id, on=on)
    for day in days:
        _print(**{name: value for name, value in asdict(day).items() if "_id" not in name})
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{on}-{day.gateway}-{day.mch_no}.csv"
            path.write_text(_csv((day.merchant_id, day.row_id), day.id), newline="")
    if any(day.open for day in days):
        context.exit(1)


@reconcile.command("tasks")
@click.option("--all", "with_resolved", is_flag=True, help="Resolved ones, too.")
def tasks(with_resolved: bool) -> None:
    """List differences, newest first."""
    with reading() as session:
        for task in list_tasks(session, None, is_open=None if with_resolved else True):
            _print(**{name: value for name, value in asdict(task).items() if name != "row_id"})


@reconcile.command("resolve")
@click.argument("task_id")
@click.option("--reason", required=True, help="What it was, and what became of it.")
@click.option("--by", "who", default=getpass.getuser, help="Who says so; else the system's user.")
def resolve(task_id: str, reason: str, who: str) -> None:
    """Resolve a difference."""
    if not reason.strip():
        raise click.UsageError("a reason is needed")
    try:
        with transaction() as session:
            resolve_task(
                session,
                task_id,
                merchant_id=None,
                reason=reason.strip(),
                who=f"operator:{who}",
                at=read_clock(),
            )
    except DomainError as error:
        raise _refused(error) from error
    _print(resolved=task_id)


def _merchant_id(public_id: str | None) -> int | None:
    if public_id is None:
        return None
    with reading() as session:
        return adding.find_merchant(session, public_id).id


def _csv(key: tuple[int, int], public_id: str) -> str:
    day = find_day(key)
    with reading() as session:
        return write_csv(session, day, public_id)


def _print(**answer: Any) -> None:
    click.echo(json.dumps(answer, ensure_ascii=False, default=_text))


def _text(value: date | datetime) -> str:
    return value.isoformat()


def _refused(error: DomainError) -> click.ClickException:
    return click.ClickException(f"{error.code}: {type(error).__doc__} {error.details or ''}")
