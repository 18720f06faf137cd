"""The launcher: what it starts does not outlive whoever asked for it."""

from __future__ import annotations

import subprocess
import sys

LAUNCH = [sys.executable, "-m", "bot.launch"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*LAUNCH, *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_it_becomes_the_command() -> None:
    done = run("--", sys.executable, "-c", "print('here'); raise SystemExit(7)")
    assert (done.returncode, done.stdout.strip()) == (7, "here")


def test_it_does_not_start_for_a_parent_that_has_ended() -> None:
    done = run("--parent", "1", "--", sys.executable, "-c", "print('here')")
    assert done.returncode != 0
    assert done.stdout == ""


def test_a_command_that_does_not_exist_is_said_without_a_traceback() -> None:
    done = run("--", "/no/such/command")
    assert "No such file" in done.stderr
    assert "Traceback" not in done.stderr


def test_misuse_shows_how_to_use_it() -> None:
    for arguments in ([], ["--"], ["--nonsense", "--", "true"]):
        assert run(*arguments).stderr.startswith("usage:")
