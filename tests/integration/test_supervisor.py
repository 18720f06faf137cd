"""``guichet run`` and its companions as an operator meets them: real processes, no Rasa."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.cli.status import _look
from bot.settings import load_settings
from tests.servers import free_port

pytestmark = pytest.mark.slow

ROLES = {"web", "worker", "sender", "ingest", "archiver", "scheduler", "supervisor", "valkey"}
PATIENCE = 90.0


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


class Guichet:
    """A data directory, a port, and commands in them."""

    def __init__(self, home: Path) -> None:
        self.port = free_port()
        self.data_dir = home / "data dir"
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GUICHET_")},
            "GUICHET_DATA_DIR": str(self.data_dir),
            "GUICHET_WEB__PORT": str(self.port),
            # Rasa "elsewhere", and down: nothing here is about what a text means.
            "GUICHET_NLU__URLS": "http://127.0.0.1:1",
            "GUICHET_NLU__TOKEN": "none",
        }
        self.log = home / "run.log"

    def start(self, command: str = "run", **env: str) -> subprocess.Popen[bytes]:
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "bot.cli", command],
                env=self.env | env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def call(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bot.cli", *arguments],
            env=self.env | env,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def status(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.call("status", "--json").stdout)
        return said

    def pids(self) -> dict[str, int]:
        """As ``guichet status`` has them, without a process for each look: the tests look often."""
        with pytest.MonkeyPatch.context() as here:
            for name in [name for name in os.environ if name.startswith("GUICHET_")]:
                here.delenv(name)
            for name, value in self.env.items():
                here.setenv(name, value)
            processes, _ = asyncio.run(_look(load_settings()))
        return {process.role: process.pid for process in processes}

    def wait_for(self, running: subprocess.Popen[bytes], *, roles: set[str] = ROLES) -> dict[str, int]:
        def up() -> bool:
            assert running.poll() is None, self.log.read_text()
            return set(self.pids()) >= roles

        until(up, f"not all roles came up: {self.log.read_text()[-2000:]}")
        return self.pids()


@pytest.fixture(scope="module")
def guichet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Guichet, subprocess.Popen[bytes]]]:
    guichet = Guichet(tmp_path_factory.mktemp("guichet"))
    running = guichet.start()
    try:
        guichet.wait_for(running)
        yield guichet, running
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(30)
        finally:
            running.kill()


Running = tuple[Guichet, subprocess.Popen[bytes]]


def test_status_names_every_role_and_what_waits(guichet: Running) -> None:
    status = guichet[0].status()
    assert {process["role"] for process in status["processes"]} >= ROLES
    assert all(isinstance(process["pid"], int) and runs(process["pid"]) for process in status["processes"])
    assert set(status["backlog"]) == {"inbox", "outbox", "log", "timers", "dead"}
    assert guichet[0].call("status").returncode == 0


def test_the_web_process_is_alive_and_says_what_is_missing(guichet: Running) -> None:
    base = f"http://127.0.0.1:{guichet[0].port}"
    assert httpx.get(f"{base}/healthz").status_code == 200
    ready = httpx.get(f"{base}/readyz")
    assert ready.status_code == 503
    assert ready.json()["checks"] == {"store": "ok", "roles": "ok", "nlu": "NluUnavailable"}
    assert "guichet_turns_total" in httpx.get(f"{base}/metrics").text
    assert httpx.get(f"{base}/chat").status_code == 200


@pytest.mark.parametrize("command", [("run",), ("demo",), ("run", "--role", "web"), ("check-config",)])
def test_a_team_without_a_name_starts_nothing_at_all(tmp_path: Path, command: tuple[str, ...]) -> None:
    guichet = Guichet(tmp_path)
    file = tmp_path / "guichet.toml"
    file.write_text("[teams.care.hours]\nmonday = '09:00-19:00'\n[teams.logistics]\n")
    said = guichet.call(*command, GUICHET_CONFIG=str(file))
    assert said.returncode == 2
    assert "replies/fr.toml: the team 'logistics' has no name for customers" in said.stderr
    assert not (guichet.data_dir / "valkey").exists()


def test_a_second_one_in_the_same_data_directory_is_told_who_has_it(guichet: Running) -> None:
    refused = guichet[0].call("run", GUICHET_WEB__PORT=str(free_port()))
    assert refused.returncode == 2
    assert f"process {guichet[1].pid}" in refused.stderr
    assert "GUICHET_DATA_DIR" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_taken_port_is_named_with_another_that_is_free(guichet: Running, tmp_path: Path) -> None:
    refused = guichet[0].call("run", GUICHET_DATA_DIR=str(tmp_path))
    assert refused.returncode == 2
    assert f"Port {guichet[0].port}" in refused.stderr
    assert "GUICHET_WEB__PORT=" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_dead_letters_can_be_asked_for(guichet: Running) -> None:
    assert json.loads(guichet[0].call("deadletters", "list", "--json").stdout) == []
    missing = guichet[0].call("deadletters", "resend", "d_none")
    assert (missing.returncode, missing.stderr.strip()) == (1, "No such letter.")


@pytest.mark.parametrize("role", ["web", "worker", "archiver", "valkey"])
def test_what_is_killed_comes_back(guichet: Running, role: str) -> None:
    before = guichet[0].pids()[role]
    os.kill(before, signal.SIGKILL)

    def back() -> bool:
        pids = guichet[0].pids()
        return pids.get(role, before) != before and set(pids) >= ROLES

    until(back, f"{role} did not come back")
    assert httpx.get(f"http://127.0.0.1:{guichet[0].port}/healthz").status_code == 200


def test_logs_are_json_lines_in_a_file_a_process(guichet: Running) -> None:
    logs = {path.name for path in (guichet[0].data_dir / "logs").glob("*.log")}
    assert logs >= {"web.log", "worker+sender.log", "ingest+archiver+scheduler.log", "valkey.log"}
    for line in (guichet[0].data_dir / "logs" / "worker+sender.log").read_text().splitlines():
        assert json.loads(line)["event"]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_every_process(tmp_path: Path, signum: signal.Signals) -> None:
    guichet = Guichet(tmp_path)
    running = guichet.start("demo")
    pids = guichet.wait_for(running)
    # Processes are known a moment before all of them work, and longer on a busy machine.
    until(lambda: "Guichet is ready" in guichet.log.read_text(), "it did not become ready")
    running.send_signal(signum)
    assert running.wait(30) == 0
    assert not [role for role, pid in pids.items() if runs(pid)]
    assert "Traceback" not in guichet.log.read_text()
    nothing = guichet.call("status", "--json")
    assert (nothing.returncode, json.loads(nothing.stdout)["processes"]) == (3, [])


def test_nothing_outlives_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    guichet = Guichet(tmp_path)
    running = guichet.start()
    pids = guichet.wait_for(running)
    running.kill()
    running.wait()
    until(lambda: not [role for role, pid in pids.items() if runs(pid)], "something was left behind", 30)
    again = guichet.start()  # no stale lock is in the way
    try:
        guichet.wait_for(again)
    finally:
        again.send_signal(signal.SIGTERM)
        again.wait(30)
