"""Whatever a customer types, from the text to the answer: client, understanding and handlers together.

The fake Rasa answers as the shipped pipeline does when it knows nothing: hardly any likelihood, and why.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.domain.chat import Speaker
from bot.domain.conversation import HandoffReason
from bot.domain.events import CustomerMessage
from bot.nlu.client import RasaNlu
from tests.fakes.care import Story
from tests.fakes.rasa_server import Answer, FakeRasa, fake_rasa


def parsed(why: str = "no_known_words", verdict: str = "out", **guesses: float) -> Answer:
    ranking = [{"name": name, "confidence": sure} for name, sure in guesses.items()]
    explanation = {"in_scope": sum(guesses.values()), "verdict": verdict, "stage": "words", "reason": why}
    body: dict[str, Any] = {
        "intent_ranking": ranking or [{"name": "faq_jobs", "confidence": 0.02}],
        "entities": [],
        "model_id": "m1",
        "explanation": explanation,
    }
    return 200, json.dumps(body).encode()


@pytest.fixture
async def rasa() -> AsyncIterator[FakeRasa]:
    async with fake_rasa(answer=lambda _text: parsed()) as fake:
        yield fake


@pytest.fixture
async def nlu(rasa: FakeRasa) -> AsyncIterator[RasaNlu]:
    client = RasaNlu([rasa.url], "t", first=5.0, total=10.0)
    yield client
    await client.aclose()


async def says(story: Story, nlu: RasaNlu, text: str) -> str:
    """What the customer is answered."""
    event = story._event(CustomerMessage, text=text)
    await story.happens(event, understanding=await nlu.parse(text))
    return story.answer.text


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "x",
        "7",
        "é",
        "12345",
        "0",
        "9" * 400,
        "1+1=2",
        "qsdfgh",
        "Где мой заказ?",
        "你好",
        "مرحبا",
        "สวัสดี",
        "ß",
    ],
)
async def test_what_holds_no_word_we_know_is_asked_to_be_said_otherwise(nlu: RasaNlu, text: str) -> None:
    story = Story()
    assert await says(story, nlu, text) == story.text("fallback.rephrase")
    assert "human" in story.buttons


@pytest.mark.parametrize("intent", ["minor", "goodbye", "faq_store_hours", "talk_to_human"])
@pytest.mark.parametrize("text", ["a", "7", "12", "69002", "06 39 98 14 27", "9" * 400, "lea@exemple.fr"])
async def test_a_bare_number_or_letter_means_nothing_however_sure_a_model_is(
    nlu: RasaNlu, rasa: FakeRasa, text: str, intent: str
) -> None:
    rasa.answer = lambda _text: parsed("near_examples", "in", **{intent: 0.9})
    story = Story()
    assert await says(story, nlu, text) == story.text("fallback.rephrase")


async def test_a_postcode_we_asked_for_is_no_child_s_age(nlu: RasaNlu, rasa: FakeRasa) -> None:
    story = Story()
    await says(story, nlu, "4812077")
    rasa.answer = lambda _text: parsed("near_examples", "in", minor=0.9)
    assert "Colis Clair" in await says(story, nlu, "69002")


@pytest.mark.parametrize(("letter", "key"), [("o", "help.yes"), ("y", "help.yes"), ("N", "help.no")])
async def test_a_letter_can_be_a_yes_or_a_no(nlu: RasaNlu, rasa: FakeRasa, letter: str, key: str) -> None:
    rasa.answer = lambda _text: parsed("near_examples", "in", faq_return_how=0.9)
    story = Story()
    await says(story, nlu, "comment retourner ?")
    assert await says(story, nlu, letter) == story.text(key)


@pytest.mark.parametrize("text", ["?", "!", ".", "🤔", "😡😡😡", "🧴🧴", "…", "\u200b", "   ", "///"])
async def test_what_holds_no_word_at_all_gets_a_few_topics(nlu: RasaNlu, text: str) -> None:
    story = Story()
    assert await says(story, nlu, text) == story.text("fallback.wordless")
    assert story.buttons[0].startswith("faq:")


@pytest.mark.parametrize("text", ["👍", "🙏🙏", "❤️", "😊!"])
async def test_a_glad_emoji_is_a_thank_you(nlu: RasaNlu, text: str) -> None:
    story = Story()
    assert await says(story, nlu, text) == story.text("small_talk.thanks")


@pytest.mark.parametrize("text", ["4812077", "n° 4812077", "4812077 ?", "commande:4812077"])
async def test_a_bare_order_number_is_about_that_order(nlu: RasaNlu, text: str) -> None:
    story = Story()
    assert await says(story, nlu, text) == story.text("order.ask_proof", number="4812077")


async def test_a_very_long_message_is_read_as_far_as_it_is_useful(nlu: RasaNlu, rasa: FakeRasa) -> None:
    rasa.answer = lambda _text: parsed("near_examples", "in", faq_return_how=0.8)
    story = Story()
    await says(story, nlu, "comment retourner une crème " * 2_500)
    assert story.answer.topic == "faq_return_how"
    assert len(rasa.texts[0]) <= 1_000


async def test_what_is_about_nothing_of_ours_is_told_so(nlu: RasaNlu, rasa: FakeRasa) -> None:
    rasa.answer = lambda _text: parsed("far_from_examples")
    story = Story()
    answer = await says(story, nlu, "qui a gagné la coupe du monde ?")
    assert answer == story.text("fallback.out_of_scope")


async def test_what_the_model_is_not_sure_to_be_ours_is_not_turned_away(nlu: RasaNlu, rasa: FakeRasa) -> None:
    rasa.answer = lambda _text: parsed("between_intents", "unsure", faq_jobs=0.2, faq_press=0.1)
    story = Story()
    assert await says(story, nlu, "votre maison et moi") == story.text("fallback.rephrase")
    assert story.buttons == ["faq:faq_jobs", "faq:faq_press", "human"]


async def test_what_may_yet_be_ours_is_asked_to_be_said_otherwise(nlu: RasaNlu, rasa: FakeRasa) -> None:
    rasa.answer = lambda _text: parsed("far_from_examples", faq_jobs=0.3)
    story = Story()
    assert await says(story, nlu, "il vous faut du monde ?") == story.text("fallback.rephrase")
    assert story.buttons == ["faq:faq_jobs", "human"]


async def test_who_goes_on_being_unreadable_gets_a_person(nlu: RasaNlu) -> None:
    story = Story()
    for text in ("Привет", "Где мой заказ?", "Помогите"):
        await says(story, nlu, text)
    assert story.speaker is Speaker.WAITING
    assert story.chat.conversation is not None
    assert story.chat.conversation.handoff is not None
    assert story.chat.conversation.handoff.reason is HandoffReason.UNSURE
