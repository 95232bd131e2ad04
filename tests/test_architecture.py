"""What imports cannot show: who commits, who reads the clock, what is named how."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("api", "bench", "console", "domain", "jobs", "launcher", "migrations", "sandbox")
FOLDERS = {*PACKAGES, "docs", "tests"}
PRODUCT = ("api", "domain", "jobs")
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}
FRAMEWORKS = {"flask", "flask_smorest", "marshmallow", "rq", "streamlit", "webargs", "redis"}


def sources(*packages: str) -> Iterator[Path]:
    for package in packages:
        yield from sorted((ROOT / package).rglob("*.py"))


def path_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def calls(file: Path) -> Iterator[tuple[str, str]]:
    """Each call of a method or function: what it is called on, and its name."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield ast.unparse(node.func.value), node.func.attr
            elif isinstance(node.func, ast.Name):
                yield "", node.func.id


def imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def sql_texts(file: Path) -> Iterator[str]:
    """Each string of a module that is not a docstring."""
    tree = ast.parse(file.read_text())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            yield str(node.value)


def test_only_the_database_module_commits() -> None:
    committing = {
        path_of(file)
        for file in sources(*PRODUCT)
        if any(name == "commit" for _, name in calls(file))
    }

    assert committing == {"domain/database.py"}


def test_only_the_clock_reads_the_time() -> None:
    reading = {
        path_of(file)
        for file in sources(*PRODUCT)
        if any(
            (name in {"now", "utcnow", "today"} and on.split(".")[-1] in {"datetime", "date"})
            or (on, name) == ("time", "time")
            for on, name in calls(file)
        )
    }

    assert reading == {"domain/clock.py"}


def test_domain_sql_takes_its_instant_as_a_parameter() -> None:
    forbidden = re.compile(
        r"\b(now\(\)|current_timestamp|current_date|localtimestamp|clock_timestamp\(\))", re.I
    )
    reading = {
        path_of(file)
        for file in sources("domain")
        if any(forbidden.search(text) for text in sql_texts(file))
    }

    assert reading <= {"domain/models/base.py"}, (
        "insertion instants for diagnosis are the exception"
    )


def test_no_framework_stands_in_the_business() -> None:
    importing = {
        path_of(file): found for file in sources("domain") if (found := imports(file) & FRAMEWORKS)
    }

    assert importing == {}


def test_api_imports_neither_queue_nor_redis() -> None:
    importing = {path_of(f) for f in sources("api") if imports(f) & {"rq", "redis", "jobs"}}

    assert importing == set()


def test_modules_say_what_they_own() -> None:
    vague = [
        path_of(file)
        for file in sources(*PACKAGES, "tests")
        if file.stem in FORBIDDEN_NAMES or file.parent.name in FORBIDDEN_NAMES
    ]
    silent = [
        path_of(file)
        for file in sources(*PACKAGES)
        if not ast.get_docstring(ast.parse(file.read_text() or "''"))
        and "versions" not in file.parts
    ]

    assert vague == []
    assert silent == []


def test_top_level_folders_are_those_of_the_plan() -> None:
    found = {
        folder.name
        for folder in ROOT.iterdir()
        if folder.is_dir() and any(folder.rglob("*.py")) and not folder.name.startswith(".")
    }

    assert found - {"var"} <= FOLDERS


def test_each_folder_of_the_business_has_a_floor() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    floors = next(
        contract["layers"]
        for contract in settings["tool"]["importlinter"]["contracts"]
        if contract.get("containers") == ["domain"]
    )
    listed = {name.strip(" ()") for floor in floors for name in re.split(r"[:|]", floor)}
    found = {
        entry.stem
        for entry in (ROOT / "domain").iterdir()
        if (entry.is_dir() and (entry / "__init__.py").exists())
        or (entry.suffix == ".py" and entry.stem != "__init__")
    }

    assert found <= listed


def test_views_neither_catch_nor_abort() -> None:
    catching = {
        path_of(file)
        for file in sources("api/views")
        if any(isinstance(node, ast.Try) for node in ast.walk(ast.parse(file.read_text())))
        or any(name == "abort" for _, name in calls(file))
    }

    assert catching == set()


def test_log_messages_are_constant() -> None:
    building = [
        f"{path_of(file)}:{node.lineno}"
        for file in sources(*PRODUCT)
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) == "logger"
        and not isinstance(node.args[0], ast.Constant)
    ]

    assert building == []


def test_nothing_names_this_machine_or_its_tools() -> None:
    forbidden = re.compile(r"/" + r"work/(main|shared)|/tmp/" + r"devenv")
    naming = [
        path_of(file)
        for file in [*sources(*PACKAGES, "tests"), *(ROOT / "docs").rglob("*.md")]
        if forbidden.search(file.read_text())
    ]

    assert naming == []
