import subprocess
import sys

import pytest

from launcher.errors import CannotGoOn
from launcher.roster import Roster, require_no_launcher, sole_launcher


def test_what_a_killed_launcher_left_is_ended(tmp_path):
    roster = Roster(tmp_path / "processes.json")
    left = subprocess.Popen(["/bin/sleep", "60"], start_new_session=True)
    roster.write([left.pid])

    assert Roster(tmp_path / "processes.json").end_leftovers() == 1

    assert left.wait(5) != 0


def test_a_number_that_was_given_to_another_process_is_left_alone(tmp_path):
    path = tmp_path / "processes.json"
    other = subprocess.Popen(["/bin/sleep", "60"])
    path.write_text(f'[[{other.pid}, "1"]]')

    assert Roster(path).end_leftovers() == 0

    assert other.poll() is None
    other.kill()
    other.wait()


def test_a_place_that_is_held_by_another_process_is_refused(tmp_path):
    script = (
        "import sys, pathlib\n"
        "from launcher.roster import sole_launcher\n"
        "with sole_launcher(pathlib.Path(sys.argv[1]), {'api': 'http://here'}):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout.readline() == b"held\n"

    with pytest.raises(CannotGoOn, match="http://here"), sole_launcher(tmp_path, {}):
        pass
    holder.communicate()

    require_no_launcher(tmp_path)
