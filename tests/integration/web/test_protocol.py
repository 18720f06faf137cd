"""The public protocol, as docs/web-chat-protocol.md promises it."""

from __future__ import annotations

import asyncio
import json

import pytest
import websockets

from bot.channels.web.limits import Rate, WebLimits
from bot.channels.web.sessions import Sessions
from bot.domain.chat import Speaker
from bot.domain.events import (
    ButtonPress,
    CustomerCommand,
    CustomerDelete,
    CustomerEdit,
    CustomerMessage,
    Receipt,
)
from bot.domain.message import Author
from bot.storage.transcripts import RedisTranscripts
from tests.integration.web.house import SECRET, Setting, make_setting

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_message_is_acked_then_answered(web: Setting) -> None:
    async with web.visitor() as visitor:
        answer = await visitor.say("c1", "où est mon colis ?")

    assert [frame["type"] for frame in visitor.frames if frame["type"] != "typing"] == [
        "welcome",
        "ack",
        "message",
    ]
    assert answer == {
        "type": "message",
        "id": answer["id"],
        "author": "bot",
        "text": "« où est mon colis ? »",
        "buttons": [],
        "reply_to": "c1",
        "attachments": [],
        "at": "2026-11-22T09:00:00+00:00",
    }


async def test_the_answer_never_overtakes_the_ack(web: Setting) -> None:
    async with web.visitor() as visitor:
        for n in range(30):
            await visitor.say(f"c{n}", f"message {n}")
    order = [(f["type"], f.get("reply_to") or f.get("id")) for f in visitor.frames]
    for n in range(30):
        assert order.index(("ack", f"c{n}")) < order.index(("message", f"c{n}"))


async def test_the_same_id_twice_is_one_message_and_two_acks(web: Setting) -> None:
    async with web.visitor() as visitor:
        await visitor.say("c1", "bonjour")
        await visitor.send(type="message", id="c1", text="bonjour")
        await visitor.next("ack", id="c1")
        assert await visitor.until_quiet() == []
    assert len(web.bot.of(CustomerMessage)) == 1


async def test_a_reload_replays_the_whole_transcript(web: Setting) -> None:
    async with web.visitor() as visitor:
        await visitor.say("c1", "bonjour")
        await visitor.say("c2", "merci")
    async with web.visitor(visitor.session) as again:
        assert again.session == visitor.session
        replayed = [await again.next("message") for _ in range(4)]
        assert await again.until_quiet() == []
    assert [(one["author"], one["text"]) for one in replayed] == [
        ("customer", "bonjour"),
        ("bot", "« bonjour »"),
        ("customer", "merci"),
        ("bot", "« merci »"),
    ]
    assert replayed[0]["id"] == "c1"
    assert replayed[0]["reply_to"] is None


async def test_a_reconnection_brings_what_was_missed_and_only_that(web: Setting) -> None:
    async with web.visitor() as visitor:
        last = await visitor.say("c1", "bonjour")
    chat = web.chat(visitor.session)
    await web.bot.say(chat, "un agent vous écrit", author=Author.AGENT, author_name="Léa")
    async with web.visitor(visitor.session, last["id"]) as again:
        missed = await again.next("message")
        assert (missed["author"], missed["name"]) == ("agent", "Léa")
        assert await again.until_quiet() == []


async def test_after_an_unknown_message_everything_is_replayed(web: Setting) -> None:
    async with web.visitor() as visitor:
        await visitor.say("c1", "bonjour")
    async with web.visitor(visitor.session, "nothing-we-know") as again:
        assert [(await again.next("message"))["author"] for _ in range(2)] == ["customer", "bot"]


async def test_two_tabs_see_the_same_conversation(web: Setting) -> None:
    async with web.visitor() as first, web.visitor(first.session) as second:
        await first.say("c1", "bonjour")
        assert (await second.next("message"))["id"] == "c1"
        assert (await second.next("message"))["reply_to"] == "c1"
        assert "customer" not in {message["author"] for message in first.messages()}


async def test_any_web_process_shows_what_any_sender_delivered(
    web: Setting, transcripts: RedisTranscripts
) -> None:
    other = make_setting(transcripts)
    async with other.server, web.visitor() as here, other.visitor(here.session) as there:
        await here.say("c1", "bonjour")
        assert (await there.next("message", author="bot"))["reply_to"] == "c1"


