"""The connection to Slack's Web API, and its errors in our words.

Tokens and texts are never logged; the library's own logs hold both and are silenced.
"""

from __future__ import annotations

import logging

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.errors import DeliveryDelayed, DeliveryError, DeliveryFailed, DeliveryRefused

OFFICIAL_API = "https://slack.com/api/"
TIMEOUT = aiohttp.ClientTimeout(total=20, connect=10)
TOKEN_PAUSE = 15.0
"""Seconds between attempts while Slack refuses the token: only an operator can help."""

TOKEN_REFUSED = frozenset(
    {
        "invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "missing_scope",
        "org_login_required", "team_access_not_granted", "no_permission", "ekm_access_denied",
    }
)  # fmt: skip
PLACE_GONE = frozenset({"channel_not_found", "is_archived", "not_in_channel", "restricted_action"})
"""Nothing can be posted there, whoever asks again."""
ROOT_GONE = frozenset({"thread_not_found", "message_not_found", "cannot_reply_to_message"})
"""The message is not there any more."""
_BUSY = frozenset(
    {"internal_error", "fatal_error", "service_unavailable", "team_added_to_org", "request_timeout"}
)
_NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)


def make_client(token: str, api_base: str = OFFICIAL_API) -> AsyncWebClient:
    """A client with one session, which tries nothing again by itself. Call it where the event loop runs;
    ``await close_client(client)`` closes it.

    Args:
        token: the bot's, ``xoxb-…``.
        api_base: where the Web API is.
    """
    quiet = logging.getLogger("slack_sdk.quiet")
    for name in ("slack_sdk", "slack_bolt"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return AsyncWebClient(
        token=token,
        base_url=api_base,
        session=aiohttp.ClientSession(timeout=TIMEOUT),
        timeout=int(TIMEOUT.total or 20),
        retry_handlers=[],
        logger=quiet,
    )


async def close_client(client: AsyncWebClient) -> None:
    """Hang up."""
    if client.session is not None:
        await client.session.close()


def code_of(error: SlackApiError) -> str:
    """Slack's code for what went wrong, empty when there was no clear answer."""
    data = getattr(error.response, "data", None)
    code = data.get("error") if isinstance(data, dict) else None
    return code if isinstance(code, str) else ""


def translated(error: Exception) -> DeliveryError:
    """A failed call in our words. Reasons are Slack's codes: they hold no token and no text."""
    if isinstance(error, SlackApiError):
        return _translated_answer(error, code_of(error))
    if isinstance(error, _NEVER_SENT):
        return DeliveryFailed("unreachable")
    return DeliveryFailed("no_clear_answer", doubtful=True)


def _translated_answer(error: SlackApiError, code: str) -> DeliveryError:
    status = int(getattr(error.response, "status_code", 0) or getattr(error.response, "status", 0) or 0)
    if status == 429 or code in ("ratelimited", "rate_limited"):
        return DeliveryDelayed(_retry_after(error), everyone=False)
    if code in TOKEN_REFUSED:
        return DeliveryDelayed(TOKEN_PAUSE)
    if not code or status >= 500 or code in _BUSY:
        return DeliveryFailed(code or "no_clear_answer", doubtful=True)
    return DeliveryRefused(code)


def _retry_after(error: SlackApiError) -> float:
    headers = getattr(error.response, "headers", None) or {}
    try:
        return min(3600.0, max(1.0, float(headers.get("Retry-After", 1))))
    except (TypeError, ValueError):
        return 1.0
