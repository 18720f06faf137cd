"""On the way to a person, and while waiting for one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.chat import Speaker
from bot.domain.conversation import HandoffReason
from bot.domain.events import AgentClaim, AgentTransfer, Command, MediaFailed, MediaReady
from bot.domain.facts import FeedbackGiven
from bot.domain.message import Author
from bot.domain.outgoing import Outgoing
from handlers.reading import PROTECTED
from tests.fakes.care import CHAT, LEA, PHOTO, STICKER, SUNDAY_10H, VOICE, Story, make_care


@pytest.mark.parametrize("how", ["word", "command", "button"])
async def test_asking_for_a_person_queues_and_says_what_happens_next(how):
    story = Story()
    if how == "word":
        await story.says("je veux parler à quelqu'un", talk_to_human=0.9)
    elif how == "command":
        await story.commands(Command.HUMAN)
    else:
        await story.presses("human")
    assert story.speaker is Speaker.WAITING
    assert story.chat.conversation.handoff.reason is HandoffReason.ASKED
    assert story.answer.text.startswith(story.text("handoff.asked"))
    assert "jusqu'à 19 h" in story.answer.text
    assert story.answer.text.endswith(story.text("handoff.next"))


async def test_the_way_to_a_person_is_told_even_if_that_person_claims_at_once():
    story = await Story().waits()
    entry = Outgoing(
        id="o",
        destination="web:main",
        chat=CHAT,
        conversation="c",
        epoch=1,
        at=story.now,
        payload=story.answer,
    )
    assert (story.answer.author, entry.yields) == (Author.BOT, False)


async def test_an_ordinary_answer_is_dropped_when_a_person_claims_first():
    story = Story()
    await story.says("comment retourner ?", faq_return_how=0.9)
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


@pytest.mark.parametrize(("language", "back"), [("fr", "demain à 9 h"), ("en", "tomorrow at 09:00")])
async def test_on_a_sunday_the_customer_learns_when_people_are_back(language, back):
    story = await Story(language=language, now=SUNDAY_10H).waits()
    assert back in story.answer.text


async def test_a_complaint_is_acknowledged_and_goes_to_a_person():
    story = Story()
    await story.says("c'est honteux", complaint=0.8)
    assert story.answer.text.startswith(story.text("handoff.complaint"))
    assert story.chat.conversation.handoff.reason is HandoffReason.COMPLAINT


async def test_a_shouted_question_close_to_a_complaint_is_a_complaint():
    story = Story()
    await story.says("OU EST MON COLIS BANDE DE NULS", order_status=0.52, complaint=0.45)
    assert story.chat.conversation.handoff.reason is HandoffReason.COMPLAINT


@pytest.mark.parametrize("intent", ["complaint", "talk_to_human"])
async def test_an_angry_customer_is_never_told_that_they_were_not_understood(intent):
    story = Story()
    await story.says("vous êtes nuls, j'attends depuis 3 semaines", **{intent: 0.39, "order_status": 0.38})
    assert story.speaker is Speaker.WAITING


async def test_a_faint_guess_of_anger_brings_nobody():
    story = Story()
    await story.says("bof", complaint=0.29, order_status=0.1)
    assert story.speaker is Speaker.BOT


async def test_the_case_goes_to_the_team_of_what_was_talked_about():
    story = Story()
    await story.says("quelle routine ?", faq_routine=0.9)
    await story.presses("human")
    assert story.chat.conversation.handoff.team == "beauty"


# --- protected -----------------------------------------------------------------------------

TEAMS = {
    "distress": "safety",
    "threat": "safety",
    "adverse_reaction": "safety",
    "minor": "safety",
    "withdrawal": "care",
    "data_request": "dpo",
}


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("intent", PROTECTED)
async def test_a_protected_intent_gets_its_fixed_words_and_its_team_at_once(intent, language):
    story = Story(language=language)
    await story.says("message", **{intent: 0.35, "faq_return_how": 0.3})
    assert story.answer.text.startswith(story.text(f"protected.{intent}"))
    assert (story.answer.author, story.answer.lasting) == (Author.BOT, True)
    handoff = story.chat.conversation.handoff
    assert (handoff.reason, handoff.team, handoff.urgent, handoff.intent) == (
        HandoffReason.PROTECTED,
        TEAMS[intent],
        True,
        intent,
    )
    assert not [button for button in story.buttons if button.startswith(("yes:", "no:"))]


async def test_a_protected_intent_just_behind_the_best_is_acted_on():
    story = Story()
    await story.says("ma peau brûle depuis la crème", faq_sensitive_skin=0.40, adverse_reaction=0.37)
    assert story.handler == "protected.escalate"


@pytest.mark.parametrize(
    "guesses",
    [
        {"faq_sensitive_skin": 0.6, "adverse_reaction": 0.25},
        {"adverse_reaction": 0.15, "faq_sensitive_skin": 0.14},
        {"faq_vegan": 0.12, "distress": 0.1, "threat": 0.1, "minor": 0.05},
    ],
)
async def test_a_protected_intent_that_is_far_behind_or_mere_noise_is_not(guesses):
    story = Story()
    await story.says("peau sensible", **guesses)
    assert story.handler != "protected.escalate"


async def test_a_protected_intent_that_is_the_best_guess_of_many_is_acted_on():
    story = Story()
    await story.says("ça tire depuis hier", adverse_reaction=0.22, faq_sensitive_skin=0.2, faq_routine=0.15)
    assert story.handler == "protected.escalate"


async def test_protected_intents_that_are_only_together_likely_are_acted_on():
    story = Story()
    await story.says("je vais faire une bêtise", faq_store_hours=0.4, threat=0.17, distress=0.16)
    assert story.handler == "protected.escalate"


async def test_a_protected_message_comes_before_the_order_form():
    story = Story()
    await story.says("où est mon colis", order_status=0.9)
    await story.says(
        "4812077 et le visage gonflé", entities={"order_number": "4812077"}, adverse_reaction=0.5
    )
    assert story.handler == "protected.escalate"


async def test_while_waiting_a_protected_message_raises_the_alarm():
    story = await Story().waits()
    await story.says("je veux mourir", distress=0.8)
    assert story.text("protected.distress") in story.answer.text
    assert (story.answer.author, story.answer.lasting) == (Author.BOT, True)
    handoff = story.chat.conversation.handoff
    assert (handoff.team, handoff.urgent, handoff.intent) == ("safety", True, "distress")


async def test_a_graver_alarm_replaces_a_lesser_one_and_goes_to_its_team():
    story = Story()
    await story.says("je me rétracte", withdrawal=0.8)
    await story.says("je veux mourir", distress=0.8)
    assert story.chat.conversation.handoff.team == "safety"
    await story.says("je me rétracte", withdrawal=0.8)
    assert story.chat.conversation.handoff.intent == "distress"
    assert story.answer.text == story.text("protected.withdrawal")


async def test_the_same_alarm_again_is_not_recited_again():
    story = Story()
    await story.says("je veux mourir", distress=0.8)
    await story.says("vraiment", distress=0.8)
    assert story.answer.text == story.text("waiting.added")


# --- files ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("file", "key"), [(PHOTO, "attachment.file"), (VOICE, "attachment.voice")])
async def test_a_file_without_words_is_kept_for_a_person(file, key):
    story = Story()
    await story.says("", file)
    assert story.answer.text.startswith(story.text(key))
    assert story.chat.conversation.handoff.reason is HandoffReason.ATTACHMENT


async def test_a_sticker_is_not_worth_a_person():
    story = Story()
    await story.says("", STICKER)
    assert story.answer.text == story.text("fallback.wordless")
    assert story.speaker is Speaker.BOT


async def test_a_photo_of_a_broken_bottle_goes_to_a_person():
    story = Story()
    await story.says("mon flacon est cassé", PHOTO, faq_parcel_damaged=0.9)
    assert story.handler == "attachments.received"


async def test_a_file_with_unclear_words_goes_to_a_person():
    story = Story()
    await story.says("regardez", PHOTO, faq_parcel_damaged=0.2)
    assert story.handler == "attachments.received"


async def test_a_file_beside_a_clear_question_is_kept_and_the_question_answered():
    story = Story()
    await story.says("cette crème est-elle végane ?", PHOTO, faq_vegan=0.9)
    assert story.answer.topic == "faq_vegan"
    assert story.text("attachment.kept") in story.answer.text
    assert "human" in story.buttons


@pytest.mark.parametrize(
    ("reason", "key"),
    [("media_too_large", "large"), ("media_type_refused", "refused"), ("gone", "unavailable")],
)
async def test_a_file_that_could_not_be_kept_is_told(reason, key):
    story = await Story().waits()
    event = MediaFailed(id="m", chat=CHAT, at=story.now, message_id="c1", attachment=PHOTO, reason=reason)
    (told,) = await story.happens(event)
    assert (told.text, told.answers, told.author) == (story.text(f"media.{key}"), False, Author.SYSTEM)


async def test_a_file_in_the_store_needs_no_words():
    story = await Story().waits()
    event = MediaReady(id="m", chat=CHAT, at=story.now, message_id="c1", attachment=PHOTO)
    assert await story.happens(event) == []


# --- waiting -------------------------------------------------------------------------------


async def test_what_a_waiting_customer_writes_is_acknowledged_now_and_then():
    story = await Story().waits()
    await story.says("c'est pour la commande d'hier", faq_return_how=0.9)
    assert story.answer.text == story.text("waiting.added")
    assert await story.says("elle était pour ma mère", greet=0.9) == []
    story.later(minutes=9, seconds=59)
    assert await story.says("toujours là ?", greet=0.9) == []
    story.later(seconds=1)
    assert len(await story.says("toujours là ?", greet=0.9)) == 1
    assert story.speaker is Speaker.WAITING


async def test_a_waiting_customer_is_acknowledged_when_the_model_is_down():
    story = await Story().waits()
    await story.says("allô", nlu_down=True)
    assert story.answer.text == story.text("waiting.added")


@pytest.mark.parametrize("how", [Command.HUMAN, Command.START, Command.HELP, "human"])
async def test_asking_again_says_that_the_request_is_in_the_queue(how):
    story = await Story().waits()
    before = story.chat
    await (story.presses(how) if how == "human" else story.commands(how))
    assert story.answer.text.startswith(story.text("waiting.in_queue"))
    assert "19 h" in story.answer.text
    assert story.chat == before


async def test_privacy_and_language_are_answered_whoever_speaks():
    for story in (await Story().waits(), await Story().with_lea()):
        await story.commands(Command.PRIVACY)
        assert story.answer.author is Author.SYSTEM
        await story.presses("lang:en")
        assert (story.chat.language, story.answer.author) == ("en", Author.SYSTEM)


async def test_an_old_feedback_button_is_logged_without_a_word_while_waiting():
    story = Story()
    await story.says("comment retourner ?", faq_return_how=0.9)
    await story.presses("human")
    assert await story.presses("no:faq_return_how") == []
    assert story.facts == [FeedbackGiven(topic="faq_return_how", helped=False)]


async def test_while_a_person_speaks_the_bot_is_silent():
    story = await Story().with_lea()
    before = story.chat.dialogue
    for step in (
        story.says("comment retourner ?", faq_return_how=0.9),
        story.says("je veux mourir", distress=0.9),
        story.says("", PHOTO),
        story.presses("faq:faq_return_how"),
        story.presses("menu"),
        story.commands(Command.START),
        story.says("allô", nlu_down=True),
    ):
        assert await step == []
    assert (story.speaker, story.chat.dialogue) == (Speaker.HUMAN, before)


async def test_asking_for_a_person_while_talking_to_one_says_so():
    story = await Story().with_lea()
    await story.commands(Command.HUMAN)
    assert story.answer.text == story.text("waiting.with_a_person")


# --- by itself -----------------------------------------------------------------------------


async def test_nobody_came_is_said_once_with_the_place_kept():
    story = await Story().waits()
    assert story.timers["waiting"] == story.now + timedelta(minutes=15)
    (told,) = await story.timer("waiting")
    assert (told.text, told.answers) == (story.text("waiting.reminder"), False)
    assert "waiting" not in story.timers


async def test_out_of_hours_the_reminder_waits_for_the_opening():
    story = await Story(now=SUNDAY_10H).waits()
    assert story.timers["waiting"] == SUNDAY_10H + timedelta(hours=23, minutes=15)


async def test_a_reminder_that_comes_due_after_closing_waits_for_the_next_day():
    story = Story()
    story.later(hours=8, minutes=50)
    await story.waits()
    assert await story.timer("waiting") == []
    assert story.timers["waiting"] == story.now + timedelta(hours=13, minutes=55) + timedelta(minutes=15)


async def test_a_reminder_after_somebody_came_says_nothing():
    story = await Story().with_lea()
    assert "waiting" not in story.timers
    assert await story.timer("waiting") == []


async def test_no_reminder_when_it_is_switched_off():
    story = await Story(make_care(remind_after=None)).waits()
    assert story.timers == {}


async def test_a_transfer_tells_the_customer_and_queues_for_the_other_team():
    story = await Story().with_lea()
    (told,) = await story.agent(AgentTransfer, team="beauty")
    assert "conseil beauté" in told.text
    assert (story.speaker, story.chat.conversation.handoff.team) == (Speaker.WAITING, "beauty")
    assert "waiting" in story.timers


@pytest.mark.parametrize("team", ["nobody", "", "Care"])
async def test_a_transfer_to_a_team_nobody_knows_changes_nothing(team):
    story = await Story().with_lea()
    assert await story.agent(AgentTransfer, team=team) == []
    assert story.speaker is Speaker.HUMAN


async def test_a_transfer_to_the_queue_it_is_in_changes_nothing():
    story = await Story().waits()
    before = story.chat
    assert await story.agent(AgentTransfer, team="care") == []
    assert story.chat == before


async def test_a_transfer_while_the_bot_speaks_queues_too():
    story = Story()
    await story.says("bonjour", greet=0.9)
    await story.agent(AgentTransfer, team="shop")
    assert (story.speaker, story.chat.conversation.handoff.reason) == (Speaker.WAITING, HandoffReason.AGENT)
    assert "idle" not in story.timers


async def test_a_claim_ends_the_reminder():
    story = await Story().waits()
    await story.agent(AgentClaim, LEA)
    assert "waiting" not in story.timers
