"""Frames to events: whatever a client sends, an Incoming or a Refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.web import ingest
from bot.channels.web.ingest import Customer, Incoming, Refused
from bot.domain.events import (
    ButtonPress,
    Command,
    CustomerCommand,
    CustomerDelete,
    CustomerEdit,
    CustomerMessage,
)
from bot.domain.identity import ChatId, Profile
from bot.domain.message import Attachment

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
CHAT = ChatId("web", "main", "visitor")
CUSTOMER = Customer(CHAT, Profile(locale="fr"), NOW, lambda text: text.replace("\x00", ""))

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
known_names = st.sampled_from(["type", "id", "text", "button", "label", "message", "attachments", "session"])
frames = st.dictionaries(known_names | st.text(max_size=8), anything | st.sampled_from(["c1", "message"]))


def outcome(read: Callable[[], Any]) -> Any:
    """What it gives, or the code it is refused with."""
    try:
        return read()
    except Refused as refused:
        return refused.code


@given(st.text() | anything.map(json.dumps) | frames.map(json.dumps))
def test_any_text_is_a_frame_or_refused(raw: str) -> None:
    frame = outcome(lambda: ingest.read_frame(raw))
    if isinstance(frame, str):
        assert frame in ("bad_frame", "too_long")
    else:
        assert isinstance(frame["type"], str)


@given(frames, st.sampled_from([ingest.message, ingest.press, ingest.edit, ingest.delete]))
def test_any_frame_becomes_an_event_of_its_own_chat_or_is_refused(frame: dict[str, Any], read: Any) -> None:
    incoming: Incoming | str = outcome(lambda: read(frame, CUSTOMER))
    if isinstance(incoming, str):
        assert incoming in ("bad_frame", "too_long", "empty")
        return
    assert incoming.event.chat == CHAT
    assert incoming.event.message_id == incoming.client_id == frame["id"]
    assert incoming.event.id == f"web:main:visitor:{frame['id']}"
    json.dumps(incoming.frame)


def test_a_message_carries_its_text_files_and_time() -> None:
    file = Attachment("f_1", "a.png", "image/png", 10, stored=True)
    incoming = ingest.message({"id": "c1", "text": "bon\x00jour"}, CUSTOMER, [file])
    assert incoming.event == CustomerMessage(
        id="web:main:visitor:c1",
        chat=CHAT,
        at=NOW,
        message_id="c1",
        profile=Profile(locale="fr"),
        text="bonjour",
        attachments=(file,),
    )
    assert incoming.frame is not None
    assert incoming.frame["text"] == "bonjour"
    assert incoming.frame["attachments"] == [{"id": "f_1", "name": "a.png", "mime": "image/png", "size": 10}]


def test_a_file_needs_no_words() -> None:
    file = Attachment("f_1", "a.png", "image/png", stored=True)
    assert isinstance(ingest.message({"id": "c1"}, CUSTOMER, [file]).event, CustomerMessage)
    with pytest.raises(Refused, match="empty"):
        ingest.message({"id": "c1"}, CUSTOMER)


@pytest.mark.parametrize(
    ("text", "command", "argument"),
    [
        ("/start", Command.START, ""),
        ("/help", Command.HELP, ""),
        (" /human ", Command.HUMAN, ""),
        ("/language", Command.LANGUAGE, ""),
        ("/language EN", Command.LANGUAGE, "en"),
        ("/privacy", Command.PRIVACY, ""),
    ],
)
def test_the_five_commands_are_commands(text: str, command: Command, argument: str) -> None:
    event = ingest.message({"id": "c1", "text": text}, CUSTOMER).event
    assert isinstance(event, CustomerCommand)
    assert (event.command, event.argument) == (command, argument)


@pytest.mark.parametrize("text", ["/restart", '/faq{"x":1}', "/help me", "/language de", "help", "//help"])
def test_anything_else_with_a_slash_is_a_message(text: str) -> None:
    event = ingest.message({"id": "c1", "text": text}, CUSTOMER).event
    assert isinstance(event, CustomerMessage)
    assert event.text == text


def test_the_human_button_is_the_human_command_and_others_are_presses() -> None:
    human = ingest.press({"id": "c1", "button": "human"}, CUSTOMER)
    assert isinstance(human.event, CustomerCommand)
    assert human.frame is None
    other = ingest.press({"id": "c2", "button": "faq:x", "label": " Livraison "}, CUSTOMER)
    assert isinstance(other.event, ButtonPress)
    assert other.frame is not None
    assert other.frame["text"] == "Livraison"


def test_edits_and_deletions_name_their_message() -> None:
    edit = ingest.edit({"id": "c2", "message": "c1", "text": "mieux"}, CUSTOMER)
    assert isinstance(edit.event, CustomerEdit)
    assert (edit.target, edit.event.edited_id, edit.event.text) == ("c1", "c1", "mieux")
    delete = ingest.delete({"id": "c3", "message": "c1"}, CUSTOMER)
    assert isinstance(delete.event, CustomerDelete)
    assert (delete.target, delete.event.deleted_id) == ("c1", "c1")


def test_a_message_brings_at_most_ten_files() -> None:
    assert ingest.file_ids({"id": "c1", "attachments": ["a", "a", "b"]}) == ("a", "b")
    with pytest.raises(Refused, match="bad_frame"):
        ingest.file_ids({"id": "c1", "attachments": ["a"] * 11})


@pytest.mark.parametrize("read", [ingest.message, ingest.press, ingest.edit, ingest.delete])
@pytest.mark.parametrize(
    "taken", ["slack:C1:1763.2", "m_0f1e-0", "a_Jk3x", "failed:m_1", "reply:x", "m1|m2", "|"]
)
def test_a_visitor_s_message_cannot_pass_for_one_of_ours(read: Any, taken: str) -> None:
    frame = {"id": taken, "text": "bonjour", "button": "faq:x", "message": "c1"}
    assert outcome(lambda: read(frame, CUSTOMER)) == "bad_frame"


def test_a_message_of_ours_is_seen_by_its_id_whatever_that_is() -> None:
    assert ingest.seen({"id": "slack:C1:1763.2"}, CUSTOMER).message_id == "slack:C1:1763.2"
