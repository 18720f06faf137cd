"""What agents wrote and is held: asked about, decided once, or sent by itself in its turn."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.chat import DRAFTS, Speaker
from bot.domain.events import (
    AgentClaim,
    AgentDelete,
    AgentDraft,
    AgentMarksSpam,
    AgentRelease,
    AgentReply,
    AgentResolve,
    AgentTransfer,
    DraftChoice,
    ReceiptStatus,
)
from bot.domain.facts import ConversationChanged, Episode, MessageKind, MessageLogged
from bot.domain.message import HoldReason
from bot.domain.outgoing import (
    Alert,
    CaseAlert,
    CaseFate,
    CaseFile,
    CaseHeld,
    CaseLine,
    CaseRefused,
    CaseUnheld,
    Hush,
    Refusal,
)
from tests.fakes.at_work import FILE, AtWork
from tests.fakes.care import LEA, OMAR

OTHER_FILE = replace(FILE, id="f_2", source="slack:F2")
SEND, TAKE_OVER, NOTE, DISCARD = DraftChoice


async def held_for_omar(**more) -> AtWork:
    """Léa has the conversation, and Omar wrote in it."""
    world = await AtWork().taken_by(LEA)
    return await world.replies("Une précision", OMAR, message_id="a1", **more)


def asked(world: AtWork) -> tuple[HoldReason, str | None]:
    (held,) = world.told(CaseHeld)
    return held.draft.reason, held.holder.id if held.holder else None


def gone(world: AtWork) -> bool:
    return [(told.action, told.reason) for told in world.told(CaseRefused)] == [("decide", Refusal.GONE)]


# --- held --------------------------------------------------------------------------------------


async def test_nobody_answers_over_a_colleague_without_being_asked():
    world = await held_for_omar()
    assert world.said == []
    assert asked(world) == (HoldReason.COLLEAGUE, LEA.id)
    assert world.now_is.draft("a1").text == "Une précision"
    assert world.logged(MessageLogged) == []


async def test_what_mentions_a_colleague_is_held_though_it_is_their_own_conversation():
    world = await AtWork().taken_by(LEA)
    await world.agent(AgentDraft, message_id="a1", reason=HoldReason.MENTION, text="@Omar tu connais ?")
    assert world.said == []
    assert asked(world) == (HoldReason.MENTION, None)


async def test_a_word_after_the_end_is_held_and_reopens_nothing():
    world = await AtWork().taken_by(LEA)
    await world.agent(AgentResolve)
    await world.replies("Encore un mot", message_id="a1")
    assert world.said == []
    assert asked(world) == (HoldReason.CLOSED, None)
    assert (world.speaker, world.logged(ConversationChanged)) == (Speaker.CLOSED, [])


async def test_a_word_in_a_thread_that_the_chat_has_left_is_held_there():
    world = await AtWork().taken_by(LEA)
    old = world.now_is.conversation.id
    await world.agent(AgentResolve)
    world.later(hours=48)
    await world.customer("autre chose")
    await world.replies("Encore un mot", message_id="a1", conversation=old)
    assert asked(world) == (HoldReason.CLOSED, None)
    (entry,) = [one for one in world.outgoing if isinstance(one.payload, CaseHeld)]
    assert entry.conversation == old
    assert world.speaker is Speaker.BOT
    await world.decides("a1", SEND)
    assert world.texts[-1] == "Encore un mot"


async def test_several_are_kept_and_decided_one_by_one():
    world = await held_for_omar()
    await world.replies("Et une autre", OMAR, message_id="a2")
    await world.decides("a2", SEND, OMAR)
    assert world.texts == ["Et une autre"]
    await world.decides("a1", DISCARD, OMAR)
    assert (world.said, world.now_is.drafts) == ([], ())


async def test_of_too_many_the_oldest_is_given_up_aloud():
    world = await AtWork().taken_by(LEA)
    for number in range(DRAFTS + 1):
        await world.replies(f"n° {number}", OMAR, message_id=f"a{number}")
    assert [fate.message_id for fate in world.told(CaseFate)] == ["a0"]
    assert world.told(CaseFate)[0].status is ReceiptStatus.FAILED
    assert [(told.draft.message_id, told.choice) for told in world.told(CaseUnheld)] == [("a0", DISCARD)]
    assert len(world.now_is.drafts) == DRAFTS


# --- decided -----------------------------------------------------------------------------------


async def test_sent_anyway_it_goes_under_their_name_and_the_colleague_keeps_the_conversation():
    world = await held_for_omar(undo_seconds=3.0)
    await world.decides("a1", SEND, OMAR)
    (said,) = world.said
    assert (said.text, said.author_name, said.author_id, said.message_id) == (
        "Une précision", "Omar", OMAR.id, "a1",
    )  # fmt: skip
    assert world.handoff.agent == LEA
    assert [told.choice for told in world.told(CaseUnheld)] == [SEND]
    assert [fact.author_id for fact in world.logged(MessageLogged)] == [OMAR.id]
    (entry,) = [one for one in world.outgoing if one.payload == said]
    assert (entry.not_before - world.now).total_seconds() == 3.0


async def test_taken_over_it_goes_after_the_customer_heard_who_speaks():
    world = await held_for_omar()
    await world.decides("a1", TAKE_OVER, OMAR)
    over, said = world.texts
    assert "Omar" in over
    assert said == "Une précision"
    assert world.handoff.agent == OMAR
    assert [(told.kind, told.agent) for told in world.told(CaseAlert)] == [(Alert.TAKEN_OVER, LEA)]
    assert any(isinstance(entry.payload, Hush) for entry in world.outgoing)


async def test_as_a_note_it_is_shown_and_logged_as_one():
    world = await held_for_omar()
    await world.decides("a1", NOTE, OMAR)
    assert world.said == []
    (line,) = world.told(CaseLine)
    assert (line.note, line.line.text, line.line.author_name) == (True, "Une précision", OMAR.name)
    (fact,) = world.logged(MessageLogged)
    assert (fact.kind, fact.text, fact.author_id) == (MessageKind.NOTE, "Une précision", OMAR.id)


@pytest.mark.parametrize("first", list(DraftChoice))
async def test_what_was_decided_is_decided(first):
    world = await held_for_omar()
    await world.decides("a1", first, OMAR)
    for again in DraftChoice:
        await world.decides("a1", again, OMAR)
        assert gone(world)
        assert world.said == []


@pytest.mark.parametrize("choice", list(DraftChoice))
async def test_nobody_decides_for_another(choice):
    world = await held_for_omar()
    await world.decides("a1", choice, LEA)
    assert gone(world)
    assert world.now_is.draft("a1") is not None


async def test_sent_when_nobody_has_it_any_more_it_claims_as_usual():
    world = await held_for_omar()
    await world.agent(AgentRelease)
    await world.decides("a1", SEND, OMAR)
    assert world.texts[-1] == "Une précision"
    assert world.handoff.agent == OMAR


async def test_sent_after_the_end_it_reopens_the_conversation():
    world = await AtWork().taken_by(LEA)
    await world.agent(AgentResolve)
    await world.replies("Encore un mot", OMAR, message_id="a1")
    await world.decides("a1", SEND, OMAR)
    assert world.texts[-1] == "Encore un mot"
    assert (world.speaker, world.handoff.agent) == (Speaker.HUMAN, OMAR)
    assert [fact.change for fact in world.logged(ConversationChanged)] == [Episode.REOPENED]


@pytest.mark.parametrize("choice", [NOTE, DISCARD])
async def test_not_sent_after_the_end_it_reopens_nothing(choice):
    world = await AtWork().taken_by(LEA)
    await world.agent(AgentResolve)
    await world.replies("Encore un mot", message_id="a1")
    await world.decides("a1", choice)
    assert (world.speaker, world.logged(ConversationChanged)) == (Speaker.CLOSED, [])


async def test_whoever_decides_for_another_after_the_end_reopens_nothing():
    world = await AtWork().taken_by(LEA)
    await world.agent(AgentResolve)
    await world.replies("Encore un mot", OMAR, message_id="a1")
    await world.decides("a1", SEND, LEA)
    assert gone(world)
    assert world.speaker is Speaker.CLOSED


async def test_an_answer_to_one_question_is_no_answer_to_another():
    """Asked whether to send it over Léa, Omar did not say to reopen it."""
    world = await held_for_omar()
    await world.agent(AgentResolve)
    await world.decides("a1", SEND, OMAR)
    assert (world.said, asked(world)) == ([], (HoldReason.CLOSED, None))
    await world.agent(AgentClaim, LEA)
    await world.decides("a1", SEND, OMAR)
    assert (world.said, asked(world)) == ([], (HoldReason.COLLEAGUE, LEA.id))
    await world.decides("a1", SEND, OMAR)
    assert world.texts == ["Une précision"]


async def test_what_mentioned_a_colleague_is_sent_if_they_say_so():
    world = await AtWork().asks_for_a_person()
    await world.agent(AgentDraft, message_id="a1", reason=HoldReason.MENTION, text="Omar vous répondra")
    await world.decides("a1", SEND)
    assert world.texts[-1] == "Omar vous répondra"
    assert world.handoff.agent == LEA


# --- files -------------------------------------------------------------------------------------


async def with_a_file(text: str = "Voici", *files) -> AtWork:
    """Léa's message waits for its files."""
    world = await AtWork().taken_by(LEA)
    return await world.replies(text, LEA, *(files or (FILE,)), message_id="a1")


