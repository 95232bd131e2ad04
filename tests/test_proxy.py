"""The proxy's configuration that the documents offer is one that nginx accepts."""

import shutil
import subprocess
from pathlib import Path

import pytest

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
OFFERED = Path(__file__).parent.parent / "docs" / "nginx.conf"


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_nginx_accepts_the_configuration(tmp_path: Path) -> None:
    for name in ("api", "console"):
        command = (
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1"
            f" -subj /CN={name} -keyout {name}.key -out {name}.pem"
        )
        subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    offered = OFFERED.read_text().replace("/etc/pinbu/", f"{tmp_path}/")
    whole = f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n{offered}\n}}\n"
    (tmp_path / "nginx.conf").write_text(whole)

    command = f"{NGINX} -t -p {tmp_path} -c {tmp_path}/nginx.conf -e {tmp_path}/errors"
    found = subprocess.run(command.split(), check=False, capture_output=True, text=True)

    assert found.returncode == 0, found.stderr


def test_requests_are_passed_on_whole_and_addresses_are_the_proxys_own() -> None:
    text = OFFERED.read_text()

    assert text.count("proxy_request_buffering on;") == 2
    assert text.count("client_body_timeout 10s;") == 2
    assert text.count("X-Forwarded-For $remote_addr;") == 2
