"""What agents write, change and take back, as the customer and the desk see it."""

from __future__ import annotations

import pytest

from bot.domain.chat import Speaker
from bot.domain.events import (
    AgentDelete,
    AgentDraft,
    AgentEdit,
    AgentNote,
    AgentReply,
    AgentResolve,
    DraftChoice,
)
from bot.domain.facts import MessageDeleted, MessageEdited
from bot.domain.identity import Agent
from bot.domain.message import Author, HoldReason
from bot.domain.outgoing import (
    CaseDelete,
    CaseEdit,
    CaseHeld,
    CaseLine,
    CaseRefused,
    CaseUnheld,
    DeleteOut,
    EditOut,
    Refusal,
)
from tests.fakes.at_work import FILE, AtWork
from tests.fakes.care import LEA, OMAR


def refused(world: AtWork) -> tuple[str, Refusal, str]:
    (told,) = world.told(CaseRefused)
    return told.action, told.reason, told.message_id


@pytest.mark.parametrize("kind", [AgentReply, AgentDraft])
async def test_nothing_is_no_reply_and_takes_nothing(kind):
    world = await AtWork().asks_for_a_person()
    more = {"reason": HoldReason.MENTION} if kind is AgentDraft else {}
    await world.agent(kind, message_id="a1", text=" \n", **more)
    assert refused(world) == ("reply", Refusal.EMPTY, "a1")
    assert (world.said, world.speaker) == ([], Speaker.WAITING)


async def test_what_is_submitted_twice_is_said_once():
    world = await AtWork().taken_by(LEA)
    await world.replies("Bonjour", message_id="a1")
    assert world.texts == ["Bonjour"]
    await world.replies("Bonjour", message_id="a1")
    assert world.outgoing == ()


# --- changing ------------------------------------------------------------------------------------


async def test_a_reply_is_changed_for_the_customer_and_shown_changed():
    world = await AtWork().taken_by(LEA)
    await world.replies("Bonjour", message_id="a1")
    await world.agent(AgentEdit, edited_id="a1", text="Bonjour Madame")
    assert world.changes == [EditOut(message_id="a1", author=Author.AGENT, text="Bonjour Madame")]
    assert world.told(CaseEdit) == [CaseEdit(message_id="a1", text="Bonjour Madame")]
    assert next(line.text for line in world.now_is.recent if line.message_id == "a1") == "Bonjour Madame"


async def test_a_reply_is_taken_back():
    world = await AtWork().taken_by(LEA)
    await world.replies("Bonjour", message_id="a1", undo_seconds=3.0)
    await world.agent(AgentDelete, deleted_id="a1")
    assert world.now_is.recalled == ("a1",)
    assert world.changes == [DeleteOut(message_id="a1", author=Author.AGENT)]
    assert world.told(CaseDelete) == [CaseDelete(message_id="a1")]
    assert all(line.message_id != "a1" for line in world.now_is.recent)


async def test_their_own_words_can_be_changed_after_the_end_until_the_next_conversation():
    world = await AtWork().taken_by(LEA)
    await world.replies("Bonjour", message_id="a1")
    await world.agent(AgentResolve)
    await world.agent(AgentEdit, edited_id="a1", text="Bonsoir")
    assert world.changes == [EditOut(message_id="a1", author=Author.AGENT, text="Bonsoir")]
    assert world.told(CaseEdit) == [CaseEdit(message_id="a1", text="Bonsoir")], "the thread is not over"
    assert world.speaker is Speaker.CLOSED
    world.later(hours=48)
    await world.customer("encore moi")
    await world.agent(AgentEdit, edited_id="a1", text="Bonne nuit")
    assert world.changes == []
    assert refused(world) == ("edit", Refusal.GONE, "a1")


@pytest.mark.parametrize("message_id", ["the_bot_s", "the_customer_s", "m_unknown"])
async def test_only_what_agents_sent_is_changed_or_taken_back(message_id):
    world = await AtWork().customer("où est mon colis ?")
    message_id = {"the_bot_s": world.said[-1].message_id, "the_customer_s": "c1"}.get(message_id, message_id)
    await world.agent(AgentEdit, edited_id=message_id, text="piraté")
    assert (world.changes, refused(world)) == ([], ("edit", Refusal.GONE, message_id))
    await world.agent(AgentDelete, deleted_id=message_id)
    assert (world.changes, refused(world)) == ([], ("delete", Refusal.GONE, message_id))
    assert world.now_is.recalled == ()


async def test_one_desk_does_not_change_what_another_sent():
    slack, terminal = Agent("slack:U1", "Léa"), Agent("terminal:paul", "Paul")
    world = await AtWork().taken_by(slack)
    await world.replies("Bonjour", slack, message_id="a1")
    await world.agent(AgentEdit, terminal, edited_id="a1", text="Salut")
    assert refused(world)[1] is Refusal.GONE
    await world.agent(AgentDelete, Agent("slack:U2", "Omar"), deleted_id="a1")
    assert world.changes == [DeleteOut(message_id="a1", author=Author.AGENT)], "a colleague may undo it"