async def test_a_message_waits_for_its_files_and_goes_by_itself():
    world = await with_a_file()
    assert (world.said, world.told(CaseHeld)) == ([], [])
    assert [fetch.message_id for fetch in world.fetches] == ["a1"]
    await world.file_comes("a1")
    (said,) = world.said
    assert said.text == "Voici"
    assert all(file.stored for file in said.attachments)
    assert [line.line.message_id for line in world.told(CaseLine)] == ["a1"]
    assert world.now_is.drafts == ()


async def test_an_agent_who_sends_a_file_has_taken_the_conversation():
    world = await AtWork().asks_for_a_person()
    await world.replies("Voici", LEA, FILE, message_id="a1")
    assert world.handoff.agent == LEA
    assert len(world.texts) == 1, "that somebody takes over is told, not more"


async def test_what_is_written_meanwhile_waits_behind_whoever_wrote_it():
    world = await with_a_file()
    await world.replies("Autre chose", message_id="a2")
    await world.replies("Moi aussi", OMAR, message_id="a3")
    await world.decides("a3", SEND, OMAR)
    assert world.said == []
    await world.file_comes("a1")
    assert world.texts == ["Voici", "Autre chose", "Moi aussi"]
    assert world.now_is.drafts == ()


async def test_the_first_file_does_not_let_the_second_message_overtake():
    world = await with_a_file()
    await world.replies("Et celle-ci", LEA, OTHER_FILE, message_id="a2")
    await world.file_comes("a2", OTHER_FILE)
    assert world.said == []
    await world.file_comes("a1")
    assert world.texts == ["Voici", "Et celle-ci"]


