"""What the bot answers while it speaks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.chat import Pace, Speaker
from bot.domain.conversation import HandoffReason
from bot.domain.events import AgentRelease, Command
from bot.domain.facts import FeedbackGiven
from bot.domain.message import Author
from tests.fakes.care import FakeKnowledge, Story, make_care


async def test_the_first_message_of_a_conversation_says_that_an_automatic_assistant_speaks():
    story = Story()
    first, answer = await story.says("comment retourner une crème ?", faq_return_how=0.9)
    assert first.text == story.text("intro.first")
    assert (first.author, first.answers) == (Author.SYSTEM, False)
    assert (answer.author, answer.answers) == (Author.BOT, True)


async def test_the_second_message_does_not_introduce_again():
    story = Story()
    await story.says("bonjour", greet=0.9)
    assert len(await story.says("comment retourner une crème ?", faq_return_how=0.9)) == 1


async def test_a_question_is_answered_with_the_file_s_words_related_questions_and_did_this_help():
    story = Story()
    await story.says("comment retourner une crème ?", faq_return_how=0.9)
    assert story.handler == "faq.answer_faq"
    assert story.answer.text.startswith("Answer faq_return_how fr.")
    assert story.text("help.question") in story.answer.text
    assert story.answer.topic == "faq_return_how"
    assert story.buttons == [
        "yes:faq_return_how",
        "no:faq_return_how",
        "faq:faq_delivery_times",
        "faq:faq_refund_when",
        "faq:faq_samples",
    ]


async def test_a_customer_who_writes_english_is_answered_in_english():
    story = Story(language="en")
    await story.says("how do I return a cream?", faq_return_how=0.9)
    assert story.answer.text.startswith("Answer faq_return_how en.")


async def test_did_this_help_is_asked_once_a_topic():
    story = Story()
    await story.says("comment retourner ?", faq_return_how=0.9)
    await story.says("et pour retourner ?", faq_return_how=0.9)
    assert story.text("help.question") not in story.answer.text
    await story.says("et la livraison ?", faq_delivery_times=0.9)
    assert story.text("help.question") in story.answer.text


@pytest.mark.parametrize(
    ("text", "guesses"),
    [
        ("VOUS VOUS MOQUEZ DE MOI COMMENT JE RENVOIE CA", {"faq_return_how": 0.9}),
        ("comment je renvoie ça !!!", {"faq_return_how": 0.9}),
        ("nul, je renvoie comment", {"faq_return_how": 0.6, "complaint": 0.3}),
    ],
)
async def test_an_angry_customer_is_not_asked_whether_it_helped_and_may_have_a_person(text, guesses):
    story = Story()
    await story.says(text, **guesses)
    assert story.text("help.question") not in story.answer.text
    assert "human" in story.buttons


async def test_after_a_person_the_bot_does_not_ask_whether_it_helped():
    story = await Story().with_lea()
    await story.agent(AgentRelease)
    await story.says("comment retourner ?", faq_return_how=0.9)
    assert story.text("help.question") not in story.answer.text


async def test_after_a_wait_that_was_given_back_the_bot_does_not_ask_either():
    story = await Story().waits()
    await story.agent(AgentRelease)
    await story.says("comment retourner ?", faq_return_how=0.9)
    assert story.text("help.question") not in story.answer.text


async def test_the_same_question_a_third_time_offers_a_person():
    story = Story()
    for _ in range(3):
        await story.says("comment retourner ?", faq_return_how=0.9)
    assert story.answer.text == story.text("stuck.same_question")
    assert "human" in story.buttons


async def test_a_question_behind_a_greeting_is_answered():
    story = Story()
    await story.says("bonjour, comment retourner une crème ?", greet=0.55, faq_return_how=0.35)
    assert story.answer.topic == "faq_return_how"


async def test_anger_behind_a_greeting_is_heard():
    story = Story()
    await story.says("bonjour, non mais c'est honteux", greet=0.5, complaint=0.4)
    assert story.speaker is Speaker.WAITING


async def test_two_or_three_words_of_greeting_hold_no_question():
    story = Story()
    await story.says("bonjour à vous", greet=0.55, faq_contact=0.4)
    assert story.answer.text == story.text("small_talk.greet")


async def test_an_order_that_is_named_is_looked_up_when_that_is_one_of_two_meanings():
    story = Story()
    close = {"faq_parcel_not_received": 0.5, "order_status": 0.45}
    await story.says("ma commande n'est pas là", **close)
    assert story.answer.text == story.text("clarify.which")
    await story.says("la 4812077 n'est pas là", entities={"order_number": "4812077"}, **close)
    assert story.answer.text == story.text("order.ask_proof", number="4812077")


async def test_a_long_greeting_is_still_a_greeting():
    story = Story()
    await story.says("bonjour à toute la belle équipe", greet=0.8, faq_return_how=0.15)
    assert story.answer.text == story.text("small_talk.greet")


async def test_two_close_questions_are_clarified_with_buttons():
    story = Story()
    await story.says("le retour", faq_return_how=0.52, faq_return_cost=0.47, faq_vegan=0.01)
    assert story.answer.text == story.text("clarify.which")
    assert story.buttons == ["faq:faq_return_how", "faq:faq_return_cost", "none"]


async def test_two_questions_that_are_only_together_sure_are_clarified_too():
    story = Story()
    await story.says("combien coûte la livraison", faq_delivery_times=0.40, faq_delivery_cost=0.2)
    assert story.buttons == ["faq:faq_delivery_times", "faq:faq_delivery_cost", "none"]


async def test_thanks_and_goodbye_in_one_are_understood():
    story = Story()
    await story.says("thx bye", goodbye=0.4, thanks=0.35)
    assert story.answer.text == story.text("small_talk.goodbye")


async def test_none_of_these_asks_to_rephrase():
    story = Story()
    await story.says("le retour", faq_return_how=0.52, faq_return_cost=0.47)
    await story.presses("none")
    assert story.answer.text == story.text("fallback.none_of_these")


async def test_close_questions_that_have_no_entry_any_more_are_not_offered():
    story = Story(make_care(knowledge=FakeKnowledge(missing=["faq_return_cost"])))
    await story.says("le retour", faq_return_how=0.52, faq_return_cost=0.47)
    assert story.handler == "clarify.did_you_mean"
    assert story.answer.text == story.text("fallback.rephrase")


async def test_a_tapped_question_is_answered():
    story = Story()
    await story.presses("faq:faq_return_how")
    assert story.answer.topic == "faq_return_how"


async def test_what_is_not_understood_is_rephrased_then_a_person_is_offered_then_called():
    story = Story()
    await story.says("blarg", faq_return_how=0.2, faq_vegan=0.1, faq_jobs=0.01)
    assert story.answer.text == story.text("fallback.rephrase")
    assert story.buttons == ["faq:faq_return_how", "faq:faq_vegan", "human"]
    await story.says("blarg", faq_return_how=0.2)
    assert story.answer.text == story.text("fallback.offer")
    assert story.speaker is Speaker.BOT
    await story.says("blarg", faq_return_how=0.2)
    assert story.speaker is Speaker.WAITING
    assert story.chat.conversation.handoff.reason is HandoffReason.UNSURE


async def test_being_understood_in_between_starts_the_ladder_again():
    story = Story()
    await story.says("blarg", faq_return_how=0.2)
    await story.says("comment retourner ?", faq_return_how=0.9)
    await story.says("blarg", faq_return_how=0.2)
    assert story.answer.text == story.text("fallback.rephrase")


async def test_yes_to_the_offer_of_a_person_gets_one():
    story = Story()
    await story.says("blarg", faq_return_how=0.2)
    await story.says("blarg", faq_return_how=0.2)
    await story.says("oui svp", faq_return_how=0.2)
    assert story.chat.conversation.handoff.reason is HandoffReason.ASKED


async def test_what_is_not_ours_is_said_to_be_so_and_counts_as_not_understood():
    story = Story()
    await story.says("quel temps fera-t-il ?", out_of_scope=0.9)
    assert story.answer.text == story.text("fallback.out_of_scope")
    await story.says("et demain ?", out_of_scope=0.9)
    assert story.answer.text == story.text("fallback.offer")


@pytest.mark.parametrize("text", ["🤔🤔", "...", "???", "", "   ", "\u200b"])
async def test_a_message_without_words_gets_a_sensible_answer(text):
    story = Story()
    await story.says(text, faq_return_how=0.9)
    assert story.answer.text == story.text("fallback.wordless")
    assert "human" in story.buttons


async def test_a_happy_emoji_is_a_thank_you():
    story = Story()
    await story.says("👍🏽", faq_return_how=0.9)
    assert story.answer.text == story.text("small_talk.thanks")


@pytest.mark.parametrize("text", ["/restart", '/faq{"x":1}', "<b>bonjour</b>", "مرحبا", "**gras** {text}"])
async def test_strange_text_is_answered_like_any_other(text):
    story = Story()
    await story.says(text, out_of_scope=0.4)
    assert story.answer.text == story.text("fallback.rephrase")


# --- did this help? ------------------------------------------------------------------------


async def test_yes_it_helped_is_logged_and_thanked():
    story = Story()
    await story.says("comment retourner ?", faq_return_how=0.9)
    await story.presses("yes:faq_return_how")
    assert story.facts == [FeedbackGiven(topic="faq_return_how", helped=True)]
    assert story.answer.text == story.text("help.yes")


@pytest.mark.parametrize("word", ["oui", "Oui merci", "ok", "merci"])
async def test_yes_may_be_typed(word):
    story = Story()
    await story.says("comment retourner ?", faq_return_how=0.9)
    await story.says(word, thanks=0.6 if word == "merci" else 0.1)
    assert story.facts == [FeedbackGiven(topic="faq_return_how", helped=True)]


async def test_no_it_did_not_help_is_logged_and_a_person_is_offered():
    story = Story()
    await story.says("comment retourner ?", faq_return_how=0.9)
    await story.says("non", deny=0.9)
    assert story.facts == [FeedbackGiven(topic="faq_return_how", helped=False)]
    assert story.answer.text == story.text("help.no")
    assert "human" in story.buttons


async def test_two_answers_that_did_not_help_bring_a_person_of_that_topic_s_team():
    story = Story()
    await story.says("comment retourner ?", faq_return_how=0.9)
    await story.presses("no:faq_return_how")
    await story.says("quelle routine ?", faq_routine=0.9)
    await story.presses("no:faq_routine")
    assert story.speaker is Speaker.WAITING
    assert story.chat.conversation.handoff.team == "beauty"
    assert story.facts == [FeedbackGiven(topic="faq_routine", helped=False)]


async def test_tapping_twice_is_one_opinion():
    story = Story()
    await story.says("comment retourner ?", faq_return_how=0.9)
    await story.presses("yes:faq_return_how")
    await story.presses("yes:faq_return_how")
    assert story.facts == []
    assert story.answer.text == story.text("help.yes")


async def test_feedback_on_a_topic_that_does_not_exist_is_not_logged():
    story = Story()
    await story.presses("yes:invented")
    assert story.facts == []
    assert story.answer.answers


@pytest.mark.parametrize(
    "button", ["", "who", "faq:", "faq:gone", "faq", "lang:xx", "email", "yes:", "x" * 64]
)
async def test_an_unknown_button_is_answered_too(button):
    story = Story()
    await story.presses(button)
    assert story.answer.text


# --- small talk and commands ---------------------------------------------------------------


@pytest.mark.parametrize(
    "intent", ["greet", "how_are_you", "bot_challenge", "thanks", "goodbye", "affirm", "deny"]
)
@pytest.mark.parametrize("language", ["fr", "en"])
async def test_small_talk_is_answered_in_its_own_words(intent, language):
    story = Story(language=language)
    await story.says("abc", **{intent: 0.9})
    assert story.answer.text == story.text(f"small_talk.{intent}")


async def test_a_robot_says_that_it_is_one_and_offers_a_person():
    story = Story()
    await story.says("vous êtes un robot ?", bot_challenge=0.9)
    assert "automatique" in story.answer.text
    assert "human" in story.buttons


@pytest.mark.parametrize(
    ("command", "key"),
    [
        (Command.START, "command.start"),
        (Command.HELP, "command.help"),
        (Command.LANGUAGE, "command.language"),
    ],
)
async def test_commands_are_answered(command, key):
    story = Story()
    await story.commands(command)
    assert story.answer.text == story.text(key)


async def test_help_offers_what_we_can_do_and_a_person():
    story = Story()
    await story.commands(Command.HELP)
    assert story.buttons[0] == "faq:order_status"
    assert story.buttons[-1] == "human"


async def test_privacy_links_the_notice():
    story = Story()
    await story.commands(Command.PRIVACY)
    assert "https://chat.example/chat/privacy" in story.answer.text


@pytest.mark.parametrize("step", ["command", "button"])
async def test_a_chosen_language_is_kept(step):
    story = Story()
    if step == "command":
        await story.commands(Command.LANGUAGE, " English ")
    else:
        await story.presses("lang:en")
    assert (story.chat.language, story.chat.language_chosen) == ("en", True)
    assert story.answer.text == "All right, we'll carry on in English."


async def test_asking_for_a_language_shows_both():
    story = Story()
    await story.commands(Command.LANGUAGE, "klingon")
    assert story.buttons == ["lang:fr", "lang:en"]
    assert not story.chat.language_chosen


# --- when we are in trouble ----------------------------------------------------------------


async def test_when_the_model_does_not_answer_the_customer_is_told_and_queued():
    story = Story()
    await story.says("comment retourner ?", nlu_down=True)
    assert story.answer.text.startswith(story.text("handoff.bot_down"))
    assert story.chat.conversation.handoff.reason is HandoffReason.BOT_DOWN


async def test_when_our_own_handler_fails_the_customer_is_told_and_queued():
    story = Story()
    await story.says("comment retourner ?", failed=True)
    assert story.answer.text.startswith(story.text("handoff.error"))
    assert story.chat.conversation.handoff.reason is HandoffReason.ERROR


async def test_a_flood_is_told_once():
    story = Story()
    await story.says("bonjour", greet=0.9)
    story.chat = replace(story.chat, pace=Pace(since=story.now, count=31))
    await story.says("bonjour", flooding=True)
    assert story.answer.text == story.text("flood.told")
    assert await story.says("bonjour", flooding=True) == []


async def test_an_entry_whose_button_no_channel_could_carry_is_not_offered():
    long = "faq_" + "x" * 60
    story = Story(make_care(menu=(long, "faq_vegan")))
    await story.commands(Command.HELP)
    assert story.buttons == ["faq:faq_vegan", "human"]
