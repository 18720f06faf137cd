"""The log of a turn: every fact of a change, in the order things happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.chat import Chat
from bot.domain.conversation import Handoff, HandoffReason, Outcome, ServiceLevel
from bot.domain.decision import Decision, Send
from bot.domain.events import (
    AgentClaim,
    AgentNote,
    AgentReply,
    AgentSnooze,
    ButtonPress,
    Command,
    CustomerCommand,
    CustomerDelete,
    CustomerEdit,
    Event,
    Receipt,
    ReceiptStatus,
    TimerDue,
)
from bot.domain.facts import (
    ConversationChanged,
    Episode,
    FactBody,
    FeedbackGiven,
    HandoffChanged,
    HandoffStep,
    MessageDeleted,
    MessageEdited,
    MessageKind,
    MessageLogged,
    ReceiptLogged,
    Understood,
)
from bot.domain.identity import Agent, Profile
from bot.domain.message import Author
from bot.domain.outgoing import CustomerPayload, DeleteOut, EditOut, MessageOut
from bot.domain.turn import Turn
from bot.engine.turn import Result
from tests.builders import LEA, NOW, chat, message
from tests.fakes.engine import SureNlu, runner

COMMON: dict[str, Any] = {"id": "web:main:lea:9", "chat": LEA, "at": NOW}
MAYA, TOM = Agent("a_1", "Maya"), Agent("a_2", "Tom")
ASKED = Handoff(HandoffReason.ASKED, "care", NOW)
ALARM = Handoff(HandoffReason.PROTECTED, "care", NOW, urgent=True, intent="skin_reaction")
TICK = TimerDue(**COMMON, name="idle")

bot = chat()
waiting = bot.hand_off(ASKED)
human = waiting.claim(MAYA, ASKED)
closed = bot.close(Outcome.WENT_QUIET, NOW)


async def turn_made(
    event: Event,
    before: Chat | None = bot,
    change: Callable[[Chat], Chat] = lambda chat: chat,
    sends: tuple[CustomerPayload, ...] = (),
    facts: tuple[FactBody, ...] = (),
) -> Result:
    async def handler(turn: Turn) -> Decision:
        return Decision(
            chat=change(turn.chat), sends=tuple(Send(payload=payload) for payload in sends), facts=facts
        )

    return await runner(handler).run(event, before)


async def bodies(*arguments: Any, **named: Any) -> list[FactBody]:
    return [fact.body for fact in (await turn_made(*arguments, **named)).facts]


# --- what was said and understood -----------------------------------------------------------------


async def test_a_first_message_and_its_answer_in_the_order_they_happened() -> None:
    feedback = FeedbackGiven(topic="faq_parcel", helped=True)
    found = await bodies(
        message("où est mon colis", profile=Profile("Léa")),
        None,
        lambda chat: chat.hand_off(ASKED),
        (MessageOut(text="Je demande."), MessageOut(text="Un instant.", topic="t")),
        (feedback,),
    )
    assert [type(body) for body in found] == [
        ConversationChanged,
        MessageLogged,
        Understood,
        HandoffChanged,
        MessageLogged,
        MessageLogged,
        FeedbackGiven,
    ]
    opened, asked, understood, requested, first, second, last = found
    assert (opened.change, opened.language) == (Episode.OPENED, "fr")  # type: ignore[union-attr]
    assert asked == MessageLogged(
        message_id="1", author=Author.CUSTOMER, author_name="Léa", text="où est mon colis", language="fr"
    )
    assert understood == Understood(
        message_id="1",
        intent="faq_parcel",
        confidence=0.9,
        ranking=SureNlu.understanding.ranking,
        entities=(),
        ms=10.0,
        handler="the_handler",
    )
    assert requested == HandoffChanged(step=HandoffStep.REQUESTED, reason=HandoffReason.ASKED, team="care")
    assert (first.reply_to, second.reply_to, second.topic) == ("1", None, "t")  # type: ignore[union-attr]
    assert first.message_id != second.message_id  # type: ignore[union-attr]
    assert last == feedback


async def test_every_fact_of_a_turn_names_the_episode_and_the_model() -> None:
    result = await turn_made(message(), sends=(MessageOut(text="voilà"),))
    assert {(fact.conversation, fact.model, fact.at, fact.chat) for fact in result.facts} == {
        ("c_1", "m1", NOW, LEA)
    }
    without = await turn_made(TICK, sends=(MessageOut(text="toujours là ?"),))
    assert [fact.model for fact in without.facts] == [None]


async def test_a_press_and_a_command_are_said_too() -> None:
    assert await bodies(ButtonPress(**COMMON, message_id="9", button="faq:returns")) == [
        MessageLogged(
            message_id="9",
            author=Author.CUSTOMER,
            text="faq:returns",
            kind=MessageKind.PRESS,
            language="fr",
        )
    ]
    command = CustomerCommand(**COMMON, message_id="9", command=Command.LANGUAGE, argument="en")
    [said] = await bodies(command)
    assert (said.text, said.kind) == ("/language en", MessageKind.COMMAND)  # type: ignore[union-attr]
    [said] = await bodies(replace(command, argument=""))
    assert said.text == "/language"  # type: ignore[union-attr]


async def test_edits_and_deletions_are_told_apart_by_who_made_them() -> None:
    assert await bodies(CustomerEdit(**COMMON, message_id="9", edited_id="1", text="pardon")) == [
        MessageEdited(message_id="1", author=Author.CUSTOMER, text="pardon")
    ]
    assert await bodies(CustomerDelete(**COMMON, message_id="9", deleted_id="1")) == [
        MessageDeleted(message_id="1", author=Author.CUSTOMER)
    ]
    ours = (
        EditOut(message_id="m_1", author=Author.AGENT, text="mieux"),
        DeleteOut(message_id="m_2", author=Author.AGENT),
    )
    assert await bodies(TICK, sends=ours) == [
        MessageEdited(message_id="m_1", author=Author.AGENT, text="mieux"),
        MessageDeleted(message_id="m_2", author=Author.AGENT),
    ]


async def test_a_note_is_logged_as_one_and_a_reply_once_when_it_goes_out() -> None:
    note = AgentNote(**COMMON, agent=MAYA, message_id="n_1", text="VIP")
    assert await bodies(note, human) == [
        MessageLogged(
            message_id="n_1",
            author=Author.AGENT,
            author_id="a_1",
            author_name="Maya",
            text="VIP",
            kind=MessageKind.NOTE,
        )
    ]
    reply = AgentReply(**COMMON, agent=MAYA, message_id="m_1", text="Je regarde.")
    out = MessageOut(
        text="Je regarde.", author=Author.AGENT, author_id="a_1", author_name="Maya", message_id="m_1"
    )
    assert await bodies(reply, human, sends=(out,)) == [
        MessageLogged(
            message_id="m_1",
            author=Author.AGENT,
            author_id="a_1",
            author_name="Maya",
            text="Je regarde.",
            language="fr",
        )
    ]


async def test_only_a_receipt_the_sender_cannot_log_is_logged_here() -> None:
    """The sender logs what became of its calls itself: twice would be counted twice."""
    seen = Receipt(**COMMON, message_id="m_1", status=ReceiptStatus.SEEN, platform_id="p")
    assert await bodies(seen, human) == [
        ReceiptLogged(message_id="m_1", destination="web:main", status=ReceiptStatus.SEEN, platform_id="p")
    ]
    for status in set(ReceiptStatus) - {ReceiptStatus.SEEN}:
        assert await bodies(replace(seen, status=status), human) == []


# --- episodes, handoffs ------------------------------------------------------------------------------


async def test_an_end_comes_after_what_was_said_last() -> None:
    found = await bodies(
        TICK,
        bot,
        lambda chat: chat.close(Outcome.WENT_QUIET, NOW),
        (MessageOut(text="À bientôt."),),
    )
    assert [type(body) for body in found] == [MessageLogged, ConversationChanged]
    assert found[-1] == ConversationChanged(
        change=Episode.CLOSED, contact_id="p_1", language="fr", outcome=Outcome.WENT_QUIET
    )


async def test_an_episode_reopened_only_to_be_closed_tells_both() -> None:
    found = await bodies(message(), closed, lambda chat: chat.close(Outcome.CONFIRMED_BY_CUSTOMER, NOW))
    assert [body.change for body in found if isinstance(body, ConversationChanged)] == [
        Episode.REOPENED,
        Episode.CLOSED,
    ]


@pytest.mark.parametrize(
    ("before", "change", "step", "agent", "team"),
    [
        (bot, lambda c: c.hand_off(ASKED), HandoffStep.REQUESTED, None, "care"),
        (bot, lambda c: c.claim(MAYA, ASKED), HandoffStep.CLAIMED, "a_1", "care"),
        (waiting, lambda c: c.claim(MAYA, ASKED), HandoffStep.CLAIMED, "a_1", "care"),
        (waiting, lambda c: c.hand_off(ALARM), HandoffStep.ESCALATED, None, "care"),
        (waiting, lambda c: c.requeue("legal", NOW), HandoffStep.REQUEUED, None, "legal"),
        (waiting, lambda c: c.release(), HandoffStep.RELEASED, None, "care"),
        (waiting, lambda c: c.close(Outcome.WENT_QUIET, NOW), HandoffStep.RESOLVED, None, "care"),
        (human, lambda c: c.claim(TOM, ASKED), HandoffStep.TAKEN_OVER, "a_2", "care"),
        (human, lambda c: c.requeue("legal", NOW), HandoffStep.REQUEUED, None, "legal"),
        (human, lambda c: c.release(), HandoffStep.RELEASED, "a_1", "care"),
        (human, lambda c: c.close(Outcome.RESOLVED_BY_AGENT, NOW), HandoffStep.RESOLVED, "a_1", "care"),
    ],
)
async def test_each_step_to_with_and_from_a_person(
    before: Chat, change: Callable[[Chat], Chat], step: HandoffStep, agent: str | None, team: str
) -> None:
    [found] = [body for body in await bodies(TICK, before, change) if isinstance(body, HandoffChanged)]
    assert (found.step, found.agent_id, found.team) == (step, agent, team)


async def test_what_was_given_to_an_agent_is_assigned_and_claimed() -> None:
    claim = AgentClaim(**COMMON, agent=MAYA, assigned=True)
    found = await bodies(claim, waiting, lambda chat: chat.claim(MAYA, ASKED))
    assert [(body.step, body.agent_id) for body in found if isinstance(body, HandoffChanged)] == [
        (HandoffStep.ASSIGNED, "a_1"),
        (HandoffStep.CLAIMED, "a_1"),
    ]


@pytest.mark.parametrize("before", [waiting, human])
async def test_a_snooze_is_a_step_of_whoever_snoozes_and_its_end_is_none(before: Chat) -> None:
    until = NOW + timedelta(hours=1)
    snooze = AgentSnooze(**COMMON, agent=TOM, until=until)
    [step] = await bodies(snooze, before, lambda chat: chat.with_handoff(snoozed_until=until))
    assert isinstance(step, HandoffChanged)
    assert (step.step, step.agent_id, step.team) == (HandoffStep.SNOOZED, "a_2", "care")
    asleep = before.with_handoff(snoozed_until=until)
    assert await bodies(TICK, asleep, lambda chat: chat.with_handoff(snoozed_until=None)) == []
    assert await bodies(snooze, before) == [], "one that was refused"


@pytest.mark.parametrize("before", [waiting, human])
async def test_how_it_stands_against_its_target_is_no_step(before: Chat) -> None:
    late = {"level": ServiceLevel.OVERDUE, "due": NOW, "answered": True, "back_at": NOW, "hushed": True}
    assert await bodies(TICK, before, lambda chat: chat.with_handoff(**late)) == []


async def test_an_alarm_says_what_it_is_about() -> None:
    [found] = await bodies(TICK, waiting, lambda chat: chat.hand_off(ALARM))
    assert found == HandoffChanged(
        step=HandoffStep.ESCALATED,
        reason=HandoffReason.PROTECTED,
        team="care",
        urgent=True,
        intent="skin_reaction",
    )


@pytest.mark.parametrize("before", [bot, waiting, human, closed])
async def test_where_nothing_changes_no_step_is_logged(before: Chat) -> None:
    assert await bodies(TICK, before) == []
    assert await bodies(TICK, human, lambda chat: chat.claim(MAYA, ASKED)) == []


async def test_an_agent_who_writes_to_a_closed_chat_opens_it_and_claims_it() -> None:
    claim = AgentClaim(**COMMON, agent=MAYA)
    found = await bodies(claim, closed, lambda chat: chat.claim(MAYA, ASKED))
    assert [type(body) for body in found] == [ConversationChanged, HandoffChanged]
    assert found[1].step is HandoffStep.CLAIMED  # type: ignore[union-attr]
