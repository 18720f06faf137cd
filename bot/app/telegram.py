"""The Telegram channel of one bot, put together once a process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from fastapi import APIRouter
from telegram import Bot

from bot.app.core import Core
from bot.channels.telegram.client import account_of, make_bot
from bot.channels.telegram.courtesies import Courtesies
from bot.channels.telegram.deliverer import TelegramDeliverer
from bot.channels.telegram.intake import Intake
from bot.channels.telegram.media import TelegramFiles
from bot.channels.telegram.menu import Menu
from bot.channels.telegram.polling import TelegramPoller
from bot.channels.telegram.webhook import DEFAULT_PATH, create_webhook, register_webhook
from bot.domain.errors import ConfigurationError, DeliveryError
from bot.domain.events import Command
from bot.ports.media import MediaStore
from bot.settings import Settings
from handlers.replies import Replies

log = structlog.get_logger(__name__)

LANGUAGES = ("fr", "en")
REGISTER_AGAIN = 30.0
"""Seconds between attempts to tell Telegram where our webhook is."""


@dataclass(frozen=True, slots=True)
class Telegram:
    """One bot; made by :func:`open_telegram`."""

    bot: Bot
    account: str
    core: Core
    replies: Replies
    courtesies: Courtesies
    files: TelegramFiles

    def intake(self) -> Intake:
        """What takes updates in."""
        return Intake(self.core.inbox, self.courtesies, self.account, self.core.clock)

    def poller(self) -> TelegramPoller:
        """What fetches updates. Only one may run: hold a lease."""
        return TelegramPoller(self.bot, self.intake(), menu=self._menu())

    def deliverer(self, media: MediaStore) -> TelegramDeliverer:
        """What sends."""
        return TelegramDeliverer(self.bot, self.account, self.core.messages, media)

    def webhook(self, secret: str) -> APIRouter:
        """What Telegram posts to.

        Raises:
            ConfigurationError: the secret is not one Telegram takes.
        """
        return create_webhook(self.intake(), secret)

    async def announce_webhook(self, settings: Settings, secret: str, stop: asyncio.Event) -> None:
        """Tell Telegram where to post, until it has understood.

        Raises:
            ConfigurationError: it does not take the address.
        """
        url = settings.telegram.webhook_url or f"{settings.public_url}{DEFAULT_PATH}"
        while not stop.is_set():
            try:
                await register_webhook(self.bot, url, secret, menu=self._menu())
                break
            except DeliveryError as error:
                log.warning("telegram.webhook_not_registered", error=str(error))
                await _pause(stop, REGISTER_AGAIN)
        await stop.wait()

    def _menu(self) -> Menu:
        return {
            language: {command: text(self.replies, command.value, language) for command in Command}
            for language in LANGUAGES
        }


@asynccontextmanager
async def open_telegram(core: Core, token: str, replies: Replies) -> AsyncIterator[Telegram]:
    """The channel of the bot with that token.

    Raises:
        ConfigurationError: the token does not look like one.
    """
    account = account_of(token)
    bot = make_bot(token, api_base=core.settings.telegram.api_base)
    courtesies = Courtesies(bot, account, core.messages, text(replies, "group", "fr"))
    files = TelegramFiles(bot)
    try:
        yield Telegram(bot, account, core, replies, courtesies, files)
    finally:
        await courtesies.close()
        await files.close()
        await bot.shutdown()


def text(replies: Replies, key: str, language: str) -> str:
    """What Telegram shows by itself.

    Raises:
        ConfigurationError: the key is missing.
    """
    found = replies.find(f"telegram.{key}", language)
    if found is None:
        raise ConfigurationError(
            f"config/replies/{language}.toml: the reply 'telegram.{key}' is missing; add it."
        )
    return found


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
