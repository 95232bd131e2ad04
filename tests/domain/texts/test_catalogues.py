"""Whatever the product says to people, it says in zh and in en."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import api
import domain
from api import validation
from api.errors import CONSTRAINTS
from domain import outbox
from domain.errors import DomainError, _code_of
from domain.subsidies.rules import CapLeft, CapUse
from domain.terms import Caps
from domain.texts import LANGUAGES, catalogue, has_text, text

ROOT = Path(domain.__file__).parent.parent
PLACE = re.compile(r"\{(\w+)\}")


def all_errors() -> Iterator[type[DomainError]]:
    for package in (api, domain):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)

    def below(kind: type[DomainError]) -> Iterator[type[DomainError]]:
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    return (
        kind
        for kind in below(DomainError)
        if kind.__module__.partition(".")[0] in {"api", "domain"}
    )


def codes_in_source() -> set[str]:
    """Codes that errors are given by hand: `Busy("busy", ...)`."""
    names = {kind.__name__ for kind in all_errors()}
    found = set()
    for package in ("api", "domain"):
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Name)
                    and node.func.id in names
                    and node.args
                    and isinstance(node.args[0], ast.Constant)
                ):
                    found.add(str(node.args[0].value))
    return found


def test_languages_have_the_same_keys() -> None:
    assert catalogue("zh").keys() == catalogue("en").keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty(language: str) -> None:
    empty = [
        key
        for key, value in catalogue(language).items()  # type: ignore[arg-type]
        if not value.strip() and not key.endswith("_separator")
    ]

    assert empty == []


def test_languages_take_the_same_parameters() -> None:
    different = [
        key
        for key, value in catalogue("zh").items()
        if set(PLACE.findall(value)) != set(PLACE.findall(catalogue("en")[key]))
    ]

    assert different == []


def test_english_is_english_and_chinese_is_chinese() -> None:
    han = re.compile(r"[\u4e00-\u9fff]")

    assert [key for key, value in catalogue("en").items() if han.search(value)] == []
    assert [
        key
        for key, value in catalogue("zh").items()
        if not han.search(value) and not key.endswith("_separator")
    ] == []


def test_every_error_has_its_text() -> None:
    codes = {_code_of(kind.__name__) for kind in all_errors()} | codes_in_source()

    assert sorted(code for code in codes if not has_text(f"errors.{code}")) == []


def test_every_code_of_a_constraint_has_its_text() -> None:
    assert [code for code in CONSTRAINTS.values() if not has_text(f"errors.{code}")] == []


def test_every_failure_of_a_field_has_its_text() -> None:
    codes = {code for _, code in validation._CODES} | {"invalid"}

    assert [code for code in codes if not has_text(f"fields.{code}")] == []


def test_every_fact_that_is_told_has_a_notice() -> None:
    told = {kind for kind, consumers in outbox.CONSUMERS.items() if "notify" in consumers}
    keys = {"group.failed" if kind == "order.settled_late" else kind for kind in told}

    assert [key for key in keys if not has_text(f"notices.{key}")] == []


def test_parameters_are_filled_in_and_missing_ones_show() -> None:
    assert text("errors.too_many_attempts", "en", retry_after_seconds=7).endswith("7 seconds")
    assert "{retry_after_seconds}" in text("errors.too_many_attempts", "en")


def test_unknown_key_is_a_defect() -> None:
    with pytest.raises(KeyError):
        text("errors.no_such_code", "zh")


def test_every_part_of_a_subsidy_has_its_sentence() -> None:
    caps = Caps(day_fen=0, month_fen=0, day_failures=0, month_failures=0, failures=0)
    cuts = {
        name
        for of in ("merchant", "campaign")
        for name, _ in CapLeft(of, caps, CapUse()).limits()
        if name != "merchant_failures"
    } | {"paid", "paid_late", "few_paid_seats", "not_first", "quote"}
    parts = {f"cut.{name}" for name in cuts} | {"base", "base_random", "new_shopper", "invites"}

    wanted = parts | {"invites_most", "held", "denied"}

    assert {key for key in catalogue("zh") if key.startswith("subsidies.")} == {
        f"subsidies.{name}" for name in wanted
    }
