"""What an agent writes in a thread, as it is taken in: real bolt, a real socket, Slack played truthfully."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from bot.desk.slack.context import Rules
from bot.domain.events import AgentDelete, AgentDraft, AgentEdit, AgentNote, AgentReply
from bot.domain.identity import Agent
from bot.domain.message import AttachmentKind, HoldReason
from bot.ports.threads import Thread
from tests.builders import LEA
from tests.fakes.slack_listening import CHANNEL, CONVERSATION, OTHER, Listened, listening


def tick_free(it: Listened, ts: str) -> list[str]:
    """The reactions on a message."""
    message = it.slack.channel(CHANNEL).by_ts[ts]
    return [reaction["name"] for reaction in message.get("reactions", [])]


async def test_a_plain_message_in_the_thread_goes_to_the_customer_under_the_agents_name() -> None:
    async with listening(rules=Rules(undo_seconds=4.0)) as it:
        card = await it.card()
        ts = it.user().post(CHANNEL, "Bonjour & bienvenue :tada: <3", thread_ts=card)
        (event,) = await it.taken(1)
        assert isinstance(event, AgentReply)
        assert event.text == "Bonjour & bienvenue 🎉 <3"
        assert (event.chat, event.conversation) == (LEA, CONVERSATION)
        assert event.agent == Agent("slack:U1", "Anna Blanc")
        assert event.id == f"desk:slack:{CHANNEL}:{ts}"
        assert event.message_id == f"slack:{CHANNEL}:{ts}"
        assert (event.undo_seconds, event.reopens) == (4.0, False)


@pytest.mark.parametrize("mark", [";;", ";; ", "note:", "NOTE: ", "Note : ", "🔒", ":lock: ", "；；"])
async def test_a_marked_message_is_a_note_and_loses_its_mark(mark: str) -> None:
    async with listening() as it:
        card = await it.card()
        it.user().post(CHANNEL, f"{mark}à rappeler demain", thread_ts=card)
        (event,) = await it.taken(1)
        assert isinstance(event, AgentNote)
        assert event.text == "à rappeler demain"


async def test_a_message_that_calls_a_colleague_is_held_whoever_is_called() -> None:
    async with listening() as it:
        card = await it.card()
        it.user().post(CHANNEL, "<@U2> tu peux regarder ?", thread_ts=card)
        (event,) = await it.taken(1)
        assert isinstance(event, AgentDraft)
        assert event.reason is HoldReason.MENTION
        assert "tu peux regarder ?" in event.text


async def test_the_same_message_told_twice_counts_once() -> None:
    async with listening(ack_timeout=0.3) as it:
        card = await it.card()
        slow = iter((0.6, 0.0, 0.0, 0.0))
        it.inbox.slow = lambda _event: next(slow)
        it.user().post(CHANNEL, "Bonjour", thread_ts=card)
        await it.quiet()
        delivery = it.slack.events.deliveries[-1]
        assert len(delivery.attempts) > 1
        assert len(it.events) == 1


async def test_fifty_messages_in_a_row_come_out_in_their_order() -> None:
    async with listening() as it:
        card = await it.card()
        odd = random.Random(7)
        it.inbox.slow = lambda _event: odd.random() / 100
        for number in range(50):
            it.user("U1" if number % 3 else "U2").post(CHANNEL, f"message {number}", thread_ts=card)
        events = await it.taken(50, seconds=15)
        assert [event.text for event in events] == [f"message {number}" for number in range(50)]


async def test_nothing_is_confirmed_while_the_store_is_down_and_nothing_is_lost() -> None:
    async with listening(retry_delays=(0.2, 0.4, 0.8)) as it:
        card = await it.card()
        it.inbox.down = True
        it.user().post(CHANNEL, "Bonjour", thread_ts=card)
        await it.slack.until(lambda: len(it.slack.events.deliveries[-1].attempts) > 1 or None)
        assert not it.events
        it.inbox.down = False
        await it.taken(1)
        await it.quiet()


async def test_the_apps_own_messages_and_those_of_other_apps_are_nobodys_words() -> None:
    async with listening() as it:
        card = await it.card()
        await it.desk.client.chat_postMessage(channel=CHANNEL, thread_ts=card, text="from the customer")
        it.user("U7")  # a bot user: what it writes is refused as a bot's
        it.slack.messages.by_person(
            it.slack.channel(CHANNEL), "U2", "by an app", card, bot_id="B9", app_id="A9"
        )
        it.user().post(CHANNEL, "real", thread_ts=card)
        events = await it.taken(1)
        await it.quiet()
        assert [event.text for event in events] == ["real"]
        assert [event.text for event in it.events] == ["real"]


async def test_messages_outside_threads_and_in_threads_that_are_no_conversation_go_nowhere() -> None:
    async with listening() as it:
        top = it.user().post(CHANNEL, "who is on lunch duty?")
        it.user("U2").post(CHANNEL, "me", thread_ts=top)
        await it.quiet()
        assert it.events == []
        assert it.user("U2").ephemerals() == []


async def test_whoever_answers_below_a_message_of_ours_that_is_no_conversation_is_told() -> None:
    async with listening() as it:
        posted = await it.desk.client.chat_postMessage(channel=CHANNEL, text="late by two minutes")
        it.user().post(CHANNEL, "merci pour l'info", thread_ts=str(posted["ts"]))
        await it.told("U1", "relié à aucune conversation")
        assert it.events == []


async def test_an_answer_to_a_card_nobody_has_written_down_yet_is_not_lost() -> None:
    async with listening() as it:
        posted = await it.desk.client.chat_postMessage(channel=CHANNEL, text="card")
        it.user().post(CHANNEL, "j'y suis déjà", thread_ts=str(posted["ts"]))
        await asyncio.sleep(0.2)
        await it.threads.open(Thread(CONVERSATION, LEA, CHANNEL, str(posted["ts"])))
        (event,) = await it.taken(1)
        assert event.text == "j'y suis déjà"


async def test_a_reply_that_is_shown_in_the_channel_too_counts_once() -> None:
    async with listening() as it:
        card = await it.card()
        it.user().broadcast(CHANNEL, "Bonjour à tous les deux", card)
        (event,) = await it.taken(1)
        await it.quiet()
        assert isinstance(event, AgentReply)
        assert len(it.events) == 1


async def test_a_change_is_passed_on_and_a_preview_of_a_link_is_none() -> None:
    async with listening() as it:
        card = await it.card()
        ts = it.user().post(CHANNEL, "voir https://example.com/a", thread_ts=card)
        await it.taken(1)
        it.slack.messages.edit(it.slack.channel(CHANNEL), ts, "U1", attachments=[{"from_url": "x"}])
        it.user().edit(CHANNEL, ts, "voir https://example.com/b")
        events = await it.taken(2)
        await it.quiet()
        assert len(it.events) == 2
        assert isinstance(events[1], AgentEdit)
        assert events[1].edited_id == f"slack:{CHANNEL}:{ts}"
        assert events[1].text == "voir https://example.com/b"
        assert not events[1].internal
        assert events[1].id.startswith(f"desk:slack:{CHANNEL}:{ts}:edited:")


async def test_a_reply_changed_into_a_word_for_colleagues_does_not_reach_the_customer() -> None:
    async with listening() as it:
        card = await it.card()
        ts = it.user().post(CHANNEL, "Bonjour", thread_ts=card)
        await it.taken(1)
        it.user().edit(CHANNEL, ts, ";; il ment")
        await it.told("U1", "destinée à un collègue")
        for words in ("<@U2> il ment", "<@U2> il ment encore", ";; il ment toujours", ";; bref"):
            it.user().edit(CHANNEL, ts, words)
        events = await it.taken(6)
        assert all(event.internal for event in events[1:])
        it.user().edit(CHANNEL, ts, "Bonjour Madame")
        assert (await it.taken(7))[-1].internal  # what it had been meanwhile cannot be told apart


async def test_a_changed_note_stays_one_with_or_without_its_mark() -> None:
    async with listening() as it:
        card = await it.card()
        ts = it.user().post(CHANNEL, ";; à vérifier", thread_ts=card)
        it.user().edit(CHANNEL, ts, "vérifié")
        events = await it.taken(2)
        await it.told("U1", "marqué comme note interne")
        assert isinstance(events[0], AgentNote)
        assert isinstance(events[1], AgentEdit)


async def test_deleting_takes_the_message_back() -> None:
    async with listening() as it:
        card = await it.card()
        ts = it.user().post(CHANNEL, "Oups", thread_ts=card)
        it.user().delete(CHANNEL, ts)
        events = await it.taken(2)
        assert isinstance(events[1], AgentDelete)
        assert events[1].deleted_id == f"slack:{CHANNEL}:{ts}"
        assert events[1].id == f"desk:slack:{CHANNEL}:{ts}:deleted"


async def test_a_reply_of_forty_thousand_characters_is_refused_in_words_never_cut() -> None:
    async with listening() as it:
        card = await it.card()
        ts = it.user().post(CHANNEL, "a" * 40_000, thread_ts=card)
        await it.told("U1", "40000 caractères")
        await it.slack.until(lambda: "no_entry_sign" in tick_free(it, ts))
        assert it.events == []
        it.user().edit(CHANNEL, ts, "plus court")
        (event,) = await it.taken(1)
        assert isinstance(event, AgentReply)
        assert event.text == "plus court"


async def test_files_go_with_the_message_to_be_fetched() -> None:
    async with listening() as it:
        card = await it.card()
        it.user().post(
            CHANNEL,
            "voici la facture",
            thread_ts=card,
            files=[("facture.pdf", "application/pdf", b"%PDF-1.4 x"), ("a.png", "image/png", b"\x89PNG")],
        )
        (event,) = await it.taken(1)
        assert isinstance(event, AgentReply)
        first, second = event.attachments
        assert (first.name, first.mime, first.stored) == ("facture.pdf", "application/pdf", False)
        assert first.source is not None
        assert first.source.startswith("slack:F")
        assert second.kind is AttachmentKind.IMAGE
        assert first.id != second.id


@pytest.mark.parametrize(
    ("file", "holds"),
    [
        (("virus.exe", "application/x-msdownload", b"MZ"), "d'un type"),
        (("page.html", "text/html", b"<html>"), "d'un type"),
        (("film.mp4", "video/mp4", 30 * 1024 * 1024), "dépasse 10 Mo"),
    ],
)
async def test_a_file_that_cannot_go_is_refused_with_its_message(file: Any, holds: str) -> None:
    async with listening() as it:
        card = await it.card()
        it.user().post(CHANNEL, "voilà", thread_ts=card, files=[file])
        await it.told("U1", holds)
        await it.quiet()
        assert it.events == []


async def test_in_a_strict_team_a_plain_message_is_a_note_and_that_is_said_once() -> None:
    async with listening(strict=True) as it:
        card = await it.card(channel=OTHER)
        it.case(team="strict")
        it.user().post(OTHER, "Bonjour", thread_ts=card)
        it.user().post(OTHER, "Encore", thread_ts=card)
        events = await it.taken(2)
        await it.told("U1", "seul le bouton Répondre")
        await it.quiet()
        assert all(isinstance(event, AgentNote) for event in events)
        assert len(it.user().ephemerals()) == 1


@pytest.mark.parametrize(
    ("user", "holds"),
    [("U4", "in no team"), ("U5", "invités"), ("U6", "another workspace")],
)
async def test_whoever_may_not_act_is_told_once_and_nothing_happens(user: str, holds: str) -> None:
    async with listening() as it:
        card = await it.card()
        it.user(user).post(CHANNEL, "Bonjour", thread_ts=card)
        it.user(user).post(CHANNEL, "Il y a quelqu'un ?", thread_ts=card)
        await it.told(user, holds)
        await it.quiet()
        assert it.events == []
        assert len(it.user(user).ephemerals()) == 1


async def test_nobody_known_loses_a_message_because_slack_answers_nothing_but_429() -> None:
    async with listening() as it:
        card = await it.card()
        it.user().post(CHANNEL, "un", thread_ts=card)
        await it.taken(1)
        it.slack.faults.order("429", times=1_000, retry_after=60)
        it.user().post(CHANNEL, "deux", thread_ts=card)
        events = await it.taken(2)
        assert [event.text for event in events] == ["un", "deux"]


async def test_what_cannot_be_read_is_kept_for_staff_and_confirmed() -> None:
    async with listening() as it:
        it.slack.events.start(
            "events_api",
            "Ev1",
            {"type": "event_callback", "event": {"type": "message", "channel": "C1", "files": [3]}},
        )
        it.slack.events.start(
            "events_api",
            "Ev2",
            {"type": "event_callback", "event": {"type": "message", "subtype": "message_changed"}},
        )
        await it.quiet()
        assert len(it.inbox.parked) == 1
        assert it.events == []


async def test_a_channel_that_goes_and_the_app_put_out_of_one_are_told_to_admins() -> None:
    async with listening() as it:
        it.slack.archive(CHANNEL)
        await it.slack.until(lambda: [dm for dm in it.user("U9").dms() if "archivé" in dm["text"]])


async def test_everything_else_slack_tells_is_confirmed() -> None:
    async with listening() as it:
        card = await it.card()
        it.user().react(CHANNEL, card, "eyes")
        it.user().post(CHANNEL, f"<@{it.slack.workspace.bot_user}> bonjour")
        await asyncio.sleep(0)
        await it.quiet()
        assert not it.slack.lost
