"""The connection to the Bot API, and its errors in our words.

The token is part of every address: it is never logged, and libraries that would are silenced.
"""

from __future__ import annotations

import logging
import warnings
from datetime import timedelta

import httpx
from telegram import Bot
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)
from telegram.request import HTTPXRequest
from telegram.warnings import PTBDeprecationWarning, PTBUserWarning

from bot.domain.errors import (
    ConfigurationError,
    DeliveryDelayed,
    DeliveryError,
    DeliveryFailed,
    DeliveryRefused,
)

OFFICIAL_API = "https://api.telegram.org"
CONNECTIONS = 64
POLL_CONNECTIONS = 2
TOKEN_PAUSE = 60.0
"""Seconds between attempts while Telegram refuses the token: only an operator can help."""

_BLOCKED = {
    "bot was blocked": "blocked",
    "user is deactivated": "user_deactivated",
    "can't initiate conversation": "never_started",
    "bot was kicked": "kicked",
}
_BAD = {
    "chat not found": "chat_not_found",
    "user not found": "chat_not_found",
    "peer_id_invalid": "chat_not_found",
    "message text is empty": "empty",
    "message is too long": "too_long",
    "message to edit not found": "message_gone",
    "message to delete not found": "message_gone",
    "message_id_invalid": "message_gone",
    "message can't be edited": "not_editable",
    "message can't be deleted": "not_deletable",
    "file is too big": "file_too_large",
}
# The request was not sent, for certain.
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


def make_bot(
    token: str, *, api_base: str = OFFICIAL_API, transport: httpx.AsyncBaseTransport | None = None
) -> Bot:
    """A client for one bot. Makes no call; ``await bot.shutdown()`` closes it.

    Args:
        token: from @BotFather.
        api_base: where the Bot API is; a self-hosted one works too.
        transport: how to reach it; httpx's own when None.

    Raises:
        ConfigurationError: the token does not look like one.
    """
    account_of(token)
    _keep_quiet()
    base = api_base.rstrip("/")
    kwargs = {"transport": transport} if transport else None
    return Bot(
        token,
        base_url=f"{base}/bot",
        base_file_url=f"{base}/file/bot",
        request=HTTPXRequest(
            CONNECTIONS,
            read_timeout=20,
            write_timeout=20,
            connect_timeout=10,
            pool_timeout=5,
            httpx_kwargs=kwargs,
        ),
        get_updates_request=HTTPXRequest(
            POLL_CONNECTIONS, connect_timeout=10, pool_timeout=5, httpx_kwargs=kwargs
        ),
    )


def account_of(token: str) -> str:
    """The bot's own id, which begins its token: the account in chat ids and destinations.

    Raises:
        ConfigurationError: the token does not look like one.
    """
    account, _, secret = token.partition(":")
    if not (account.isascii() and account.isdigit() and secret):
        raise ConfigurationError(
            "GUICHET_TELEGRAM__TOKEN is not a bot token: copy it whole from @BotFather, digits and colon too."
        )
    return account


def seconds(error: RetryAfter) -> float:
    """How long Telegram asks to wait."""
    wait = error.retry_after
    return wait.total_seconds() if isinstance(wait, timedelta) else float(wait)


def translated(error: TelegramError) -> DeliveryError:
    """A refused or failed send, in our words. Reasons hold no token and no message text."""
    match error:  # python-telegram-bot makes BadRequest and TimedOut kinds of NetworkError: order matters
        case RetryAfter():
            return DeliveryDelayed(seconds(error))
        case InvalidToken():
            return DeliveryDelayed(TOKEN_PAUSE)
        case ChatMigrated():
            return DeliveryRefused("chat_migrated")
        case Forbidden():
            return DeliveryRefused(_reason(error, _BLOCKED, "forbidden"))
        case BadRequest():
            return DeliveryRefused(_reason(error, _BAD, "bad_request"))
        case NetworkError() if isinstance(error.__cause__, _NEVER_SENT):
            return DeliveryFailed("unreachable")
    return DeliveryFailed("no_clear_answer", doubtful=True)


def _reason(error: TelegramError, known: dict[str, str], otherwise: str) -> str:
    text = error.message.lower()
    return next((reason for words, reason in known.items() if words in text), otherwise)


def _keep_quiet() -> None:
    for name in ("httpx", "httpcore", "telegram"):  # addresses with the token; updates with their text
        logging.getLogger(name).setLevel(logging.WARNING)
    # We fetch updates raw on purpose: one malformed update would make Bot.get_updates raise every time.
    warnings.filterwarnings("ignore", message="Please use 'Bot.getUpdates'", category=PTBUserWarning)
    # Both forms of retry_after are understood above.
    warnings.filterwarnings("ignore", message=".*`retry_after` will be", category=PTBDeprecationWarning)
