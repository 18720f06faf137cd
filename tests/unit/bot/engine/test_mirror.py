"""What a desk sees: the card when the case changes, then every line, and what became of replies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bot.domain.chat import Chat
from bot.domain.conversation import Handoff, HandoffReason, Outcome
from bot.domain.decision import Decision, Send
from bot.domain.events import (
    AgentClaim,
    AgentNote,
    AgentReply,
    ButtonPress,
    CustomerDelete,
    CustomerEdit,
    Event,
    MediaFailed,
    MediaReady,
    Receipt,
    ReceiptStatus,
    TimerDue,
)
from bot.domain.identity import Agent, Profile
from bot.domain.message import Attachment, Author, Draft, HoldReason, Line
from bot.domain.outgoing import (
    CaseCard,
    CaseDelete,
    CaseEdit,
    CaseFate,
    CaseFile,
    CaseLine,
    CaseState,
    CustomerPayload,
    DeleteOut,
    EditOut,
    MessageOut,
    Payload,
)
from bot.domain.turn import Turn
from bot.domain.understanding import Guess
from tests.builders import LEA, NOW, chat, message
from tests.fakes.engine import quiet, runner

COMMON: dict[str, Any] = {"id": "web:main:lea:9", "chat": LEA, "at": NOW}
MAYA, TOM = Agent("a_1", "Maya"), Agent("a_2", "Tom")
ASKED = Handoff(HandoffReason.ASKED, "care", NOW)
ALARM = Handoff(HandoffReason.PROTECTED, "care", NOW, urgent=True, intent="skin_reaction")
TICK = TimerDue(**COMMON, name="idle")
PHOTO = Attachment("f_1", "un.jpg", "image/jpeg")

GUESSES = (Guess("faq_parcel", 0.9), Guess("faq_return", 0.05), Guess("greet", 0.03))
"""What the fake NLU makes of any text."""

bot = chat(profile=Profile("Léa"))
waiting = bot.hand_off(ASKED)
human = waiting.claim(MAYA, ASKED)


async def mirrored(
    event: Event,
    before: Chat,
    change: Callable[[Chat], Chat] = lambda chat: chat,
    *sends: CustomerPayload,
) -> list[Payload]:
    """What goes to the desk."""

    async def handler(turn: Turn) -> Decision:
        return Decision(chat=change(turn.chat), sends=tuple(Send(payload=payload) for payload in sends))

    result = await runner(handler, desks=("main",)).run(event, before)
    return [entry.payload for entry in result.outgoing if entry.destination == "desk:main"]


async def test_what_the_bot_handles_alone_no_desk_sees() -> None:
    assert await mirrored(message(), bot, lambda chat: chat, MessageOut(text="voilà")) == []


async def test_a_case_begins_with_a_card_that_tells_all_that_was_just_said() -> None:
    """No lines beside it: they would be shown twice."""
    event = message("une personne svp", profile=Profile("Léa M."), attachments=(PHOTO,))
    [card] = await mirrored(event, bot, lambda chat: chat.hand_off(ASKED), MessageOut(text="Tout de suite."))
    assert isinstance(card, CaseCard)
    assert (card.state, card.reason, card.team, card.since) == (
        CaseState.WAITING,
        HandoffReason.ASKED,
        "care",
        NOW,
    )
    assert (card.profile.name, card.channel, card.language) == ("Léa M.", "web", "fr")
    assert [(line.author, line.text) for line in card.recent] == [
        (Author.CUSTOMER, "une personne svp"),
        (Author.BOT, "Tout de suite."),
    ]
    assert card.recent[0].attachments == (PHOTO,)
    assert card.guesses == GUESSES


async def test_the_card_keeps_what_the_bot_makes_of_the_customer_s_last_message() -> None:
    asked = (await runner(quiet).run(message("où est mon colis"), bot)).chat
    [card] = await mirrored(TICK, asked, lambda chat: chat.hand_off(ASKED))
    assert isinstance(card, CaseCard)
    assert card.guesses == GUESSES
    photo = (await runner(quiet).run(message("", attachments=(PHOTO,)), asked)).chat
    assert photo.guesses == ()


async def test_while_it_is_live_every_line_of_either_side_is_shown_in_order() -> None:
    shown = await mirrored(
        message("allô ?", profile=Profile("Léa"), attachments=(PHOTO,)),
        waiting,
        lambda chat: chat,
        MessageOut(text="Bientôt.", message_id="m_1"),
    )
    assert shown == [
        CaseLine(
            line=Line("1", Author.CUSTOMER, "allô ?", NOW, (PHOTO,), "Léa"), guesses=GUESSES, language="fr"
        ),
        CaseLine(line=Line("m_1", Author.BOT, "Bientôt.", NOW)),
    ]


async def test_what_the_customer_is_told_of_an_agent_s_act_the_card_tells_the_desk() -> None:
    event = AgentClaim(**COMMON, agent=MAYA)
    told = MessageOut(text="Maya prend le relais.", author=Author.SYSTEM)
    shown = await mirrored(event, waiting, lambda chat: chat.claim(MAYA, ASKED), told)
    assert [type(one) for one in shown] == [CaseCard]
    shown = await mirrored(TICK, waiting, lambda chat: chat, told)
    assert [type(one) for one in shown] == [CaseLine]


async def test_a_press_is_shown_and_a_note_is_marked() -> None:
    [pressed] = await mirrored(ButtonPress(**COMMON, message_id="9", button="menu"), human)
    assert pressed == CaseLine(line=Line("9", Author.CUSTOMER, "[menu]", NOW), language="fr")
    [note] = await mirrored(AgentNote(**COMMON, agent=TOM, message_id="n_1", text="VIP"), human)
    assert note == CaseLine(line=Line("n_1", Author.AGENT, "VIP", NOW, author_name="Tom"), note=True)


async def test_edits_and_deletions_of_either_side_are_shown() -> None:
    edit = CustomerEdit(**COMMON, message_id="9", edited_id="1", text="pardon")
    assert await mirrored(edit, human) == [CaseEdit(message_id="1", text="pardon")]
    delete = CustomerDelete(**COMMON, message_id="9", deleted_id="1")
    assert await mirrored(delete, human) == [CaseDelete(message_id="1")]
    ours = (
        EditOut(message_id="m_1", author=Author.AGENT, text="mieux"),
        DeleteOut(message_id="m_2", author=Author.AGENT),
    )
    assert await mirrored(TICK, human, lambda chat: chat, *ours) == [
        CaseEdit(message_id="m_1", text="mieux"),
        CaseDelete(message_id="m_2"),
    ]


@pytest.mark.parametrize("status", list(ReceiptStatus))
async def test_an_agent_sees_what_became_of_a_reply(status: ReceiptStatus) -> None:
    receipt = Receipt(**COMMON, message_id="m_1", status=status, detail="blocked")
    assert await mirrored(receipt, human) == [CaseFate(message_id="m_1", status=status, detail="blocked")]


@pytest.mark.parametrize("after", [bot, human.release(), human.close(Outcome.RESOLVED_BY_AGENT, NOW)])
async def test_what_became_of_the_last_words_is_shown_though_the_case_is_over(after: Chat) -> None:
    receipt = Receipt(**COMMON, message_id="m_1", status=ReceiptStatus.FAILED, detail="blocked")
    assert await mirrored(receipt, after) == [
        CaseFate(message_id="m_1", status=ReceiptStatus.FAILED, detail="blocked")
    ]
    seen = Receipt(**COMMON, message_id="m_1", status=ReceiptStatus.SEEN)
    assert await mirrored(seen, after) == [], "customers see what the bot says too"


async def test_what_agents_change_after_the_end_is_shown() -> None:
    over = human.close(Outcome.RESOLVED_BY_AGENT, NOW)
    ours = (
        EditOut(message_id="m_1", author=Author.AGENT, text="mieux"),
        DeleteOut(message_id="m_2", author=Author.AGENT),
    )
    assert await mirrored(TICK, over, lambda chat: chat, *ours) == [
        CaseEdit(message_id="m_1", text="mieux"),
        CaseDelete(message_id="m_2"),
    ]
    late = MessageOut(text="Voici", author=Author.AGENT, message_id="m_3")
    assert [type(one) for one in await mirrored(TICK, over, lambda chat: chat, late)] == [CaseLine]
    assert await mirrored(TICK, over, lambda chat: chat, MessageOut(text="Bonjour")) == [], "the bot's"


async def test_what_customers_change_after_the_end_is_shown_where_an_agent_was() -> None:
    over = human.close(Outcome.RESOLVED_BY_AGENT, NOW)
    edit = CustomerEdit(**COMMON, message_id="9", edited_id="1", text="pardon")
    delete = CustomerDelete(**COMMON, message_id="9", deleted_id="1")
    ready = MediaReady(**COMMON, message_id="1", attachment=PHOTO)
    failed = MediaFailed(**COMMON, message_id="1", attachment=PHOTO, reason="media_gone")
    shown = [one for event in (edit, delete, ready, failed) for one in await mirrored(event, over)]
    assert shown == [
        CaseEdit(message_id="1", text="pardon"),
        CaseDelete(message_id="1"),
        CaseFile(message_id="1", attachment=PHOTO),
        CaseFile(message_id="1", attachment=PHOTO, reason="media_gone"),
    ]
    alone = bot.close(Outcome.WENT_QUIET, NOW)
    assert [one for event in (edit, delete, ready, failed) for one in await mirrored(event, alone)] == []


async def test_an_agent_s_own_file_is_shown_with_its_message_and_not_before() -> None:
    held = human.hold(Draft("m_9", MAYA, HoldReason.FILES, NOW, "Voici", (PHOTO,)))
    ready = MediaReady(**COMMON, message_id="m_9", attachment=replace(PHOTO, stored=True))
    assert await mirrored(ready, held) == []
    failed = MediaFailed(**COMMON, message_id="m_9", attachment=PHOTO, reason="media_gone")
    assert await mirrored(failed, held) == [CaseFile(message_id="m_9", attachment=PHOTO, reason="media_gone")]


async def test_a_reply_that_goes_out_is_a_line_and_no_fate_yet() -> None:
    reply = AgentReply(**COMMON, agent=MAYA, message_id="m_9", text="Bonjour")
    out = MessageOut(text="Bonjour", author=Author.AGENT, author_name="Maya", message_id="m_9")
    assert await mirrored(reply, human, lambda chat: chat, out) == [
        CaseLine(line=Line("m_9", Author.AGENT, "Bonjour", NOW, author_name="Maya"))
    ]


@pytest.mark.parametrize(
    ("before", "change", "state", "agent"),
    [
        (waiting, lambda c: c.claim(MAYA, ASKED), CaseState.CLAIMED, MAYA),
        (human, lambda c: c.claim(TOM, ASKED), CaseState.CLAIMED, TOM),
        (human, lambda c: c.requeue("legal", NOW), CaseState.WAITING, None),
        (waiting, lambda c: c.hand_off(ALARM), CaseState.WAITING, None),
        (human, lambda c: c.release(), CaseState.RELEASED, MAYA),
        (human, lambda c: c.close(Outcome.RESOLVED_BY_AGENT, NOW), CaseState.CLOSED, MAYA),
    ],
)
async def test_the_card_changes_with_the_case(
    before: Chat, change: Callable[[Chat], Chat], state: CaseState, agent: Agent | None
) -> None:
    [card] = await mirrored(TICK, before, change)
    assert isinstance(card, CaseCard)
    assert (card.state, card.agent) == (state, agent)


async def test_the_card_comes_before_the_line_that_changed_it() -> None:
    farewell = MessageOut(text="Bonne journée.", author=Author.AGENT, message_id="m_1")
    shown = await mirrored(
        message("merci"), human, lambda chat: chat.close(Outcome.CONFIRMED_BY_CUSTOMER, NOW), farewell
    )
    assert [type(payload) for payload in shown] == [CaseCard, CaseLine, CaseLine]


async def test_an_unchanged_case_sends_no_card() -> None:
    assert await mirrored(TICK, waiting) == []
    assert await mirrored(TICK, human) == []
