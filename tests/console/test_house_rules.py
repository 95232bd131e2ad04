"""Rules of the console that a reader cannot see at a glance."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

CONSOLE = Path(__file__).parents[2] / "console"
CACHES = {"cache_data", "cache_resource"}
NETWORK = {"httpx", "requests", "urllib3", "aiohttp", "socket"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for file in sorted(CONSOLE.rglob("*.py")):
        yield file.relative_to(CONSOLE).as_posix(), ast.parse(file.read_text("utf-8"))


def cache_uses(tree: ast.Module) -> Iterator[ast.expr]:
    """Each use of a Streamlit cache: the call, or the bare name where it is not called."""
    called = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
        if name in CACHES and isinstance(node, ast.expr):
            yield called.get(id(node), node)


def has_session_scope(use: ast.expr) -> bool:
    return isinstance(use, ast.Call) and any(
        keyword.arg == "scope"
        and isinstance(keyword.value, ast.Constant)
        and keyword.value.value == "session"
        for keyword in use.keywords
    )


def test_nothing_is_cached_beyond_one_session() -> None:
    uses = [(name, use) for name, tree in modules() for use in cache_uses(tree)]

    assert len(uses) >= 3
    assert [name for name, use in uses if not has_session_scope(use)] == []


def test_the_rule_against_global_caches_can_fail() -> None:
    planted = ast.parse(
        "@st.cache_data\ndef a(): ...\n@st.cache_data(ttl=5)\ndef b(): ...\n"
        "@st.cache_resource(scope='global')\ndef c(): ..."
    )

    assert [has_session_scope(use) for use in cache_uses(planted)] == [False, False, False]


def test_only_the_client_talks_http() -> None:
    talking = {
        name
        for name, tree in modules()
        for node in ast.walk(tree)
        if (
            isinstance(node, ast.Import)
            and {alias.name.split(".")[0] for alias in node.names} & NETWORK
        )
        or (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in NETWORK)
    }

    assert talking == {"client.py"}


def test_charts_know_neither_streamlit_nor_the_client() -> None:
    for name, tree in modules():
        if not name.startswith("charts/"):
            continue
        imported = {
            node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
        } | {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        assert not any(one.startswith(("streamlit", "console.client")) for one in imported), name


def test_the_servers_settings_keep_it_quiet_and_closed() -> None:
    settings = tomllib.loads((CONSOLE / ".streamlit/config.toml").read_text("utf-8"))

    assert settings["server"]["address"] == "127.0.0.1"
    assert settings["client"]["showErrorDetails"] == "none"
    assert settings["client"]["toolbarMode"] == "minimal"
    assert settings["browser"]["gatherUsageStats"] is False


def test_nothing_of_the_console_loads_from_another_host() -> None:
    texts = [
        (file.name, file.read_text("utf-8"))
        for kind in ("*.css", "*.html", "*.svg", "*.py")
        for file in CONSOLE.rglob(kind)
    ]

    outside = {
        name
        for name, text in texts
        for line in text.splitlines()
        if "https://" in line or ("http://" in line and "127.0.0.1" not in line)
        if "www.w3.org/2000/svg" not in line
    }
    assert outside == set()
