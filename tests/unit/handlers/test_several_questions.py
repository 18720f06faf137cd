"""Two questions in one message: both are answered, and nothing is asked twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.chat import Speaker
from bot.domain.conversation import HandoffReason
from bot.domain.facts import FeedbackGiven
from bot.domain.message import Author
from bot.ports.knowledge import Answer
from tests.fakes.care import PHOTO, FakeKnowledge, Story, make_care

RETURN = ("comment retourner une crème", {"faq_return_how": 0.9})
COST = ("combien coûte la livraison", {"faq_delivery_cost": 0.85})
BOTH = "bonjour, comment retourner une crème et combien coûte la livraison ?"
MOVING = (
    "coucou, la 4812077 passée dimanche n'est pas là, je déménage vendredi, vous pouvez regarder et me dire "
    "si l'adresse se change encore ? merci bcp"
)
WHERE = ("la 4812077 passée dimanche n'est pas là", {"order_status": 0.8})
ADDRESS = ("me dire si l'adresse se change encore", {"faq_change_address": 0.9})
NUMBER = {"order_number": "4812077"}


async def test_both_are_answered_in_the_order_asked_each_in_a_message_of_its_own():
    story = Story()
    intro, first, second = await story.says(BOTH, asked=[RETURN, COST])
    assert intro.author is Author.SYSTEM
    assert (first.topic, second.topic) == ("faq_return_how", "faq_delivery_cost")
    assert first.text == "Answer faq_return_how fr."
    assert second.text.startswith("Answer faq_delivery_cost fr.")
    assert story.chat.dialogue.topics == ("faq_return_how", "faq_delivery_cost")


async def test_whether_it_helped_is_asked_once_for_both_and_the_buttons_stand_together():
    story = Story()
    await story.says(BOTH, asked=[RETURN, COST])
    first, second = story.answers
    assert first.buttons == ()
    assert story.text("help.both") in second.text
    assert story.text("help.question") not in second.text
    assert story.buttons == [
        "yes:faq_return_how+faq_delivery_cost",
        "no:faq_return_how+faq_delivery_cost",
        "faq:faq_delivery_times",
        "faq:faq_refund_when",
        "faq:faq_samples",
    ]


class Related(FakeKnowledge):
    """Entries of which each leads elsewhere."""

    def answer(self, intent: str, language: str) -> Answer | None:
        entry = super().answer(intent, language)
        leads = ("faq_delivery_cost", f"{intent}_1", f"{intent}_2")
        return replace(entry, related=leads) if entry else None


async def test_what_each_answer_leads_to_is_offered_in_turn_and_what_was_answered_is_not():
    story = Story(make_care(knowledge=Related()))
    await story.says(BOTH, asked=[RETURN, COST])
    assert story.buttons[2:] == [
        "faq:faq_return_how_1",
        "faq:faq_delivery_cost_1",
        "faq:faq_return_how_2",
    ]


@pytest.mark.parametrize("language", ["fr", "en"])
async def test_so_it_is_in_the_customer_s_language(language):
    story = Story(language=language)
    await story.says(BOTH, asked=[RETURN, COST])
    assert story.answers[0].text.endswith(f"{language}.")
    assert story.text("help.both") in story.answers[1].text


@pytest.mark.parametrize("how", ["press", "word"])
@pytest.mark.parametrize("helped", [True, False])
async def test_an_opinion_on_both_is_one_on_each(how, helped):
    story = Story()
    await story.says(BOTH, asked=[RETURN, COST])
    if how == "press":
        await story.presses(story.buttons[0 if helped else 1])
    else:
        await story.says("oui" if helped else "non", affirm=0.2)
    assert story.facts == [
        FeedbackGiven(topic="faq_return_how", helped=helped),
        FeedbackGiven(topic="faq_delivery_cost", helped=helped),
    ]
    assert story.answer.text == story.text("help.yes" if helped else "help.no")


async def test_a_no_to_both_is_one_failure_of_ours_and_not_two():
    story = Story()
    await story.says(BOTH, asked=[RETURN, COST])
    await story.presses("no:faq_return_how+faq_delivery_cost")
    assert story.speaker is Speaker.BOT


async def test_an_invented_pair_of_topics_is_no_opinion():
    story = Story()
    await story.presses("yes:" + "+".join(["a", "b", "faq_return_how"]))
    assert story.facts == []


async def test_topics_whose_button_no_channel_could_carry_are_not_asked_about():
    story, long = Story(), "faq_" + "x" * 42
    await story.says(BOTH, asked=[RETURN, (COST[0], {long: 0.9})])
    assert [answer.topic for answer in story.answers] == ["faq_return_how", long]
    assert not [button for button in story.buttons if button.startswith("yes:")]


async def test_an_answer_given_before_is_given_again_and_nobody_is_asked_about_it():
    story = Story()
    await story.says("comment retourner une crème ?", faq_return_how=0.9)
    await story.says(BOTH, asked=[RETURN, COST])
    assert [answer.topic for answer in story.answers] == ["faq_return_how", "faq_delivery_cost"]
    assert story.text("help.both") not in story.answers[1].text


async def test_the_same_question_twice_is_one():
    story = Story()
    await story.says(BOTH, asked=[RETURN, (COST[0], {"faq_return_how": 0.8})])
    assert story.answer.topic == "faq_return_how"
    assert story.text("help.question") in story.answer.text


async def test_a_question_whose_entry_is_gone_leaves_the_other():
    story = Story(make_care(knowledge=FakeKnowledge(missing=["faq_delivery_cost"])))
    await story.says(BOTH, asked=[RETURN, COST])
    assert story.answer.topic == "faq_return_how"


async def test_two_questions_whose_entries_are_gone_are_not_understood():
    gone = FakeKnowledge(missing=["faq_delivery_cost", "faq_return_how"])
    story = Story(make_care(knowledge=gone))
    await story.says(BOTH, asked=[RETURN, COST])
    assert story.answer.text == story.text("fallback.rephrase")


@pytest.mark.parametrize("talk", ["greet", "thanks", "goodbye", "how_are_you"])
async def test_small_talk_never_wins_over_a_question(talk):
    story = Story()
    await story.says("bonjour, comment retourner une crème ?", asked=[("bonjour", {talk: 0.95}), RETURN])
    assert story.handler == "faq.answer_faq"
    assert story.answer.topic == "faq_return_how"


async def test_what_is_not_ours_never_wins_over_a_question():
    story = Story()
    asked = [("quel temps fait-il", {"out_of_scope": 0.9}), RETURN]
    await story.says("quel temps fait-il et comment retourner une crème ?", asked=asked)
    assert story.answer.topic == "faq_return_how"


async def test_a_part_that_could_mean_two_things_is_not_asked_back():
    story = Story()
    either = (RETURN[0], {"faq_return_how": 0.52, "faq_return_cost": 0.46})
    await story.says(BOTH, asked=[either, COST])
    assert [answer.topic for answer in story.answers] == ["faq_return_how", "faq_delivery_cost"]


async def test_a_part_that_faintly_means_two_things_is_not_answered_at_a_guess():
    story = Story()
    either = (RETURN[0], {"faq_return_how": 0.4, "faq_return_cost": 0.3})
    await story.says(BOTH, asked=[either, COST], faq_delivery_cost=0.85)
    assert [answer.topic for answer in story.answers] == ["faq_delivery_cost", None]


async def test_a_customer_who_is_angry_in_either_part_is_not_asked_whether_it_helped():
    story = Story()
    await story.says(BOTH, asked=[RETURN, (COST[0], {"faq_delivery_cost": 0.7, "complaint": 0.25})])
    assert story.text("help.both") not in story.answers[1].text
    assert "human" in story.buttons


# --- one of them is not understood -----------------------------------------------------------

UNCLEAR = (
    RETURN[0],
    {"faq_return_how": 0.2, "faq_return_cost": 0.1, "faq_delivery_cost": 0.08, "faq_jobs": 0.04},
)


def not_understood(story: Story, question: str = RETURN[0]) -> str:
    return story.text("several.unclear", question=question)


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("first", [True, False])
async def test_the_question_that_was_not_understood_is_named_after_the_answer_to_the_other(language, first):
    story = Story(language=language)
    asked = [UNCLEAR, COST] if first else [COST, UNCLEAR]
    await story.says(" et ".join(words for words, _ in asked), asked=asked, faq_delivery_cost=0.85)
    answered, named = story.answers
    assert (answered.topic, answered.text) == ("faq_delivery_cost", f"Answer faq_delivery_cost {language}.")
    assert named.text == not_understood(story)
    assert story.buttons == ["faq:faq_return_how", "faq:faq_return_cost", "human"]


async def test_what_was_answered_beside_it_is_known_to_have_been_answered():
    story = Story()
    await story.says(BOTH, asked=[UNCLEAR, COST], faq_delivery_cost=0.85)
    assert story.chat.dialogue.topics == ("faq_delivery_cost",)
    assert story.chat.dialogue.awaiting is None


async def test_the_order_beside_it_is_looked_up_last():
    story = Story()
    await story.says(MOVING, asked=[WHERE, (ADDRESS[0], {"faq_change_address": 0.3})], entities=NUMBER)
    named, proof = story.answers
    assert named.text == not_understood(story, ADDRESS[0])
    assert proof.text == story.text("order.ask_proof", number="4812077")
    assert story.chat.dialogue.awaiting == "order"


async def test_what_we_asked_for_does_not_hide_what_was_not_understood():
    story = Story()
    await story.says("la 4812077 ?", order_status=0.9)
    await story.says("4812077. " + BOTH, asked=[UNCLEAR, COST], entities=NUMBER, faq_delivery_cost=0.85)
    texts = [answer.text for answer in story.answers]
    assert texts[1] == not_understood(story)
    assert len(texts) == 3


async def test_an_order_s_number_says_enough_in_the_part_that_holds_it_and_in_no_other():
    story = Story()
    number = ("la 4812077 ??", {"faq_return_how": 0.2})
    await story.says(f"{COST[0]} ? {number[0]}", asked=[COST, number], faq_delivery_cost=0.85)
    assert story.answers[-1].text == story.text("order.ask_proof", number="4812077")
    await story.says(f"la 4812077 ? {BOTH}", asked=[UNCLEAR, COST], faq_delivery_cost=0.85)
    assert not_understood(story) in [answer.text for answer in story.answers]


async def test_a_question_without_a_word_is_not_quoted():
    story = Story()
    await story.says(f"{COST[0]} ? ?!", asked=[COST, ("?!", UNCLEAR[1])], faq_delivery_cost=0.85)
    assert story.answer.topic == "faq_delivery_cost"


async def test_a_long_question_is_quoted_in_part_and_on_one_line():
    words = "et\n est-ce   que " + "vraiment " * 30 + "?"
    story = Story()
    asked = [COST, (words, {"faq_return_how": 0.2})]
    await story.says(f"{COST[0]} ? {words}", asked=asked, faq_delivery_cost=0.85)
    quoted = ("et est-ce que " + "vraiment " * 30)[:79].rstrip() + "…"
    assert story.answers[-1].text == not_understood(story, quoted)


async def test_its_question_mark_is_not_quoted():
    story = Story()
    asked = [(COST[0], COST[1]), (RETURN[0] + " ?", UNCLEAR[1])]
    await story.says(f"{COST[0]} ? {RETURN[0]} ?", asked=asked, faq_delivery_cost=0.85)
    assert story.answers[-1].text == not_understood(story)


async def test_a_photo_beside_it_is_kept_and_said_so_once():
    story = Story()
    await story.says(BOTH, PHOTO, asked=[UNCLEAR, COST], faq_delivery_cost=0.85)
    texts = "".join(answer.text for answer in story.answers)
    assert texts.count(story.text("attachment.kept")) == 1


async def test_without_an_answer_to_either_the_message_as_a_whole_was_not_understood():
    story = Story(make_care(knowledge=FakeKnowledge(missing=["faq_delivery_cost"])))
    await story.says(BOTH, asked=[UNCLEAR, COST], faq_delivery_cost=0.85)
    assert story.answer.text == story.text("fallback.rephrase")


async def test_an_alarm_that_is_faint_in_a_question_not_understood_is_none():
    story = Story()
    await story.says(BOTH, asked=[(RETURN[0], {"threat": 0.16}), COST], faq_delivery_cost=0.85)
    assert story.answers[-1].text == not_understood(story)
    assert story.buttons == ["human"]


# --- an order among them -------------------------------------------------------------------


@pytest.mark.parametrize("asked", [[WHERE, ADDRESS], [ADDRESS, WHERE]])
async def test_the_question_is_answered_then_the_order_looked_up(asked):
    story = Story()
    await story.says(MOVING, asked=asked, entities=NUMBER)
    address, proof = story.answers
    assert (address.topic, address.text) == ("faq_change_address", "Answer faq_change_address fr.")
    assert proof.text == story.text("order.ask_proof", number="4812077")
    await story.says("69002", faq_jobs=0.1)
    assert "Colis Clair" in story.answer.text
    assert story.care.shop.asked == ["4812077"]


async def test_an_order_that_is_proved_is_told_after_the_answer():
    story = Story()
    await story.says(MOVING + " 69002", asked=[WHERE, ADDRESS], entities=NUMBER)
    assert [answer.topic for answer in story.answers] == ["faq_change_address", "order_status"]
    assert "Colis Clair" in story.answers[1].text


async def test_what_was_just_answered_is_not_offered_after_the_order():
    story = Story()
    asked = [WHERE, ("me dire si", {"faq_delivery_times": 0.9})]
    await story.says(MOVING + " 69002", asked=asked, entities=NUMBER)
    assert story.buttons == ["faq:faq_parcel_not_received", "human"]


async def test_an_order_that_is_named_is_looked_up_rather_than_asked_about():
    story = Story()
    either = (WHERE[0], {"faq_parcel_not_received": 0.5, "order_status": 0.44})
    await story.says(MOVING, asked=[either, ADDRESS], entities=NUMBER)
    assert story.answers[-1].text == story.text("order.ask_proof", number="4812077")


async def test_after_too_many_look_ups_the_answer_is_still_given_and_a_person_takes_the_order():
    story = Story(make_care(order_attempts=0))
    await story.says(MOVING + " 69002", asked=[WHERE, ADDRESS], entities=NUMBER)
    assert story.answers[0].topic == "faq_change_address"
    assert story.answers[1].text.startswith(story.text("order.too_many"))
    assert story.speaker is Speaker.WAITING
    assert "idle" not in story.timers


async def test_what_we_asked_for_and_a_question_beside_it_are_both_taken():
    story = Story()
    await story.says("où est mon colis ?", order_status=0.9)
    text = "c'est la 4812077, et est-ce que l'adresse se change encore ?"
    await story.says(text, faq_change_address=0.9, entities=NUMBER)
    assert story.answers[0].topic == "faq_change_address"
    assert story.answers[1].text == story.text("order.ask_proof", number="4812077")
    assert story.chat.dialogue.awaiting == "order"


async def test_what_we_asked_for_and_two_questions_beside_it_are_all_taken():
    story = Story()
    await story.says("où est mon colis ?", order_status=0.9)
    await story.says("4812077. " + BOTH, asked=[RETURN, COST], entities=NUMBER)
    assert [answer.topic for answer in story.answers] == ["faq_return_how", "faq_delivery_cost", None]
    assert story.answers[2].text == story.text("order.ask_proof", number="4812077")


async def test_an_email_that_is_only_given_is_no_question():
    story = Story()
    await story.says("la 4812077 ?", order_status=0.9)
    await story.says("lea.martin@exemple.fr", faq_contact=0.9)
    assert len(story.answers) == 1
    assert "Colis Clair" in story.answer.text


async def test_a_postcode_with_its_town_is_no_question_about_stores():
    story = Story()
    await story.says("la 4812077 ?", order_status=0.9)
    await story.says("c'est 69002 Lyon", faq_store_locations=0.9)
    assert "Colis Clair" in story.answer.text


async def test_two_other_questions_in_between_are_answered_and_the_number_kept():
    story = Story()
    await story.says("la 4812077 ?", order_status=0.9)
    await story.says(BOTH, asked=[RETURN, COST])
    assert [answer.topic for answer in story.answers] == ["faq_return_how", "faq_delivery_cost"]
    await story.says("69002", faq_jobs=0.1)
    assert "Colis Clair" in story.answer.text


# --- a person among them -------------------------------------------------------------------

HUMAN = ("passez-moi quelqu'un", {"talk_to_human": 0.9})
ANGER = ("vous êtes nuls", {"complaint": 0.8})
BURN = ("ma peau brûle", {"adverse_reaction": 0.7})


@pytest.mark.parametrize(("part", "reason"), [(HUMAN, HandoffReason.ASKED), (ANGER, HandoffReason.COMPLAINT)])
@pytest.mark.parametrize("first", [True, False])
async def test_who_wants_a_person_or_is_angry_gets_one_whatever_else_they_ask(part, reason, first):
    story = Story()
    asked = [part, RETURN] if first else [RETURN, part]
    text = " et ".join(words for words, _ in asked)
    await story.says(text, asked=asked)
    assert story.chat.conversation.handoff.reason is reason
    assert len(story.answers) == 1


async def test_an_intent_of_the_admin_s_own_goes_before_a_question_too():
    story = Story()
    call = ("rappelez-moi", {"callback": 0.9})
    await story.says(f"{RETURN[0]} ? {call[0]}", asked=[RETURN, call])
    assert story.handler == "fallback.unsure"  # no handler was written for it


async def test_a_message_that_is_angry_as_a_whole_gets_a_person():
    story = Story()
    await story.says(BOTH, asked=[RETURN, COST], complaint=0.5, faq_return_how=0.3)
    assert story.chat.conversation.handoff.reason is HandoffReason.COMPLAINT


async def test_anger_goes_before_the_wish_for_a_person():
    story = Story()
    await story.says(f"{HUMAN[0]}, {ANGER[0]}", asked=[HUMAN, ANGER])
    assert story.chat.conversation.handoff.reason is HandoffReason.COMPLAINT


@pytest.mark.parametrize("first", [True, False])
async def test_a_protected_question_always_wins(first):
    story = Story()
    asked = [BURN, RETURN] if first else [RETURN, BURN]
    await story.says(" et ".join(words for words, _ in asked), asked=asked, faq_return_how=0.9)
    assert story.handler == "protected.escalate"
    assert story.chat.conversation.handoff.intent == "adverse_reaction"
    assert len(story.answers) == 1


async def test_a_faint_alarm_in_a_part_is_none_when_the_whole_gives_none():
    story = Story()
    words, sure = RETURN
    asked = [(words, {**sure, "adverse_reaction": 0.2}), COST]
    await story.says(BOTH, asked=asked, faq_return_how=0.9)
    assert story.handler != "protected.escalate"


async def test_of_two_protected_questions_the_graver_one_is_acted_on():
    story = Story()
    leave = ("je me rétracte", {"withdrawal": 0.9})
    die = ("je veux mourir", {"distress": 0.6})
    await story.says("je me rétracte, je veux mourir", asked=[leave, die])
    assert story.chat.conversation.handoff.intent == "distress"


async def test_a_photo_that_matters_to_one_of_them_goes_to_a_person():
    story = Story()
    broken = ("mon flacon est cassé", {"faq_parcel_damaged": 0.9})
    await story.says(f"{broken[0]} et {COST[0]}", PHOTO, asked=[broken, COST])
    assert story.handler == "attachments.received"


async def test_a_photo_beside_two_questions_is_kept_and_said_so_once():
    story = Story()
    await story.says(BOTH, PHOTO, asked=[RETURN, COST])
    texts = "".join(answer.text for answer in story.answers)
    assert texts.count(story.text("attachment.kept")) == 1
    assert "human" in story.buttons
