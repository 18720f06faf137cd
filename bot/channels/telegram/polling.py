"""Fetching updates ourselves: the offset advances only after every update of a batch is durable.

python-telegram-bot's own updater hands updates to a queue in memory and advances first: a crash
would lose them.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import structlog
from prometheus_client import Counter, Gauge
from telegram import Bot
from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError

from bot.channels.telegram.client import TOKEN_PAUSE, seconds
from bot.channels.telegram.intake import Intake, Received
from bot.channels.telegram.limits import ALLOWED_UPDATES
from bot.channels.telegram.menu import Menu, publish
from bot.domain.errors import StoreUnavailable

log = structlog.get_logger(__name__)

POLLED = Gauge("guichet_telegram_last_poll_timestamp_seconds", "When Telegram last answered a poll")
POLL_ERRORS = Counter("guichet_telegram_poll_errors", "Polls that failed, by kind of error", ["error"])

BATCH = 100
CONFLICT_PAUSE = 10.0
SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
READ_MARGIN = 10.0
SHORTEST_HOLD = 0.2
"""Seconds. A server that has nothing to say and says so at once, though asked to hold the poll, is not
asked again and again without a breath."""
CONFIRM_SECONDS = 3.0


class TelegramPoller:
    """Polls for one bot. Only one may run a token: the caller holds a lease around :meth:`run`.

    Args:
        bot: the client.
        intake: where updates go.
        menu: the commands Telegram shows beside the text field, by language.
        wait: how long Telegram holds a poll that has nothing to say, in whole seconds (0 to 50).
    """

    def __init__(self, bot: Bot, intake: Intake, *, menu: Menu | None = None, wait: int = 30) -> None:
        self._bot = bot
        self._intake = intake
        self._menu = menu or {}
        self._wait = wait
        self._offset: int | None = None
        self._failures = 0
        self._ready = False

    async def run(self, stop: asyncio.Event) -> None:
        """Poll until ``stop`` is set, through every failure of the network, Telegram and the store.

        Safe to cancel at any point: what was not confirmed comes again.
        """
        self._ready = False
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                await self._round(stopping)
            await self._confirm()
        finally:
            stopping.cancel()

    async def _round(self, stopping: asyncio.Task[Any]) -> None:
        polling, began = asyncio.create_task(self._poll()), asyncio.get_running_loop().time()
        try:
            await asyncio.wait((polling, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not polling.done():
                return
            updates = polling.result()
            await self._take(updates)
            self._failures = 0
            POLLED.set_to_current_time()
            if self._wait and not updates and asyncio.get_running_loop().time() - began < SHORTEST_HOLD:
                await asyncio.wait((stopping,), timeout=SHORTEST_HOLD)
        except (TelegramError, StoreUnavailable) as error:
            await asyncio.wait((stopping,), timeout=self._pause_after(error))
        finally:
            polling.cancel()
            with suppress(asyncio.CancelledError, TelegramError):
                await polling

    async def _poll(self) -> list[Any]:
        if not self._ready:
            await self._bot.delete_webhook(drop_pending_updates=False)
            await publish(self._bot, self._menu)
            self._ready = True
        return await self._fetch(limit=BATCH, wait=self._wait)

    async def _fetch(self, *, limit: int, wait: int) -> list[Any]:
        asked: dict[str, Any] = {"timeout": wait, "limit": limit, "allowed_updates": list(ALLOWED_UPDATES)}
        if self._offset is not None:
            asked["offset"] = self._offset
        updates = await self._bot.do_api_request("getUpdates", asked, read_timeout=wait + READ_MARGIN)
        return updates if isinstance(updates, list) else []

    async def _take(self, updates: Sequence[Any]) -> None:
        """All of them, chats side by side, each chat in order; then the offset may advance."""
        chats: dict[str, list[Received]] = {}
        for raw in updates:
            received = self._intake.read(raw)
            chats.setdefault(received.order, []).append(received)
        done = await asyncio.gather(*map(self._take_in_order, chats.values()), return_exceptions=True)
        for failure in filter(None, done):
            raise failure
        self._advance(updates)

    def _advance(self, updates: Sequence[Any]) -> None:
        ids = [raw["update_id"] for raw in updates if _has_id(raw)]
        if ids:
            self._offset = max(ids) + 1
        elif updates:  # they would come again at once, for ever
            raise TelegramError("updates without an id")

    async def _take_in_order(self, chat: Sequence[Received]) -> None:
        for received in chat:  # stops at the first that fails: none may overtake it
            await self._intake.take(received)

    async def _confirm(self) -> None:
        """Tell Telegram what the last batch was, so that it does not come again: the poll that
        would have told it may have been given up before it left."""
        if self._offset is not None:
            with suppress(TelegramError, TimeoutError):
                await asyncio.wait_for(self._fetch(limit=1, wait=0), timeout=CONFIRM_SECONDS)

    def _pause_after(self, error: TelegramError | StoreUnavailable) -> float:
        """Seconds to wait, with a word to the operator. The error's own text may hold the token."""
        self._failures += 1
        name = type(error).__name__
        POLL_ERRORS.labels(name).inc()
        match error:
            case Conflict():
                log.error(
                    "telegram.poll_conflict",
                    hint="another program polls with this bot's token, or has set a webhook: stop it",
                )
                self._ready = False
                return CONFLICT_PAUSE
            case InvalidToken():
                log.error("telegram.token_refused", hint="check GUICHET_TELEGRAM__TOKEN with @BotFather")
                return TOKEN_PAUSE
            case RetryAfter():
                return seconds(error)
        pause = backoff(self._failures, random.random())  # noqa: S311 - spreads load, guards nothing
        log.warning("telegram.poll_failed", error=name, attempt=self._failures, pause=round(pause, 1))
        return pause


def backoff(failures: int, chance: float) -> float:
    """Seconds to wait after so many failures in a row: doubling, capped, half of it by ``chance`` (0..1)."""
    longest = min(LONGEST_PAUSE, SHORTEST_PAUSE * 2.0 ** min(failures - 1, 10))
    return longest * (0.5 + chance / 2)


def _has_id(raw: object) -> bool:
    return isinstance(raw, dict) and type(raw.get("update_id")) is int and abs(raw["update_id"]) < 2**63
