"""Rasa's server processes: how one is started, and how to know that it serves what was asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic

import httpx

from bot.domain.errors import ConfigurationError, NluUnavailable
from bot.nlu.wire import Status, read_parse, read_status

logging.getLogger("httpx").setLevel(logging.WARNING)  # its INFO lines hold the token, in the URL

WARM_UP = ("Où est mon colis 4812077 ?", "How do I return a cream?")
_PAUSE = 0.2


def nlu_command(rasa_project: Path, model: Path, port: int, *, log_file: Path | None = None) -> list[str]:
    """The command line of a server on 127.0.0.1:``port``; give it :func:`nlu_environment`.

    It has no input channel and does not start without a token. Launch it so that it dies with its
    parent (``python -m bot.launch``).

    Raises:
        ConfigurationError: Rasa's environment or the model is missing. (Rasa itself would serve
            another model without a word.)
    """
    python = rasa_project / ".venv" / "bin" / "python"
    if not python.exists():
        raise ConfigurationError(f"Rasa is not installed: {python} is missing; run `make install`.")
    if not model.is_file():
        raise ConfigurationError(f"The model {model} is missing; run `guichet nlu train`.")
    command = [str(python.absolute()), str((rasa_project / "run_rasa.py").absolute()), "run", "--enable-api"]
    command += ["--model", str(model.absolute()), "--interface", "127.0.0.1", "--port", str(port)]
    command += ["--credentials", "credentials.yml", "--response-timeout", "10"]
    return command + (["--log-file", str(log_file.absolute())] if log_file else [])


def nlu_environment(base: Mapping[str, str], token: str) -> dict[str, str]:
    """The environment of a server: ``base`` without what concerns our own Python, and the token.

    The token travels here because command lines can be read by every user of the machine.
    """
    ours = ("PYTHON", "VIRTUAL_ENV", "GUICHET_", "UV_")
    kept = {name: value for name, value in base.items() if not name.startswith(ours)}
    return {**kept, "GUICHET_NLU_TOKEN": token, "PYTHONUNBUFFERED": "1"}


async def wait_ready(url: str, token: str, model: Path, timeout: float = 60.0) -> str:
    """Wait until the server at ``url`` serves ``model``, then warm it up; returns the model's id.

    Raises:
        NluUnavailable: it did not within ``timeout`` seconds, or it serves another model.
    """
    until = monotonic() + timeout
    async with httpx.AsyncClient(params={"token": token}, timeout=2.0, trust_env=False) as client:
        status = await _first_status(client, url, until)
        if Path(status.model_file).name != model.name:
            raise NluUnavailable(f"{url} serves {status.model_file or 'no model'}, not {model.name}")
        for text in WARM_UP:
            await _check_parse(client, url, text, status.model_id)
    return status.model_id


async def _first_status(client: httpx.AsyncClient, url: str, until: float) -> Status:
    while True:
        status = await server_status(client, url)
        if status is not None:
            return status
        if monotonic() > until:
            raise NluUnavailable(f"{url} is not ready in time")
        await asyncio.sleep(_PAUSE)


async def _check_parse(client: httpx.AsyncClient, url: str, text: str, model_id: str) -> None:
    try:
        response = await client.post(f"{url}/model/parse", json={"text": text}, timeout=10.0)
    except httpx.HTTPError as error:
        raise NluUnavailable(f"{url} does not parse") from error
    if response.status_code != httpx.codes.OK:
        raise NluUnavailable(f"{url} does not parse: status {response.status_code}")
    if read_parse(response.content, 0.0).model != model_id:
        raise NluUnavailable(f"{url} answers with another model than it reports")


async def server_status(client: httpx.AsyncClient, url: str) -> Status | None:
    """What a server says of itself, or None when it does not answer (yet).

    Raises:
        NluUnavailable: it answers, but refuses our token or is not Rasa.
    """
    try:
        response = await client.get(f"{url}/status")
    except httpx.HTTPError:
        return None
    if response.status_code == httpx.codes.UNAUTHORIZED:
        raise NluUnavailable(f"{url} refuses our token: something else may listen there")
    if response.status_code == httpx.codes.CONFLICT:  # Rasa's way to say that no model is loaded
        return None
    if response.status_code != httpx.codes.OK:
        raise NluUnavailable(f"{url} is not a Rasa server: status {response.status_code}")
    return read_status(response.content)


class LocalModelHost:
    """The ModelHost port over known base URLs, on this machine or elsewhere."""

    def __init__(self, urls: Sequence[str], token: str) -> None:
        self._urls = [url.rstrip("/") for url in urls]
        self._token = token

    async def replicas(self) -> list[str]:
        """Base URLs of the servers that answer with a loaded model, within 2 s."""
        async with httpx.AsyncClient(params={"token": self._token}, timeout=2.0, trust_env=False) as client:
            answers = await asyncio.gather(
                *(server_status(client, url) for url in self._urls), return_exceptions=True
            )
        return [url for url, answer in zip(self._urls, answers, strict=True) if isinstance(answer, Status)]
