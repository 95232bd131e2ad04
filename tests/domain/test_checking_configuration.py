"""What a process refuses to start with, and that it says so in one sentence for each fault."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from domain.checking_configuration import find_faults

ROOT = Path(__file__).parents[2]
KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
OTHER = base64.urlsafe_b64encode(bytes(range(100, 132))).decode()
GOOD = {
    "DATABASE_URL": "postgresql+psycopg://pinbu_core@db/pinbu",
    "MERCHANT_DATABASE_URL": "postgresql+psycopg://pinbu_merchant@db/pinbu",
    "REDIS_URL": "redis://redis/0",
    "PINBU_TOKEN_KEY": KEY,
    "PINBU_SEALING_KEY": OTHER,
    "PUBLIC_BASE_URL": "https://api.pinbu.example",
    "PINBU_TRUSTED_PROXIES": "10.0.0.4/30, fd00::/64",
}


@pytest.mark.parametrize("process", ["api", "jobs"])
def test_whole_configuration_has_no_fault(process: str) -> None:
    assert find_faults(process, GOOD) == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"DATABASE_URL": ""}, "DATABASE_URL"),
        ({"MERCHANT_DATABASE_URL": "postgres://x"}, "MERCHANT_DATABASE_URL"),
        ({"PINBU_TOKEN_KEY": ""}, "PINBU_TOKEN_KEY"),
        ({"PINBU_TOKEN_KEY": "a" * 32}, "PINBU_TOKEN_KEY"),
        ({"PINBU_TOKEN_KEY": "a" * 43 + "="}, "PINBU_TOKEN_KEY"),
        ({"PINBU_TOKEN_KEY": "no base64!" * 4}, "PINBU_TOKEN_KEY"),
        ({"PINBU_SEALING_KEY": ""}, "PINBU_SEALING_KEY"),
        ({"PINBU_SEALING_KEY": KEY}, "PINBU_SEALING_KEY"),
        ({"WEIXIN_BASE_URL": "http://127.0.0.1:8002"}, "WEIXIN_BASE_URL"),
        ({"WECHATPAY_BASE_URL": "https://api.mch.weixin.qq.com.evil"}, "WECHATPAY_BASE_URL"),
        ({"ALIPAY_BASE_URL": "http://127.0.0.1:8002/gateway.do"}, "ALIPAY_BASE_URL"),
        ({"SANDBOX_CONTROL_URL": "http://127.0.0.1:8002/control"}, "SANDBOX_CONTROL_URL"),
        ({"PUBLIC_BASE_URL": "http://api.pinbu.example"}, "PUBLIC_BASE_URL"),
        ({"PINBU_ENV": "dev"}, "PINBU_ENV"),
        ({"PINBU_DATABASE_POOL": "eight"}, "PINBU_DATABASE_POOL"),
        ({"PINBU_DATABASE_POOL": "0"}, "PINBU_DATABASE_POOL"),
        ({"PINBU_PROXY_HOPS": "1"}, "PINBU_PROXY_HOPS"),
        ({"PINBU_TRUSTED_PROXIES": "10.0.0.4/24"}, "10.0.0.4/24"),
        ({"PINBU_TRUSTED_PROXIES": "0.0.0.0/0"}, "0.0.0.0/0"),
    ],
)
def test_each_fault_is_one_sentence(changes: dict[str, str], named: str) -> None:
    (fault,) = find_faults("api", GOOD | changes)

    assert named in fault
    assert fault.endswith(".")


def test_faults_are_told_together() -> None:
    faults = find_faults("jobs", {"PINBU_ENV": "dev", "REDIS_URL": "http://x"})

    assert [fault.split()[0] for fault in faults] == [
        *("PINBU_ENV", "DATABASE_URL", "REDIS_URL", "PINBU_SEALING_KEY", "PUBLIC_BASE_URL")
    ]


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "jobs.worker", "settle"],
        ["-m", "jobs.scheduler"],
        ["-c", "from api.serving import create_server; create_server()"],
    ],
)
def test_process_ends_with_the_sentences_and_no_traceback(command: list[str]) -> None:
    environment = {"PATH": os.environ["PATH"], **GOOD, "PINBU_SEALING_KEY": "short"}

    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 1
    assert done.stderr == "PINBU_SEALING_KEY must be 32 bytes in url-safe base64.\n"
