"""Who has a conversation: one agent at a time, and each knows."""

from __future__ import annotations

import pytest

from bot.domain.chat import Speaker
from bot.domain.events import (
    AgentClaim,
    AgentRelease,
    AgentReply,
    AgentResolve,
    AgentTransfer,
    Hushed,
)
from bot.domain.facts import HandoffChanged, HandoffStep
from bot.domain.identity import Agent
from bot.domain.outgoing import Alert, CaseAlert, CaseCard, CaseRefused, Hush, Refusal
from tests.fakes.at_work import AtWork
from tests.fakes.care import CHAT, LEA, OMAR

INES = Agent("a3", "Inès Roux")


def refusal(world: AtWork) -> CaseRefused:
    (told,) = world.told(CaseRefused)
    return told


async def test_a_claim_lost_is_told_to_whoever_lost_it_and_to_nobody_else():
    world = await AtWork().taken_by(LEA)
    await world.agent(AgentClaim, OMAR)
    assert refusal(world) == CaseRefused(agent=OMAR, action="claim", reason=Refusal.TAKEN, holder=LEA)
    assert world.texts == []
    assert world.handoff.agent == LEA


async def test_claiming_what_is_already_theirs_is_not_now_even_taking_over():
    world = await AtWork().taken_by(LEA)
    for take_over in (False, True):
        await world.agent(AgentClaim, LEA, take_over=take_over)
        assert refusal(world).reason is Refusal.NOT_NOW
        assert world.said == []


async def test_taken_over_from_a_colleague_who_is_told_by_whom():
    world = await AtWork().taken_by(LEA)
    await world.agent(AgentClaim, OMAR, take_over=True, holder=LEA.id)
    assert world.handoff.agent == OMAR
    assert world.told(CaseAlert) == [
        CaseAlert(kind=Alert.TAKEN_OVER, team="care", agent=LEA, detail=OMAR.name)
    ]
    assert [fact.step for fact in world.logged(HandoffChanged)] == [HandoffStep.TAKEN_OVER]


async def test_of_two_who_take_over_from_the_same_colleague_the_first_one_has_it():
    world = await AtWork().taken_by(LEA)
    await world.agent(AgentClaim, OMAR, take_over=True, holder=LEA.id)
    await world.agent(AgentClaim, INES, take_over=True, holder=LEA.id)
    assert refusal(world) == CaseRefused(agent=INES, action="claim", reason=Refusal.TAKEN, holder=OMAR)
    assert world.handoff.agent == OMAR


async def test_who_takes_over_what_ended_meanwhile_does_not_reopen_it():
    world = await AtWork().taken_by(LEA)
    await world.agent(AgentResolve)
    await world.agent(AgentClaim, OMAR, take_over=True, holder=LEA.id)
    assert refusal(world).reason is Refusal.CLOSED
    assert world.speaker is Speaker.CLOSED


async def test_who_takes_over_what_went_back_to_the_queue_claims_it_and_nobody_is_told():
    world = await AtWork().taken_by(LEA)
    await world.agent(AgentTransfer, team="shop")
    await world.agent(AgentClaim, OMAR, take_over=True, holder=LEA.id)
    assert (world.handoff.agent, world.told(CaseAlert)) == (OMAR, [])


async def test_a_claim_of_what_has_ended_reopens_it():
    world = await AtWork().taken_by(LEA)
    await world.agent(AgentResolve)
    await world.agent(AgentClaim, OMAR)
    assert (world.speaker, world.handoff.agent, world.now_is.conversation.reopened) == (
        Speaker.HUMAN,
        OMAR,
        1,
    )


async def test_a_claim_in_a_thread_whose_chat_has_gone_on_is_told_that_it_is_over():
    world = await AtWork().taken_by(LEA)
    old = world.now_is.conversation.id
    await world.agent(AgentResolve)
    await world.agent(AgentClaim, OMAR, conversation="c_another")
    assert refusal(world).reason is Refusal.CLOSED
    assert world.speaker is Speaker.CLOSED
    await world.agent(AgentClaim, OMAR, conversation=old)
    assert world.handoff.agent == OMAR


