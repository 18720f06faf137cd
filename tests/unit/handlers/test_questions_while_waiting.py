"""The bot answers a few harmless questions of those who wait for a person, as the assistant that it is."""

from __future__ import annotations

from typing import Any

from bot.domain.chat import Speaker
from bot.domain.events import AgentClaim
from bot.domain.message import Author
from bot.domain.outgoing import Outgoing
from handlers.teams import Team, teams
from tests.fakes.care import CHAT, PHOTO, FakeKnowledge, Story, make_care

HARMLESS = ("faq_store_hours", "faq_delivery_times")


async def waiting(**care: Any) -> Story:
    story = Story(care=make_care(knowledge=FakeKnowledge(while_waiting=HARMLESS), **care))
    return await story.waits()


async def test_a_marked_question_is_answered_and_the_place_is_kept():
    story = await waiting()
    before = story.handoff
    story.later(minutes=3)
    await story.says("vous ouvrez à quelle heure ?", faq_store_hours=0.9)
    answer = story.answer
    assert answer.text == story.text("waiting.answer", answer="Answer faq_store_hours fr.")
    assert (answer.author, answer.topic) == (Author.BOT, "faq_store_hours")
    assert (story.speaker, story.handoff) == (Speaker.WAITING, before)
    assert "idle" not in story.timers


async def test_a_person_who_claims_first_silences_it():
    story = await waiting()
    await story.says("vous ouvrez à quelle heure ?", faq_store_hours=0.9)
    entry = Outgoing(
        id="o",
        destination="web:main",
        chat=CHAT,
        conversation="c",
        epoch=1,
        at=story.now,
        payload=story.answer,
    )
    assert entry.yields


async def test_a_question_that_is_not_marked_is_kept_for_the_person():
    story = await waiting()
    (told,) = await story.says("comment retourner ?", faq_return_how=0.9)
    assert told.text == story.text("waiting.added")


async def test_a_question_beside_it_that_is_not_understood_is_kept_for_the_person():
    story = await waiting()
    hours, other = "vos horaires ?", "et le truc ?"
    asked = [(hours, {"faq_store_hours": 0.9}), (other, {"faq_return_how": 0.2})]
    (told,) = await story.says(f"{hours} {other}", asked=asked)
    assert told.text == story.text("waiting.added")


async def test_of_two_questions_both_must_be_marked():
    story = await waiting()
    text, hours, delivery = "vos horaires ? et la livraison ?", "vos horaires ?", "et la livraison ?"
    await story.says(text, asked=[(hours, {"faq_store_hours": 0.9}), (delivery, {"faq_delivery_times": 0.9})])
    assert "Answer faq_store_hours fr.\n\nAnswer faq_delivery_times fr." in story.answer.text
    await story.says(text, asked=[(hours, {"faq_store_hours": 0.9}), (delivery, {"faq_return_how": 0.9})])
    assert story.answer.text == story.text("waiting.added")


async def test_an_unsure_guess_is_no_answer():
    story = await waiting()
    (told,) = await story.says("hum", faq_store_hours=0.4)
    assert told.text == story.text("waiting.added")


async def test_nothing_is_answered_beside_an_alarm_to_the_angry_or_to_a_photo():
    story = await waiting()
    await story.says("vous ouvrez quand ???", faq_store_hours=0.6, complaint=0.3)
    assert story.answer.text == story.text("waiting.added")
    story.later(minutes=11)
    await story.says("vos horaires ?", PHOTO, faq_store_hours=0.9)
    assert story.answer.text == story.text("waiting.added")
    await story.says("ma peau brûle", adverse_reaction=0.9)
    story.later(minutes=11)
    await story.says("vos horaires ?", faq_store_hours=0.9)
    assert story.answer.text == story.text("waiting.added")


async def test_a_team_may_not_want_it():
    story = await waiting(teams=teams([Team(name="care", answer_while_waiting=False)]))
    await story.says("vos horaires ?", faq_store_hours=0.9)
    assert story.answer.text == story.text("waiting.added")


async def test_a_question_s_button_is_as_good_as_typing_it():
    story = await waiting()
    await story.presses("faq:faq_store_hours")
    assert "Answer faq_store_hours fr." in story.answer.text
    await story.presses("faq:faq_return_how")
    assert story.answer.text == story.text("waiting.added")


async def test_the_bot_is_silent_once_a_person_is_there():
    story = await waiting()
    await story.agent(AgentClaim)
    assert await story.says("vos horaires ?", faq_store_hours=0.9) == []
