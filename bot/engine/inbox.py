"""The one way in: whatever comes from outside is cleaned and masked here, before any write."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.domain.deadletter import DeadLetter, DeadLetterKind
from bot.domain.events import AgentEvent, AgentTransfer, CustomerEvent, Event, MediaFailed, MediaReady
from bot.domain.identity import Profile
from bot.domain.ids import derived_id
from bot.domain.message import Attachment
from bot.engine.masking import clean_json, clean_text
from bot.observability import metrics
from bot.ports.clock import Clock, SystemClock
from bot.ports.inbox import Appended
from bot.ports.store import InboxStore

TEXT_LIMIT = 8_000
AGENT_TEXT_LIMIT = 12_000
"""Agents are told that a text is too long by their desk, before; nothing they write is cut in silence."""
NAME_LIMIT = 120
PARKED_LIMIT = 64_000


class Inbox:
    """Implements ports.Inbox over a store."""

    def __init__(self, store: InboxStore, clock: Clock | None = None) -> None:
        self._store = store
        self._clock = clock or SystemClock()

    def clean(self, text: str) -> str:
        """The text as it will be kept, at most ``TEXT_LIMIT`` characters of it."""
        return clean_text(text)[:TEXT_LIMIT]

    async def append(self, event: Event) -> Appended:
        """Store an event, cleaned, once."""
        appended = await self._store.append(self._cleaned(event))
        metrics.events.labels(channel=event.chat.channel, new=appended.new).inc()
        return appended

    async def park(self, source: str, raw: str, error: str) -> None:
        """Keep a raw update that cannot be read, masked, where staff see it."""
        masked = clean_json(raw)[:PARKED_LIMIT]
        letter = DeadLetter(
            id=derived_id("u", source, raw),
            kind=DeadLetterKind.UPDATE,
            at=self._clock.now(),
            source=source,
            chat=None,
            error=error,
            payload=masked,
        )
        await self._store.park(letter)
        metrics.parked.labels(kind="update").inc()

    def _cleaned(self, event: Event) -> Event:
        changes: dict[str, Any] = {}
        limit = AGENT_TEXT_LIMIT if isinstance(event, AgentEvent) else TEXT_LIMIT
        for name in ("text", "argument", "button", "question", "answer"):
            if isinstance(value := getattr(event, name, None), str):
                changes[name] = clean_text(value)[:limit]
        attachments: tuple[Attachment, ...] = getattr(event, "attachments", ())
        if attachments:
            changes["attachments"] = tuple(
                replace(attachment, name=self._name(attachment.name)) for attachment in attachments
            )
        if isinstance(event, MediaReady | MediaFailed):
            changes["attachment"] = replace(event.attachment, name=self._name(event.attachment.name))
        if isinstance(event, CustomerEvent) and event.profile != Profile():
            changes["profile"] = replace(
                event.profile,
                name=self._name(event.profile.name),
                username=self._name(event.profile.username),
                locale=self._name(event.profile.locale),
            )
        if isinstance(event, AgentEvent):
            changes["agent"] = replace(event.agent, name=self._name(event.agent.name))
        if isinstance(event, AgentTransfer):
            changes["team"] = self._name(event.team)
        return replace(event, **changes) if changes else event

    def _name(self, name: str) -> str:
        return clean_text(name)[:NAME_LIMIT].replace("\n", " ")
