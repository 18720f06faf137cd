"""Facts to put into a record, with as little to say as a test needs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.domain.facts import Fact, FactBody, MessageLogged
from bot.domain.identity import ChatId
from bot.domain.ids import new_id
from bot.domain.message import Author

CHAT = ChatId("web", "main", "visitor-7f3a")
OTHER_CHAT = ChatId("telegram", "main", "555000111")
NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    """So long after noon."""
    return NOON + timedelta(seconds=seconds)


def fact(
    body: FactBody,
    *,
    id: str | None = None,  # noqa: A002
    at: datetime = NOON,
    chat: ChatId = CHAT,
    conversation: str | None = "c_1",
    model: str | None = None,
) -> Fact:
    """A fact of the chat's first conversation."""
    return Fact(id=id or new_id("f"), at=at, chat=chat, conversation=conversation, body=body, model=model)


def said(text: str, message_id: str = "m1", author: Author = Author.CUSTOMER) -> MessageLogged:
    """Somebody said something."""
    return MessageLogged(message_id=message_id, author=author, text=text)
