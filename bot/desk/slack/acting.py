"""What a press on a button, or a form that was sent in, tells; and how it becomes an event."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.desk.slack.authority import TROUBLE, code_of
from bot.desk.slack.context import Actor, Desk
from bot.desk.slack.intake import WRITTEN_DOWN_SECONDS, event_id
from bot.desk.slack.lanes import Lanes
from bot.desk.slack.names import unpacked
from bot.desk.slack.telling import Teller
from bot.desk.slack.wording import say
from bot.domain.events import AgentEvent
from bot.domain.identity import ChatId

log = structlog.get_logger(__name__)

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody acted; empty in a modal or on the Home page."""

    channel: str = ""
    thread: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """Somebody pressed a button or chose from a menu. ``id`` is the same when Slack tells it again."""

    id: str
    actor: Actor
    place: Place
    trigger: str
    conversation: str
    more: tuple[str, ...] = ()
    view: str = ""

    @classmethod
    def read(cls, body: Json, actor: Actor) -> Press:
        """From a ``block_actions`` payload; a menu's option names what it stands for first.

        Raises:
            KeyError: not shaped as Slack's are.
        """
        action, container = body["actions"][0], body.get("container") or {}
        conversation, *more = _said_by(action)
        view = str((body.get("view") or {}).get("id") or container.get("view_id") or "")
        where = str(container.get("message_ts") or view)
        what = f"{action['action_id']}:{action.get('action_ts', '')}"
        return cls(
            id=event_id(f"{where}:{what}:{actor.user}"),
            actor=actor,
            place=place_of(body),
            trigger=str(body.get("trigger_id") or ""),
            conversation=conversation,
            more=tuple(more),
            view=view,
        )


def _said_by(action: Json) -> list[str]:
    """The conversation a button or an option is about, and what else it says."""
    option = action.get("selected_option") or {}
    parts = unpacked(str(action.get("value") or option.get("value") or ""))
    return list(parts[1:] if option and len(parts) > 1 else parts)


async def is_in_place(desk: Desk, body: Json) -> bool:
    """Whether a button that was pressed in a conversation's thread is about that conversation: its value
    is not to be believed more than where it stands.

    Raises:
        StoreUnavailable: not known now.
    """
    place, container = place_of(body), body.get("container") or {}
    root = place.thread or str(container.get("message_ts") or "")
    thread = await desk.threads.at(place.channel, root) if place.channel and root else None
    named = _said_by((body.get("actions") or [{}])[0])[0]
    return thread is None or named in ("", thread.conversation)


def place_of(body: Json) -> Place:
    """Where a payload comes from."""
    container, message = body.get("container") or {}, body.get("message") or {}
    channel = str(container.get("channel_id") or (body.get("channel") or {}).get("id") or "")
    ts = container.get("thread_ts") or message.get("thread_ts")
    if not ts and body.get("type") != "block_actions":
        ts = message.get("ts")
    return Place(channel, str(ts or ""))


class Acts:
    """Makes what agents do durable, and opens what they asked for.

    Args:
        desk: where it goes.
        teller: tells them what became of it.
        lanes: the order of each channel, shared with its messages.
    """

    def __init__(self, desk: Desk, teller: Teller, lanes: Lanes) -> None:
        self.desk = desk
        self.teller = teller
        self._lanes = lanes

    async def chat(self, conversation: str) -> ChatId | None:
        """Whose conversation it is; None when nothing is kept of it any more.

        A card can be pressed before we have written down where it stands: it is looked for twice.

        Raises:
            StoreUnavailable: not known now.
        """
        found = await self._chat(conversation)
        if found is None and conversation:
            await asyncio.sleep(WRITTEN_DOWN_SECONDS)
            found = await self._chat(conversation)
        return found

    async def _chat(self, conversation: str) -> ChatId | None:
        thread = await self.desk.threads.of(conversation) if conversation else None
        if thread is not None:
            return thread.chat
        case = await self.desk.board.case(conversation) if conversation else None
        return case.chat if case else None

    async def append(self, event: AgentEvent, place: Place) -> None:
        """Take an event in, behind what was written in that channel before.

        Raises:
            StoreUnavailable: nothing was promised.
        """
        async with self._lanes.of(place.channel or str(event.chat)):
            await self.desk.inbox.append(event)

    def common(self, event: str, chat: ChatId, actor: Actor, conversation: str) -> dict[str, Any]:
        """What all events of an agent have."""
        now = self.desk.clock.now()
        return {"id": event, "chat": chat, "conversation": conversation, "at": now, "agent": actor.agent}

    def tell(self, actor: Actor, place: Place, key: str, **values: object) -> None:
        """Say something to the one who acted."""
        text = say(f"acts.{key}", actor.language, **values)
        self.teller.whisper(actor.user, text, channel=place.channel, thread=place.thread)

    async def open(self, press_or_shortcut: Json, view: Json, actor: Actor) -> bool:
        """Show a modal, on top of the one the button was in; says so when that was too late."""
        return await opened(self.desk.client, press_or_shortcut, view) or self._late(press_or_shortcut, actor)

    def _late(self, body: Json, actor: Actor) -> bool:
        self.tell(actor, place_of(body), "late")
        return False


async def opened(client: AsyncWebClient, body: Json, view: Json) -> bool:
    """Whether a modal could be shown: Slack's trigger is good once, and for three seconds."""
    inside = (body.get("view") or {}).get("type") == "modal"
    call = client.views_push if inside else client.views_open
    try:
        await call(trigger_id=str(body.get("trigger_id") or ""), view=dict(view))
    except TROUBLE as error:
        log.warning("slack.modal_not_opened", error=code_of(error))
        return False
    return True
