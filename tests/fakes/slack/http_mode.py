"""Events, presses and commands as signed HTTP requests to the app.

https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import aiohttp

from tests.fakes.slack.events import Delivery

if TYPE_CHECKING:
    from tests.fakes.slack.stand_in import SlackStandIn

Json = dict[str, Any]
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class HttpAnswer:
    """What the app's server said."""

    status: int
    body: str
    headers: dict[str, str]

    @property
    def payload(self) -> Any:
        """JSON if it is JSON, else the text, else None."""
        if not self.body:
            return None
        try:
            return json.loads(self.body)
        except ValueError:
            return self.body


def sign(secret: str, timestamp: str, body: str) -> str:
    """Slack's signature of a request, version 0."""
    base = f"v0:{timestamp}:{body}".encode()
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


class HttpMode:
    """Sends to ``request_url`` when it is set (Socket Mode is used otherwise)."""

    def __init__(self, slack: SlackStandIn) -> None:
        self._slack = slack
        self.request_url: str | None = None
        self.interactivity_url: str | None = None
        self.commands_url: str | None = None
        self._session: aiohttp.ClientSession | None = None

    def use(
        self, request_url: str, *, interactivity_url: str | None = None, commands_url: str | None = None
    ) -> None:
        """From now on by HTTP; one address serves for all unless others are given."""
        self.request_url = request_url
        self.interactivity_url, self.commands_url = interactivity_url, commands_url

    async def close(self) -> None:
        """The end of the test."""
        if self._session is not None:
            await self._session.close()

    async def attempt(self, delivery: Delivery, number: int, reason: str) -> str | None:
        """One request; confirmed by a 2xx within three seconds."""
        delivery.attempts.append(time.time())
        url, body, kind = self._request(delivery)
        extra = {}
        if delivery.kind == "events_api" and number:
            extra = {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": reason}
        try:
            answer = await asyncio.wait_for(
                self.post(body, kind, url=url, headers=extra), self._slack.ack_timeout
            )
        except TimeoutError:
            return "http_timeout"
        except aiohttp.ClientError:
            return "connection_failed"
        if 200 <= answer.status < 300:
            self._slack.events.took(delivery, delivery.key, answer.payload)
            return None
        if answer.headers.get("X-Slack-No-Retry") == "1":
            return "no_retry"
        return "http_error"

    def _request(self, delivery: Delivery) -> tuple[str | None, str, str]:
        if delivery.kind == "events_api":
            return self.request_url, json.dumps(delivery.payload), _JSON
        if delivery.kind == "slash_commands":
            return self.commands_url or self.request_url, urlencode(delivery.payload), _FORM
        body = urlencode({"payload": json.dumps(delivery.payload)})
        return self.interactivity_url or self.request_url, body, _FORM

    async def post(
        self,
        body: str,
        content_type: str = _JSON,
        *,
        url: str | None = None,
        secret: str | None = None,
        signature: str | None = None,
        age: float = 0,
        headers: Json | None = None,
    ) -> HttpAnswer:
        """A request of your own making. Forged: another ``secret`` or ``signature``. Stale: an ``age``."""
        stamp = str(int(time.time() - age))
        signed = (
            signature
            if signature is not None
            else sign(secret or self._slack.workspace.signing_secret, stamp, body)
        )
        sent = {
            "Content-Type": content_type,
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": signed,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            **(headers or {}),
        }
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession()
        target = url or self.request_url
        if target is None:
            raise ValueError("no request url: call http.use(…) first")
        async with self._session.post(
            target, data=body.encode(), headers=sent, allow_redirects=False
        ) as answer:
            text = await answer.text()
            return HttpAnswer(answer.status, text, dict(answer.headers))

    async def verify_url(self) -> bool:
        """Whether the app answers the challenge Slack sends when an address is entered."""
        challenge = self._slack.workspace.ids.token(40)
        body = {"token": "verification-token-of-old", "challenge": challenge, "type": "url_verification"}
        answer = await self.post(json.dumps(body))
        given = answer.payload
        return answer.status == 200 and challenge in (
            given,
            given.get("challenge") if isinstance(given, dict) else "",
        )
