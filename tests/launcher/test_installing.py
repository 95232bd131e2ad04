import ast
import importlib.util

import pytest

from launcher import installing
from launcher.errors import CannotGoOn
from launcher.places import PROJECT


def test_an_old_python_can_read_the_entry():
    source = (PROJECT / "launcher/__main__.py").read_text()

    assert ast.parse(source, feature_version=(3, 6))


def test_a_python_without_pip_is_told_which_package_to_install(monkeypatch, tmp_path):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "ensurepip" else find(name)
    )

    with pytest.raises(CannotGoOn, match="apt-get install python3-venv"):
        installing.make_venv(tmp_path / "venv")


def test_changed_requirements_are_installed_again(monkeypatch, tmp_path):
    for name in installing.REQUIREMENTS:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("flask==3\n")
    monkeypatch.setattr(installing, "PROJECT", tmp_path)
    before = installing._fingerprint()

    (tmp_path / "console/requirements.txt").write_text("flask==4\n")

    assert installing._fingerprint() != before


@pytest.mark.parametrize("name", installing.REQUIREMENTS)
def test_locked_requirements_name_no_address(name):
    text = (PROJECT / name).read_text()

    assert "://" not in text
    assert "--hash=sha256:" in text