async def test_a_reply_changed_into_nothing_is_left_alone():
    world = await AtWork().taken_by(LEA)
    await world.replies("Bonjour", message_id="a1")
    await world.agent(AgentEdit, edited_id="a1", text=" ")
    assert (world.changes, refused(world)) == ([], ("edit", Refusal.EMPTY, "a1"))


async def test_a_note_changed_or_taken_back_stays_in_the_house():
    world = await AtWork().taken_by(LEA)
    await world.agent(AgentNote, message_id="n1", text="client fidèle")
    await world.agent(AgentEdit, edited_id="n1", text="client très fidèle")
    assert (world.said, world.changes) == ([], [])
    assert world.told(CaseEdit) == [CaseEdit(message_id="n1", text="client très fidèle")]
    assert [fact.text for fact in world.logged(MessageEdited)] == ["client très fidèle"]
    await world.agent(AgentDelete, deleted_id="n1")
    assert (world.said, world.changes) == ([], [])
    assert world.told(CaseDelete) == [CaseDelete(message_id="n1")]
    assert len(world.logged(MessageDeleted)) == 1


# --- while it is held ------------------------------------------------------------------------------


async def test_an_edit_of_what_is_held_changes_what_will_be_sent():
    world = await AtWork().taken_by(LEA)
    await world.replies("Salut", OMAR, message_id="a1")
    await world.agent(AgentEdit, OMAR, edited_id="a1", text="Bonjour")
    assert (world.said, world.changes, world.told(CaseRefused)) == ([], [], [])
    await world.decides("a1", DraftChoice.SEND, OMAR)
    assert world.texts == ["Bonjour"]


async def test_what_is_held_and_deleted_is_dropped_and_asked_about_no_more():
    world = await AtWork().taken_by(LEA)
    await world.replies("Salut", OMAR, message_id="a1")
    (held,) = world.told(CaseHeld)
    await world.agent(AgentDelete, OMAR, deleted_id="a1")
    assert world.told(CaseUnheld) == [CaseUnheld(draft=held.draft, choice=DraftChoice.DISCARD)]
    assert (world.said, world.changes, world.now_is.drafts) == ([], [], ())


async def test_what_a_colleague_has_held_is_nobody_else_s_to_change():
    world = await AtWork().taken_by(LEA)
    await world.replies("Salut", OMAR, message_id="a1")
    await world.agent(AgentEdit, LEA, edited_id="a1", text="Bonjour")
    assert refused(world)[1] is Refusal.GONE
    await world.agent(AgentDelete, LEA, deleted_id="a1")
    assert refused(world)[1] is Refusal.GONE
    assert world.now_is.draft("a1").text == "Salut"


# --- changes that are not meant for the customer -------------------------------------------------


async def test_a_reply_changed_into_a_note_stays_what_the_customer_read():
    world = await AtWork().taken_by(LEA)
    await world.replies("Bonjour", message_id="a1")
    await world.agent(AgentEdit, edited_id="a1", text="pénible, celui-là", internal=True)
    assert world.outgoing == ()


async def test_a_note_is_changed_even_so():
    world = await AtWork().taken_by(LEA)
    await world.agent(AgentNote, message_id="n1", text="client fidèle")
    await world.agent(AgentEdit, edited_id="n1", text="très fidèle", internal=True)
    assert world.told(CaseEdit) == [CaseEdit(message_id="n1", text="très fidèle")]
    await world.agent(AgentEdit, edited_id="n1", text="une réponse ?")
    assert (world.said, world.changes) == ([], []), "a note is never made a reply by an edit"


async def test_what_waits_for_its_files_and_is_changed_into_a_note_is_one():
    world = await AtWork().taken_by(LEA)
    await world.replies("Voici", LEA, FILE, message_id="a1")
    await world.replies("Autre chose", message_id="a2")
    await world.agent(AgentEdit, edited_id="a1", text="à vérifier", internal=True)
    assert world.texts == ["Autre chose"]
    assert {line.line.text: line.note for line in world.told(CaseLine)} == {
        "à vérifier": True,
        "Autre chose": False,
    }
    await world.file_comes("a1")
    assert world.said == []


async def test_what_is_held_and_changed_is_decided_on_as_it_reads_now():
    world = await AtWork().taken_by(LEA)
    await world.replies("Salut", OMAR, message_id="a1")
    await world.agent(AgentEdit, OMAR, edited_id="a1", text="à nous deux", internal=True)
    assert world.now_is.draft("a1").text == "à nous deux"
    assert world.said == []
