"""Where is my order? Two facts first, and no hint before."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from bot.domain.chat import Chat, Dialogue, Speaker
from bot.domain.conversation import HandoffReason
from bot.domain.events import AgentRelease, CustomerMessage
from bot.domain.facts import ErrorLogged
from bot.domain.turn import Turn
from bot.ports.shop import OrderStatus
from handlers import order_facts
from handlers.order_status import describe
from tests.fakes.care import CHAT, MONDAY_10H, ORDER, REPLIES, FakeShop, Story, make_care

NUMBER = {"order_number": "4812077"}


async def ask(story: Story, text: str = "où est mon colis ?", **values) -> Story:
    await story.says(text, **{"order_status": 0.9, **values})
    return story


async def test_the_number_then_the_proof_are_asked_and_the_status_told():
    story = await ask(Story())
    assert story.answer.text == story.text("order.ask_number")
    await story.says("4812077", entities=NUMBER, order_status=0.3)
    assert story.answer.text == story.text("order.ask_proof", number="4812077")
    await story.says("69002", entities={"postcode": "69002"}, faq_store_locations=0.6)
    assert "4812077" in story.answer.text
    assert "vendredi 2 octobre" in story.answer.text
    assert "mardi 6 octobre" in story.answer.text
    assert "https://suivi.example/4812077" in story.answer.text
    assert story.buttons == ["faq:faq_delivery_times", "faq:faq_parcel_not_received", "human"]
    assert story.care.shop.asked == ["4812077"]


async def test_a_number_in_the_question_is_not_asked_again():
    story = await ask(Story(), "la 4812077 est partie ?", entities=NUMBER)
    assert story.answer.text == story.text("order.ask_proof", number="4812077")


async def test_number_and_email_in_one_message_are_enough():
    story = await ask(Story(language="en"), "where is 4812077, LEA.MARTIN@exemple.fr")
    assert "Tuesday 6 October" in story.answer.text


async def test_a_bare_number_that_was_not_understood_is_about_an_order():
    story = Story()
    await story.says("n°4812077", faq_gift_card_use=0.2)
    assert story.answer.text == story.text("order.ask_proof", number="4812077")


@pytest.mark.parametrize(
    "proof", ["69002", "69 002", "c'est 69002 Lyon", "lea.martin@exemple.fr", "mail : Lea.Martin@Exemple.FR."]
)
async def test_either_proof_is_enough_however_it_is_typed(proof):
    story = await ask(Story(), "la 4812077 ?")
    await story.says(proof, faq_contact=0.3)
    assert "Colis Clair" in story.answer.text


@pytest.mark.parametrize(
    ("kept", "said"), [("SW1A 2AB", "sw1a2ab"), ("1050", "1050 Bruxelles"), ("D02 X285", "D02 X285")]
)
async def test_a_foreign_postcode_is_a_proof_too(kept, said):
    story = await ask(Story(make_care(shop=FakeShop(replace(ORDER, postcode=kept)))), "la 4812077 ?")
    await story.says(said, faq_contact=0.3)
    assert "Colis Clair" in story.answer.text


async def test_an_unknown_number_and_a_wrong_proof_look_the_same():
    texts = []
    for number, proof in (("4812077", "75001"), ("4999999", "69002"), ("4999999", "x@y.fr")):
        story = await ask(Story(), f"{number} {proof}")
        texts.append((story.answer.text, story.buttons, story.chat.dialogue.awaiting, len(story.sends)))
        assert story.care.shop.asked == [number]
    assert len(set(map(str, texts))) == 1
    assert texts[0][0] == REPLIES.get("order.no_match", "fr")


@pytest.mark.parametrize("kept", ["", " "])
async def test_an_order_without_a_postcode_is_not_proved_by_an_empty_one(kept):
    shop_order = replace(ORDER, postcode=kept, email=kept)
    assert not order_facts.proves(shop_order, "", "")
    assert not order_facts.proves(shop_order, None, None)
    assert not order_facts.proves(None, "", "")
    assert not order_facts.proves(None, "a@b.fr", None)


async def test_correcting_one_fact_is_enough():
    story = await ask(Story(), "4812770 69002")
    await story.says("pardon 4812077", faq_jobs=0.3)
    assert "Colis Clair" in story.answer.text


async def test_after_five_failures_a_person_takes_it_and_the_shop_is_not_asked_any_more():
    story = await ask(Story(), "4812077 75001")
    for postcode in ("75002", "75003", "75004"):
        await story.says(postcode, faq_jobs=0.1)
        assert story.speaker is Speaker.BOT
    await story.says("75005", faq_jobs=0.1)
    assert story.speaker is Speaker.WAITING
    assert story.answer.text.startswith(story.text("order.too_many"))
    assert story.chat.conversation.handoff.reason is HandoffReason.UNSURE
    assert len(story.care.shop.asked) == 5


async def test_a_new_conversation_the_same_day_brings_no_new_attempts_the_next_day_does():
    story = await ask(Story(), "4812077 75001")
    for postcode in ("75002", "75003", "75004", "75005"):
        await story.says(postcode, faq_jobs=0.1)
    await story.agent(AgentRelease)
    await ask(story, "4812077 69002")
    assert story.answer.text.startswith(story.text("order.too_many"))
    assert len(story.care.shop.asked) == 5
    await story.agent(AgentRelease)
    story.later(days=1)
    await ask(story, "4812077 69002")
    assert "Colis Clair" in story.answer.text


async def test_a_success_does_not_give_attempts_back():
    story = await ask(Story(), "4812077 75001")
    await story.says("69002", faq_jobs=0.1)
    assert "Colis Clair" in story.answer.text
    assert story.chat.mark("order_attempts") == "2026-10-05:1"


async def test_the_proof_is_forgotten_once_it_has_served():
    story = await ask(Story(), "4812077 lea.martin@exemple.fr")
    assert story.chat.dialogue.slot(order_facts.EMAIL) is None
    assert story.chat.dialogue.slot(order_facts.NUMBER) is None


async def test_when_the_shop_is_down_it_is_said_logged_and_nothing_need_be_repeated():
    story = Story()
    story.care.shop.down = True
    await ask(story, "4812077 69002")
    assert story.answer.text == story.text("order.shop_down")
    assert "human" in story.buttons
    assert story.facts == [ErrorLogged(where="shop", error="shop_unavailable")]
    story.care.shop.down = False
    await ask(story, "et maintenant, où est mon colis ?")
    assert "Colis Clair" in story.answer.text


@pytest.mark.parametrize("text", ["laisse tomber", "laissez tomber", "non", "tant pis", "never mind", "stop"])
async def test_the_customer_can_leave_it(text):
    story = await ask(Story())
    await story.says(text, faq_jobs=0.2)
    assert story.answer.text == story.text("order.given_up")
    assert story.chat.dialogue.awaiting is None


async def test_another_clear_question_is_answered_in_between_and_the_number_kept():
    story = await ask(Story(), "la 4812077 ?")
    await story.says("et comment retourner une crème ?", faq_return_how=0.9)
    assert story.answer.topic == "faq_return_how"
    await story.says("69002", faq_jobs=0.1)
    assert "Colis Clair" in story.answer.text


@pytest.mark.parametrize("intent", ["talk_to_human", "complaint"])
async def test_anger_or_the_wish_for_a_person_interrupts_even_with_a_number(intent):
    story = await ask(Story())
    await story.says("4812077 et passez-moi quelqu'un", entities=NUMBER, **{intent: 0.9})
    assert story.speaker is Speaker.WAITING


async def test_who_has_no_number_is_helped_then_offered_a_person_then_given_one():
    story = await ask(Story())
    await story.says("je ne sais pas", faq_jobs=0.2)
    assert story.answer.text == story.text("order.unclear")
    await story.says("aucune idée", faq_jobs=0.2)
    assert story.answer.text == story.text("fallback.offer")
    await story.says("aucune idée", faq_jobs=0.2)
    assert story.speaker is Speaker.WAITING


async def test_the_button_of_the_menu_begins_the_form():
    story = Story()
    await story.presses("faq:order_status")
    assert story.answer.text == story.text("order.ask_number")


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("status", list(OrderStatus))
def test_every_status_has_words(status, language):
    text = describe(replace(ORDER, status=status), make_care(), language, date(2026, 10, 5))
    assert "4812077" in text
    assert "69002" not in text
    assert "lea.martin" not in text


def test_a_late_parcel_is_said_to_be_late():
    care = make_care()
    assert "retard" in describe(ORDER, care, "fr", date(2026, 10, 7))
    assert "retard" not in describe(ORDER, care, "fr", date(2026, 10, 6))


def test_a_phone_number_or_a_price_is_not_a_postcode():
    for text in (
        "06 39 98 14 27",
        "0639981427",
        "49,90 €",
        "en 2025 j'avais déjà commandé chez vous une crème",
    ):
        assert _postcode(text) is None, text


def test_four_digits_are_a_postcode_only_where_one_was_asked_for():
    assert _postcode("1050") == "1050"
    assert _postcode("1050", awaiting=None) is None


def _postcode(text: str, awaiting: str | None = "order") -> str | None:
    event = CustomerMessage(id="e", chat=CHAT, at=MONDAY_10H, message_id="c", text=text)
    chat = Chat(id=CHAT, dialogue=Dialogue(awaiting=awaiting))
    return order_facts.postcode_in(Turn(event=event, chat=chat, now=MONDAY_10H))


async def test_guessing_is_noticed_whether_or_not_there_is_such_an_order():
    missed: list[str] = []
    story = Story(care=make_care(order_missed=missed.append))
    await ask(story, "4812077 75011", entities=NUMBER)
    await ask(story, "4812078 75011", entities={"order_number": "4812078"})
    assert missed == ["4812077", "4812078"]
    await story.says("4812077 69002", entities=NUMBER, order_status=0.9)
    assert missed == ["4812077", "4812078"]
