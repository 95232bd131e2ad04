"""What the console's tests share: a fake API, clients of it, and pages run without a browser."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest, app_test

from console import client as console_client
from console.client import Client
from tests.console.fake_api import FakeApi

SECONDS = 60


@pytest.fixture(scope="session", autouse=True)
def tidy_streamlit() -> Iterator[None]:
    yield
    app_test.TMP_DIR.cleanup()  # Streamlit leaves it to the interpreter's end, with a warning


@pytest.fixture
def fake_api(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    api = FakeApi().start()
    monkeypatch.setenv("PINBU_API_URL", api.url)
    st.cache_data.clear()  # all AppTests are one session to Streamlit
    yield api
    console_client._connections().close()
    console_client._connections.cache_clear()
    api.stop()
    assert api.faults == [], "requests or answers that the API's document does not allow"


@pytest.fixture
def client(fake_api: FakeApi) -> Client:
    return Client(fake_api.token_of("owner"))


@pytest.fixture
def transport() -> Iterator[Callable[[Callable[[httpx.Request], httpx.Response]], Client]]:
    """Clients whose answers are made by a function, without a network."""

    def answering(answer: Callable[[httpx.Request], httpx.Response]) -> Client:
        return Client("t", transport=httpx.MockTransport(answer), base_url="http://api.test")

    return answering


@dataclass(frozen=True)
class Pages:
    """Opens pages as a member of staff."""

    api: FakeApi

    def open(
        self, name: str, *, login: str = "owner", language: str = "zh", **query: str
    ) -> AppTest:
        """Open a page under an address."""
        return self._run(f"app_pages.{name}", "show", (), login, language, query)

    def open_refused(self, name: str, *, login: str, language: str) -> AppTest:
        """Open a page by its address although the role has no link to it."""
        return self._run("navigation", "refuse", (name,), login, language, {})

    def open_part(self, module: str, function: str, *, login: str) -> AppTest:
        """Draw a part of the frame."""
        return self._run(module, function, (), login, "zh", {})

    def open_dialog(self, module: str, opener: str, *arguments: object) -> AppTest:
        """Keep a dialog open: AppTest runs whole scripts only, which would close a page's own."""
        return self._run(module, opener, arguments, "owner", "zh", {})

    def _run(  # noqa: PLR0917 - the two ways in
        self,
        module: str,
        function: str,
        arguments: tuple[object, ...],
        login: str,
        language: str,
        query: dict[str, str],
    ) -> AppTest:
        page = AppTest.from_function(
            run_page,
            default_timeout=SECONDS,
            kwargs={
                "module": module,
                "function": function,
                "arguments": arguments,
                "role": login,
                "language": language,
                "token": self.api.token_of(login),
            },
        )
        for key, value in query.items():
            page.query_params[key] = value
        return page.run()


@pytest.fixture
def pages(fake_api: FakeApi) -> Pages:
    return Pages(fake_api)


def run_page(
    *,
    module: str,
    function: str,
    arguments: tuple[object, ...],
    role: str,
    language: str,
    token: str,
) -> None:
    """A page's script: the session is made here, as the frame would from the cookie."""
    from importlib import import_module  # noqa: PLC0415 - AppTest runs this body alone

    import streamlit as st  # noqa: PLC0415

    from console import navigation  # noqa: PLC0415
    from console.client import Client  # noqa: PLC0415
    from console.parts.states import guarded, show_flash  # noqa: PLC0415
    from console.session import Session  # noqa: PLC0415
    from console.texts import Texts  # noqa: PLC0415

    session = Session(
        client=Client(token, language=language),
        t=Texts(language),
        staff_name="林店长",
        role=role,
        merchant_name="云岭坚果铺",
    )
    st.navigation(navigation.pages_of(session), position="hidden")
    show_flash()
    with guarded(session.t):
        getattr(import_module(f"console.{module}"), function)(session, *arguments)


def text_of(page: AppTest) -> str:
    """Everything a page wrote, own HTML included."""
    html = [element.proto.body for element in page.get("html")]
    written = [
        str(element.value)
        for kind in ("title", "subheader", "caption", "markdown", "error", "warning", "info")
        for element in page.get(kind)
    ]
    return "\n".join([*html, *written])
