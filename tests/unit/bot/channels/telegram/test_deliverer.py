"""What leaves for Telegram, against a Bot API that answers as told."""

from __future__ import annotations

import json

import httpx
import pytest

from bot.channels.telegram.client import make_bot
from bot.channels.telegram.deliverer import TelegramDeliverer
from bot.channels.telegram.limits import UPLOAD_BYTES
from bot.domain.errors import DeliveryDelayed, DeliveryFailed, DeliveryRefused
from bot.domain.identity import ChatId
from bot.domain.message import Attachment, AttachmentKind, Author, Button
from bot.domain.outgoing import DeleteOut, EditOut, MediaFetch, MessageOut, Outgoing, Payload
from bot.ports.delivery import Delivered, Pacing
from tests.fakes.telegram import NOON, TOKEN, FakeFiles, FakeMessageMap, ScriptedApi, ok, refusal

CHAT = ChatId("telegram", "7", "42")
PHOTO = Attachment("p1", "flacon.jpg", "image/jpeg", 5, AttachmentKind.IMAGE, stored=True)
LONG = "mot " * 2000


class Counter:
    """Deliveries to one customer."""

    def __init__(self) -> None:
        self.api = ScriptedApi()
        self.messages = FakeMessageMap()
        self.files = FakeFiles(p1=b"pixels")
        self.pauses: list[float] = []
        self.deliverer = TelegramDeliverer(
            make_bot(TOKEN, transport=self.api), "7", self.messages, self.files, pause=self._pause
        )

    async def deliver(self, payload: Payload, *, doubtful: bool = False, chat: ChatId = CHAT) -> Delivered:
        entry = Outgoing(
            id="o1",
            destination=chat.destination,
            chat=chat,
            conversation="c1",
            epoch=1,
            at=NOON,
            payload=payload,
        )
        return await self.deliverer.deliver(entry, doubtful=doubtful)

    @property
    def methods(self) -> list[str]:
        return [method for method, _ in self.api.calls]

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


@pytest.fixture
def counter() -> Counter:
    return Counter()


def out(text: str = "Bonjour !", **more: object) -> MessageOut:
    return MessageOut(text=text, message_id="m1", **more)  # type: ignore[arg-type]


async def test_a_message_goes_out_as_plain_text_with_its_buttons(counter: Counter) -> None:
    sent = await counter.deliver(out("<b>Bonjour</b> *vous*", buttons=(Button("human", "Une personne"),)))
    assert sent == Delivered(platform_id="101")
    ((method, fields),) = counter.api.calls
    assert method == "sendMessage"
    assert (fields["chat_id"], fields["text"]) == ("42", "<b>Bonjour</b> *vous*")
    assert "parse_mode" not in fields
    board = [[{"text": "Une personne", "callback_data": "human"}]]
    assert json.loads(fields["reply_markup"]) == {"inline_keyboard": board}


async def test_it_says_where_it_delivers_and_how_fast(counter: Counter) -> None:
    assert counter.deliverer.destination == CHAT.destination == "telegram:7"
    assert counter.deliverer.pacing == Pacing(overall=30.0, per_chat=1.0)


async def test_a_message_over_the_limit_goes_out_in_parts_at_the_pace_of_a_chat(counter: Counter) -> None:
    sent = await counter.deliver(out(LONG))
    assert sent == Delivered(platform_id="101")
    assert counter.methods == ["sendMessage"] * 2
    assert counter.pauses == [1.0]


async def test_a_retry_continues_after_the_parts_that_were_sent(counter: Counter) -> None:
    counter.api.next("sendMessage", None, refusal(429, "Too Many Requests", retry_after=3))
    with pytest.raises(DeliveryDelayed) as delayed:
        await counter.deliver(out(LONG))
    assert (delayed.value.retry_after, delayed.value.everyone) == (3.0, True)
    sent = await counter.deliver(out(LONG))
    assert sent == Delivered(platform_id="101")
    texts = [fields["text"] for fields in counter.api.of("sendMessage")]
    assert texts[0] != texts[1] == texts[2]