async def test_a_message_delivered_twice_is_shown_once(web: Setting) -> None:
    async with web.visitor() as visitor:
        await visitor.say("c1", "bonjour")
        chat = web.chat(visitor.session)
        await web.bot.say(chat, "« bonjour »", reply_to="c1")
        assert await visitor.until_quiet() == []


async def test_nothing_is_acked_while_the_store_is_down_and_a_retry_arrives_once(web: Setting) -> None:
    async with web.visitor() as visitor:
        web.bot.down = True
        await visitor.send(type="message", id="c1", text="bonjour")
        assert (await visitor.next("error"))["code"] == "unavailable"
        web.bot.down = False
        await visitor.say("c1", "bonjour")
    assert (
        "c1" not in [frame.get("id") for frame in visitor.frames[:2]] or visitor.frames[1]["type"] == "error"
    )
    assert len(web.bot.of(CustomerMessage)) == 1


@pytest.mark.parametrize("speaker", [Speaker.HUMAN, Speaker.WAITING])
async def test_no_typing_is_shown_when_the_bot_will_not_answer(web: Setting, speaker: Speaker) -> None:
    web.bot.speaker = speaker
    async with web.visitor() as visitor:
        await visitor.send(type="message", id="c1", text="bonjour")
        await visitor.next("ack")
        assert "typing" not in [frame["type"] for frame in await visitor.until_quiet()]


async def test_typing_is_shown_while_the_bot_thinks(web: Setting) -> None:
    web.bot.delay = 0.1
    async with web.visitor() as visitor:
        await visitor.say("c1", "bonjour")
    assert [frame["type"] for frame in visitor.frames] == ["welcome", "ack", "typing", "message"]


# --- presses, commands, edits, deletions, seen ---------------------------------------------


async def test_a_press_is_acked_and_shown_under_its_label(web: Setting) -> None:
    async with web.visitor() as visitor:
        answer = await visitor.say("c1", "un bouton svp")
        assert answer["buttons"] == [{"id": "yes:x", "label": "Oui"}]
        await visitor.send(type="press", id="c2", button="yes:x", label="Oui")
        await visitor.next("ack", id="c2")
    [press] = web.bot.of(ButtonPress)
    assert (press.button, press.message_id) == ("yes:x", "c2")
    async with web.visitor(visitor.session, answer["id"]) as again:
        assert (await again.next("message"))["text"] == "Oui"


async def test_the_human_button_and_the_typed_command_ask_for_a_person(web: Setting) -> None:
    async with web.visitor() as visitor:
        await visitor.send(type="press", id="c1", button="human")
        await visitor.next("ack", id="c1")
        await visitor.send(type="message", id="c2", text="/human")
        await visitor.next("ack", id="c2")
        await visitor.send(type="message", id="c3", text='/faq{"x":1}')
        await visitor.next("ack", id="c3")
    assert [event.command for event in web.bot.of(CustomerCommand)] == ["human", "human"]
    assert [event.text for event in web.bot.of(CustomerMessage)] == ['/faq{"x":1}']


async def test_an_edit_of_the_customer_reaches_the_bot_and_the_other_tab(web: Setting) -> None:
    async with web.visitor() as visitor, web.visitor(visitor.session) as tab:
        await visitor.say("c1", "bonjuor")
        await visitor.send(type="edit", id="c2", message="c1", text="bonjour")
        await visitor.next("ack", id="c2")
        assert await tab.next("edit") == {
            "type": "edit",
            "id": "c2",
            "message": "c1",
            "author": "customer",
            "text": "bonjour",
        }
    assert [(e.edited_id, e.text) for e in web.bot.of(CustomerEdit)] == [("c1", "bonjour")]
    async with web.visitor(visitor.session) as again:
        assert (await again.next("message", author="customer"))["text"] == "bonjour"
        assert "edit" not in [frame["type"] for frame in await again.until_quiet()]


