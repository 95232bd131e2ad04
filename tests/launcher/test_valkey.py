import os
import signal

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from launcher.ports import free_port
from launcher.servers import embedded_valkey


@pytest.fixture
def server(place):
    made = embedded_valkey(place, free_port())
    made.initialise()
    return made


def _number(server):
    with redis.Redis.from_url(server.url()) as client:
        return client.info("server")["process_id"]


def test_keys_survive_a_killed_server(server, supervisor, wait_until):
    supervisor.start(server.program())
    with redis.Redis.from_url(server.url()) as client:
        client.set("kept", 7)
    number = _number(server)

    os.kill(number, signal.SIGKILL)
    wait_until(supervisor, lambda: server.is_ready() and _number(server) != number)

    with redis.Redis.from_url(server.url()) as client:
        assert client.get("kept") == b"7"


def test_the_server_answers_nobody_without_its_password(server, supervisor):
    supervisor.start(server.program())

    with (
        redis.Redis(port=server.port, retry=Retry(NoBackoff(), 0)) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


def test_the_password_stands_in_no_list_of_processes(server):
    assert server.password not in " ".join(server.program().command)
