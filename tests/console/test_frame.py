from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from console import browser, session
from tests.console.conftest import SECONDS, text_of
from tests.console.fake_api import FakeApi

FRAME = Path(__file__).parents[2] / "console/frame.py"


def open_frame(monkeypatch: pytest.MonkeyPatch, token: str | None) -> AppTest:
    monkeypatch.setattr(browser, "read_token", lambda: token)
    monkeypatch.setattr(session, "read_token", lambda: token)
    monkeypatch.setattr(session, "read_chain", lambda: "127.0.0.1")
    return AppTest.from_file(str(FRAME), default_timeout=SECONDS).run()


def scripts(page: AppTest) -> str:
    return "".join(one.proto.body for one in page.get("html") if "<script>" in one.proto.body)


def test_who_is_signed_in_sees_the_overview_and_themselves(
    fake_api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_frame(monkeypatch, fake_api.token_of("owner"))

    assert not page.exception
    assert page.title[0].value == "经营总览"
    assert "林店长 · 店主" in text_of(page)
    assert "云岭坚果铺" in text_of(page)


def test_nobody_is_sent_to_the_login_form(
    fake_api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_frame(monkeypatch, None)

    assert "window.location.replace('/login'" in scripts(page)
    assert "ended=1" not in scripts(page)
    assert fake_api.asked == []


def test_a_revoked_token_is_told_that_it_ended(
    fake_api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_frame(monkeypatch, "revoked")

    assert "ended=1" in scripts(page)
    assert not page.metric


def test_a_token_revoked_meanwhile_ends_the_page(
    fake_api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = fake_api.token_of("owner")
    page = open_frame(monkeypatch, token)
    del fake_api.tokens[token]

    page.segmented_control(key="period_preset").set_value("30d").run()

    assert "ended=1" in scripts(page)


def test_an_api_that_is_away_is_no_logout(
    fake_api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_api.failing["GET /v1/merchant/sessions/current"] = "unavailable"

    page = open_frame(monkeypatch, fake_api.token_of("owner"))

    assert scripts(page) == ""
    assert "服务暂时不可用。" in page.error[0].value


def test_the_session_is_asked_for_once_in_a_while_only(
    fake_api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_frame(monkeypatch, fake_api.token_of("owner"))

    page.run()
    page.run()

    asked = [path for _, path, _ in fake_api.asked if path.endswith("sessions/current")]
    assert len(asked) == 1


def test_switching_the_language_changes_every_word_and_is_remembered(
    fake_api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_frame(monkeypatch, fake_api.token_of("owner"))

    page.segmented_control(key="language_choice").set_value("en").run()

    assert page.title[0].value == "Overview"
    assert "pinbu_language=en" in scripts(page)


def test_signing_out_revokes_the_token_and_leaves(
    fake_api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_frame(monkeypatch, fake_api.token_of("owner"))

    next(one for one in page.button if one.label == "退出").click().run()

    assert fake_api.tokens == {}
    assert "window.location.replace('/login'" in scripts(page)
