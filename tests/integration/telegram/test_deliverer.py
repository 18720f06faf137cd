"""Given messages for customers, delivered to an emulated Bot API over HTTP."""

from __future__ import annotations

import pytest
from telegram import Bot

from bot.channels.telegram.client import make_bot
from bot.channels.telegram.deliverer import TelegramDeliverer
from bot.channels.telegram.media import TelegramFiles
from bot.domain.errors import DeliveryFailed, DeliveryRefused, MediaUnavailable
from bot.domain.identity import ChatId
from bot.domain.message import Attachment, AttachmentKind, Author, Button
from bot.domain.outgoing import DeleteOut, EditOut, MessageOut, Outgoing, Payload
from bot.ports.delivery import Delivered
from bot.storage.message_map import RedisMessageMap
from tests.fakes.telegram import NOON, FakeFiles
from tests.integration.telegram.conftest import Telegram
from tests.servers import free_port

CHAT = ChatId("telegram", "7", "42")


@pytest.fixture
def deliverer(bot: Bot, messages: RedisMessageMap) -> TelegramDeliverer:
    async def no_pause(_seconds: float) -> None: ...

    return TelegramDeliverer(bot, "7", messages, FakeFiles(p1=b"\xff\xd8photo", d1=b"%PDF-"), pause=no_pause)


async def deliver(
    deliverer: TelegramDeliverer, payload: Payload, *, chat: ChatId = CHAT, doubtful: bool = False
) -> Delivered:
    entry = Outgoing(
        id="o", destination="telegram:7", chat=chat, conversation="c", epoch=1, at=NOON, payload=payload
    )
    return await deliverer.deliver(entry, doubtful=doubtful)


async def test_a_conversation_as_telegram_takes_it(deliverer: TelegramDeliverer, telegram: Telegram) -> None:
    buttons = (
        Button("faq:return_cost", "Combien coûte un retour ?"),
        Button("yes:faq_return_how", "Oui"),
        Button("human", "Parler à une personne"),
    )
    files = (
        Attachment("p1", "flacon.jpg", "image/jpeg", 7, AttachmentKind.IMAGE, stored=True),
        Attachment("d1", "étiquette retour.pdf", "application/pdf", 5, stored=True),
    )
    await deliver(deliverer, MessageOut(text="Vous avez 30 jours 🙂", message_id="m1", buttons=buttons))
    await deliver(deliverer, MessageOut(text="🙂 mot " * 1500, message_id="m2", author=Author.AGENT))
    await deliver(deliverer, MessageOut(text="Voici.", message_id="m3", attachments=files))
    await deliver(deliverer, EditOut(message_id="m2", author=Author.AGENT, text="Plus court."))
    await deliver(deliverer, DeleteOut(message_id="m3", author=Author.AGENT))
    assert telegram.refused() == []
    assert [call["method"] for call in telegram.calls()] == [
        *("sendMessage",) * (1 + 3),
        *("sendMessage", "sendPhoto", "sendDocument"),
        *("editMessageText", "deleteMessage", "deleteMessage"),
        *("deleteMessage",) * 3,
    ]


async def test_after_doubt_it_is_sent_once_if_we_know_that_it_arrived(
    deliverer: TelegramDeliverer, telegram: Telegram
) -> None:
    first = await deliver(deliverer, MessageOut(text="Bonjour", message_id="m1"))
    assert await deliver(deliverer, MessageOut(text="Bonjour", message_id="m1"), doubtful=True) == first
    again = await deliver(deliverer, MessageOut(text="Bonjour", message_id="m2"), doubtful=True)
    assert again.maybe_duplicate
    assert len(telegram.calls("sendMessage")) == 2


async def test_a_chat_telegram_does_not_know_is_refused(deliverer: TelegramDeliverer) -> None:
    with pytest.raises(DeliveryRefused, match="chat_not_found"):
        await deliver(deliverer, MessageOut(text="x", message_id="m"), chat=ChatId("telegram", "7", "0"))


async def test_a_file_comes_back_as_it_was(deliverer: TelegramDeliverer, bot: Bot) -> None:
    file = Attachment("d1", "a.pdf", "application/pdf", 5, stored=True)
    await deliver(deliverer, MessageOut(text="", message_id="m1", attachments=(file,)))
    sent = await bot.send_document(42, b"%PDF-2", filename="b.pdf")
    assert sent.document
    files = TelegramFiles(bot)
    found = Attachment("f", "b.pdf", "application/pdf", source=sent.document.file_id)
    assert b"".join([chunk async for chunk in files.open(found)]) == b"%PDF-2"
    with pytest.raises(MediaUnavailable):
        _ = [chunk async for chunk in files.open(Attachment("f", "x", "image/png", source="nothing"))]
    await files.close()


async def test_telegram_out_of_reach_is_a_failure_without_doubt(messages: RedisMessageMap) -> None:
    bot = make_bot("7:x", api_base=f"http://127.0.0.1:{free_port()}")
    deliverer = TelegramDeliverer(bot, "7", messages, FakeFiles())
    with pytest.raises(DeliveryFailed) as failed:
        await deliver(deliverer, MessageOut(text="x", message_id="m"))
    assert not failed.value.doubtful
    await bot.shutdown()
