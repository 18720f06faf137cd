"""From a decision to envelopes: who gets what, under which id, how urgently."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.domain.conversation import Handoff, HandoffReason
from bot.domain.decision import Decision, Send
from bot.domain.events import AgentNote, AgentReply, DraftChoice, Event, Receipt, ReceiptStatus, TimerDue
from bot.domain.identity import Agent, ChatId
from bot.domain.message import Attachment, Author, Draft, HoldReason
from bot.domain.outgoing import (
    Alert,
    CaseAlert,
    CaseFate,
    CaseHeld,
    CaseLine,
    CaseRefused,
    CaseUnheld,
    DeskPayload,
    EditOut,
    MediaFetch,
    MessageOut,
    Outgoing,
    Priority,
    Refusal,
    ResumeEmail,
)
from bot.domain.turn import Turn
from tests.builders import LEA, NOW, chat, message
from tests.fakes.engine import runner

COMMON: dict[str, Any] = {"id": "web:main:lea:9", "chat": LEA, "at": NOW}
MAYA = Agent("a_1", "Maya")
ASKED = Handoff(HandoffReason.ASKED, "care", NOW)
TICK = TimerDue(**COMMON, name="idle")
HUMAN = chat().hand_off(ASKED).claim(MAYA, ASKED)


async def entries(
    event: Event, *sends: Send, before: Any = None, hand_off: bool = False, desks: tuple[str, ...] = ()
) -> tuple[Outgoing, ...]:
    async def handler(turn: Turn) -> Decision:
        return Decision(chat=turn.chat.hand_off(ASKED) if hand_off else turn.chat, sends=sends)

    return (await runner(handler, desks=desks).run(event, before or chat())).outgoing


def says(text: str = "voilà", **more: Any) -> Send:
    return Send(payload=MessageOut(text=text, **more))


def messages(found: tuple[Outgoing, ...]) -> list[MessageOut]:
    return [entry.payload for entry in found if isinstance(entry.payload, MessageOut)]


# --- ids, replies ------------------------------------------------------------------------------------


async def test_exactly_one_message_replies_the_first_that_answers() -> None:
    found = messages(await entries(message(), says("bonjour", answers=False), says("un"), says("deux")))
    assert [sent.reply_to for sent in found] == [None, "1", None]


async def test_what_nobody_asked_replies_to_nothing() -> None:
    assert [sent.reply_to for sent in messages(await entries(TICK, says()))] == [None]
    reply = AgentReply(**COMMON, agent=MAYA, message_id="m_9", text="oui")
    [sent] = messages(await entries(reply, says(author=Author.AGENT, message_id="m_9"), before=HUMAN))
    assert sent.reply_to is None


async def test_a_handler_cannot_claim_a_reply() -> None:
    found = messages(await entries(message(), says(answers=False, reply_to="77"), says(reply_to="77")))
    assert [sent.reply_to for sent in found] == [None, "1"]


async def test_messages_get_ids_of_their_own_and_keep_one_they_have() -> None:
    found = messages(await entries(message(), says("un"), says("deux"), says("trois", message_id="m_9")))
    ids = [sent.message_id for sent in found]
    assert len(set(ids)) == 3
    assert ids[2] == "m_9"
    assert all(one.startswith("m_") for one in ids)


# --- envelopes ----------------------------------------------------------------------------------------


async def test_an_entry_knows_its_chat_its_episode_and_who_spoke_after_the_turn() -> None:
    [before] = await entries(message(), says())
    assert (before.chat, before.destination, before.conversation, before.epoch) == (LEA, "web:main", "c_1", 1)
    [after] = await entries(message(), says(), hand_off=True)
    assert after.epoch == 2, "what is said on handing off is not made obsolete by it"


async def test_a_delay_counts_from_the_event_and_none_is_none() -> None:
    late, now = await entries(message(), Send(payload=MessageOut(text="x"), delay=5.0), says())
    assert (late.not_before, now.not_before) == (NOW + timedelta(seconds=5), None)


async def test_an_agent_s_message_wants_a_receipt_a_bot_s_does_not() -> None:
    agent = says(author=Author.AGENT, message_id="m_1")
    found = await entries(TICK, agent, says(), says(author=Author.SYSTEM), before=HUMAN)
    assert [entry.receipt for entry in found] == [True, False, False]


async def test_an_email_has_a_way_of_its_own() -> None:
    found = await entries(TICK, Send(payload=ResumeEmail(to="lea@example.org", language="fr")), says())
    assert [entry.destination for entry in found] == ["email:resume", "web:main"]


# --- desks ---------------------------------------------------------------------------------------------


async def test_every_desk_follows_every_case() -> None:
    found = await entries(message(), says(), before=HUMAN, desks=("main", "slack"))
    assert [(entry.destination, type(entry.payload).__name__) for entry in found] == [
        ("web:main", "MessageOut"),
        ("desk:main", "CaseLine"),
        ("desk:slack", "CaseLine"),
        ("desk:main", "CaseLine"),
        ("desk:slack", "CaseLine"),
    ]
    assert len({entry.id for entry in found}) == 5


async def test_lines_of_a_chat_may_be_joined_at_a_slow_desk_and_nothing_else() -> None:
    found = await entries(message(), says(), before=HUMAN, desks=("main",))
    assert {entry.coalesce for entry in found if isinstance(entry.payload, CaseLine)} == {str(LEA)}
    assert {entry.coalesce for entry in found if not isinstance(entry.payload, CaseLine)} == {None}


@pytest.mark.parametrize(
    ("status", "priority"),
    [(ReceiptStatus.FAILED, Priority.FAILURE), (ReceiptStatus.DELIVERED, Priority.TICK)],
)
async def test_that_a_reply_failed_is_more_urgent_than_that_it_arrived(
    status: ReceiptStatus, priority: Priority
) -> None:
    receipt = Receipt(**COMMON, message_id="m_1", status=status)
    [entry] = await entries(receipt, before=HUMAN, desks=("main",))
    assert isinstance(entry.payload, CaseFate)
    assert entry.priority is priority


async def test_people_s_words_go_before_cards_and_edits() -> None:
    edit = Send(payload=EditOut(message_id="m_1", author=Author.BOT, text="mieux"))
    found = await entries(message(), says(), edit, hand_off=True, desks=("main",))
    assert {type(entry.payload).__name__: entry.priority for entry in found} == {
        "MessageOut": Priority.CUSTOMER,
        "EditOut": Priority.CARD,
        "CaseCard": Priority.CARD,
    }
    lines = await entries(message(), before=HUMAN, desks=("main",))
    assert [entry.priority for entry in lines] == [Priority.CUSTOMER]


LEA_AT_SLACK = Agent("slack:U1", "Léa")
DRAFT = Draft("m_1", LEA_AT_SLACK, HoldReason.COLLEAGUE, NOW, "Bonjour")


async def told(*payloads: DeskPayload, event: Event = TICK, desks: tuple[str, ...]) -> list[Outgoing]:
    async def handler(turn: Turn) -> Decision:
        return Decision(chat=turn.chat, desk=payloads)

    return list((await runner(handler, desks=desks).run(event, HUMAN)).outgoing)


async def test_what_is_for_one_agent_goes_to_their_desk_and_alerts_to_every_one() -> None:
    payloads: tuple[DeskPayload, ...] = (
        CaseHeld(draft=DRAFT),
        CaseUnheld(draft=DRAFT, choice=DraftChoice.NOTE),
        CaseRefused(agent=LEA_AT_SLACK, action="claim", reason=Refusal.TAKEN),
    )
    alert = CaseAlert(kind=Alert.OVERDUE, team="care")
    found = await told(*payloads, alert, desks=("terminal", "slack"))
    assert [entry.destination for entry in found] == [*["desk:slack"] * 3, "desk:terminal", "desk:slack"]
    assert [entry.priority for entry in found if isinstance(entry.payload, CaseHeld)] == [Priority.FAILURE]
    elsewhere = await told(payloads[0], desks=("one", "two"))
    assert [entry.destination for entry in elsewhere] == ["desk:one", "desk:two"], "better twice than never"


async def test_an_answer_to_an_agent_is_shown_where_they_asked() -> None:
    event = AgentNote(**COMMON, agent=LEA_AT_SLACK, message_id="n", text="x", conversation="c_old")
    refusal = CaseRefused(agent=LEA_AT_SLACK, action="claim", reason=Refusal.CLOSED)
    found = await told(refusal, event=event, desks=("slack",))
    assert {type(entry.payload).__name__: entry.conversation for entry in found} == {
        "CaseRefused": "c_old",
        "CaseLine": "c_1",
    }


async def test_a_newer_fate_makes_the_older_idle_but_not_that_a_change_was_not_made() -> None:
    keys = {}
    for status in ReceiptStatus:
        [entry] = await entries(
            Receipt(**COMMON, message_id="m_1", status=status), before=HUMAN, desks=("a",)
        )
        keys[status] = entry.coalesce
    assert keys.pop(ReceiptStatus.UNCHANGED) is None
    assert set(keys.values()) == {"fate:m_1"}


async def test_silence_is_ordered_before_all_else_when_a_person_takes_the_floor() -> None:
    async def handler(turn: Turn) -> Decision:
        return Decision(chat=turn.chat.claim(MAYA, ASKED), sends=(says("Maya prend le relais"),))

    found = (await runner(handler, desks=("a",)).run(TICK, chat().hand_off(ASKED))).outgoing
    assert [type(entry.payload).__name__ for entry in found] == ["Hush", "MessageOut", "CaseCard", "CaseLine"]
    assert found[0].destination == "web:main"
    assert found[0].epoch == found[1].epoch == 3


# --- media ----------------------------------------------------------------------------------------------


async def test_an_agent_s_files_are_fetched_from_their_desk() -> None:
    file = Attachment("f_1", "un.pdf", "application/pdf", source="slack:F1")
    reply = AgentReply(
        id="desk:slack:C1:1.2", chat=LEA, at=NOW, agent=MAYA, message_id="m_9", attachments=(file,)
    )
    found = await entries(reply, before=HUMAN)
    assert [(entry.destination, entry.payload) for entry in found] == [
        ("media:slack", MediaFetch(message_id="m_9", attachment=file))
    ]


async def test_only_files_that_are_still_elsewhere_are_fetched() -> None:
    elsewhere = Attachment("f_1", "un.jpg", "image/jpeg", source="tg:1")
    here = Attachment("f_2", "deux.jpg", "image/jpeg", source="tg:2", stored=True)
    nowhere = Attachment("f_3", "trois.jpg", "image/jpeg")
    of = ChatId("telegram", "main", "7")
    event = message(chat=of, attachments=(elsewhere, here, nowhere))
    found = await entries(event, before=chat(of))
    assert [(entry.destination, entry.payload) for entry in found] == [
        ("media:telegram", MediaFetch(message_id="1", attachment=elsewhere))
    ]
