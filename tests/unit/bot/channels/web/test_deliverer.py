"""From the outbox to a transcript, which is a fake here."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.channels.web.deliverer import WebDeliverer
from bot.channels.web.rendering import with_addresses
from bot.domain.errors import DeliveryFailed, DeliveryRefused, StoreUnavailable
from bot.domain.identity import ChatId
from bot.domain.ids import public_id
from bot.domain.message import Attachment, Author, Button
from bot.domain.outgoing import CaseDelete, DeleteOut, EditOut, MessageOut, Outgoing
from bot.ports.transcript import Added

CHAT = ChatId("web", "main", "visitor")


@dataclass
class Book:
    """Notes what is added."""

    result: Added = Added.NEW
    down: bool = False
    added: list[tuple[Any, ...]] = field(default_factory=list)

    async def _note(self, *what: Any) -> Added:
        if self.down:
            raise StoreUnavailable("down")
        self.added.append(what)
        return self.result

    append = edit = delete = _note


def entry(payload: Any) -> Outgoing:
    at = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
    return Outgoing(
        id="o1", destination="web:main", chat=CHAT, conversation=None, epoch=0, at=at, payload=payload
    )


async def test_a_message_is_added_under_its_own_id() -> None:
    book = Book()
    message = MessageOut(
        text="Bonjour",
        message_id="m1",
        reply_to="c1",
        author=Author.AGENT,
        author_name="Léa",
        buttons=(Button("faq:x", "Livraison"),),
        attachments=(
            Attachment("f1", "a.pdf", "application/pdf", 12, stored=True),
            Attachment("f2", "b", "x/y"),
        ),
    )
    delivered = await WebDeliverer("main", book).deliver(entry(message), doubtful=True)  # type: ignore[arg-type]
    assert (delivered.platform_id, delivered.maybe_duplicate) == ("m1", False)
    [(chat, key, frame)] = book.added
    assert (chat, key) == (CHAT, "s:m1")
    assert frame == {
        "type": "message",
        "id": "m1",
        "author": "agent",
        "name": "Léa",
        "text": "Bonjour",
        "buttons": [{"id": "faq:x", "label": "Livraison"}],
        "reply_to": "c1",
        "attachments": [{"id": "f1", "name": "a.pdf", "mime": "application/pdf", "size": 12}],
        "at": "2026-11-22T09:00:00+00:00",
    }


async def test_where_an_agent_wrote_it_is_no_business_of_the_customers() -> None:
    book, ours = Book(), "slack:C0CARE:1763800000.000100"
    deliverer = WebDeliverer("main", book)  # type: ignore[arg-type]
    for payload in (
        MessageOut(text="Bonjour", message_id=ours, author=Author.AGENT),
        EditOut(message_id=ours, author=Author.AGENT, text="Bonsoir"),
        DeleteOut(message_id=ours, author=Author.AGENT),
    ):
        delivered = await deliverer.deliver(entry(payload), doubtful=False)
        assert delivered.platform_id == public_id(ours)
    theirs = public_id(ours)
    assert not any("C0CARE" in repr(added) or "17638" in repr(added) for added in book.added)
    (_, key, said), (_, _, edited, edit), (_, _, deleted, delete) = book.added
    assert {key, edited, deleted} == {f"s:{theirs}"}
    assert {said["id"], edit["message"], delete["message"]} == {theirs}


async def test_edits_and_deletions_are_added_under_the_entrys_id() -> None:
    book = Book()
    deliverer = WebDeliverer("main", book)  # type: ignore[arg-type]
    await deliverer.deliver(
        entry(EditOut(message_id="m1", author=Author.AGENT, text="mieux")), doubtful=False
    )
    await deliverer.deliver(entry(DeleteOut(message_id="m1", author=Author.AGENT)), doubtful=False)
    assert [one[1:3] for one in book.added] == [("s:o1", "s:m1")] * 2
    assert [one[3]["type"] for one in book.added] == ["edit", "delete"]


async def test_an_edit_of_what_is_gone_is_refused_and_a_deletion_is_done() -> None:
    deliverer = WebDeliverer("main", Book(Added.NO_SUCH_MESSAGE))  # type: ignore[arg-type]
    with pytest.raises(DeliveryRefused, match="message_gone"):
        await deliverer.deliver(entry(EditOut(message_id="m", author=Author.BOT, text="x")), doubtful=False)
    await deliverer.deliver(entry(DeleteOut(message_id="m", author=Author.BOT)), doubtful=False)


async def test_what_is_not_for_a_customer_never_reaches_one() -> None:
    with pytest.raises(DeliveryRefused, match="not_for_a_chat"):
        await WebDeliverer("main", Book()).deliver(entry(CaseDelete(message_id="m")), doubtful=False)  # type: ignore[arg-type]


async def test_a_store_that_is_down_is_tried_again() -> None:
    with pytest.raises(DeliveryFailed) as failed:
        await WebDeliverer("main", Book(down=True)).deliver(entry(MessageOut(text="x")), doubtful=False)  # type: ignore[arg-type]
    assert failed.value.doubtful


def test_an_attachment_leaves_with_an_address_signed_for_it() -> None:
    frame = {"type": "message", "attachments": [{"id": "f/1", "name": "a"}]}
    assert with_addresses(frame, lambda file_id: f"P{file_id}")["attachments"][0]["url"] == (
        "/chat/files/f%2F1?pass=Pf/1"
    )
    assert "url" not in frame["attachments"][0]
