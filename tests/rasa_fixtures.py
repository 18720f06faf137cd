"""A real Rasa for tests: trained once for the files as they are, one server for the whole session."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest

from bot.knowledge.training import ensure_model
from bot.nlu.host import nlu_command, nlu_environment, wait_ready
from tests.servers import free_port

PROJECT = Path(__file__).resolve().parents[1] / "rasa_project"


T = TypeVar("T")


def apart(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end in a thread of its own: an asynchronous test may ask for these fixtures midway."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@pytest.fixture(scope="session")
def rasa_model() -> Path:
    """The model of the present files; trained (two minutes on an idle machine) if it is not there."""
    return apart(ensure_model(PROJECT))


@pytest.fixture(scope="session")
def rasa_token() -> str:
    """What lets us in."""
    return "a-token-for-tests"


@pytest.fixture(scope="session")
def rasa_url(rasa_model: Path, rasa_token: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a server with that model, warmed up; gone at the end, whatever happens."""
    port = free_port()
    log = tmp_path_factory.mktemp("rasa") / "rasa.log"
    command = [sys.executable, "-m", "bot.launch", "--signal", "KILL", "--"]
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*command, *nlu_command(PROJECT, rasa_model, port)],
            env={**nlu_environment(os.environ, rasa_token), "PYTHONPATH": str(PROJECT.parent)},
            cwd=PROJECT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        apart(wait_ready(url, rasa_token, rasa_model, timeout=180))
        yield url
    finally:
        server.kill()
        server.wait()
