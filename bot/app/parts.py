"""The pieces that roles are made of, from settings."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx

from bot.app.core import Core
from bot.app.telegram import open_telegram
from bot.channels.web.deliverer import WebDeliverer
from bot.channels.web.resume import ResumeMailer
from bot.desk.terminal.deliverer import BoardDeliverer
from bot.domain.chat import Chat
from bot.domain.errors import ConfigurationError, StoreUnavailable
from bot.knowledge.files import FileKnowledge
from bot.media.fetcher import MediaFetcher
from bot.media.store import FolderStore
from bot.nlu.client import RasaNlu
from bot.nlu.language import LinguaDetector
from bot.ports.delivery import Deliverer
from bot.ports.shop import Shop
from bot.settings import Settings
from bot.shop.file import FileShop
from bot.shop.http import HttpShop
from handlers.care import Care, Thresholds
from handlers.hours import opening_hours
from handlers.replies import Replies, load_replies

DESKS = ("terminal",)
FIRST_ATTEMPT = 0.6
"""Share of the parse budget that the first attempt may use."""
LANGUAGES = ("fr", "en")


# --- what the operator wrote ---------------------------------------------------------------------


def replies(settings: Settings) -> Replies:
    """The wording.

    Raises:
        ConfigurationError: a text is missing or wrong.
    """
    return load_replies(settings.config_dir / "replies", LANGUAGES)


def privacy(settings: Settings) -> dict[str, str]:
    """The privacy notice by language.

    Raises:
        ConfigurationError: it cannot be read.
    """
    paths = {language: settings.config_dir / "privacy" / f"{language}.md" for language in LANGUAGES}
    try:
        return {language: path.read_text(encoding="utf-8") for language, path in paths.items()}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The privacy notice cannot be read: {error}.") from error


def knowledge(settings: Settings) -> FileKnowledge:
    """The FAQ entries.

    Raises:
        ConfigurationError: a file cannot be read as entries.
    """
    return FileKnowledge(settings.rasa_project / "data")


async def care(core: Core, known: FileKnowledge, stack: AsyncExitStack) -> Care:
    """What handlers read.

    Raises:
        ConfigurationError: replies, hours, or the shop's address or file are wrong.
    """
    settings = core.settings
    numbers, hours = settings.understanding, settings.hours
    return Care(
        replies=replies(settings),
        knowledge=known,
        shop=await shop(settings, stack),
        hours=opening_hours(
            {team: days.model_dump() for team, days in hours.teams.items()},
            time_zone=hours.time_zone,
            country=hours.holidays or None,
        ),
        privacy_url=f"{settings.public_url}/chat/privacy",
        thresholds=Thresholds(
            answer_at=numbers.answer_at,
            ambiguous_within=numbers.ambiguous_within,
            protected_at=numbers.protected_at,
        ),
        idle_after=timedelta(minutes=settings.timeouts.idle_minutes),
        resume_email_enabled=_offers_mail(settings),
    )


def _offers_mail(settings: Settings) -> Callable[[Chat], bool]:
    mails = settings.smtp.url is not None
    return lambda chat: mails and chat.id.channel == "web"


async def shop(settings: Settings, stack: AsyncExitStack) -> Shop:
    """The shop's API, or the orders in a file.

    Raises:
        ConfigurationError: the address or the file is wrong.
    """
    if settings.shop.base_url is None:
        return FileShop(settings.shop.file)
    token = settings.shop.token.get_secret_value() if settings.shop.token else None
    return await stack.enter_async_context(HttpShop(settings.shop.base_url, token=token))


def media(settings: Settings) -> FolderStore:
    """Where files are kept."""
    return FolderStore(
        settings.media_folder,
        max_bytes=settings.media.max_mb * 1024 * 1024,
        keep_days=settings.retention.media,
    )


# --- understanding -------------------------------------------------------------------------------


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


async def nlu(settings: Settings, stack: AsyncExitStack) -> RasaNlu:
    """The client of the Rasa servers."""
    place, budget = nlu_place(settings), settings.nlu.budget
    client = RasaNlu(
        place.urls,
        place.token,
        first=budget * FIRST_ATTEMPT,
        total=budget,
        cache_size=settings.nlu.cache_size,
    )
    stack.push_async_callback(client.aclose)
    return client


async def nlu_answers(client: httpx.AsyncClient, place: NluPlace) -> bool:
    """Whether at least one Rasa server has a model and says so."""
    for url in place.urls:
        try:
            reply = await client.get(f"{url}/status", params={"token": place.token})
        except httpx.HTTPError:
            continue
        if reply.is_success:
            return True
    return False


def detector() -> LinguaDetector:
    """Tells French from English."""
    return LinguaDetector()


# --- on the way out ------------------------------------------------------------------------------


async def deliverers(core: Core, stack: AsyncExitStack) -> list[Deliverer]:
    """One for each destination that is configured.

    Raises:
        ConfigurationError: a token or an address is wrong.
    """
    settings = core.settings
    files = media(settings)
    found: list[Deliverer] = [
        WebDeliverer(settings.web.account, core.transcripts),
        BoardDeliverer(core.board),
    ]
    telegram = await stack.enter_async_context(open_telegram(core, replies(settings)))
    if telegram is not None:
        found.append(telegram.deliverer(files))
        found.append(MediaFetcher("telegram", telegram.files, files, core.inbox, core.clock))
    if settings.smtp.url is not None and settings.smtp.sender is not None:
        found.append(
            ResumeMailer(
                smtp_url=settings.smtp.url.get_secret_value(),
                sender=settings.smtp.sender,
                public_url=settings.public_url,
                brand=settings.web.brand,
                sessions=core.sessions,
                clock=core.clock,
            )
        )
    return found