async def test_after_the_time_to_reopen_an_agent_may_still_write_in_the_last_thread():
    world = await AtWork().taken_by(LEA)
    old = world.now_is.conversation.id
    await world.agent(AgentResolve)
    world.later(hours=48)
    await world.agent(AgentReply, message_id="a9", text="Votre colis est retrouvé.", conversation=old)
    assert world.texts[-1] == "Votre colis est retrouvé."
    assert world.now_is.conversation.id != old


async def test_the_refusal_is_shown_in_the_thread_the_agent_asked_in():
    world = await AtWork().taken_by(LEA)
    await world.agent(AgentResolve, conversation="c_another")
    (entry,) = [one for one in world.outgoing if isinstance(one.payload, CaseRefused)]
    assert entry.conversation == "c_another"


# --- given away by the machine ---------------------------------------------------------------


async def test_a_waiting_customer_given_to_an_agent_is_theirs_and_they_hear_of_it():
    world = await AtWork().asks_for_a_person()
    await world.agent(AgentClaim, OMAR, assigned=True)
    assert world.handoff.agent == OMAR
    assert world.told(CaseAlert) == [CaseAlert(kind=Alert.ASSIGNED, team="care", agent=OMAR)]
    steps = [fact.step for fact in world.logged(HandoffChanged)]
    assert steps == [HandoffStep.ASSIGNED, HandoffStep.CLAIMED]


@pytest.mark.parametrize("before", ["bot", "theirs", "over"])
async def test_what_does_not_wait_any_more_is_given_to_nobody_without_a_word(before):
    world = AtWork()
    if before == "bot":
        await world.customer("où est mon colis ?")
    else:
        await world.taken_by(LEA)
    if before == "over":
        await world.agent(AgentResolve)
    was = world.chat
    await world.agent(AgentClaim, OMAR, assigned=True)
    assert world.chat == was
    assert world.outgoing == ()


# --- only then it is certain ------------------------------------------------------------------


async def test_a_claim_is_certain_once_the_bot_is_known_to_be_silent():
    world = await AtWork().taken_by(LEA)
    (card,) = world.told(CaseCard)
    assert not card.hushed
    hush = next(entry for entry in world.outgoing if isinstance(entry.payload, Hush))
    assert world.outgoing[0] is hush, "whatever the bot had said before goes first"
    await world.happens(Hushed(id="h", chat=CHAT, at=world.now, epoch=hush.epoch))
    (card,) = world.told(CaseCard)
    assert card.hushed
    assert card.agent == LEA


async def test_of_two_claims_the_first_one_s_silence_makes_nothing_certain():
    world = await AtWork().taken_by(LEA)
    first = world.now_is.epoch
    await world.agent(AgentClaim, OMAR, take_over=True)
    await world.happens(Hushed(id="h1", chat=CHAT, at=world.now, epoch=first))
    assert not world.handoff.hushed
    await world.happens(Hushed(id="h2", chat=CHAT, at=world.now, epoch=world.now_is.epoch))
    assert world.handoff.hushed


@pytest.mark.parametrize("event", [AgentRelease, AgentResolve])
async def test_silence_after_it_was_given_back_says_nothing(event):
    world = await AtWork().taken_by(LEA)
    epoch = world.now_is.epoch
    await world.agent(event)
    was = world.chat
    await world.happens(Hushed(id="h", chat=CHAT, at=world.now, epoch=epoch))
    assert world.chat == was


async def test_a_transfer_takes_the_certainty_away():
    world = await AtWork().taken_by(LEA)
    await world.happens(Hushed(id="h", chat=CHAT, at=world.now, epoch=world.now_is.epoch))
    await world.agent(AgentTransfer, team="shop")
    assert not world.handoff.hushed
