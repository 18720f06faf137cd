"""What every board must do, told once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.conversation import HandoffReason
from bot.domain.events import ReceiptStatus
from bot.domain.identity import Agent, ChatId, Profile
from bot.domain.message import Attachment, Author, Line
from bot.domain.outgoing import CaseCard, CaseFate, CaseLine, CaseState
from bot.ports.board import Board, Version
from bot.storage.board import WAITS, RedisBoard
from bot.storage.connection import Connection
from bot.storage.layout import Layout
from tests.builders import LEA, NOW
from tests.fakes.desk import FixedClock
from tests.servers import Server

MARIE = Agent("terminal:marie", "Marie")
TOM = ChatId("telegram", "main", "42")
V1, V2, V3 = Version(1, 1000), Version(1, 2000), Version(2, 500)


def card(**changes: Any) -> CaseCard:
    values: dict[str, Any] = {
        "state": CaseState.WAITING,
        "profile": Profile("Léa"),
        "channel": "web",
        "language": "fr",
        "since": NOW,
        "reason": HandoffReason.ASKED,
        "team": "care",
    }
    return CaseCard(**{**values, **changes})


def line(message_id: str, text: str = "bonjour", author: Author = Author.CUSTOMER) -> CaseLine:
    return CaseLine(line=Line(message_id, author, text, NOW))


@pytest.fixture(params=["valkey", pytest.param("redis", marks=pytest.mark.redis)])
async def board(request: pytest.FixtureRequest) -> AsyncIterator[RedisBoard]:
    server: Server = request.getfixturevalue(f"{request.param}_server")
    server.client().flushall()
    connection = await Connection.open(server.url)
    yield RedisBoard(await Layout.open(connection, 8), max_lines=5, clock=FixedClock())
    await connection.close()


async def texts(board: Board, conversation: str = "c_1") -> list[str]:
    return [each.said.line.text for each in await board.thread(conversation)]


async def test_a_case_appears_with_a_number_of_its_own(board: Board) -> None:
    await board.put_card("c_1", LEA, card(), V1)
    await board.put_card("c_2", TOM, card(profile=Profile("Tom")), V1)
    first, second = await board.cases()
    assert (first.number, second.number) == (1, 2)
    assert (await board.numbered(2)) == second
    assert second.chat == TOM
    assert await board.numbered(3) is None
    assert await board.case("c_9") is None


async def test_urgent_cases_come_first_then_the_longest_waiting(board: Board) -> None:
    await board.put_card("late", LEA, card(since=NOW), V1)
    await board.put_card("early", TOM, card(since=NOW - timedelta(minutes=5)), V1)
    await board.put_card("alarm", LEA, card(since=NOW, urgent=True), V1)
    assert [case.conversation for case in await board.cases()] == ["alarm", "early", "late"]


async def test_a_card_is_changed_in_place_and_keeps_its_number(board: Board) -> None:
    await board.put_card("c_1", LEA, card(), V1)
    await board.put_card("c_1", LEA, card(state=CaseState.CLAIMED, agent=MARIE), V2)
    (case,) = await board.cases()
    assert case.card.agent == MARIE
    assert case.number == 1


async def test_an_old_card_that_comes_again_changes_nothing(board: Board) -> None:
    await board.put_card("c_1", LEA, card(state=CaseState.CLAIMED, agent=MARIE), V3)
    await board.put_card("c_1", LEA, card(), V2)
    (case,) = await board.cases()
    assert case.card.state is CaseState.CLAIMED


async def test_a_closed_case_leaves_the_list_and_can_come_back(board: Board) -> None:
    await board.put_card("c_1", LEA, card(), V1)
    await board.put_card("c_1", LEA, card(state=CaseState.CLOSED), V2)
    assert list(await board.cases()) == []
    assert [case.number for case in await board.cases(closed=True)] == [1]
    await board.put_card("c_1", LEA, card(reopened=1), V3)
    assert [case.number for case in await board.cases()] == [1]
    assert list(await board.cases(closed=True)) == []


async def test_lines_stay_in_order_and_each_is_there_once(board: Board) -> None:
    await board.put_card("c_1", LEA, card(), V1)
    for message_id in ("b", "a", "b", "c", "a"):
        await board.add_line("c_1", LEA, line(message_id, message_id))
    assert await texts(board) == ["b", "a", "c"]


async def test_the_oldest_lines_go_when_there_are_too_many(board: Board) -> None:
    for number in range(7):
        await board.add_line("c_1", LEA, line(str(number), str(number)))
    assert await texts(board) == ["2", "3", "4", "5", "6"]


async def test_an_edit_shows_and_an_older_edit_does_not_undo_it(board: Board) -> None:
    await board.add_line("c_1", LEA, line("a", "un"))
    await board.edit_line("c_1", "a", "trois", V2)
    await board.edit_line("c_1", "a", "deux", V1)
    (kept,) = await board.thread("c_1")
    assert kept.said.line.text == "trois"
    assert kept.edited


async def test_a_deleted_message_says_nothing_any_more_and_does_not_come_back(board: Board) -> None:
    await board.put_card("c_1", LEA, card(recent=(line("a", "secret").line,)), V1)
    await board.add_line("c_1", LEA, line("a", "secret"))
    await board.delete_line("c_1", "a")
    await board.add_line("c_1", LEA, line("a", "secret"))
    await board.edit_line("c_1", "a", "secret", V3)
    (kept,) = await board.thread("c_1")
    assert kept.deleted
    assert kept.said.line.text == ""
    case = await board.case("c_1")
    assert case is not None
    assert case.card.recent == ()


async def test_an_edit_reaches_the_card_too(board: Board) -> None:
    await board.put_card("c_1", LEA, card(recent=(line("a", "avant").line,)), V1)
    await board.add_line("c_1", LEA, line("a", "avant"))
    await board.edit_line("c_1", "a", "après", V2)
    case = await board.case("c_1")
    assert case is not None
    assert case.card.recent[0].text == "après"


async def test_what_is_not_there_is_neither_edited_nor_deleted(board: Board) -> None:
    await board.edit_line("c_1", "nowhere", "x", V1)
    await board.delete_line("c_1", "nowhere")
    assert await texts(board) == []


async def test_a_reply_shows_its_fate_and_the_newest_counts(board: Board) -> None:
    failed = CaseFate(message_id="r", status=ReceiptStatus.FAILED, detail="blocked")
    delivered = CaseFate(message_id="r", status=ReceiptStatus.DELIVERED)
    await board.set_fate("c_1", failed, V1)  # before its line is there
    await board.add_line("c_1", LEA, line("r", author=Author.AGENT))
    (reply,) = await board.thread("c_1")
    assert reply.fate == failed
    await board.set_fate("c_1", delivered, V2)
    await board.set_fate("c_1", failed, V1)
    (reply,) = await board.thread("c_1")
    assert reply.fate == delivered


async def test_a_watcher_wakes_when_something_changes(board: Board) -> None:
    revision = await board.changed("", 5)
    assert await board.changed(revision, 0.01) == revision
    waking = asyncio.create_task(board.changed(revision, 5))
    await board.put_card("c_1", LEA, card(), V1)
    newer = await asyncio.wait_for(waking, 5)
    assert newer != revision
    await board.add_line("c_1", LEA, line("a"))
    assert await board.changed(newer, 5) != newer


async def test_a_repeated_change_wakes_nobody(board: Board) -> None:
    await board.add_line("c_1", LEA, line("a"))
    revision = await board.changed("", 5)
    await board.add_line("c_1", LEA, line("a"))
    assert await board.changed(revision, 0.01) == revision


async def test_edits_at_once_all_count(board: Board) -> None:
    recent = tuple(line(str(number)).line for number in range(5))
    await board.put_card("c_1", LEA, card(recent=recent), V1)
    for number in range(5):
        await board.add_line("c_1", LEA, line(str(number)))
    await asyncio.gather(*(board.edit_line("c_1", str(n), f"new {n}", V2) for n in range(5)))
    case = await board.case("c_1")
    assert case is not None
    assert [each.text for each in case.card.recent] == [f"new {n}" for n in range(5)]


async def test_a_person_can_be_exported_and_erased_and_others_stay(board: RedisBoard) -> None:
    await board.put_card("c_1", LEA, card(), V1)
    await board.add_line("c_1", LEA, line("a", "mon adresse"))
    await board.put_card("c_2", TOM, card(), V1)
    (found,) = await board.export(LEA)
    assert found["card"]["profile"]["name"] == "Léa"
    assert found["thread"][0]["said"]["line"]["text"] == "mon adresse"
    assert await board.erase(LEA) == 1
    assert await board.erase(LEA) == 0
    assert await board.export(LEA) == []
    assert await board.thread("c_1") == []
    assert await board.numbered(1) is None
    assert [case.conversation for case in await board.cases()] == ["c_2"]


async def test_closed_cases_do_not_stay_for_ever_and_open_ones_do(valkey_server: Server) -> None:
    valkey_server.client().flushall()
    connection = await Connection.open(valkey_server.url)
    board = RedisBoard(await Layout.open(connection, 8), closed_days=30)
    await board.put_card("c_1", LEA, card(), V1)
    await board.add_line("c_1", LEA, line("a"))
    keys = list(valkey_server.client().keys("*c_1"))
    ttls = {key: valkey_server.client().ttl(key) for key in keys}
    assert set(ttls.values()) == {-1}
    await board.put_card("c_1", LEA, card(state=CaseState.CLOSED), V2)
    assert all(0 < valkey_server.client().ttl(key) <= 30 * 86_400 for key in keys)
    await board.put_card("c_1", LEA, replace(card(), reopened=1), V3)
    assert {valkey_server.client().ttl(key) for key in keys} == {-1}
    await connection.close()


# --- how long customers waited -----------------------------------------------------------------


def at(epoch: int, seconds: float) -> Version:
    return Version(epoch, int((NOW.timestamp() + seconds) * 1000))


CLAIMED = {"state": CaseState.CLAIMED, "agent": MARIE}


async def test_a_claim_tells_how_long_the_customer_waited_once(board: RedisBoard) -> None:
    for _ in range(2):
        await board.put_card("c_1", LEA, card(), at(1, 0))
        await board.put_card("c_1", LEA, card(**CLAIMED), at(2, 90))
    await board.put_card("c_1", LEA, card(**CLAIMED, hushed=True), at(2, 91))
    await board.put_card("c_1", LEA, card(), at(1, 1))  # an old one, again
    assert await board.recent("care") == [90.0]
    assert await board.recent("orders") == []


async def test_waits_come_oldest_first_and_by_team(board: RedisBoard) -> None:
    for number, (team, seconds) in enumerate([("care", 30), ("orders", 5), ("care", 60.5)]):
        await board.put_card(f"c_{number}", LEA, card(team=team), at(1, 0))
        await board.put_card(f"c_{number}", LEA, card(team=team, **CLAIMED), at(2, seconds))
    assert await board.recent("care") == [30.0, 60.5]
    assert await board.recent("orders") == [5.0]


async def test_who_did_not_wait_or_was_not_claimed_tells_nothing(board: RedisBoard) -> None:
    await board.put_card("stepped_in", LEA, card(**CLAIMED), at(1, 5))
    await board.put_card("given_back", TOM, card(), at(1, 0))
    await board.put_card("given_back", TOM, card(state=CaseState.RELEASED), at(2, 5))
    await board.put_card("given_back", TOM, card(**CLAIMED), at(3, 9))
    assert await board.recent("care") == []


async def test_back_in_the_queue_is_another_wait_of_the_team_it_waited_for(board: RedisBoard) -> None:
    await board.put_card("c_1", LEA, card(), at(1, 0))
    await board.put_card("c_1", LEA, card(**CLAIMED), at(2, 10))
    since = NOW + timedelta(seconds=100)
    await board.put_card("c_1", LEA, card(team="orders", since=since), at(3, 100))
    await board.put_card("c_1", LEA, card(team="orders", since=since, **CLAIMED), at(4, 140))
    assert (await board.recent("care"), await board.recent("orders")) == ([10.0], [40.0])


async def test_asked_out_of_hours_the_wait_begins_when_the_team_is_back(board: RedisBoard) -> None:
    back = NOW + timedelta(hours=10)
    await board.put_card("c_1", LEA, card(back_at=back), at(1, 0))
    await board.put_card("c_1", LEA, card(), at(1, 36_001))  # open by now: no word of it any more
    await board.put_card("c_1", LEA, card(**CLAIMED), at(2, 36_060))
    await board.put_card("c_2", TOM, card(back_at=back), at(1, 0))
    await board.put_card("c_2", TOM, card(back_at=back, **CLAIMED), at(2, 20))  # somebody was early
    assert await board.recent("care") == [60.0, 20.0]


async def test_only_the_last_waits_of_the_last_hours_are_told(board: RedisBoard) -> None:
    clock = board._clock
    assert isinstance(clock, FixedClock)
    for number in range(WAITS + 2):
        await board.put_card(f"c_{number}", LEA, card(), at(1, 0))
        await board.put_card(f"c_{number}", LEA, card(**CLAIMED), at(2, number))
    assert await board.recent("care") == [float(number) for number in range(2, WAITS + 2)]
    clock.time += timedelta(hours=6, seconds=30)
    assert await board.recent("care") == [float(number) for number in range(30, WAITS + 2)]


async def test_a_file_that_came_is_shown_as_it_is_now_and_nothing_else_changes(board: Board) -> None:
    photo, other = Attachment("f_1", "a.jpg", "image/jpeg"), Attachment("f_2", "b.jpg", "image/jpeg")
    said = Line("m1", Author.CUSTOMER, "voici", NOW, (photo, other))
    await board.add_line("c_1", LEA, CaseLine(line=said))
    stored = replace(photo, size=10, stored=True)
    for _ in range(2):
        await board.set_file("c_1", "m1", stored)
    await board.set_file("c_1", "m1", Attachment("f_9", "x", "y"))
    await board.set_file("c_1", "m9", stored)
    [line] = await board.thread("c_1")
    assert line.said.line == replace(said, attachments=(stored, other))
    assert not line.edited
    await board.delete_line("c_1", "m1")
    await board.set_file("c_1", "m1", stored)
    assert (await board.thread("c_1"))[0].said.line.attachments == ()
