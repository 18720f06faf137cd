"""Where Rasa is: elsewhere, by the settings, or beside us, as the supervisor wrote down."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from bot.app.runner import Runner
from bot.domain.errors import NluUnavailable, StoreUnavailable
from bot.nlu.client import RasaNlu
from bot.nlu.host import LocalModelHost
from bot.settings import Settings

FIRST_ATTEMPT = 0.6
"""Share of the parse budget that the first attempt may use."""

STARTS_BY = "GUICHET_NLU_STARTS_BY"
"""Until then (Unix time) a Rasa that does not answer is taken to be starting, not down."""
LOOK_EVERY = 0.25


@dataclass(frozen=True, slots=True)
class NluPlace:
    """Where the Rasa servers are, and what lets us in."""

    urls: tuple[str, ...]
    token: str


def nlu_file(settings: Settings) -> Path:
    """Where the supervisor says which Rasa servers it runs."""
    return settings.data_dir / "secrets" / "nlu.json"


def write_nlu_place(settings: Settings, place: NluPlace) -> None:
    """Let this machine's other processes find Rasa."""
    path = nlu_file(settings)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({"urls": place.urls, "token": place.token}, file)
    fresh.replace(path)


def nlu_place(settings: Settings) -> NluPlace:
    """The Rasa servers of the settings, or those that run beside us.

    Raises:
        StoreUnavailable: none are configured, and Guichet does not run in the data directory.
    """
    if settings.nlu.urls and settings.nlu.token:
        return NluPlace(settings.nlu.urls, settings.nlu.token.get_secret_value())
    try:
        said = json.loads(nlu_file(settings).read_text())
        return NluPlace(tuple(said["urls"]), said["token"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreUnavailable(
            f"Guichet does not run in {settings.data_dir}: start it with `guichet run` or `make demo`."
        ) from error


async def client(settings: Settings, stack: AsyncExitStack) -> RasaNlu:
    """The client of the Rasa servers."""
    place, budget = nlu_place(settings), settings.nlu.budget
    made = RasaNlu(
        place.urls,
        place.token,
        first=budget * FIRST_ATTEMPT,
        total=budget,
        cache_size=settings.nlu.cache_size,
    )
    stack.push_async_callback(made.aclose)
    return made


async def check(settings: Settings) -> None:
    """Whether a Rasa server answers with a model.

    Raises:
        NluUnavailable: none does.
        StoreUnavailable: it is not known where they are.
    """
    place = nlu_place(settings)
    if not await LocalModelHost(place.urls, place.token).replicas():
        raise NluUnavailable("no Rasa server answers")


def once_it_answers(
    work: Runner,
    look: Callable[[], Awaitable[None]],
    starts_by: float,
    now: Callable[[], float] = time.time,
) -> Runner:
    """The same work, begun when Rasa answers, or at ``starts_by`` (Unix time) at the latest.

    Customers who write while everything starts are answered a little later rather than handed to a
    person. Afterwards a Rasa that is down is down, and they are told.

    Args:
        work: what needs Rasa.
        look: raises NluUnavailable while it does not answer.
        starts_by: see above.
        now: the present, as Unix time.
    """

    async def begun(stop: asyncio.Event) -> None:
        while not stop.is_set() and now() < starts_by:
            try:
                await look()
                break
            except (NluUnavailable, StoreUnavailable):
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), LOOK_EVERY)
        await work(stop)

    return begun
