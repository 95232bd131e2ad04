import socket

import pytest

from launcher.errors import CannotGoOn
from launcher.ports import Ports, free_ports, ports_from, require_free


@pytest.fixture
def taken_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_port_is_named_with_the_command_that_takes_another(taken_port):
    with pytest.raises(CannotGoOn) as failure:
        require_free({"api": taken_port}, "run")

    assert f"{taken_port} (api)" in str(failure.value)
    assert "PINBU_API_PORT=" in str(failure.value)
    assert str(failure.value).endswith("make run")


def test_an_option_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("PINBU_API_PORT", "8001")
    monkeypatch.setenv("PINBU_CONSOLE_PORT", "8002")

    assert ports_from({"api": 9000}) == Ports(api=9000, console=8002)


@pytest.mark.parametrize("text", ["http", "0", "70000", "-1"])
def test_what_is_no_port_is_refused(monkeypatch, text):
    monkeypatch.setenv("PINBU_API_PORT", text)

    with pytest.raises(CannotGoOn, match="is not a port for api"):
        ports_from({})


def test_free_ports_differ():
    ports = vars(free_ports()).values()

    assert len(set(ports)) == len(list(ports))
