"""Updates posted by Telegram. 200 only once the update is durable; anything else and it comes again."""

from __future__ import annotations

import hmac
import json
import re
from http import HTTPStatus

import structlog
from fastapi import APIRouter, Request, Response
from prometheus_client import Counter
from telegram import Bot
from telegram.error import BadRequest, TelegramError

from bot.channels.telegram.client import translated
from bot.channels.telegram.intake import Intake
from bot.channels.telegram.limits import ALLOWED_UPDATES, UPDATE_BYTES, WEBHOOK_CONNECTIONS
from bot.channels.telegram.menu import Menu, publish
from bot.domain.errors import ConfigurationError, StoreUnavailable

log = structlog.get_logger(__name__)

REFUSED = Counter("guichet_telegram_webhook_refused", "Webhook calls turned away, by status", ["status"])

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the header's name
DEFAULT_PATH = "/telegram/webhook"
RETRY_SECONDS = "2"

_SECRET = re.compile(r"[A-Za-z0-9_-]{16,256}")


def create_webhook(intake: Intake, secret: str, *, path: str = DEFAULT_PATH) -> APIRouter:
    """The route Telegram posts to.

    Args:
        intake: where updates go.
        secret: what Telegram was told to send along: 16 to 256 letters, digits, ``_`` or ``-``.
        path: where it posts to.

    Raises:
        ConfigurationError: the secret is not one Telegram takes, or too short to be one.
    """
    check_secret(secret)
    router = APIRouter()

    @router.post(path, include_in_schema=False)
    async def receive(request: Request) -> Response:
        status = _admitted(request, secret)
        if status is HTTPStatus.OK:
            status = await _receive(request, intake)
        if status is not HTTPStatus.OK:
            REFUSED.labels(str(int(status))).inc()
        headers = {"Retry-After": RETRY_SECONDS} if status is HTTPStatus.SERVICE_UNAVAILABLE else None
        return Response(status_code=status, headers=headers)

    return router


async def register_webhook(bot: Bot, url: str, secret: str, *, menu: Menu | None = None) -> None:
    """Tell Telegram where to post. Doing it again changes nothing; waiting updates are kept.

    Raises:
        ConfigurationError: Telegram does not take the address, or the secret is not one.
        DeliveryError: Telegram could not be reached, or refuses the token: try again later.
    """
    check_secret(secret)
    try:
        await bot.set_webhook(
            url,
            secret_token=secret,
            allowed_updates=list(ALLOWED_UPDATES),
            max_connections=WEBHOOK_CONNECTIONS,
            drop_pending_updates=False,
        )
        await publish(bot, menu or {})
    except BadRequest as error:
        raise ConfigurationError(
            f"Telegram does not take the webhook address {url}: {error.message}. "
            "It must be a public https:// address on port 443, 80, 88 or 8443."
        ) from None
    except TelegramError as error:
        raise translated(error) from None


def check_secret(secret: str) -> None:
    """Raises:
    ConfigurationError: the secret is not one Telegram takes, or too short to be one.
    """
    if not _SECRET.fullmatch(secret):
        raise ConfigurationError(
            "GUICHET_TELEGRAM__WEBHOOK_SECRET must be 16 to 256 letters, digits, _ or -: "
            "make one with `openssl rand -hex 32`."
        )


def _admitted(request: Request, secret: str) -> HTTPStatus:
    given = request.headers.get(SECRET_HEADER)
    if given is None:
        return HTTPStatus.UNAUTHORIZED
    same = hmac.compare_digest(given.encode("utf-8", "surrogateescape"), secret.encode())
    return HTTPStatus.OK if same else HTTPStatus.FORBIDDEN


async def _receive(request: Request, intake: Intake) -> HTTPStatus:
    body = await _body(request)
    if body is None:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    try:
        await _take(body, intake)
    except StoreUnavailable:
        log.warning("telegram.webhook_not_taken")
        return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.OK


async def _take(body: bytes, intake: Intake) -> None:
    try:
        raw = json.loads(body)
    except (ValueError, RecursionError):  # it would come again for ever: kept for staff instead
        await intake.park(body.decode("utf-8", "replace"), "not_json")
        return
    await intake.take(intake.read(raw))


async def _body(request: Request) -> bytes | None:
    """The body, or None when it is over the limit, of which no more is read."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > UPDATE_BYTES:
            return None
    return bytes(body)
