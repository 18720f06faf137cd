"""What Telegram expects beside answers: "typing…", buttons that stop spinning, a word in groups.

Best effort and out of the way: a courtesy that fails is noted at debug level, and there are never
more than a few under way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from telegram import Bot
from telegram.constants import ChatAction
from telegram.error import TelegramError

from bot.channels.telegram.ingest import CHANNEL
from bot.domain.chat import Speaker
from bot.domain.errors import StoreUnavailable
from bot.domain.identity import ChatId
from bot.ports.message_map import MessageMap

log = structlog.get_logger(__name__)

AT_ONCE = 64
TYPING_SECONDS = 4.0
"""Telegram shows "typing…" for five seconds: no use in saying so again before."""

_KNOWN_TYPERS = 4096
_GROUP_NOTICE = "group-notice"


class Courtesies:
    """Small calls that nothing waits for.

    Args:
        bot: the client.
        account: the bot's name in our chat ids.
        messages: remembers in which groups the notice was said.
        group_notice: says that the bot answers in private chats only; sent as it is.
    """

    def __init__(self, bot: Bot, account: str, messages: MessageMap, group_notice: str) -> None:
        self._bot = bot
        self._account = account
        self._messages = messages
        self._group_notice = group_notice
        self._under_way: set[asyncio.Task[None]] = set()
        self._typed: dict[str, float] = {}

    def typing(self, chat: ChatId, speaker: Speaker | None) -> None:
        """Show that an answer is being made, when it is the bot that will make one."""
        if speaker in (Speaker.WAITING, Speaker.HUMAN) or not self._may_type(chat.user):
            return
        self._begin("typing", lambda: self._bot.send_chat_action(int(chat.user), ChatAction.TYPING))

    def answer(self, callback: str) -> None:
        """Tell Telegram that a press was taken."""
        self._begin("answer", lambda: self._bot.answer_callback_query(callback))

    def decline_group(self, place: int) -> None:
        """Say once, ever, that we do not talk in groups."""
        self._begin("group_notice", lambda: self._say_once(place))

    async def close(self) -> None:
        """Give up what is under way."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _say_once(self, place: int) -> None:
        group = ChatId(CHANNEL, self._account, str(place))
        if await self._messages.first_time(group, _GROUP_NOTICE):
            await self._bot.send_message(place, self._group_notice)

    def _may_type(self, user: str) -> bool:
        now = asyncio.get_running_loop().time()
        if now - self._typed.get(user, -TYPING_SECONDS) < TYPING_SECONDS:
            return False
        if len(self._typed) >= _KNOWN_TYPERS:
            self._typed = {who: when for who, when in self._typed.items() if now - when < TYPING_SECONDS}
        self._typed[user] = now
        return True

    def _begin(self, what: str, call: Callable[[], Coroutine[Any, Any, object]]) -> None:
        if len(self._under_way) >= AT_ONCE:
            log.debug("telegram.courtesy_skipped", what=what)
            return
        task = asyncio.create_task(_quietly(what, call()))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)


async def _quietly(what: str, call: Coroutine[Any, Any, object]) -> None:
    try:
        await call
    except (TelegramError, StoreUnavailable) as error:
        log.debug("telegram.courtesy_failed", what=what, error=type(error).__name__)
