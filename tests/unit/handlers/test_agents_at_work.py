"""What agents do, as the customer sees it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.chat import Speaker
from bot.domain.conversation import HandoffReason, Outcome
from bot.domain.events import (
    AgentClaim,
    AgentDelete,
    AgentEdit,
    AgentNote,
    AgentRelease,
    AgentReply,
    AgentResolve,
    AgentTransfer,
    CustomerDelete,
    CustomerEdit,
    Receipt,
    ReceiptStatus,
    TimerDue,
)
from bot.domain.identity import Agent
from bot.domain.message import Author
from bot.domain.outgoing import DeleteOut, EditOut
from tests.fakes.care import CHAT, LEA, OMAR, PHOTO, Story


async def test_a_claim_is_told_with_the_first_name_only():
    story = await Story().waits()
    (told,) = await story.agent(AgentClaim)
    assert told.text == story.text("agent.takes_over", name="Léa")
    assert "Dumas" not in told.text
    assert (told.author, told.answers, story.speaker) == (Author.SYSTEM, False, Speaker.HUMAN)


async def test_an_agent_without_a_name_takes_over_too():
    story = await Story().waits()
    (told,) = await story.agent(AgentClaim, Agent("a9", "  "))
    assert told.text == story.text("agent.takes_over_unnamed")


async def test_an_agent_may_step_in_while_the_bot_speaks():
    story = Story()
    await story.says("bonjour", greet=0.9)
    await story.agent(AgentClaim)
    assert story.chat.conversation.handoff.reason is HandoffReason.AGENT
    assert "idle" not in story.timers


async def test_two_agents_cannot_hold_one_conversation():
    story = await Story().with_lea()
    assert await story.agent(AgentClaim, OMAR) == []
    assert story.chat.conversation.handoff.agent == LEA


async def test_a_colleague_takes_over_on_purpose():
    story = await Story().with_lea()
    (told,) = await story.agent(AgentClaim, OMAR, take_over=True)
    assert "Omar" in told.text
    assert story.chat.conversation.handoff.agent == OMAR


async def test_claiming_twice_says_it_once():
    story = await Story().with_lea()
    assert await story.agent(AgentClaim, LEA, take_over=True) == []


async def test_a_reply_arrives_under_the_agent_s_first_name_after_the_time_to_undo():
    story = await Story().with_lea()
    (said,) = await story.agent(AgentReply, message_id="d1", text="Bonjour", undo_seconds=5.0)
    assert (said.text, said.author, said.author_name, said.author_id) == (
        "Bonjour",
        Author.AGENT,
        "Léa",
        "a1",
    )
    assert (said.message_id, said.answers) == ("d1", False)
    assert story.sends[0].delay == 5.0


async def test_a_reply_to_a_waiting_customer_takes_the_conversation_first():
    story = await Story().waits()
    over, said = await story.agent(AgentReply, message_id="d1", text="Bonjour", undo_seconds=5.0)
    assert over.text == story.text("agent.takes_over", name="Léa")
    assert said.text == "Bonjour"
    assert story.chat.conversation.handoff.agent == LEA


@pytest.mark.parametrize(
    ("event", "more"),
    [
        (AgentReply, {"message_id": "d1", "text": "Une précision"}),
        (AgentTransfer, {"team": "shop"}),
        (AgentResolve, {}),
        (AgentRelease, {}),
    ],
)
async def test_nobody_acts_over_the_colleague_who_holds_the_conversation(event, more):
    story = await Story().with_lea()
    assert await story.agent(event, OMAR, **more) == []
    assert (story.speaker, story.chat.conversation.handoff.agent) == (Speaker.HUMAN, LEA)


async def test_a_reply_after_the_end_reopens_the_conversation():
    story = await Story().with_lea()
    await story.agent(AgentResolve)
    over, said = await story.agent(AgentReply, message_id="d2", text="Encore un mot")
    assert (over.author, said.author) == (Author.SYSTEM, Author.AGENT)
    assert (story.speaker, story.chat.conversation.reopened) == (Speaker.HUMAN, 1)


async def test_an_empty_reply_says_nothing_and_takes_nothing():
    story = await Story().waits()
    assert await story.agent(AgentReply, message_id="d1", text=" ") == []
    assert story.speaker is Speaker.WAITING


async def test_a_reply_may_be_a_file():
    story = await Story().with_lea()
    (said,) = await story.agent(AgentReply, message_id="d1", attachments=(PHOTO,))
    assert said.attachments == (PHOTO,)


async def test_a_note_never_reaches_the_customer():
    story = await Story().with_lea()
    assert await story.agent(AgentNote, message_id="n1", text="client fidèle") == []


async def test_a_reply_can_be_changed_and_taken_back():
    story = await Story().with_lea()
    await story.agent(AgentReply, message_id="d1", text="Bonjour")
    await story.agent(AgentEdit, edited_id="d1", text="Bonjour Madame")
    assert story.sends[0].payload == EditOut(message_id="d1", author=Author.AGENT, text="Bonjour Madame")
    await story.agent(AgentDelete, deleted_id="d1")
    assert story.sends[0].payload == DeleteOut(message_id="d1", author=Author.AGENT)


async def test_a_reply_changed_into_nothing_is_left_alone():
    story = await Story().with_lea()
    await story.agent(AgentEdit, edited_id="d1", text="  ")
    assert story.sends == ()


async def test_done_is_said_politely_and_ends_the_conversation():
    story = await Story().with_lea()
    (told,) = await story.agent(AgentResolve)
    assert told.text.startswith(story.text("agent.resolved"))
    assert story.chat.conversation.outcome is Outcome.RESOLVED_BY_AGENT
    assert await story.agent(AgentResolve) == []


async def test_long_after_the_end_the_bot_answers_again_and_says_what_it_is():
    story = await Story().with_lea()
    await story.agent(AgentResolve)
    story.later(hours=25)
    first, answer = await story.says("comment retourner ?", faq_return_how=0.9)
    assert first.text == story.text("intro.first")
    assert story.speaker is Speaker.BOT
    assert answer.topic == "faq_return_how"


@pytest.mark.parametrize("situation", ["waits", "with_lea"])
async def test_given_back_to_the_bot_it_introduces_itself_once(situation):
    story = await getattr(Story(), situation)()
    (told,) = await story.agent(AgentRelease)
    assert (told.text, told.author) == (story.text("intro.back"), Author.SYSTEM)
    assert "idle" in story.timers
    assert len(await story.says("comment retourner ?", faq_return_how=0.9)) == 1


async def test_giving_back_what_the_bot_has_changes_nothing():
    story = Story()
    await story.says("bonjour", greet=0.9)
    assert await story.agent(AgentRelease) == []


# --- the customer changes their words ------------------------------------------------------


async def test_an_edited_or_withdrawn_message_is_never_answered_as_new():
    story = Story()
    await story.says("bonjour", greet=0.9)
    values = {"chat": CHAT, "at": story.now, "message_id": "c9"}
    assert await story.happens(CustomerEdit(id="e", edited_id="c1", text="un humain", **values)) == []
    assert await story.happens(CustomerDelete(id="d", deleted_id="c1", **values)) == []
    assert story.speaker is Speaker.BOT


@pytest.mark.parametrize("status", list(ReceiptStatus))
async def test_receipts_are_never_answered(status):
    story = await Story().with_lea()
    event = Receipt(id="r", chat=CHAT, at=story.now, message_id="d1", status=status)
    assert await story.happens(event) == []
    assert story.facts == []  # the engine and the sender log them


# --- silence -------------------------------------------------------------------------------


async def test_a_conversation_with_the_bot_that_goes_quiet_ends_without_a_word():
    story = Story()
    await story.says("bonjour", greet=0.9)
    assert story.timers["idle"] == story.now + timedelta(minutes=30)
    assert await story.timer("idle") == []
    assert (story.speaker, story.chat.conversation.outcome) == (Speaker.CLOSED, Outcome.WENT_QUIET)


async def test_a_customer_who_said_it_helped_and_left_was_helped():
    story = Story()
    await story.says("comment retourner ?", faq_return_how=0.9)
    await story.presses("yes:faq_return_how")
    await story.says("au revoir", goodbye=0.9)
    await story.timer("idle")
    assert story.chat.conversation.outcome is Outcome.CONFIRMED_BY_CUSTOMER


async def test_a_customer_who_was_helped_and_then_asked_in_vain_was_not():
    story = Story()
    await story.says("comment retourner ?", faq_return_how=0.9)
    await story.presses("yes:faq_return_how")
    await story.says("blarg", faq_return_how=0.1)
    await story.timer("idle")
    assert story.chat.conversation.outcome is Outcome.WENT_QUIET


async def test_a_timer_that_was_on_its_way_while_the_customer_wrote_ends_nothing():
    story = Story()
    await story.says("bonjour", greet=0.9)
    story.later(minutes=30)
    await story.says("comment retourner ?", faq_return_how=0.9)
    story.timers.clear()
    await story.happens(TimerDue(id="t", chat=CHAT, at=story.now, name="idle"))
    assert story.speaker is Speaker.BOT
    assert story.timers["idle"] == story.now + timedelta(minutes=30)


@pytest.mark.parametrize("situation", ["waits", "with_lea"])
async def test_a_handoff_never_times_out(situation):
    story = await getattr(Story(), situation)()
    assert "idle" not in story.timers
    story.later(hours=5)
    before = story.chat
    await story.happens(TimerDue(id="t", chat=CHAT, at=story.now, name="idle"))
    assert story.chat == before


async def test_an_unknown_timer_is_ignored():
    story = await Story().waits()
    assert await story.timer("weather") == []
