"""What a raw update means to us."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.channels.telegram.ingest import Ignored, InGroup, Outcome, Taken, Unreadable, read_update
from bot.domain.deadletter import DeadLetter
from bot.domain.events import (
    ButtonPress,
    Command,
    CustomerCommand,
    CustomerEdit,
    CustomerEvent,
    CustomerMessage,
    Event,
)
from bot.domain.identity import ChatId, Profile
from bot.domain.message import Attachment, AttachmentKind
from bot.engine.inbox import Inbox
from bot.ports.inbox import Appended
from bot.storage import codec
from tests.fakes.telegram import NOON, group_message, message, press, update

CHAT = ChatId("telegram", "7", "42")


def read(raw: object) -> Outcome:
    numbers = itertools.count(1)
    return read_update(raw, "7", NOON, lambda: f"f{next(numbers)}")


def taken(**kinds: object) -> CustomerEvent:
    outcome = read(update(**kinds))
    assert isinstance(outcome, Taken)
    return outcome.event


def test_a_text_is_a_message_of_the_customer() -> None:
    assert read(update(5, message=message("où est mon colis ?", message_id=12))) == Taken(
        CustomerMessage(
            id="telegram:7:5",
            chat=CHAT,
            at=NOON,
            message_id="12",
            profile=Profile("Inès Roy", "", "fr"),
            text="où est mon colis ?",
        )
    )


def test_the_same_update_is_the_same_event() -> None:
    raw = update(5, message=message("bonjour"))
    assert read(raw) == read(raw)


@pytest.mark.parametrize(
    ("text", "command", "argument"),
    [
        ("/start", Command.START, ""),
        ("/start parrain-42", Command.START, "parrain-42"),
        ("/help", Command.HELP, ""),
        ("/human", Command.HUMAN, ""),
        ("/human@maison_alba_bot", Command.HUMAN, ""),
        ("/language en", Command.LANGUAGE, "en"),
        ("/language", Command.LANGUAGE, ""),
        ("/privacy", Command.PRIVACY, ""),
    ],
)
def test_our_commands_are_commands(text: str, command: Command, argument: str) -> None:
    event = taken(message=message(text))
    assert isinstance(event, CustomerCommand)
    assert (event.command, event.argument) == (command, argument)


@pytest.mark.parametrize(
    "text",
    ["/restart", '/faq{"x":1}', "/help me please", "/start à demain", "/language de", "/", "@bot", "👍"],
)
def test_any_other_text_is_a_message_word_for_word(text: str) -> None:
    event = taken(message=message(text))
    assert isinstance(event, CustomerMessage)
    assert event.text == text


@pytest.mark.parametrize(
    "text",
    ["<b>gras</b> *étoiles* _tirets_", "שלום \u200f", "a\u200bb", "nul\x00", "seule \ud800", "x" * 1_000_000],
)
def test_odd_texts_are_passed_on_whole_to_be_cleaned_by_the_inbox(text: str) -> None:
    event = taken(message=message(text))
    assert isinstance(event, CustomerMessage)
    assert event.text == text


def test_of_a_photo_the_largest_size_is_kept_and_its_caption_is_the_text() -> None:
    sizes = [
        {"file_id": "small", "file_unique_id": "s", "width": 90, "height": 90, "file_size": 900},
        {"file_id": "large", "file_unique_id": "l", "width": 1280, "height": 960, "file_size": 90_000},
        {"file_id": "medium", "file_unique_id": "m", "width": 320, "height": 240, "file_size": 9_000},
    ]
    event = taken(message=message(photo=sizes, caption="abîmé"))
    assert isinstance(event, CustomerMessage)
    assert event.text == "abîmé"
    photo = Attachment("f1", "photo.jpg", "image/jpeg", 90_000, AttachmentKind.IMAGE, "large")
    assert event.attachments == (photo,)


@pytest.mark.parametrize(
    ("kind", "file", "expected"),
    [
        (
            "document",
            {"file_name": "facture.pdf", "mime_type": "application/pdf", "file_size": 7},
            Attachment("f1", "facture.pdf", "application/pdf", 7, AttachmentKind.DOCUMENT, "F"),
        ),
        ("document", {}, Attachment("f1", "document", "application/octet-stream", 0, source="F")),
        (
            "document",
            {"file_name": "../../etc/passwd\n", "mime_type": "text/html; x"},
            Attachment("f1", "passwd", "application/octet-stream", 0, source="F"),
        ),
        ("voice", {"duration": 3}, Attachment("f1", "voice.ogg", "audio/ogg", 0, AttachmentKind.VOICE, "F")),
        (
            "audio",
            {"mime_type": "audio/mp4", "file_name": "a.m4a"},
            Attachment("f1", "a.m4a", "audio/mp4", 0, AttachmentKind.AUDIO, "F"),
        ),
        ("video", {}, Attachment("f1", "video.mp4", "video/mp4", 0, AttachmentKind.VIDEO, "F")),
        ("video_note", {}, Attachment("f1", "video.mp4", "video/mp4", 0, AttachmentKind.VIDEO, "F")),
    ],
)
def test_files_become_attachments_to_fetch_later(
    kind: str, file: dict[str, object], expected: Attachment
) -> None:
    event = taken(message=message(**{kind: {"file_id": "F", "file_unique_id": "u", **file}}))
    assert isinstance(event, CustomerMessage)
    assert event.attachments == (expected,)


def test_an_animation_is_one_file_though_telegram_says_it_twice() -> None:
    file = {"file_id": "F", "file_unique_id": "u", "mime_type": "video/mp4"}
    event = taken(message=message(animation=file, document=file))
    assert isinstance(event, CustomerMessage)
    assert [attachment.name for attachment in event.attachments] == ["animation.mp4"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"sticker": {"file_id": "s", "emoji": "🙂"}}, "sticker"),
        ({"location": {"latitude": 48.8, "longitude": 2.3}}, "location"),
        ({"location": {}, "venue": {"title": "Boutique"}}, "venue"),
        ({"contact": {"phone_number": "+33…"}}, "contact"),
        ({"poll": {"id": "1"}}, "poll"),
        ({"hologram": {}}, "unknown"),
    ],
)
def test_what_we_cannot_read_is_kept_for_a_person_under_its_name(
    content: dict[str, object], kind: str
) -> None:
    event = taken(message=message(**content))
    assert isinstance(event, CustomerMessage)
    assert event.text == ""
    assert event.attachments == (Attachment("f1", kind, f"application/x-telegram-{kind}"),)


def test_parts_of_an_album_say_so() -> None:
    photo = [{"file_id": "p", "file_unique_id": "u", "width": 1, "height": 1}]
    event = taken(message=message(photo=photo, media_group_id="g9"))
    assert isinstance(event, CustomerMessage)
    assert event.album == "g9"


def test_an_edit_is_an_edit_and_not_a_new_message() -> None:
    event = taken(edited_message=message("bonsoir", message_id=12, edit_date=2))
    assert isinstance(event, CustomerEdit)
    assert (event.edited_id, event.text) == ("12", "bonsoir")
    assert event.message_id != "12"


def test_an_edited_caption_is_an_edit_and_a_moving_location_is_nothing() -> None:
    caption = taken(edited_message=message(caption="flacon cassé", photo=[]))
    assert isinstance(caption, CustomerEdit)
    assert caption.text == "flacon cassé"
    assert read(update(edited_message=message(location={}))) == Ignored("edit_without_text")


def test_a_button_press_names_the_button_and_is_to_be_answered() -> None:
    outcome = read(update(8, callback_query=press("yes:faq_vegan", query="q7")))
    assert isinstance(outcome, Taken)
    assert outcome.callback == "q7"
    assert isinstance(outcome.event, ButtonPress)
    assert (outcome.event.button, outcome.event.chat, outcome.event.id) == (
        "yes:faq_vegan",
        CHAT,
        "telegram:7:8",
    )


def test_the_button_to_a_person_is_the_command() -> None:
    event = taken(callback_query=press("human"))
    assert isinstance(event, CustomerCommand)
    assert event.command is Command.HUMAN


def test_a_press_that_tells_us_nothing_is_still_answered() -> None:
    assert read(update(callback_query=press(None))) == Ignored("press_without_message", "q1")


def test_groups_are_told_apart() -> None:
    assert read(update(message=group_message(group=-5))) == InGroup(-5)
    joined = {"chat": {"id": -5, "type": "group"}, "new_chat_member": {"status": "member"}}
    assert read(update(my_chat_member=joined)) == InGroup(-5)
    gone = {**joined, "new_chat_member": {"status": "kicked"}}
    assert read(update(my_chat_member=gone)) == Ignored("left_group")
    assert read(update(edited_message=group_message())) == Ignored("group_edit")
    channel = message("publié", chat={"id": -6, "type": "channel"})
    assert read(update(message=channel)) == Ignored("not_a_private_chat")


def test_being_blocked_is_knowingly_ignored() -> None:
    blocked = {"chat": {"id": 42, "type": "private"}, "new_chat_member": {"status": "kicked"}}
    assert read(update(my_chat_member=blocked)) == Ignored("blocked")


def test_kinds_without_use_are_ignored_and_unknown_kinds_are_for_staff_to_see() -> None:
    assert read(update(inline_query={"id": "1"})) == Ignored("unserved_kind")
    assert read(update(message=message(pinned_message={}))) == Ignored("service_message")
    assert read(update(hologram_call={"id": "1"})) == Unreadable("unknown_kind")
    assert read(update()) == Unreadable("unknown_kind")


@pytest.mark.parametrize(
    "raw",
    [
        None,
        [],
        "bonjour",
        {"message": message("sans numéro")},
        update(message={"message_id": 1}),
        update(message=message("x", message_id="1' OR 1=1")),  # type: ignore[arg-type]
        update(message={**message(), "text": {"not": "a text"}}),
        update(message=message(photo=[{"file_id": 3}])),
        update(2**80, message=message("x")),
        update(callback_query={"id": 1}),
    ],
)
def test_what_is_malformed_is_unreadable(raw: object) -> None:
    assert read(raw) == Unreadable("malformed")


ODD_TEXT = st.text(st.characters(codec=None), max_size=20) | st.sampled_from(["\ud800", "a\x00b", "x" * 600])

FIELDS = (
    *("update_id", "message", "edited_message", "callback_query", "my_chat_member", "new_chat_member"),
    *("message_id", "chat", "id", "type", "from", "first_name", "text", "caption", "media_group_id"),
    *("photo", "document", "sticker", "file_id", "file_size", "file_name", "mime_type", "data", "status"),
)

ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | ODD_TEXT
    | st.sampled_from(["private", "group", "/start", "human", "member"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(FIELDS) | st.text(max_size=5),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@given(ANY_JSON)
@settings(max_examples=200, deadline=None)
def test_no_json_makes_reading_fail(raw: object) -> None:
    assert isinstance(read(raw), Taken | InGroup | Ignored | Unreadable)


class EncodingStore:
    """Keeps nothing, but only takes what can be kept."""

    async def append(self, event: Event) -> Appended:
        assert codec.decode_event(codec.encode_event(event)) == event
        return Appended(new=True, speaker=None)

    async def park(self, letter: DeadLetter) -> None:
        codec.encode_letter(letter)


MESSAGE_FIELDS = sorted({*message("x"), "photo", "document", "voice", "caption", "media_group_id", "poll"})


@given(
    st.sampled_from(["message", "edited_message"]), st.dictionaries(st.sampled_from(MESSAGE_FIELDS), ANY_JSON)
)
@settings(max_examples=150, deadline=None)
def test_whatever_is_done_to_a_message_it_can_be_stored_or_is_unreadable(
    kind: str, damage: dict[str, object]
) -> None:
    outcome = read(update(**{kind: {**message("bonjour"), **damage}}))
    if isinstance(outcome, Taken):
        asyncio.run(Inbox(EncodingStore()).append(outcome.event))


@given(ODD_TEXT, ODD_TEXT)
@settings(max_examples=100, deadline=None)
def test_odd_names_are_stored_or_unreadable(one: str, other: str) -> None:
    file = {"file_id": one, "file_name": other, "mime_type": other}
    person = {"id": 42, "first_name": other, "username": other, "language_code": one}
    for raw in (
        update(message=message(other, document=file, media_group_id=one, **{"from": person})),
        update(callback_query={**press(one), "from": person}),
    ):
        outcome = read(raw)
        if isinstance(outcome, Taken):
            asyncio.run(Inbox(EncodingStore()).append(outcome.event))
        else:
            assert outcome == Unreadable("malformed")
