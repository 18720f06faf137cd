"""The commands Telegram lists beside the text field."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from telegram import Bot, BotCommand
from telegram.error import InvalidToken, TelegramError

from bot.domain.events import Command

log = structlog.get_logger(__name__)

Menu = Mapping[str, Mapping[Command, str]]
"""By language, what each command does; the first language is shown to speakers of any other."""


async def publish(bot: Bot, menu: Menu) -> None:
    """Tell Telegram, once a start. Failing to is no reason not to work.

    Raises:
        InvalidToken: nothing else will work either.
    """
    for number, (language, texts) in enumerate(menu.items()):
        commands = [BotCommand(command.value, text) for command, text in texts.items()]
        try:
            if number == 0:
                await bot.set_my_commands(commands)
            await bot.set_my_commands(commands, language_code=language)
        except InvalidToken:
            raise
        except TelegramError as error:
            log.warning("telegram.menu_not_published", language=language, error=type(error).__name__)
            return
