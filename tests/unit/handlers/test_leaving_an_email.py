"""A waiting customer of the web chat may leave an email."""

from __future__ import annotations

import pytest

from bot.domain.chat import Speaker
from bot.domain.events import AgentClaim, AgentReply, AgentResolve
from bot.domain.message import Author
from bot.domain.outgoing import ResumeEmail
from tests.fakes.care import Story, make_care


def story() -> Story:
    return Story(make_care(resume_email_enabled=lambda chat: chat.id.channel == "web"))


async def left(told: Story) -> Story:
    await told.waits()
    await told.presses("email")
    await told.says("lea@exemple.fr", faq_contact=0.5)
    return told


async def test_the_offer_is_made_where_an_email_can_be_sent_and_only_there():
    assert (await story().waits()).buttons == ["email"]
    assert (await Story().waits()).buttons == []


async def test_an_address_is_asked_kept_and_confirmed():
    told = await story().waits()
    await told.presses("email")
    assert told.answer.text == told.text("email.ask")
    await told.says("c'est lea@exemple.fr merci", faq_contact=0.5)
    assert told.chat.email == "lea@exemple.fr"
    assert told.answer.text == told.text("email.kept", email="lea@exemple.fr")
    assert told.speaker is Speaker.WAITING


async def test_a_wrong_address_is_asked_once_more_then_dropped():
    told = await story().waits()
    await told.presses("email")
    await told.says("lea(at)exemple", faq_contact=0.5)
    assert told.answer.text == told.text("email.again")
    await told.says("je ne sais plus", faq_contact=0.5)
    assert told.answer.text == told.text("waiting.added")
    assert (told.chat.email, told.chat.dialogue.awaiting) == (None, None)


async def test_a_cry_for_help_comes_before_the_address():
    told = await story().waits()
    await told.presses("email")
    await told.says("je veux mourir", distress=0.9)
    assert told.handler == "protected.escalate"


async def test_the_address_is_taken_even_when_somebody_has_just_come():
    told = await story().waits()
    await told.presses("email")
    await told.agent(AgentClaim)
    await told.says("lea@exemple.fr", faq_contact=0.5)
    assert (told.chat.email, told.answer.author) == ("lea@exemple.fr", Author.SYSTEM)


async def test_other_words_to_a_person_are_not_taken_for_an_address():
    told = await story().waits()
    await told.presses("email")
    await told.agent(AgentClaim)
    assert await told.says("bonjour Léa", greet=0.9) == []


async def test_who_left_an_address_is_written_to_when_an_answer_comes_once_an_hour_at_most():
    told = await left(story())
    await told.agent(AgentReply, message_id="d1", text="Bonjour", undo_seconds=5.0)
    assert told.emails == [ResumeEmail(to="lea@exemple.fr", language="fr")]
    assert told.sends[-1].delay == 5.0
    told.later(minutes=59)
    await told.agent(AgentReply, message_id="d2", text="Encore")
    assert told.emails == []
    told.later(minutes=1)
    await told.agent(AgentReply, message_id="d3", text="Toujours là")
    assert len(told.emails) == 1


async def test_the_hour_is_kept_across_conversations():
    told = await left(story())
    await told.agent(AgentReply, message_id="d1", text="Bonjour")
    await told.agent(AgentResolve)
    await left(told)
    await told.agent(AgentReply, message_id="d2", text="Rebonjour")
    assert told.emails == []


async def test_the_address_is_forgotten_with_the_conversation():
    told = await left(story())
    await told.agent(AgentResolve)
    assert told.chat.email is None


async def test_who_left_an_address_is_not_asked_again():
    told = await left(story())
    await told.presses("human")
    assert told.buttons == []


async def test_the_button_where_no_email_is_sent_says_they_are_in_the_queue():
    told = await Story().waits()
    await told.presses("email")
    assert told.answer.text.startswith(told.text("waiting.in_queue"))


@pytest.mark.parametrize(
    "text", ["a@b", "@", "a@b.f", "a b@c", "x" * 300 + "@exemple.fr", "a@b.fr\r\nBcc: c"]
)
async def test_what_is_kept_is_one_plain_address_or_nothing(text):
    told = await story().waits()
    await told.presses("email")
    await told.says(text, faq_contact=0.5)
    assert told.chat.email in (None, "a@b.fr")


async def test_an_address_longer_than_any_mailbox_is_not_kept():
    told = await story().waits()
    await told.presses("email")
    await told.says("lea@" + ".".join(["x" * 60] * 5) + ".fr", faq_contact=0.5)
    assert told.answer.text == told.text("email.again")