async def test_after_doubt_a_message_known_to_be_sent_is_not_sent_again(counter: Counter) -> None:
    await counter.deliver(out())
    assert await counter.deliver(out(), doubtful=True) == Delivered(platform_id="101")
    assert counter.methods == ["sendMessage"]


async def test_after_doubt_any_other_is_sent_and_marked_as_maybe_a_duplicate(counter: Counter) -> None:
    assert await counter.deliver(out(), doubtful=True) == Delivered(platform_id="101", maybe_duplicate=True)


async def test_what_was_sent_counts_as_sent_though_its_number_could_not_be_kept(counter: Counter) -> None:
    counter.messages.down = True
    assert (await counter.deliver(out())).platform_id == "101"


async def test_files_follow_the_text(counter: Counter) -> None:
    await counter.deliver(out(attachments=(PHOTO,)))
    assert counter.methods == ["sendMessage", "sendPhoto"]
    assert b'filename="flacon.jpg"' in counter.api.bodies[1]
    assert b"pixels" in counter.api.bodies[1]


async def test_a_picture_telegram_does_not_take_as_a_photo_goes_as_a_document(counter: Counter) -> None:
    counter.api.next("sendPhoto", refusal(400, "Bad Request: PHOTO_INVALID_DIMENSIONS"))
    await counter.deliver(out("", attachments=(PHOTO,)))
    assert counter.methods == ["sendPhoto", "sendDocument"]
    assert b"pixels" in counter.api.bodies[1]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (out(" \n"), "empty"),
        (out("", attachments=(Attachment("gone", "x", "text/plain"),)), "file_gone"),
        (EditOut(message_id="m9", author=Author.AGENT, text="x"), "message_unknown"),
        (DeleteOut(message_id="m9", author=Author.AGENT), "message_unknown"),
        (MediaFetch(message_id="m9", attachment=PHOTO), "unsupported_payload"),
    ],
)
async def test_what_can_never_be_sent_is_refused_without_a_call(
    counter: Counter, payload: Payload, reason: str
) -> None:
    with pytest.raises(DeliveryRefused, match=f"^{reason}$"):
        await counter.deliver(payload)
    assert counter.methods == []


async def test_a_file_over_the_limit_is_refused(counter: Counter) -> None:
    counter.files.files["p1"] = b"x" * (UPLOAD_BYTES + 1)
    with pytest.raises(DeliveryRefused, match="file_too_large"):
        await counter.deliver(out("", attachments=(PHOTO,)))


async def test_a_chat_that_is_not_telegrams_is_refused(counter: Counter) -> None:
    with pytest.raises(DeliveryRefused, match="chat_not_found"):
        await counter.deliver(out(), chat=ChatId("telegram", "7", "someone"))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (refusal(403, "Forbidden: bot was blocked by the user"), "blocked"),
        (refusal(403, "Forbidden: user is deactivated"), "user_deactivated"),
        (refusal(403, "Forbidden: bot can't initiate conversation with a user"), "never_started"),
        (refusal(403, "Forbidden: something new"), "forbidden"),
        (refusal(400, "Bad Request: chat not found"), "chat_not_found"),
        (refusal(400, "Bad Request: something new"), "bad_request"),
        (refusal(400, "Bad Request: group upgraded", migrate_to_chat_id=-1005), "chat_migrated"),
    ],
)
async def test_a_final_refusal_is_told_in_our_words(
    counter: Counter, answer: httpx.Response, reason: str
) -> None:
    counter.api.next("sendMessage", answer)
    with pytest.raises(DeliveryRefused, match=f"^{reason}$"):
        await counter.deliver(out())