async def test_a_deleted_message_is_gone_from_the_replay(web: Setting) -> None:
    async with web.visitor() as visitor:
        last = await visitor.say("c1", "mon secret")
        await visitor.send(type="delete", id="c2", message="c1")
        await visitor.next("ack", id="c2")
    assert [event.deleted_id for event in web.bot.of(CustomerDelete)] == ["c1"]
    async with web.visitor(visitor.session) as again:
        assert [frame["author"] for frame in await again.until_quiet()] == ["bot"]
    async with web.visitor(visitor.session, last["id"]) as tab:
        assert (await tab.next("delete"))["message"] == "c1"


async def test_an_agents_edit_and_deletion_reach_the_customer(web: Setting) -> None:
    async with web.visitor() as visitor:
        await visitor.say("c1", "bonjour")
        chat = web.chat(visitor.session)
        message_id = await web.bot.say(chat, "voici", author=Author.AGENT)
        await visitor.next("message", id=message_id)
        await web.bot.edit(chat, message_id, "voilà")
        edit = await visitor.next("edit")
        assert (edit["message"], edit["text"], edit["author"]) == (message_id, "voilà", "agent")
        await web.bot.delete(chat, message_id)
        assert (await visitor.next("delete"))["message"] == message_id


async def test_customers_cannot_touch_what_others_said(web: Setting) -> None:
    async with web.visitor() as visitor:
        answer = await visitor.say("c1", "bonjour")
        await visitor.send(type="edit", id="c2", message=answer["id"], text="autre chose")
        assert (await visitor.next("error"))["code"] == "unknown_message"
    assert web.bot.of(CustomerEdit) == []


async def test_seen_is_noted_once_and_only_for_messages_of_ours(web: Setting) -> None:
    async with web.visitor() as visitor:
        answer = await visitor.say("c1", "bonjour")
        for message_id in (answer["id"], answer["id"], "c1", "invented"):
            await visitor.send(type="seen", id=message_id)
        await visitor.say("c2", "et ?")
    assert [receipt.message_id for receipt in web.bot.of(Receipt)] == [answer["id"]]


# --- bad input -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"type": "message", "id": "c1", "text": ""}, "empty"),
        ({"type": "message", "id": "c1", "text": " \n\t "}, "empty"),
        ({"type": "message", "id": "c1", "text": "\x00\x01\x1b"}, "empty"),
        ({"type": "message", "id": "c1", "text": "\ud800"}, "empty"),
        ({"type": "message", "id": "c1", "text": "\u200b\u200e"}, "empty"),
        ({"type": "message", "id": "c1", "text": "x" * 1_000_000}, "too_long"),
        ({"type": "message", "id": "c1", "text": "é" * 1_000_000}, "too_long"),
        ({"type": "message", "id": "c1", "text": "ligne\n" * 10_000}, "too_long"),
        ({"type": "message", "id": "c1", "text": "x" * 4_001}, "too_long"),
        ({"type": "message", "id": "c1", "text": 12}, "bad_frame"),
        ({"type": "message", "text": "sans id"}, "bad_frame"),
        ({"type": "message", "id": "a b", "text": "id avec une espace"}, "bad_frame"),
        ({"type": "message", "id": "x" * 65, "text": "id trop long"}, "bad_frame"),
        ({"type": "message", "id": "c1", "text": "x", "attachments": ["nothing"]}, "unknown_file"),
        ({"type": "message", "id": "c1", "text": "x", "attachments": "nothing"}, "bad_frame"),
        ({"type": "press", "id": "c1", "button": "x" * 65}, "bad_frame"),
        ({"type": "press", "id": "c1"}, "bad_frame"),
        ({"type": "edit", "id": "c1", "text": "x"}, "bad_frame"),
        ({"type": "edit", "id": "c1", "message": "c0", "text": "x"}, "unknown_message"),
        ({"type": "delete", "id": "c1", "message": "c0"}, "unknown_message"),
        ({"type": "seen"}, "bad_frame"),
        ({"type": "hello", "session": None}, "bad_frame"),
        ({"type": "dance", "id": "c1"}, "unknown_type"),
        ({"no": "type"}, "bad_frame"),
        ([1, 2], "bad_frame"),
        ("text", "bad_frame"),
    ],
)
async def test_what_cannot_be_taken_is_refused_clearly_and_the_connection_stays(
    web: Setting, frame: object, code: str
) -> None:
    async with web.visitor() as visitor:
        await visitor.connection.send(json.dumps(frame))
        error = await visitor.next("error")
        assert error["code"] == code
        assert error["message"]
        assert "{" not in error["message"]
        if isinstance(frame, dict) and frame.get("id") == "c1":
            assert error["id"] == "c1"
        assert web.bot.events == []
        await visitor.say("ok", "et maintenant ?")
        assert "c1" not in [seen["id"] for seen in visitor.frames if seen["type"] == "ack"]


