"""HTTP mode: Slack posts to us. 200 only once it is durable; 503 and an event comes again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from http import HTTPStatus

import structlog
from fastapi import APIRouter, Request, Response
from prometheus_client import Counter
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier
from starlette.requests import ClientDisconnect

from bot.domain.errors import ConfigurationError

log = structlog.get_logger(__name__)

REFUSED = Counter("guichet_slack_webhook_refused", "Requests turned away, by status", ["status"])
BODY_BYTES = 1024 * 1024
"""More than Slack ever posts."""
BODY_SECONDS = 10.0
"""Slack itself gives up after three: whoever takes longer holds on to us."""
RETRY_SECONDS = "2"


def create_webhook(
    app: AsyncApp, signing_secret: str, *, path: str, body_seconds: float = BODY_SECONDS
) -> APIRouter:
    """The route Slack posts to: events, what people press and send in, commands. Signature and age are
    checked before anything of a request is read: what fails later is told to whoever it names.

    Raises:
        ConfigurationError: without a secret anybody could post.
    """
    if not signing_secret.strip():
        raise ConfigurationError(
            "GUICHET_SLACK__SIGNING_SECRET is not set: with slack.mode = http it proves that a request is "
            "Slack's; copy it from the app's Basic Information."
        )
    router = APIRouter()
    verifier = SignatureVerifier(signing_secret)

    @router.post(path, include_in_schema=False)
    async def receive(request: Request) -> Response:
        try:
            body = await asyncio.wait_for(_body(request), body_seconds)
        except (TimeoutError, ClientDisconnect):
            return _refused(HTTPStatus.REQUEST_TIMEOUT)
        if body is None:
            return _refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            return _refused(HTTPStatus.BAD_REQUEST)
        if "ssl_check=1" in text.split("&"):
            return Response(status_code=200)  # Slack looks at our certificate; it may not sign that
        if not _is_slacks(verifier, text, request):
            return _refused(HTTPStatus.UNAUTHORIZED)
        headers: dict[str, str | Sequence[str]] = dict(request.headers)
        try:
            asked = AsyncBoltRequest(body=text, headers=headers)
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            return _refused(HTTPStatus.BAD_REQUEST)
        answer = await app.async_dispatch(asked)
        if answer.status != HTTPStatus.OK:
            return _refused(HTTPStatus(answer.status))
        return Response(
            content=answer.body or "", status_code=200, headers=answer.first_headers_without_set_cookie()
        )

    return router


def _is_slacks(verifier: SignatureVerifier, body: str, request: Request) -> bool:
    """Whether Slack signed it, lately. Headers that cannot be read prove nothing."""
    given, at = (request.headers.get(f"x-slack-{name}", "") for name in ("signature", "request-timestamp"))
    try:
        return verifier.is_valid(body, at, given)
    except (ValueError, TypeError, OverflowError):
        return False


def _refused(status: HTTPStatus) -> Response:
    REFUSED.labels(str(int(status))).inc()
    if status is HTTPStatus.UNAUTHORIZED:
        log.warning("slack.signature_refused")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Response(status_code=503, headers={"Retry-After": RETRY_SECONDS})
    return Response(status_code=status)


async def _body(request: Request) -> bytes | None:
    """The body, or None when it is over the limit, of which no more is read."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES:
            return None
    return bytes(body)
