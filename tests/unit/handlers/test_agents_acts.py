"""What agents do with a conversation, and what they are told when it does not happen."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.chat import Speaker
from bot.domain.conversation import Outcome
from bot.domain.events import (
    AgentMarksSpam,
    AgentNote,
    AgentRelease,
    AgentResolve,
    AgentReveal,
    AgentSnooze,
    AgentTeach,
    AgentTransfer,
    TimerDue,
)
from bot.domain.facts import (
    Audited,
    ConversationChanged,
    HandoffChanged,
    HandoffStep,
    MessageLogged,
    Proposed,
)
from bot.domain.outgoing import Alert, CaseAlert, CaseCard, CaseLine, CaseRefused, CaseState, Refusal
from tests.fakes.at_work import AtWork
from tests.fakes.care import CHAT, LEA, OMAR

ACTS = [
    (AgentTransfer, "transfer", {"team": "shop"}),
    (AgentResolve, "resolve", {}),
    (AgentRelease, "release", {}),
    (AgentMarksSpam, "spam", {}),
    (AgentSnooze, "snooze", {}),
]


def values_of(world, kind, values):
    return {**values, "until": world.now + timedelta(hours=1)} if kind is AgentSnooze else values


@pytest.mark.parametrize(("kind", "action", "values"), ACTS)
async def test_nobody_acts_over_a_colleague_and_whoever_tries_is_told_who_has_it(kind, action, values):
    world = await AtWork().taken_by(LEA)
    was = world.chat
    await world.agent(kind, OMAR, **values_of(world, kind, values))
    assert world.told(CaseRefused) == [
        CaseRefused(agent=OMAR, action=action, reason=Refusal.TAKEN, holder=LEA)
    ]
    assert world.said == []
    assert world.chat == was


@pytest.mark.parametrize(("kind", "action", "values"), ACTS)
async def test_what_has_ended_is_ended(kind, action, values):
    world = await AtWork().taken_by(LEA)
    await world.agent(AgentResolve)
    await world.agent(kind, LEA, **values_of(world, kind, values))
    assert [(told.action, told.reason) for told in world.told(CaseRefused)] == [(action, Refusal.CLOSED)]
    assert world.said == []


async def test_a_team_nobody_knows_and_the_team_it_waits_for_already_are_no_transfers():
    world = await AtWork().asks_for_a_person()
    await world.agent(AgentTransfer, team="nowhere")
    assert world.told(CaseRefused)[0].reason is Refusal.UNKNOWN_TEAM
    await world.agent(AgentTransfer, team="care")
    assert world.told(CaseRefused)[0].reason is Refusal.NOT_NOW


async def test_what_the_bot_has_cannot_be_given_back_to_it():
    world = await AtWork().customer("où est mon colis ?")
    await world.agent(AgentRelease)
    assert world.told(CaseRefused)[0].reason is Refusal.NOT_NOW


async def test_given_back_to_the_bot_it_is_no_agent_s_conversation():
    world = await AtWork().taken_by(LEA)
    await world.agent(AgentRelease)
    assert (world.speaker, world.now_is.conversation.last_agent) == (Speaker.BOT, None)


# --- spam ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("taken", [True, False])
async def test_spam_ends_it_without_a_word(taken):
    world = AtWork()
    await (world.taken_by(LEA) if taken else world.asks_for_a_person())
    await world.agent(AgentMarksSpam)
    assert (world.said, world.changes) == ([], [])
    assert world.now_is.conversation.outcome is Outcome.SPAM
    assert {"idle", "waiting", "snooze"}.isdisjoint(world.timers)
    (card,) = world.told(CaseCard)
    assert (card.state, card.outcome) == (CaseState.CLOSED, Outcome.SPAM)
    assert world.logged(ConversationChanged)[-1].outcome is Outcome.SPAM


# --- snooze --------------------------------------------------------------------------------------


async def snoozed(hours: float = 2, *, taken: bool = True) -> AtWork:
    world = AtWork()
    await (world.taken_by(LEA) if taken else world.asks_for_a_person())
    return await world.agent(AgentSnooze, until=world.now + timedelta(hours=hours))


@pytest.mark.parametrize("taken", [True, False])
async def test_a_snooze_is_shown_logged_and_over_in_time(taken):
    world = await snoozed(taken=taken)
    assert world.said == []
    assert world.told(CaseCard)[0].snoozed_until == world.now + timedelta(hours=2)
    (step,) = world.logged(HandoffChanged)
    assert (step.step, step.agent_id) == (HandoffStep.SNOOZED, LEA.id)
    await world.timer("snooze")
    alert = next(one for one in world.told(CaseAlert) if one.kind is Alert.SNOOZED)
    assert (alert.team, alert.agent) == ("care", LEA if taken else None)
    assert world.handoff.snoozed_until is None
    assert world.told(CaseCard)[0].snoozed_until is None


async def test_a_customer_who_writes_ends_the_snooze_and_nothing_comes_later():
    world = await snoozed()
    await world.customer("vous êtes là ?")
    assert world.handoff.snoozed_until is None
    assert world.told(CaseCard)[0].snoozed_until is None
    await world.timer("snooze")
    assert [one.kind for one in world.told(CaseAlert)] == []


async def test_a_second_snooze_counts_and_the_first_one_s_timer_does_not():
    world = await snoozed(hours=1)
    first = world.timers["snooze"]
    await world.agent(AgentSnooze, until=world.now + timedelta(hours=5))
    world.now = first
    await world.happens(TimerDue(id="t", chat=CHAT, at=first, name="snooze"))
    assert world.handoff.snoozed_until is not None
    assert world.told(CaseAlert) == []


@pytest.mark.parametrize("hours", [0, -1])
async def test_nobody_snoozes_into_the_past(hours):
    world = await snoozed(hours=hours)
    assert world.told(CaseRefused)[0].reason is Refusal.NOT_NOW
    assert world.handoff.snoozed_until is None


async def test_what_the_bot_has_is_nobody_s_to_snooze():
    world = await AtWork().customer("où est mon colis ?")
    await world.agent(AgentSnooze, until=world.now + timedelta(hours=1))
    assert world.told(CaseRefused)[0].reason is Refusal.NOT_NOW


# --- for the record --------------------------------------------------------------------------------


async def test_a_note_is_shown_and_logged_and_goes_nowhere():
    world = await AtWork().taken_by(LEA)
    await world.agent(AgentNote, OMAR, message_id="n1", text="client fidèle")
    assert (world.said, world.changes) == ([], [])
    assert [line.note for line in world.told(CaseLine)] == [True]
    assert [(fact.kind, fact.author_id) for fact in world.logged(MessageLogged)] == [("note", OMAR.id)]


async def test_looking_at_what_was_shortened_is_accounted_for_and_changes_nothing():
    world = await AtWork().taken_by(LEA)
    was = world.chat
    await world.agent(AgentReveal, OMAR, subject="c1")
    assert world.logged(Audited) == [Audited(action="reveal", agent_id=OMAR.id, subject="c1")]
    assert world.chat == was
    assert world.outgoing == ()


async def test_a_proposal_is_filed_even_after_the_end_and_opens_nothing():
    world = await AtWork().taken_by(LEA)
    await world.agent(AgentResolve)
    await world.agent(AgentTeach, intent="faq_x", question="et les chèques ?", language="fr", message_id="c1")
    assert world.logged(Proposed) == [
        Proposed(
            agent_id=LEA.id, agent_name=LEA.name, intent="faq_x", question="et les chèques ?",
            language="fr", message_id="c1",
        )
    ]  # fmt: skip
    assert world.speaker is Speaker.CLOSED


async def test_a_proposal_of_nothing_is_refused():
    world = await AtWork().taken_by(LEA)
    await world.agent(AgentTeach, question=" ")
    assert world.logged(Proposed) == []
    assert (world.told(CaseRefused)[0].action, world.told(CaseRefused)[0].reason) == ("teach", Refusal.EMPTY)
