"""Domain values for tests, with what does not matter filled in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bot.domain.chat import Chat
from bot.domain.conversation import Conversation
from bot.domain.events import CustomerMessage
from bot.domain.facts import ErrorLogged, Fact
from bot.domain.identity import ChatId
from bot.domain.message import Author
from bot.domain.outgoing import MessageOut, Outgoing

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
LEA = ChatId("web", "main", "lea")


def message(
    text: str = "où est mon colis ?", *, chat: ChatId = LEA, number: int | str = 1, **more: Any
) -> CustomerMessage:
    return CustomerMessage(
        id=f"{chat}:{number}", chat=chat, at=NOW, message_id=str(number), text=text, **more
    )


def chat(of: ChatId = LEA, **changes: Any) -> Chat:
    fresh = Chat(id=of, contact_id="p_1", language="fr")
    opened = fresh.open(Conversation(id="c_1", opened_at=NOW))
    return replace(opened, **changes)


def answer(text: str = "Votre colis arrive.", *, to: ChatId = LEA, number: int = 1, **more: Any) -> Outgoing:
    values: dict[str, Any] = {
        "id": f"o_{number}",
        "destination": to.destination,
        "chat": to,
        "conversation": "c_1",
        "epoch": 1,
        "at": NOW,
        "payload": MessageOut(text=text, author=Author.BOT, message_id=f"m_{number}"),
    }
    return Outgoing(**{**values, **more})


def fact(number: int = 1, *, of: ChatId = LEA) -> Fact:
    return Fact(
        id=f"l_{number}", at=NOW, chat=of, conversation="c_1", body=ErrorLogged(where="test", error="none")
    )