@pytest.mark.parametrize(
    "raw", ["not json", "{", "[" * 50_000, "", b"\x00\x01", '{"type":"message"', "1" * 70_000]
)
async def test_a_frame_that_is_no_json_is_refused_and_the_connection_stays(
    web: Setting, raw: str | bytes
) -> None:
    async with web.visitor() as visitor:
        await visitor.connection.send(raw)
        error = await visitor.next("error")
        assert error["code"] in ("bad_frame", "too_long")
        assert "{" not in error["message"]
        await visitor.say("ok", "et maintenant ?")


@pytest.mark.parametrize(
    "text",
    [
        "👍",
        "🏳️‍🌈",
        "שלום עולם",
        "a\u200bb",
        "<b>x</b> *y* `z`",
        "a\x00b",
        "/restart",
        "x" * 4_000,
        "😀" * 4_000,
    ],
)
async def test_unusual_texts_are_messages_like_others(web: Setting, text: str) -> None:
    async with web.visitor() as visitor:
        answer = await visitor.say("c1", text)
    assert answer["text"] == f"« {web.bot.clean(text)} »"


async def test_unknown_fields_are_ignored(web: Setting) -> None:
    async with web.visitor(mood="good") as visitor:
        await visitor.say("c1", "bonjour", mood="good", nested={"a": [1]})


async def test_the_first_frame_must_be_hello(web: Setting) -> None:
    async with websockets.connect(f"ws://{web.host}/chat/ws") as connection:
        await connection.send(json.dumps({"type": "message", "id": "c1", "text": "bonjour"}))
        error = json.loads(await connection.recv())
        assert (error["code"], error["id"]) == ("hello_expected", "c1")
        await connection.send(json.dumps({"type": "hello", "session": None, "after": None}))
        assert json.loads(await connection.recv())["type"] == "welcome"


@pytest.mark.parametrize("case", ["forged", "foreign account", "foreign secret", "rubbish", "number", "long"])
async def test_a_session_that_is_not_ours_opens_nothing(web: Setting, case: str) -> None:
    from bot.ports.clock import SystemClock

    now = SystemClock().now()
    ours = Sessions(SECRET, "main").new(now).token
    session = {
        "forged": ours[:-2] + ("AA" if not ours.endswith("AA") else "BB"),
        "foreign account": Sessions(SECRET, "other").new(now).token,
        "foreign secret": Sessions(b"another", "main").new(now).token,
        "rubbish": "été..\x00",
        "number": 12,
        "long": "x" * 5_000,
    }[case]
    async with websockets.connect(f"ws://{web.host}/chat/ws") as connection:
        await connection.send(json.dumps({"type": "hello", "session": session, "after": None}))
        assert json.loads(await connection.recv())["code"] == "bad_session"
        with pytest.raises(websockets.ConnectionClosed):
            await connection.recv()
        assert connection.close_code == 4401


async def test_errors_are_in_the_visitors_language(web: Setting) -> None:
    async with web.visitor(language="en") as visitor:
        await visitor.send(type="message", id="c1", text="")
        assert (await visitor.next("error"))["message"] == "Your message is empty."
    async with web.visitor(headers={"Accept-Language": "de, en;q=0.8"}) as visitor:
        await visitor.send(type="message", id="c1", text="")
        assert (await visitor.next("error"))["message"] == "Your message is empty."


