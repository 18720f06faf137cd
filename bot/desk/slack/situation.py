"""What is known of the conversation that an agent is looking at."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.desk.slack.context import Actor, Desk
from bot.desk.slack.shortening import is_shortened
from bot.domain.identity import ChatId
from bot.domain.message import Author
from bot.ports.board import Case, ThreadLine
from bot.ports.threads import Thread

_ORDER = re.compile(r"(?<![\d+])\d{7}(?!\d)")


@dataclass(frozen=True, slots=True)
class Situation:
    """A conversation as it stands. ``case`` is None when no desk keeps it any more."""

    conversation: str
    chat: ChatId
    case: Case | None
    lines: Sequence[ThreadLine]
    language: str

    @property
    def name(self) -> str:
        """What the customer calls themselves; may be empty."""
        return " ".join(self.case.card.profile.name.split())[:80] if self.case else ""

    @property
    def orders(self) -> tuple[str, ...]:
        """Order numbers in what was said, the last one first."""
        return orders_in(line.said.line.text for line in reversed(self.lines))

    def known(self, actor: Actor, desk: Desk) -> Mapping[str, str]:
        """What a saved reply's placeholders stand for here."""
        team = desk.teams.get(self.case.card.team) if self.case else None
        return {
            "customer": "" if is_shortened(self.name) else self.name,
            "agent": next(iter(actor.agent.name.split()), ""),
            "team": team.titles.get(self.language, team.name) if team else "",
            "order": next(iter(self.orders), ""),
        }

    def last_of_customer(self, before: str | None = None) -> ThreadLine | None:
        """The customer's last message, or their last one before the message of that id."""
        found: ThreadLine | None = None
        for line in self.lines:
            if line.said.line.message_id == before:
                break
            if line.said.line.author is Author.CUSTOMER and not line.deleted:
                found = line
        return found


async def situation(desk: Desk, actor: Actor, conversation: str) -> Situation | None:
    """The conversation of that id, or None when it is not known here.

    Raises:
        StoreUnavailable: not known now.
    """
    case = await desk.board.case(conversation)
    thread = await desk.threads.of(conversation)
    chat = thread.chat if thread else case.chat if case else None
    if chat is None:
        return None
    lines = await desk.board.thread(conversation)
    language = case.card.language if case and case.card.language else actor.language
    return Situation(conversation, chat, case, lines, language)


async def thread_of(desk: Desk, body: Mapping[str, Any]) -> Thread | None:
    """The conversation whose thread holds the message that a shortcut was used on.

    Raises:
        StoreUnavailable: not known now.
    """
    channel = str((body.get("channel") or {}).get("id") or "")
    message = body.get("message") or {}
    root = str(message.get("thread_ts") or message.get("ts") or "")
    return await desk.threads.at(channel, root) if channel and root else None


async def conversation_of(
    desk: Desk, actor: Actor, body: Mapping[str, Any], conversation: str | None
) -> Situation | None:
    """The conversation a button names, or the one that a shortcut's message stands in.

    Raises:
        StoreUnavailable: not known now.
    """
    if conversation is None:
        thread = await thread_of(desk, body)
        if thread is None:
            return None
        conversation = thread.conversation
    return await situation(desk, actor, conversation)


def orders_in(texts: Iterable[str]) -> tuple[str, ...]:
    """Order numbers in texts, each once."""
    return tuple(dict.fromkeys(number for text in texts for number in _ORDER.findall(text)))
