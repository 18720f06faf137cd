"""What Slack sends to the app, and what it does when the app does not answer.

An event is delivered until the app confirms it: again at once, after a minute and after five (the published
schedule; ``retry_delays`` shortens it). What a person does is delivered once: not confirmed
within three seconds, the person sees an error. https://docs.slack.dev/apis/events-api/
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from tests.fakes.slack.records import Channel
    from tests.fakes.slack.stand_in import SlackStandIn

Json = dict[str, Any]


@dataclass
class Delivery:
    """One thing to tell the app. ``kind``: events_api, interactive or slash_commands."""

    kind: str
    key: str
    payload: Json
    begun: float = field(default_factory=time.time)
    attempts: list[float] = field(default_factory=list)
    acked: float | None = None
    response: Any = None
    given_up: bool = False
    confirmed: asyncio.Event = field(default_factory=asyncio.Event)

    def confirm(self, response: Any) -> bool:
        """The app took it; False when it had before."""
        if self.acked is not None:
            return False
        self.acked, self.response = time.time(), response
        self.confirmed.set()
        return True

    @property
    def about(self) -> str:
        """Such as ``message`` or ``block_actions``."""
        inner = self.payload.get("event", self.payload)
        return str(inner.get("type") or inner.get("command"))


@dataclass(frozen=True)
class Ack:
    """A confirmation. ``key`` is the event id (or the envelope's own); ``seconds`` after the last sending."""

    envelope_id: str
    key: str
    about: str
    when: float
    seconds: float
    attempt: int
    response: Any


@dataclass(frozen=True)
class Answer:
    """What came back for something a person did; ``error`` is what Slack shows them."""

    acked: bool
    response: Any = None
    error: str | None = None
    errors: Json = field(default_factory=dict)


class Transport(Protocol):
    """Socket Mode or HTTP."""

    async def attempt(self, delivery: Delivery, number: int, reason: str) -> str | None:
        """Deliver once; None when confirmed, else why not."""


class Events:
    """All deliveries, in the order they began."""

    def __init__(self, slack: SlackStandIn) -> None:
        self._slack = slack
        self.deliveries: list[Delivery] = []
        self.acks: list[Ack] = []
        self.subscribed: set[str] | None = None  # None: every event type

    def event(
        self, event: Json, *, channel: Channel | None = None, scope: str | None = None
    ) -> Delivery | None:
        """Tell the app of an event it may know of: subscribed, scope granted, member of the channel."""
        known = self._slack.workspace
        if self.subscribed is not None and event["type"] not in self.subscribed:
            return None
        if known.bot_token in known.revoked and event["type"] not in ("tokens_revoked", "app_uninstalled"):
            return None
        if (scope and scope not in known.scopes) or (channel and known.bot_user not in channel.members):
            return None
        return self.start("events_api", *self._callback(event, channel))

    def _callback(self, event: Json, channel: Channel | None) -> tuple[str, Json]:
        known = self._slack.workspace
        event_id = known.ids.new("Ev")
        payload = {
            "token": "verification-token-of-old",
            "team_id": known.team["id"],
            "context_team_id": known.team["id"],
            "context_enterprise_id": None,
            "api_app_id": known.app_id,
            "event": event,
            "type": "event_callback",
            "event_id": event_id,
            "event_time": int(float(event.get("event_ts") or time.time())),
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": known.team["id"],
                    "user_id": known.bot_user,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": bool(channel and channel.is_ext_shared),
            "event_context": "4-" + known.ids.token(40),
        }
        return event_id, payload

    def start(self, kind: str, key: str, payload: Json) -> Delivery:
        """Deliver in the background."""
        delivery = Delivery(kind, key, payload)
        self.deliveries.append(delivery)
        self._slack.spawn(self._insist(delivery))
        return delivery

    async def _insist(self, delivery: Delivery) -> None:
        reason: str | None = ""
        delays = (0.0, *self._slack.retry_delays)
        for number, delay in enumerate(delays):
            if number:
                await self._wait(delivery, delay)
            if delivery.acked is not None:
                return
            reason = await self._transport().attempt(delivery, number, reason or "")
            if reason is None or reason == "no_retry":
                delivery.given_up = reason is not None
                return
        delivery.given_up = delivery.acked is None

    async def _wait(self, delivery: Delivery, seconds: float) -> None:
        try:
            await asyncio.wait_for(delivery.confirmed.wait(), seconds)
        except TimeoutError:
            return

    async def interact(self, kind: str, payload: Json) -> Answer:
        """Something a person did: told once; the answer within three seconds, or an error."""
        delivery = Delivery(kind, self._slack.workspace.ids.token(12), payload)
        self.deliveries.append(delivery)
        failed = await self._transport().attempt(delivery, 0, "")
        if failed is not None:
            delivery.given_up = True
            return Answer(acked=False, error=failed if failed.startswith("http_") else "operation_timeout")
        return Answer(acked=True, response=delivery.response)

    def _transport(self) -> Transport:
        return self._slack.http if self._slack.http.request_url else self._slack.sockets

    def took(self, delivery: Delivery, envelope_id: str, response: Any) -> None:
        """Note a confirmation, late ones too."""
        if delivery.confirm(response):
            delivery.given_up = False
        now, sent = time.time(), delivery.attempts[-1]
        number = len(delivery.attempts) - 1
        self.acks.append(Ack(envelope_id, delivery.key, delivery.about, now, now - sent, number, response))

    @property
    def unacked(self) -> list[Delivery]:
        """What the app has not confirmed, whether Slack still tries or not."""
        return [each for each in self.deliveries if each.acked is None]

    @property
    def lost(self) -> list[Delivery]:
        """What the app never confirmed and Slack no longer tries."""
        return [each for each in self.deliveries if each.given_up]
