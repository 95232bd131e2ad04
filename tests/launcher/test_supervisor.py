import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from launcher.errors import CannotGoOn, StopRequested
from launcher.places import PROJECT


def test_programs_stop_in_the_reverse_of_their_order(stage):
    stage.supervisor.start(stage.dummy("first"))
    stage.supervisor.start(stage.dummy("second"))

    stage.supervisor.stop()

    assert stage.story == ["first starts", "second starts", "second stops", "first stops"]


def test_a_program_starts_only_when_the_one_before_is_ready(stage):
    stage.supervisor.start(stage.dummy("slow", 'time.sleep(0.3); write("slow is ready")'))
    stage.supervisor.start(stage.dummy("next"))

    assert stage.story == ["slow starts", "slow is ready", "next starts"]


def test_a_crashed_program_starts_again(stage):
    body = """
if len(open("story").readlines()) == 1:
    open("a.ready", "w").close()
    time.sleep(0.1)
    os._exit(7)
"""
    stage.supervisor.start(stage.dummy("a", body))

    stage.wait_until(lambda: len(stage.story) == 2)

    assert stage.story == ["a starts", "a starts"]
    assert "a ended with code 7" in stage.shown.getvalue()


def test_a_program_that_crashes_again_and_again_waits_longer_each_time(stage):
    body = 'open("a.ready", "w").close(); time.sleep(0.1); os._exit(1)'
    stage.supervisor.start(stage.dummy("a", body))

    stage.wait_until(lambda: stage.shown.getvalue().count("ended with") == 2)

    first, second = stage.shown.getvalue().split("ended with")[1:]
    assert "in 0.5 s" in first
    assert "in 1.0 s" in second


def test_a_program_that_cannot_start_is_named_with_the_end_of_its_log(stage):
    with pytest.raises(CannotGoOn) as failure:
        stage.supervisor.start(stage.dummy("broken", 'print("the cause"); sys.exit(3)'))

    assert "broken ended with code 3 before it was ready" in str(failure.value)
    assert "the cause" in str(failure.value)


def test_a_missing_program_is_named_without_a_traceback(stage):
    program = stage.dummy("absent")
    missing = type(program)(**{**program.__dict__, "command": ("/no/such/program",)})

    with pytest.raises(CannotGoOn, match="absent cannot be started"):
        stage.supervisor.start(missing)


def test_a_program_that_is_never_ready_is_given_up(stage):
    program = stage.dummy("mute", is_ready=lambda: False, ready_seconds=0.2)

    with pytest.raises(CannotGoOn, match="mute is not ready after 0 s"):
        stage.supervisor.start(program)


def test_a_program_with_several_attempts_may_fail_at_first(stage):
    body = 'len(open("story").readlines()) < 3 and sys.exit(1)'

    stage.supervisor.start(stage.dummy("a", body, attempts=3))

    assert stage.story == ["a starts"] * 3


def test_a_program_that_ignores_the_stop_is_killed(stage):
    body = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    stage.supervisor.start(stage.dummy("deaf", body, stop_seconds=0.3))

    stage.supervisor.stop()

    assert "deaf did not stop, killed" in stage.shown.getvalue()


def test_what_a_crashed_program_left_in_its_group_ends_too(stage):
    body = """
import subprocess
child = subprocess.Popen(["/bin/sleep", "60"])
open("child", "w").write(str(child.pid))
open("a.ready", "w").close()
time.sleep(0.1)
os._exit(1)
"""
    stage.supervisor.start(stage.dummy("a", body))

    stage.wait_until(lambda: "a ended" in stage.shown.getvalue())

    assert _ends_within(int((stage.folder / "child").read_text()), 2.0)


def test_a_request_to_stop_ends_the_waiting(stage):
    stage.supervisor.request_stop()

    with pytest.raises(StopRequested):
        stage.supervisor.start(stage.dummy("mute", is_ready=lambda: False))


def test_a_failing_step_is_named_with_what_it_printed(stage):
    command = (sys.executable, "-c", "print('half a line'); raise SystemExit(4)")

    with pytest.raises(CannotGoOn, match=r"(?s)load ended with code 4.*half a line"):
        stage.supervisor.step("load", command, {})


def test_a_step_returns_what_it_printed(stage):
    printed = stage.supervisor.step("load", (sys.executable, "-c", "print('{}')"), {})

    assert printed == "{}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="the system ends no orphans elsewhere")
def test_children_die_with_a_killed_launcher(tmp_path: Path):
    script = f"""
import sys, os
from pathlib import Path
from launcher.programs import Program
from launcher.supervisor import Supervisor
from launcher.terminal import Terminal
from launcher.roster import Roster
folder = Path({str(tmp_path)!r})
supervisor = Supervisor(logs=folder, terminal=Terminal(), roster=Roster(folder / "processes"))
program = Program("sleep", ("sleep", "60"), {{"PATH": os.environ["PATH"]}}, is_ready=lambda: True)
supervisor.start(program)
supervisor.watch()
"""
    launcher = subprocess.Popen([sys.executable, "-c", script], cwd=PROJECT, stdout=subprocess.PIPE)
    assert b"sleep" in launcher.stdout.readline()
    [[child, _]] = json.loads((tmp_path / "processes").read_text())

    launcher.kill()
    launcher.communicate()

    assert _ends_within(child, 2.0)


def test_a_signal_stops_all_in_order(stage):
    with stage.supervisor.heeding_signals():
        stage.supervisor.start(stage.dummy("a"), stage.dummy("b"))
        os.kill(os.getpid(), signal.SIGTERM)
        stage.supervisor.watch()
        stage.supervisor.stop()

    assert stage.story[2:] == ["b stops", "a stops"]


def _is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _ends_within(pid: int, seconds: float) -> bool:
    patience = time.monotonic() + seconds
    while _is_running(pid):
        if time.monotonic() > patience:
            return False
        time.sleep(0.02)
    return True