async def test_200_messages_in_a_second_are_limited_and_told_so_once(transcripts: RedisTranscripts) -> None:
    web = make_setting(transcripts, limits=WebLimits(messages=Rate(40, 0.001)))
    async with web.server, web.visitor() as visitor:
        for n in range(200):
            await visitor.send(type="message", id=f"c{n}", text=f"message {n}")
        settled: dict[str, str] = {}
        told = []
        while len(settled) < 200:
            frame = await visitor.receive()
            if frame["type"] in ("ack", "error"):
                assert frame["id"] not in settled
                settled[frame["id"]] = frame["type"]
            if frame["type"] == "error":
                assert frame["code"] == "rate_limited"
                told.append(frame["message"])
        assert list(settled.values()).count("ack") == 40
        assert len([text for text in told if text]) == 1
    assert len(web.bot.of(CustomerMessage)) == 40


async def test_whoever_sends_only_rubbish_is_cut_off(transcripts: RedisTranscripts) -> None:
    web = make_setting(transcripts, limits=WebLimits(signals=Rate(3, 0.001)))
    async with web.server, web.visitor() as visitor:
        for _ in range(3):
            await visitor.connection.send("rubbish")
            assert (await visitor.receive())["code"] == "bad_frame"
        await visitor.connection.send("rubbish")
        with pytest.raises(websockets.ConnectionClosed):
            await visitor.receive()


# --- origins and connections ---------------------------------------------------------------


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "file://"])
async def test_a_page_of_another_origin_is_turned_away_at_the_handshake(web: Setting, origin: str) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(f"ws://{web.host}/chat/ws", additional_headers={"Origin": origin})
    assert refused.value.response.status_code == 403


async def test_our_own_page_and_allowed_sites_may_connect(transcripts: RedisTranscripts) -> None:
    web = make_setting(transcripts, allowed_origins=["https://shop.example"])
    async with web.server:
        for origin in (web.url, "https://shop.example", "https://SHOP.example"):
            async with web.visitor(headers={"Origin": origin}) as visitor:
                assert visitor.session


async def test_one_address_cannot_hold_all_connections(transcripts: RedisTranscripts) -> None:
    web = make_setting(transcripts, limits=WebLimits(sockets=2))
    async with web.server, web.visitor(), web.visitor():
        with pytest.raises(websockets.InvalidStatus):
            await websockets.connect(f"ws://{web.host}/chat/ws")


async def test_one_address_cannot_make_sessions_without_end(transcripts: RedisTranscripts) -> None:
    web = make_setting(transcripts, limits=WebLimits(sessions=Rate(1, 0.001)))
    async with web.server, web.visitor() as visitor:
        async with websockets.connect(f"ws://{web.host}/chat/ws") as connection:
            await connection.send(json.dumps({"type": "hello", "session": None, "after": None}))
            assert json.loads(await connection.recv())["code"] == "rate_limited"
        async with web.visitor(visitor.session):
            pass


async def test_a_draining_server_settles_what_it_took_and_asks_everybody_to_come_back(
    transcripts: RedisTranscripts,
) -> None:
    web = make_setting(transcripts)
    async with web.server, web.visitor() as visitor:
        await visitor.say("c1", "bonjour")
        closing = asyncio.create_task(web.server.service.close())
        with pytest.raises(websockets.ConnectionClosed):
            await visitor.receive()
        assert visitor.connection.close_code == 1012
        await closing


@pytest.mark.parametrize(
    "hello",
    [
        '{"type":"hello","session":null,"after":"\\ud800"}',
        '{"type":"hello","session":"\\ud800.1.x","after":null}',
        '{"type":"hello","session":null,"after":["x"],"language":["fr"]}',
        '{"type":"hello","session":null,"after":null,"language":{"fr":1}}',
    ],
)
async def test_an_odd_hello_harms_nobody(web: Setting, hello: str) -> None:
    async with web.visitor() as other, websockets.connect(f"ws://{web.host}/chat/ws") as socket:
        await socket.send(hello)
        first = json.loads(await asyncio.wait_for(socket.recv(), 5))
        assert first["type"] in ("welcome", "error")
        assert (await other.say("c1", "bonjour"))["reply_to"] == "c1"


async def test_who_never_says_hello_is_cut_off(web: Setting) -> None:
    async def keeps_talking() -> None:
        for _ in range(100):
            await socket.send('{"type":"message","id":"x","text":"x"}')
            await asyncio.wait_for(socket.recv(), 5)

    async with websockets.connect(f"ws://{web.host}/chat/ws") as socket:
        with pytest.raises(websockets.ConnectionClosed):
            await keeps_talking()
