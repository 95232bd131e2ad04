"""A console over a fake API, and a Chromium that looks at it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from launcher.binaries import find_chromium
from launcher.ports import free_port
from tests.console.fake_api import FakeApi

ROOT = Path(__file__).parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DEADLINE_SECONDS = 60
PATIENCE_MILLISECONDS = 120_000
DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@dataclass
class Console:
    """A running console and the fake API behind it."""

    url: str
    api: FakeApi


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def console_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    api = FakeApi().start()
    log = tmp_path_factory.mktemp("console") / "log"
    with serving(api.url, log) as url:
        yield Console(url, api)
    api.stop()


@pytest.fixture
def console(console_server: Console) -> Iterator[Console]:
    """The console with an API that fails nowhere; made-up data is fresh for each test."""
    console_server.api.forget()
    yield console_server
    assert console_server.api.faults == []


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens an empty tab of its own browser profile."""
    contexts = []

    def open_one(*, size: dict[str, int] = DESK, locale: str = "zh-CN", dark: bool = False) -> Page:
        context = chromium.new_context(
            viewport=size,  # type: ignore[arg-type]
            locale=locale,
            color_scheme="dark" if dark else "light",
            is_mobile=size == PHONE,
            has_touch=size == PHONE,
        )
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        contexts.append(context)
        return context.new_page()

    yield open_one
    for context in contexts:
        context.close()


@contextmanager
def serving(api_url: str, log: Path) -> Iterator[str]:
    """Run the console as its operators do, on a free port."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "streamlit", "run", "console/app.py"),
        *("--server.port", str(port), "--server.address", "127.0.0.1"),
    ]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PINBU_API_URL": api_url},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_healthy(url, process, log)
            yield url
        finally:
            process.terminate()
            process.wait(DEADLINE_SECONDS)


def wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if httpx.get(f"{url}/_stcore/health", timeout=1).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"the console did not start:\n{log.read_text()}")
