"""What an agent can do at the terminal desk."""

from __future__ import annotations

import pytest

from bot.desk.terminal.session import MAX_TEXT, DeskSession, NotDone, Problem
from bot.domain import events as ev
from bot.domain.errors import StoreUnavailable
from bot.domain.events import ReceiptStatus
from bot.domain.outgoing import CaseState
from tests.fakes.desk import MARIE, SmallEngine


async def the_thread(session: DeskSession) -> list[str]:
    return [line.said.line.text for line in await session.thread(await session.find("1"))]


async def test_a_case_is_found_by_its_number_or_the_start_of_its_conversation(marie: DeskSession) -> None:
    assert (await marie.find("1")).conversation == "c_1"
    assert (await marie.find(" #1 ")).conversation == "c_1"


@pytest.mark.parametrize("reference", ["2", "", "c", "nowhere", "99999999999999999999"])
async def test_a_case_that_is_not_there_is_not_found(marie: DeskSession, reference: str) -> None:
    with pytest.raises(NotDone) as caught:
        await marie.find(reference)
    assert caught.value.problem is Problem.NO_SUCH_CASE


async def test_what_was_said_before_opens_the_thread(marie: DeskSession, engine: SmallEngine) -> None:
    await engine.customer("allô ?", "m2")
    assert await the_thread(marie) == ["où est mon colis ?", "allô ?"]


async def test_taking_a_case_waits_for_the_engine_to_say_so(marie: DeskSession) -> None:
    case = await marie.take(await marie.find("1"))
    assert case.card.agent == MARIE
    assert marie.holds(case)


async def test_a_claim_nobody_confirms_is_told(marie: DeskSession, engine: SmallEngine) -> None:
    engine.asleep = True
    with pytest.raises(NotDone) as caught:
        await marie.take(await marie.find("1"))
    assert caught.value.problem is Problem.UNCONFIRMED


async def test_a_colleagues_case_is_held_until_it_is_taken_over(
    marie: DeskSession, paul: DeskSession, engine: SmallEngine
) -> None:
    await marie.take(await marie.find("1"))
    said = len(engine.events)
    case = await paul.find("1")
    for attempt in (paul.take(case), paul.reply(case, "bonjour"), paul.resolve(case), paul.release(case)):
        with pytest.raises(NotDone) as caught:
            await attempt
        assert (caught.value.problem, caught.value.who) == (Problem.HELD, "Marie")
    assert len(engine.events) == said
    assert paul.holds(await paul.take(case, take_over=True))


async def test_the_loser_of_a_race_for_a_case_is_told_who_won(
    marie: DeskSession, paul: DeskSession, engine: SmallEngine
) -> None:
    seen_free = await paul.find("1")
    engine.asleep = True
    with pytest.raises(NotDone):
        await marie.take(await marie.find("1"))  # under way
    claimed = engine.events[-1]
    original = engine.append

    async def marie_first(event: ev.Event) -> object:
        engine.asleep = False
        await engine.turn(claimed)
        return await original(event)

    engine.append = marie_first  # type: ignore[method-assign, assignment]
    with pytest.raises(NotDone) as caught:
        await paul.take(seen_free)
    assert (caught.value.problem, caught.value.who) == (Problem.HELD, "Marie")


async def test_a_reply_claims_first_and_shows_its_tick(marie: DeskSession, engine: SmallEngine) -> None:
    case = await marie.find("1")
    message_id = await marie.reply(case, " Bonjour, je regarde. ")
    assert [type(event) for event in engine.events] == [ev.AgentClaim, ev.AgentReply]
    line = await marie.fate(case, message_id, 1)
    assert line is not None
    assert line.said.line.text == "Bonjour, je regarde."
    assert line.fate is not None
    assert line.fate.status is ReceiptStatus.DELIVERED


async def test_a_reply_still_on_its_way_has_no_fate_yet(marie: DeskSession, engine: SmallEngine) -> None:
    engine.fate = None
    case = await marie.find("1")
    line = await marie.fate(case, await marie.reply(case, "Bonjour"), 0.1)
    assert line is not None
    assert line.fate is None


async def test_every_event_has_an_id_of_its_own_and_names_its_desk(
    marie: DeskSession, engine: SmallEngine
) -> None:
    case = await marie.find("1")
    await marie.reply(case, "un")
    await marie.reply(case, "deux")
    ids = [event.id for event in engine.events]
    assert len(set(ids)) == 3
    assert all(event_id.startswith("desk:terminal:") for event_id in ids)


async def test_a_secret_in_a_reply_is_masked_before_it_is_checked(
    marie: DeskSession, engine: SmallEngine
) -> None:
    await marie.reply(await marie.find("1"), "votre carte 4111 1111 1111 1111")
    reply = engine.events[-1]
    assert isinstance(reply, ev.AgentReply)
    assert "4111" not in reply.text


@pytest.mark.parametrize(
    ("text", "problem"),
    [("", Problem.EMPTY), (" \n\x00 ", Problem.EMPTY), ("x" * (MAX_TEXT + 1), Problem.TOO_LONG)],
)
async def test_nothing_and_too_much_are_not_sent(
    marie: DeskSession, engine: SmallEngine, text: str, problem: Problem
) -> None:
    case = await marie.find("1")
    for attempt in (marie.reply(case, text), marie.note(case, text)):
        with pytest.raises(NotDone) as caught:
            await attempt
        assert caught.value.problem is problem
    assert engine.events == []


async def test_a_note_is_written_without_claiming(marie: DeskSession, engine: SmallEngine) -> None:
    await marie.note(await marie.find("1"), "cliente fidèle")
    assert [type(event) for event in engine.events] == [ev.AgentNote]
    thread = await marie.thread(await marie.find("1"))
    assert thread[-1].said.note


async def test_transfer_release_and_resolve_reach_the_engine(marie: DeskSession, engine: SmallEngine) -> None:
    case = await marie.find("1")
    await marie.transfer(case, " Shop ")
    assert (await marie.find("1")).card.team == "shop"
    await marie.release(case)
    assert (await marie.find("1")).card.state is CaseState.RELEASED
    with pytest.raises(NotDone) as caught:
        await marie.resolve(case)
    assert caught.value.problem is Problem.OVER
    await marie.take(case)
    await marie.resolve(case)
    assert (await marie.find("1")).card.state is CaseState.CLOSED


@pytest.mark.parametrize("team", ["", "deux mots", "../x", "x" * 41])
async def test_a_team_has_a_plain_name(marie: DeskSession, team: str) -> None:
    with pytest.raises(NotDone) as caught:
        await marie.transfer(await marie.find("1"), team)
    assert caught.value.problem is Problem.BAD_TEAM


async def test_a_closed_case_takes_nothing_more(marie: DeskSession, engine: SmallEngine) -> None:
    case = await marie.find("1")
    await marie.resolve(case)
    said = len(engine.events)
    for attempt in (marie.take(case), marie.reply(case, "x"), marie.note(case, "x"), marie.resolve(case)):
        with pytest.raises(NotDone) as caught:
            await attempt
        assert caught.value.problem is Problem.OVER
    assert len(engine.events) == said


async def test_a_store_that_is_away_promises_nothing(marie: DeskSession, engine: SmallEngine) -> None:
    case = await marie.find("1")
    engine.unavailable = True
    with pytest.raises(StoreUnavailable):
        await marie.note(case, "x")
