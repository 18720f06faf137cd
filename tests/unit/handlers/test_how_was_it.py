"""After the end: a rating from 1 to 5, why if they like, and silence respected."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain import events as ev
from bot.domain.chat import Chat, Speaker
from bot.domain.conversation import Outcome
from bot.domain.errors import NluUnavailable
from bot.domain.facts import MessageLogged, Rated
from bot.domain.message import Author
from bot.domain.outgoing import Alert, CaseAlert, CaseLine
from bot.domain.understanding import Understanding
from bot.engine.outbox import Addresser
from bot.engine.turn import Result, TurnRules, TurnRunner
from handlers import build_choose, satisfaction
from tests.fakes.care import CHAT, LEA, PHOTO, THRESHOLDS, Story, make_care, understanding
from tests.fakes.engine import WordDetector

REASON = {"thanks": 0.2, "complaint": 0.6}


async def resolved(language: str = "fr") -> Story:
    story = await Story(language=language).with_lea()
    await story.agent(ev.AgentReply, LEA, message_id="d1", text="Voilà")
    await story.agent(ev.AgentResolve, LEA)
    return story


def buttons(story: Story) -> list[str]:
    return [button.id for message in story.messages for button in message.buttons]


async def press(story: Story, score: int) -> str:
    (message,) = await story.presses(f"rate:{score}")
    return message.text


# --- the question --------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["fr", "en"])
async def test_after_the_last_line_the_customer_is_asked_in_their_language(language: str):
    story = await resolved(language)
    (question,) = story.messages
    assert question.text == f"{story.text('agent.resolved')}\n\n{story.text('rating.ask')}"
    assert question.author is Author.SYSTEM
    assert [button.label[0] for button in question.buttons] == ["5", "4", "3", "2", "1"]
    assert all(len(button.id.encode()) <= 64 for button in question.buttons)
    assert not question.answers


async def test_neither_spam_nor_the_bot_s_own_conversations_ask():
    story = await Story().with_lea()
    assert await story.agent(ev.AgentMarksSpam, LEA) == []
    story = Story()
    await story.says("comment retourner ?", faq_return_how=0.9)
    story.later(hours=1)
    assert await story.timer("idle") == []


async def test_silence_is_respected():
    story = await resolved()
    assert not {"rate", "idle", "waiting", "agent_idle"} & set(story.timers)


# --- the rating ----------------------------------------------------------------------------------


async def test_a_rating_is_kept_and_told_and_opens_nothing():
    story = await resolved()
    epoch, five = story.chat.epoch, buttons(story)[0]
    (told,) = await story.presses(five)
    assert told.text == story.text("rating.thanks_high")
    assert [button.id for button in told.buttons] == ["rate_skip"]
    assert (story.speaker, story.chat.epoch) == (Speaker.CLOSED, epoch)
    assert story.chat.conversation.rating == 5
    assert story.facts == [Rated(score=5, agent_id=LEA.id, team="care")]
    assert story.alerts == [CaseAlert(kind=Alert.RATED, team="care", agent=LEA, detail="5")]


@pytest.mark.parametrize("score", [1, 2, 3, 4, 5])
async def test_a_low_rating_is_thanked_for_otherwise_than_a_high_one(score: int):
    story = await resolved()
    wanted = "rating.thanks_high" if score > 3 else "rating.thanks_low"
    assert await press(story, score) == story.text(wanted)


async def test_it_can_be_changed_for_a_while_and_tapping_twice_is_once():
    story = await resolved()
    await press(story, 2)
    assert await story.presses("rate:2") == []
    assert story.facts == []
    story.later(minutes=30)
    await press(story, 4)
    assert story.chat.conversation.rating == 4
    story.later(days=3)
    assert await press(story, 1) == story.text("rating.too_late")
    assert story.chat.conversation.rating == 4


@pytest.mark.parametrize("button", ["rate:0", "rate:6", "rate:", "rate", "rate:5:elsewhr", "rate:abc"])
async def test_a_button_that_is_none_of_this_conversation_s_is_told_off_politely(button: str):
    story = await resolved()
    (told,) = await story.presses(button)
    assert told.text == story.text("rating.too_late")
    assert (story.speaker, story.chat.conversation.rating, story.facts) == (Speaker.CLOSED, None, [])


async def test_an_old_button_does_not_rate_a_later_conversation():
    story = await resolved()
    old = buttons(story)[0]
    story.later(days=2)
    await story.waits()
    await story.agent(ev.AgentResolve, LEA)
    (told,) = await story.presses(old)
    assert told.text == story.text("rating.too_late")
    assert story.chat.conversation.rating is None


async def test_a_conversation_that_went_on_is_rated_at_its_end():
    story = await resolved()
    five = buttons(story)[0]
    await story.says("encore une chose", faq_return_how=0.9)
    (told,) = await story.presses(five)
    assert told.text == story.text("rating.goes_on")
    assert (story.speaker, story.facts) == (Speaker.HUMAN, [])
    await story.agent(ev.AgentResolve, LEA)
    await story.presses(five)
    assert story.chat.conversation.rating == 5


async def test_once_rated_a_reopened_conversation_is_not_asked_about_again():
    story = await resolved()
    await press(story, 5)
    await story.says("encore une chose", faq_return_how=0.9)
    (closing,) = await story.agent(ev.AgentResolve, LEA)
    assert closing.text == story.text("agent.resolved")


async def test_a_conversation_the_bot_had_cannot_be_rated():
    story = Story()
    await story.says("comment retourner ?", faq_return_how=0.9)
    story.later(hours=1)
    await story.timer("idle")
    assert story.chat.conversation.outcome is Outcome.WENT_QUIET
    assert await press(story, 5) == story.text("rating.too_late")
    assert story.speaker is Speaker.CLOSED


async def test_a_button_pressed_while_the_bot_speaks_gets_its_one_answer():
    story = Story()
    await story.says("comment retourner ?", faq_return_how=0.9)
    await story.presses("rate:5")
    assert story.answer.text == story.text("rating.goes_on")


# --- why -----------------------------------------------------------------------------------------


async def test_the_next_message_is_the_reason_and_those_who_served_see_it():
    story = await resolved()
    await press(story, 2)
    (told,) = await story.says("la réponse a pris trois jours", **REASON)
    assert told.text == story.text("rating.reason_kept")
    assert story.speaker is Speaker.CLOSED
    (fact,) = story.facts
    assert (fact.score, fact.reason_id) == (2, "c6")
    (line,) = story.decision.desk  # they know the rating already
    assert isinstance(line, CaseLine)
    assert (line.line.message_id, line.line.text) == ("c6", "la réponse a pris trois jours")


async def test_only_one_message_is_the_reason():
    story = await resolved()
    await press(story, 2)
    await story.says("trop long", **REASON)
    await story.says("vraiment trop long", **REASON)
    assert story.speaker is Speaker.HUMAN


async def test_no_reason_is_fine():
    story = await resolved()
    await press(story, 4)
    (told,) = await story.presses("rate_skip")
    assert told.text == story.text("rating.skipped")
    assert await story.presses("rate_skip") == []
    await story.says("au fait", faq_return_how=0.9)
    assert story.speaker is Speaker.HUMAN


async def test_after_ten_minutes_a_message_is_a_message():
    story = await resolved()
    await press(story, 4)
    story.later(minutes=11)
    await story.says("trop long", **REASON)
    assert story.speaker is Speaker.HUMAN


@pytest.mark.parametrize(
    ("guesses", "speaker"),
    [
        ({"adverse_reaction": 0.9}, Speaker.WAITING),
        ({"distress": 0.4, "complaint": 0.5}, Speaker.WAITING),
        ({"talk_to_human": 0.9}, Speaker.HUMAN),
        ({"faq_return_how": 0.9}, Speaker.HUMAN),
        ({"order_status": 0.9}, Speaker.HUMAN),
        ({"greet": 0.6}, Speaker.HUMAN),
    ],
)
async def test_what_is_plainly_something_else_is_no_reason(guesses: dict[str, float], speaker: Speaker):
    story = await resolved()
    await press(story, 1)
    await story.says("autre chose", **guesses)
    assert story.speaker is speaker
    assert not any(isinstance(fact, Rated) for fact in story.facts)


async def test_what_nobody_understood_is_a_message_like_any_other():
    story = await resolved()
    await press(story, 1)
    await story.says("hum", nlu_down=True)
    assert story.speaker is Speaker.HUMAN
    story = await resolved()
    await press(story, 1)
    await story.says("", PHOTO)
    assert story.speaker is Speaker.HUMAN
    story = await resolved()
    await press(story, 1)
    await story.says("voilà ce que j'ai reçu", PHOTO, **REASON)
    assert story.speaker is Speaker.HUMAN


# --- thanks --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "guesses"), [("merci !", {"thanks": 0.9}), ("👍", {"greet": 0.5})])
async def test_thanks_are_answered_and_shown_and_open_nothing(text: str, guesses: dict[str, float]):
    story = await resolved()
    five = buttons(story)[0]
    (told,) = await story.says(text, **guesses)
    assert (told.text, told.author) == (story.text("small_talk.thanks"), Author.SYSTEM)
    (line,) = story.decision.desk
    assert isinstance(line, CaseLine)
    assert (line.line.text, story.speaker) == (text, Speaker.CLOSED)
    assert await story.says("au revoir", goodbye=0.9) == []
    await story.presses(five)
    assert story.chat.conversation.rating == 5


async def test_kind_words_that_say_why_are_the_reason_although_they_thank():
    story = await resolved()
    await press(story, 5)
    (told,) = await story.says("très rapide et aimable", thanks=0.95)
    assert told.text == story.text("rating.reason_kept")
    assert [fact.score for fact in story.facts] == [5]
    (told,) = await story.says("merci beaucoup à vous", thanks=0.95)
    assert told.text == story.text("small_talk.thanks")


async def test_thanks_are_no_reason_and_the_reason_may_still_come():
    story = await resolved()
    await press(story, 4)
    await story.says("merci", thanks=0.9)
    assert story.facts == []
    await story.says("très rapide", **REASON)
    assert [fact.score for fact in story.facts] == [4]


async def test_thanks_with_a_question_are_a_question():
    story = await resolved()
    await story.says("merci, et pour retourner l'autre crème ?", thanks=0.5, faq_return_how=0.4)
    assert story.speaker is Speaker.HUMAN


async def test_thanks_a_day_later_or_to_the_bot_begin_a_conversation_as_ever():
    story = await resolved()
    story.later(hours=25)
    await story.says("merci", thanks=0.9)
    assert story.speaker is Speaker.BOT
    story.later(hours=1)
    await story.timer("idle")
    await story.says("merci", thanks=0.9)
    assert story.speaker is Speaker.BOT


# --- the engine's part ---------------------------------------------------------------------------


class CountingNlu:
    """Understands everything the same way, or nothing; counts how often it is asked."""

    def __init__(self, meaning: Understanding | None) -> None:
        self.meaning = meaning
        self.asked = 0

    async def parse(self, text: str) -> Understanding:
        self.asked += 1
        if self.meaning is None:
            raise NluUnavailable("down")
        return self.meaning


async def turn(chat: Chat, nlu: CountingNlu, text: str, *, failed: bool = False) -> Result:
    runner = TurnRunner(
        nlu=nlu,
        choose=build_choose(make_care()),
        detector=WordDetector(),
        addresser=Addresser(("main",)),
        rules=TurnRules(aside=satisfaction.aside(THRESHOLDS)),
    )
    assert chat.conversation is not None
    assert chat.conversation.closed_at is not None
    at = chat.conversation.closed_at + timedelta(minutes=5)
    event = ev.CustomerMessage(id="web:main:r", chat=CHAT, at=at, message_id="r1", text=text)
    return await runner.run(event, chat, failed=failed)


async def rated() -> Chat:
    story = await resolved()
    await press(story, 2)
    return replace(story.chat, language="fr")


async def test_the_engine_asks_the_model_once_and_keeps_the_reason_with_the_conversation_that_ended():
    chat, nlu = await rated(), CountingNlu(understanding(complaint=0.9))
    result = await turn(chat, nlu, "trop long")
    assert (nlu.asked, result.chat.speaker) == (1, Speaker.CLOSED)
    assert {fact.conversation for fact in result.facts} == {chat.conversation.id}
    logged = [fact.body for fact in result.facts if isinstance(fact.body, MessageLogged | Rated)]
    assert [type(body) for body in logged] == [MessageLogged, MessageLogged, Rated]
    assert [entry.destination for entry in result.outgoing] == ["web:main", "desk:main"]


async def test_the_engine_opens_for_more_than_a_reason_and_asks_the_model_once():
    for meaning in (understanding(faq_return_how=0.9), None):
        nlu = CountingNlu(meaning)
        result = await turn(await rated(), nlu, "et mon retour ?")
        assert (nlu.asked, result.chat.speaker) == (1, Speaker.HUMAN)


async def test_a_reason_whose_handler_fails_is_a_message_like_any_other():
    nlu = CountingNlu(understanding(complaint=0.9))
    result = await turn(await rated(), nlu, "trop long", failed=True)
    assert result.chat.speaker is Speaker.WAITING
