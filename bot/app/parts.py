"""Pieces that several roles, or commands, are made of."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from bot.app.core import Core
from bot.domain.errors import ConfigurationError
from bot.knowledge.files import FileKnowledge
from bot.media.store import FolderStore
from bot.settings import Settings
from handlers.replies import Replies, load_replies

if TYPE_CHECKING:
    from bot.app.telegram import Telegram

LANGUAGES = ("fr", "en")
_DAYS = re.compile(r"\{days:(\w+)\}")


def desks(settings: Settings) -> tuple[str, ...]:
    """The desks that follow every case: ours, and Slack when it is on."""
    return ("terminal", "slack") if settings.slack.bot_token is not None else ("terminal",)


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
        texts = {language: path.read_text(encoding="utf-8") for language, path in paths.items()}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The privacy notice cannot be read: {error}.") from error
    return {language: _with_days(text, settings, paths[language]) for language, text in texts.items()}


def _with_days(notice: str, settings: Settings, path: Path) -> str:
    """The notice says how long things are kept by naming the setting, ``{days:media}``: it cannot
    promise anything else than what is done."""
    kept = settings.retention.model_dump()

    def days(found: re.Match[str]) -> str:
        if found[1] not in kept:
            raise ConfigurationError(f"{path}: {found[0]} names no setting: write one of {', '.join(kept)}.")
        return str(kept[found[1]])

    return _DAYS.sub(days, notice)


def knowledge(settings: Settings) -> FileKnowledge:
    """The FAQ entries.

    Raises:
        ConfigurationError: a file cannot be read as entries.
    """
    return FileKnowledge(settings.rasa_project / "data")


def media(settings: Settings) -> FolderStore:
    """Where files are kept."""
    return FolderStore(
        settings.media_folder,
        max_bytes=settings.media.max_mb * 1024 * 1024,
        keep_days=settings.retention.media,
    )


async def telegram(core: Core, stack: AsyncExitStack) -> Telegram | None:
    """The Telegram channel, or None without a token. Its library takes long to load.

    Raises:
        ConfigurationError: the token does not look like one.
    """
    if core.settings.telegram.token is None:
        return None
    from bot.app.telegram import open_telegram

    token = core.settings.telegram.token.get_secret_value()
    return await stack.enter_async_context(open_telegram(core, token, replies(core.settings)))
