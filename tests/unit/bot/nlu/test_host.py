from __future__ import annotations

from pathlib import Path

import pytest

from bot.domain.errors import ConfigurationError, NluUnavailable
from bot.nlu.host import LocalModelHost, nlu_command, nlu_environment, wait_ready
from tests.fakes.rasa_server import fake_rasa, parsed

MODEL = Path("m1.tar.gz")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    return tmp_path


def test_the_command_holds_no_secret_and_listens_here_only(project: Path) -> None:
    model = project / "m.tar.gz"
    model.touch()
    command = nlu_command(project, model, 5005)
    assert command[command.index("--interface") + 1] == "127.0.0.1"
    assert command[command.index("--port") + 1] == "5005"
    assert "--auth-token" not in command
    assert "--cors" not in command


def test_a_missing_model_is_refused_since_rasa_would_serve_another(project: Path) -> None:
    with pytest.raises(ConfigurationError, match="guichet nlu train"):
        nlu_command(project, project / "missing.tar.gz", 5005)


def test_a_missing_rasa_is_said_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="make install"):
        nlu_command(tmp_path, MODEL, 5005)


def test_our_own_python_settings_and_secrets_do_not_reach_rasa() -> None:
    base = {"PATH": "/bin", "PYTHONPATH": "x", "GUICHET_TELEGRAM__TOKEN": "s", "VIRTUAL_ENV": "v"}
    environment = nlu_environment(base, "token")
    assert environment == {"PATH": "/bin", "GUICHET_NLU_TOKEN": "token", "PYTHONUNBUFFERED": "1"}


async def test_ready_means_the_model_that_was_asked_for_and_warm() -> None:
    async with fake_rasa() as rasa:
        assert await wait_ready(rasa.url, "t", MODEL) == "m1"
    assert rasa.texts


async def test_another_model_is_not_ready() -> None:
    async with fake_rasa() as rasa:
        with pytest.raises(NluUnavailable, match=r"m1\.tar\.gz"):
            await wait_ready(rasa.url, "t", Path("m2.tar.gz"))


async def test_a_stamp_that_differs_from_the_status_is_not_ready() -> None:
    async with fake_rasa(answer=lambda _: parsed("greet", "m0")) as rasa:
        with pytest.raises(NluUnavailable):
            await wait_ready(rasa.url, "t", MODEL)


async def test_a_refused_token_is_not_waited_for() -> None:
    async with fake_rasa(status=(401, b"{}")) as rasa:
        with pytest.raises(NluUnavailable, match="token"):
            await wait_ready(rasa.url, "t", MODEL)


async def test_waiting_ends() -> None:
    async with fake_rasa(status=(409, b"{}")) as rasa:
        with pytest.raises(NluUnavailable, match="in time"):
            await wait_ready(rasa.url, "t", MODEL, timeout=0.0)


async def test_the_host_lists_the_servers_that_answer() -> None:
    async with fake_rasa() as well, fake_rasa(status=(401, b"{}")) as foreign:
        assert await LocalModelHost([well.url, foreign.url, "http://127.0.0.1:1"], "t").replicas() == [
            well.url
        ]