@pytest.mark.parametrize(
    ("answer", "doubtful"),
    [
        (httpx.ConnectError("no route"), False),
        (httpx.ConnectTimeout("no answer"), False),
        (httpx.PoolTimeout("busy"), False),
        (httpx.ReadTimeout("sent, no answer"), True),
        (httpx.ReadError("cut"), True),
        (httpx.RemoteProtocolError("cut"), True),
        (refusal(502, "Bad Gateway"), True),
        (httpx.Response(200, text="<html>"), True),
    ],
)
async def test_a_failure_is_doubtful_unless_nothing_was_sent_for_certain(
    counter: Counter, answer: httpx.Response | Exception, doubtful: bool
) -> None:
    counter.api.next("sendMessage", answer)
    with pytest.raises(DeliveryFailed) as failed:
        await counter.deliver(out())
    assert failed.value.doubtful is doubtful


async def test_a_doubt_of_an_earlier_attempt_stays(counter: Counter) -> None:
    counter.api.next("sendMessage", httpx.ConnectError("no route"))
    with pytest.raises(DeliveryFailed) as failed:
        await counter.deliver(out(), doubtful=True)
    assert failed.value.doubtful


async def test_a_refused_token_makes_everything_wait_and_is_named_nowhere(counter: Counter) -> None:
    counter.api.next("sendMessage", refusal(401, "Unauthorized"))
    with pytest.raises(DeliveryDelayed) as delayed:
        await counter.deliver(out())
    error: BaseException | None = delayed.value
    while error is not None:
        assert TOKEN not in repr(error)
        error = error.__cause__


async def test_an_edit_changes_the_message_that_was_sent(counter: Counter) -> None:
    await counter.deliver(out(author=Author.AGENT, attachments=(PHOTO,)))
    sent = await counter.deliver(EditOut(message_id="m1", author=Author.AGENT, text="Bonsoir !"))
    assert sent == Delivered(platform_id="101")
    method, fields = counter.api.calls[-1]
    assert (method, fields["message_id"], fields["text"]) == ("editMessageText", "101", "Bonsoir !")


async def test_an_edit_done_before_is_a_success(counter: Counter) -> None:
    await counter.deliver(out())
    counter.api.next("editMessageText", refusal(400, "Bad Request: message is not modified: …"))
    assert await counter.deliver(EditOut(message_id="m1", author=Author.AGENT, text="Bonjour !"))


async def test_an_edit_telegram_refuses_is_refused(counter: Counter) -> None:
    await counter.deliver(out())
    counter.api.next("editMessageText", refusal(400, "Bad Request: message can't be edited"))
    with pytest.raises(DeliveryRefused, match="not_editable"):
        await counter.deliver(EditOut(message_id="m1", author=Author.AGENT, text="Bonsoir !"))


async def test_a_long_message_can_become_short_and_a_short_one_long(counter: Counter) -> None:
    await counter.deliver(out(LONG))
    await counter.deliver(EditOut(message_id="m1", author=Author.AGENT, text="Court."))
    assert counter.methods[2:] == ["editMessageText", "deleteMessage"]
    await counter.deliver(MessageOut(text="Court.", message_id="m2"))
    await counter.deliver(EditOut(message_id="m2", author=Author.AGENT, text=LONG))
    assert counter.methods[-2:] == ["editMessageText", "sendMessage"]
    await counter.deliver(DeleteOut(message_id="m2", author=Author.AGENT))
    assert counter.methods[-2:] == ["deleteMessage", "deleteMessage"]


async def test_a_message_is_taken_back_with_its_files_and_only_once(counter: Counter) -> None:
    await counter.deliver(out(attachments=(PHOTO,)))
    gone = DeleteOut(message_id="m1", author=Author.AGENT)
    assert await counter.deliver(gone) == Delivered(platform_id="101")
    assert [fields["message_id"] for fields in counter.api.of("deleteMessage")] == ["101", "102"]
    counter.api.next("deleteMessage", refusal(400, "Bad Request: message to delete not found"), ok(True))
    assert await counter.deliver(gone, doubtful=True) == Delivered(platform_id="101")