async def test_a_message_waits_for_all_of_its_files():
    world = await with_a_file("Voici", FILE, OTHER_FILE)
    await world.file_comes("a1", OTHER_FILE)
    assert world.said == []
    await world.file_comes("a1", FILE)
    assert [len(message.attachments) for message in world.said] == [2]


async def test_a_file_that_cannot_be_had_is_told_and_the_words_go_without():
    world = await with_a_file()
    await world.replies("Autre chose", message_id="a2")
    await world.file_fails("a1", reason="media_too_large")
    assert world.texts == ["Voici", "Autre chose"]
    assert world.said[0].attachments == ()
    (told,) = world.told(CaseFile)
    assert (told.message_id, told.attachment.id, told.reason) == ("a1", "f_1", "media_too_large")


async def test_a_file_without_words_that_cannot_be_had_is_a_message_that_failed():
    world = await with_a_file(" ")
    await world.replies("Autre chose", message_id="a2")
    await world.file_fails("a1", reason="media_gone")
    assert world.texts == ["Autre chose"]
    (fate,) = world.told(CaseFate)
    assert (fate.message_id, fate.status, fate.detail) == ("a1", ReceiptStatus.FAILED, "media_gone")


async def test_one_of_two_files_that_cannot_be_had_leaves_the_other():
    world = await with_a_file("", FILE, OTHER_FILE)
    await world.file_fails("a1", FILE)
    assert world.said == []
    await world.file_comes("a1", OTHER_FILE)
    assert [[file.id for file in message.attachments] for message in world.said] == [["f_2"]]


