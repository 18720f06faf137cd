"""The socket: lost, exchanged, silent, refused; and left in good order."""

from __future__ import annotations

import asyncio
from typing import Any

from bot.desk.slack import socket as subject
from bot.domain.events import AgentReply
from tests.fakes.slack_listening import CHANNEL, listening

RETRIES = (0.2, 0.5, 1.0, 2.0, 4.0)


async def test_a_socket_that_is_cut_is_replaced_and_what_was_said_meanwhile_arrives_once(
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr(subject, "CONNECT_SECONDS", 0.5)
    async with listening(retry_delays=RETRIES) as it:
        card = await it.card()
        it.user().post(CHANNEL, "avant", thread_ts=card)
        await it.taken(1)
        await it.slack.sockets.drop(1.0)
        it.user().post(CHANNEL, "pendant", thread_ts=card)
        await it.slack.until(lambda: it.slack.sockets.sockets, seconds=15, what="a new socket")
        it.user().post(CHANNEL, "après", thread_ts=card)
        await it.taken(3, seconds=15)
        await it.slack.until(lambda: not it.slack.unacked, seconds=10)
        assert sorted(event.text for event in it.events) == ["après", "avant", "pendant"]


async def test_what_was_said_while_the_line_was_down_is_taken_before_what_was_said_after(
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr(subject, "CONNECT_SECONDS", 0.5)
    async with listening(retry_delays=(0.0, 6.0)) as it:
        card, other = await it.card(), await it.card(conversation="c_2")
        it.user().post(CHANNEL, "avant", thread_ts=card)
        await it.taken(1)
        await it.slack.sockets.drop(1.0)
        for text in ("pendant", "pendant encore"):
            it.user().post(CHANNEL, text, thread_ts=card)
        it.user().post(CHANNEL, "ailleurs", thread_ts=other)
        await it.slack.until(lambda: it.slack.sockets.sockets, seconds=15, what="a new socket")
        it.user("U2").post(CHANNEL, "après", thread_ts=card)
        it.user().post(CHANNEL, "et puis", thread_ts=card)
        await it.taken(6, seconds=15)
        await it.slack.until(lambda: not it.slack.unacked, seconds=15)
        texts = list(dict.fromkeys(event.text for event in it.events if event.text != "ailleurs"))
        assert texts == ["avant", "pendant", "pendant encore", "après", "et puis"]
        ids = {event.id for event in it.events}
        assert len(ids) == 6, "what Slack tells of again has the same id"
        assert len(it.slack.calls_of("conversations.replies")) <= 4


async def test_a_thread_that_cannot_be_read_holds_nothing_up(monkeypatch: Any) -> None:
    monkeypatch.setattr(subject, "CONNECT_SECONDS", 0.5)
    async with listening(retry_delays=(6.0, 6.0)) as it:
        card = await it.card()
        it.slack.faults.order("429", "conversations.replies", retry_after=30)
        await it.slack.sockets.drop(0.5)
        it.user().post(CHANNEL, "pendant", thread_ts=card)
        await it.slack.until(lambda: it.slack.sockets.sockets, seconds=15, what="a new socket")
        it.user().post(CHANNEL, "après", thread_ts=card)
        await it.taken(2, seconds=15)
        assert [event.text for event in it.events] == ["après", "pendant"]


async def test_an_address_that_went_stale_while_slack_was_away_is_not_tried_for_ever(
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr(subject, "CONNECT_SECONDS", 0.5)
    async with listening(retry_delays=RETRIES, ticket_seconds=0.3) as it:
        await it.slack.sockets.drop(1.5)
        await it.slack.until(lambda: it.slack.sockets.sockets, seconds=15, what="a new socket")


async def test_slack_asking_to_move_to_another_socket_loses_nothing() -> None:
    async with listening(retry_delays=RETRIES) as it:
        card = await it.card()
        opened = it.slack.sockets.opened
        await it.slack.sockets.disconnect("refresh_requested", after=0.2)
        for number in range(5):
            it.user().post(CHANNEL, f"message {number}", thread_ts=card)
            await asyncio.sleep(0.05)
        await it.slack.until(lambda: it.slack.sockets.opened > opened, seconds=15)
        await it.taken(5, seconds=15)
        assert {event.text for event in it.events} == {f"message {number}" for number in range(5)}


async def test_a_socket_that_says_nothing_any_more_is_noticed(monkeypatch: Any) -> None:
    monkeypatch.setattr(subject, "PING_SECONDS", 0.3)
    async with listening(retry_delays=RETRIES) as it:
        card = await it.card()
        opened = it.slack.sockets.opened
        it.slack.sockets.silence()
        await it.slack.until(lambda: it.slack.sockets.opened > opened, seconds=15, what="a new socket")
        it.user().post(CHANNEL, "toujours là", thread_ts=card)
        await it.slack.until(lambda: it.events, seconds=10)


async def test_told_to_stop_it_confirms_what_is_under_way_and_takes_nothing_new() -> None:
    async with listening(retry_delays=(5.0,)) as it:
        card = await it.card()
        it.inbox.slow = lambda _event: 0.5
        it.user().post(CHANNEL, "sous la main", thread_ts=card)
        await asyncio.sleep(0.2)
        it.stop.set()
        await asyncio.sleep(0.1)
        it.user().post(CHANNEL, "pour le suivant", thread_ts=card)
        await it.slack.until(lambda: it.states[-1] == "closed", seconds=10)
        assert [event.text for event in it.events] == ["sous la main"]
        (left,) = [each for each in it.slack.unacked if each.about == "message"]
        assert left.payload["event"]["text"] == "pour le suivant"  # Slack sends it again
        assert it.slack.sockets.sockets == []


async def test_an_app_token_that_is_refused_is_said_and_tried_again_later(monkeypatch: Any) -> None:
    monkeypatch.setattr(subject, "TOKEN_PAUSE", 0.2)
    async with listening(retry_delays=RETRIES) as it:
        it.slack.revoke_app_token("invalid_auth")
        await it.slack.sockets.drop()
        await it.slack.until(lambda: "refused: invalid_auth" in it.states, seconds=10)
        it.slack.restore_tokens()
        await it.slack.until(lambda: it.states[-1] == "connected", seconds=15)
        assert it.slack.sockets.sockets


async def test_the_state_is_told_as_it_changes() -> None:
    async with listening() as it:
        await it.slack.until(lambda: it.states == ["connecting", "connected"])


async def test_a_message_is_taken_by_the_whole_app_with_every_feature_listening() -> None:
    from bot.desk.slack.app import FEATURES

    async with listening(features=FEATURES) as it:
        card = await it.card()
        it.user().post(CHANNEL, "Bonjour", thread_ts=card)
        (event,) = await it.taken(1)
        assert isinstance(event, AgentReply)
        it.user().open_home()
        await it.slack.until(lambda: it.user().home(), what="a Home page")
        answer = await it.user("U4").command("/care", "aide")
        assert "in no team" in str(answer.response)
        it.user("U4").open_home()
        await it.slack.until(lambda: it.user("U4").home(), what="a Home page that refuses")
        assert "for the teams" in str(it.user("U4").home())
        helped = await it.user().command("/care", "aide")
        assert helped.acked
