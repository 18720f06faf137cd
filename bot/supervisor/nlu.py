"""Rasa's processes, as the supervisor sees them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import structlog

from bot.app.nlu import NluPlace
from bot.domain.errors import NluUnavailable
from bot.knowledge.training import ensure_model
from bot.nlu.host import nlu_command, nlu_environment, wait_ready
from bot.settings import Settings
from bot.supervisor.children import Process

T = TypeVar("T")

log = structlog.get_logger(__name__)

START_SECONDS = 120.0
"""What a server gets to load its model; importing TensorFlow for the first time takes its time."""
RETRY_PAUSE = 1.0
GRACE = 1.0
"""It keeps nothing: it need not be waited for."""


async def model_of(settings: Settings, say: Callable[[str], None], stop: asyncio.Event) -> Path | None:
    """The model of the present files, trained first if need be; None when told to stop meanwhile.

    Raises:
        ConfigurationError: the files do not make a model.
    """
    training = asyncio.ensure_future(ensure_model(settings.rasa_project, progress=say))
    return await until_stopped(training, stop)


def process(settings: Settings, model: Path, port: int, token: str, *, name: str) -> Process:
    """A Rasa server on a port of this machine.

    Raises:
        ConfigurationError: Rasa's environment or the model is missing.
    """
    return Process(
        name=name,
        command=tuple(nlu_command(settings.rasa_project, model, port)),
        env=nlu_environment(os.environ, token),
        inherit=False,
        cwd=settings.rasa_project,
        grace=GRACE,
        orphan_signal="KILL",
    )


async def answering(place: NluPlace, model: Path, stop: asyncio.Event) -> None:
    """Wait until every server serves the model, warmed up, however often it is started meanwhile."""
    for url in place.urls:
        while not stop.is_set():
            try:
                serving = asyncio.ensure_future(wait_ready(url, place.token, model, START_SECONDS))
                await until_stopped(serving, stop)
                break
            except NluUnavailable as error:
                log.warning("nlu.not_ready", error=str(error))
                await asyncio.sleep(RETRY_PAUSE)


async def until_stopped(work: asyncio.Future[T], stop: asyncio.Event) -> T | None:
    """The work's result; None when told to stop first: the work is then cancelled, and has ended."""
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((work, stopping), return_when=asyncio.FIRST_COMPLETED)
        return work.result() if work.done() else None
    finally:
        stopping.cancel()
        work.cancel()
        await asyncio.gather(work, stopping, return_exceptions=True)