@pytest.mark.parametrize("taken_back_first", [True, False])
async def test_no_file_of_an_agent_s_is_ever_the_customer_s_trouble(taken_back_first):
    world = await with_a_file("")
    if taken_back_first:
        await world.agent(AgentDelete, deleted_id="a1")
    await world.file_fails("a1")
    assert world.said == []


async def test_a_message_taken_back_while_it_waits_lets_the_next_go():
    world = await with_a_file()
    await world.replies("Autre chose", message_id="a2")
    await world.agent(AgentDelete, deleted_id="a1")
    assert world.texts == ["Autre chose"]
    await world.file_comes("a1")
    assert world.said == []


async def test_what_waits_for_its_files_is_not_asked_about():
    world = await with_a_file()
    for choice in DraftChoice:
        await world.decides("a1", choice)
        assert gone(world)
    await world.file_comes("a1")
    assert world.texts == ["Voici"]


async def test_over_a_colleague_comes_first_and_the_files_are_fetched_meanwhile():
    world = await AtWork().taken_by(LEA)
    await world.replies("Voici", OMAR, FILE, message_id="a1")
    assert asked(world) == (HoldReason.COLLEAGUE, LEA.id)
    assert len(world.fetches) == 1
    await world.file_comes("a1")
    assert (world.said, world.told(CaseFile)) == ([], [])
    await world.decides("a1", SEND, OMAR)
    assert [len(message.attachments) for message in world.said] == [1]


async def test_decided_before_its_files_are_there_it_waits_for_them():
    world = await AtWork().taken_by(LEA)
    await world.replies("Voici", OMAR, FILE, message_id="a1")
    await world.decides("a1", SEND, OMAR)
    assert world.said == []
    assert [told.choice for told in world.told(CaseUnheld)] == [SEND]
    await world.file_comes("a1")
    assert world.texts == ["Voici"]
    assert world.handoff.agent == LEA


async def test_a_held_message_whose_only_file_cannot_be_had_is_given_up_aloud():
    world = await AtWork().taken_by(LEA)
    await world.replies("", OMAR, FILE, message_id="a1")
    await world.file_fails("a1")
    assert [told.choice for told in world.told(CaseUnheld)] == [DISCARD]
    assert [fate.status for fate in world.told(CaseFate)] == [ReceiptStatus.FAILED]


async def test_a_colleague_who_took_over_meanwhile_is_not_spoken_over():
    world = await with_a_file()
    await world.agent(AgentClaim, OMAR, take_over=True)
    await world.file_comes("a1")
    assert (world.said, asked(world)) == ([], (HoldReason.COLLEAGUE, OMAR.id))


@pytest.mark.parametrize(
    ("act", "values"), [(AgentResolve, {}), (AgentRelease, {}), (AgentTransfer, {"team": "shop"})]
)
async def test_written_before_it_was_given_away_it_still_goes_and_takes_nothing_back(act, values):
    world = await with_a_file()
    await world.agent(act, **values)
    speaker = world.speaker
    await world.file_comes("a1")
    assert world.texts == ["Voici"]
    assert world.speaker is speaker
    assert [line.line.message_id for line in world.told(CaseLine)] == ["a1"], "and the desk sees it"


async def test_spam_gets_nothing_that_was_on_its_way():
    world = await with_a_file()
    await world.agent(AgentMarksSpam)
    await world.file_comes("a1")
    assert (world.said, asked(world)) == ([], (HoldReason.CLOSED, None))


async def test_the_time_to_undo_counts_from_when_it_was_written():
    world = await AtWork().taken_by(LEA)
    await world.replies("Voici", LEA, FILE, message_id="a1", undo_seconds=3.0)
    world.later(seconds=1)
    await world.file_comes("a1")
    (entry,) = [one for one in world.outgoing if one.payload == world.said[0]]
    assert (entry.not_before - world.now).total_seconds() == 2.0
    await world.replies("Et", LEA, FILE, message_id="a2", undo_seconds=3.0)
    world.later(seconds=10)
    await world.file_comes("a2")
    assert [one.not_before for one in world.outgoing if one.payload == world.said[0]] == [None]


async def test_a_reply_that_may_reopen_does():
    world = await AtWork().taken_by(LEA)
    await world.agent(AgentResolve)
    await world.agent(AgentReply, message_id="a2", text="Encore un mot")
    assert world.texts[-1] == "Encore un mot"
