"""One turn: the episode, the language, albums, floods, and that twice the same is the same."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.chat import Album, Chat, Speaker
from bot.domain.conversation import Handoff, HandoffReason, Outcome
from bot.domain.decision import Decision, Send, SetTimer
from bot.domain.events import (
    AgentClaim,
    AgentDecides,
    AgentReply,
    ButtonPress,
    Command,
    CustomerCommand,
    CustomerDelete,
    CustomerEdit,
    CustomerMessage,
    DraftChoice,
    Event,
    Hushed,
    Receipt,
    ReceiptStatus,
    TimerDue,
)
from bot.domain.facts import ConversationChanged, Episode, MessageLogged
from bot.domain.identity import Agent, ChatId, Profile
from bot.domain.ids import public_id
from bot.domain.message import Attachment, Author, Draft, HoldReason, Written
from bot.domain.outgoing import MessageOut
from bot.domain.turn import Turn
from bot.engine.turn import ALBUM_WAIT, Result, TurnRunner
from tests.builders import LEA, NOW, chat, message
from tests.fakes.engine import SureNlu, echo, quiet, runner, seconds

TELEGRAM = ChatId("telegram", "main", "7")
DAY = timedelta(hours=24)
PHOTO = Attachment("f_1", "un.jpg", "image/jpeg", source="tg:1")
OTHER = Attachment("f_2", "deux.jpg", "image/jpeg", source="tg:2")
COMMON: dict[str, Any] = {"id": "web:main:lea:9", "chat": LEA, "at": NOW}


SAID = "slack:C0CARE:1763800000.000100"


@pytest.mark.parametrize(
    ("named", "ours"),
    [(public_id(SAID), SAID), (SAID, SAID), ("m_2", "m_2"), ("m_unknown", "m_unknown")],
)
async def test_what_a_customer_saw_is_known_by_the_name_their_client_has_for_it(
    named: str, ours: str
) -> None:
    before = replace(chat(), written=(Written(SAID, "slack:U1"), Written("m_2", "slack:U1")))
    seen = Receipt(**COMMON, message_id=named, status=ReceiptStatus.SEEN)
    event = (await turn_of(seen, before)).event
    assert isinstance(event, Receipt)
    assert event.message_id == ours


class Seen:
    """A handler that keeps the turns it saw."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []

    async def __call__(self, turn: Turn) -> Decision:
        self.turns.append(turn)
        return await echo(turn)


async def turn_of(event: Event, before: Chat | None = None, **rules: Any) -> Turn:
    """What the handler saw of it."""
    seen = Seen()
    await runner(seen, **rules).run(event, before)
    [turn] = seen.turns
    return turn


def closed(ago: timedelta) -> Chat:
    return chat().close(Outcome.RESOLVED_BY_AGENT, NOW - ago)


def episodes(result: Result) -> list[Episode]:
    return [fact.body.change for fact in result.facts if isinstance(fact.body, ConversationChanged)]


# --- opening and reopening ------------------------------------------------------------------------


async def test_a_first_message_opens_an_episode_of_a_new_contact() -> None:
    result = await runner().run(message(), None)
    assert (result.chat.speaker, result.chat.epoch) == (Speaker.BOT, 1)
    assert result.chat.contact_id.startswith("p_")
    assert result.chat.conversation is not None
    assert result.chat.conversation.opened_at == NOW
    assert episodes(result) == [Episode.OPENED]
    assert {fact.conversation for fact in result.facts} == {result.chat.conversation.id}


async def test_the_next_message_goes_on_in_it() -> None:
    first = await runner().run(message(number=1), None)
    second = await runner().run(message(number=2), first.chat)
    assert second.chat.conversation == first.chat.conversation
    assert second.chat.epoch == 1
    assert episodes(second) == []


async def test_soon_after_its_end_an_episode_is_reopened() -> None:
    before = closed(DAY - timedelta(seconds=1))
    result = await runner().run(message(), before)
    assert result.chat.conversation is not None
    assert (result.chat.conversation.id, result.chat.conversation.reopened) == ("c_1", 1)
    assert (result.chat.conversation.closed_at, result.chat.conversation.outcome) == (None, None)
    assert result.chat.epoch > before.epoch
    assert episodes(result) == [Episode.REOPENED]


async def test_later_a_new_one_begins() -> None:
    result = await runner().run(message(), closed(DAY))
    assert result.chat.conversation is not None
    assert result.chat.conversation.id != "c_1"
    assert episodes(result) == [Episode.OPENED]


async def test_the_operator_says_how_soon_is_soon() -> None:
    result = await runner(reopening=timedelta(minutes=5)).run(message(), closed(timedelta(minutes=6)))
    assert episodes(result) == [Episode.OPENED]


@pytest.mark.parametrize(
    ("event", "opens"),
    [
        (ButtonPress(**COMMON, message_id="9", button="menu"), True),
        (CustomerCommand(**COMMON, message_id="9", command=Command.START), True),
        (AgentReply(**COMMON, agent=Agent("a_1", "Maya"), message_id="m_9", text="Encore moi."), True),
        (CustomerEdit(**COMMON, message_id="9", edited_id="1", text="pardon"), False),
        (CustomerDelete(**COMMON, message_id="9", deleted_id="1"), False),
        (TimerDue(**COMMON, name="idle"), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Event) else "",
)
async def test_only_what_calls_for_an_answer_opens_an_episode(event: Event, opens: bool) -> None:
    result = await runner(quiet).run(event, closed(timedelta(hours=1)))
    assert (result.chat.speaker is not Speaker.CLOSED) is opens


async def test_what_is_edited_or_deleted_is_so_in_what_we_remember() -> None:
    first = await runner(quiet).run(message("mon colis bleu", number=1), None)
    edited = await runner(quiet).run(
        CustomerEdit(**COMMON, message_id="9", edited_id="1", text="mon colis vert"), first.chat
    )
    assert [line.text for line in edited.chat.recent] == ["mon colis vert"]
    deleted = await runner(quiet).run(CustomerDelete(**COMMON, message_id="10", deleted_id="1"), edited.chat)
    assert deleted.chat.recent == ()


# --- what agents open ------------------------------------------------------------------------------

MAYA = Agent("a_1", "Maya")
CLOSED_DRAFT = Draft("m_9", MAYA, HoldReason.CLOSED, NOW, "Encore un mot")


def decides(choice: DraftChoice, agent: Agent = MAYA, message_id: str = "m_9") -> AgentDecides:
    return AgentDecides(**COMMON, agent=agent, message_id=message_id, choice=choice)


@pytest.mark.parametrize(
    ("event", "opens"),
    [
        (AgentClaim(**COMMON, agent=MAYA), True),
        (AgentClaim(**COMMON, agent=MAYA, assigned=True), False),
        (AgentClaim(**COMMON, agent=MAYA, conversation="c_1"), True),
        (AgentClaim(**COMMON, agent=MAYA, conversation="c_0"), False),
        (AgentReply(**COMMON, agent=MAYA, message_id="m_8", text="x", reopens=False), False),
        (AgentReply(**COMMON, agent=MAYA, message_id="m_8", text="x", conversation="c_0"), False),
        (decides(DraftChoice.SEND), True),
        (decides(DraftChoice.TAKE_OVER), True),
        (decides(DraftChoice.NOTE), False),
        (decides(DraftChoice.DISCARD), False),
        (decides(DraftChoice.SEND, Agent("a_2", "Tom")), False),
        (decides(DraftChoice.SEND, message_id="m_7"), False),
        (Hushed(**COMMON, epoch=1), False),
    ],
)
async def test_an_agent_opens_what_has_ended_only_on_purpose(event: Event, opens: bool) -> None:
    before = closed(timedelta(hours=1)).hold(CLOSED_DRAFT)
    assert ((await turn_of(event, before)).chat.speaker is Speaker.BOT) is opens


async def test_an_answer_to_another_question_than_whether_to_reopen_reopens_nothing() -> None:
    before = closed(timedelta(hours=1)).hold(replace(CLOSED_DRAFT, reason=HoldReason.COLLEAGUE))
    assert (await turn_of(decides(DraftChoice.SEND), before)).chat.speaker is Speaker.CLOSED


async def test_a_customer_who_writes_ends_a_snooze() -> None:
    asked = Handoff(HandoffReason.ASKED, "care", NOW, snoozed_until=NOW + timedelta(hours=1))
    turn = await turn_of(message(), chat().hand_off(asked))
    assert turn.chat.conversation is not None
    assert turn.chat.conversation.handoff == replace(asked, snoozed_until=None)


async def test_what_agents_wrote_is_known_until_the_next_conversation() -> None:
    written = closed(timedelta(hours=1)).wrote(Written("m_1", "a_1"))
    assert (await turn_of(message(), written)).chat.written_as("m_1") is not None, "it is reopened"
    later = replace(message(), at=NOW + timedelta(days=3))
    assert (await turn_of(later, written)).chat.written == ()


# --- language --------------------------------------------------------------------------------------


async def language(text: str, known: str | None = None, *, locale: str = "", chosen: bool = False) -> str:
    before = chat(language=known, language_chosen=chosen)
    return (await turn_of(message(text, profile=Profile(locale=locale)), before)).language


async def test_the_language_is_the_customer_s() -> None:
    assert await language("hello") == "en"
    assert await language("bonjour") == "fr"


async def test_where_the_text_does_not_tell_the_platform_s_locale_does() -> None:
    assert await language("1234567", locale="en-GB") == "en"
    assert await language("1234567", locale="EN") == "en"


async def test_where_neither_does_it_is_the_house_s() -> None:
    assert await language("1234567", locale="pt-BR") == "fr"
    assert await language("👍") == "fr"
    assert (await turn_of(message("1234567"), chat(language=None), languages=("en", "fr"))).language == "en"


async def test_a_word_does_not_switch_it_but_a_sentence_does() -> None:
    assert await language("hello you", "fr") == "fr"
    assert await language("where is my parcel", "fr") == "en"


async def test_what_tells_nothing_leaves_it() -> None:
    assert await language("1234567 890 12 34", "en", locale="fr") == "en"


async def test_a_language_once_chosen_stays() -> None:
    assert await language("where is my parcel", "fr", chosen=True) == "fr"


async def test_a_button_is_no_sentence() -> None:
    press = ButtonPress(**COMMON, message_id="9", button="hello where is my parcel")
    assert (await turn_of(press, chat(language="fr"))).language == "fr"
    assert (await turn_of(press, chat(language=None))).language == "fr"


# --- understanding ----------------------------------------------------------------------------------


async def test_a_message_is_understood() -> None:
    turn = await turn_of(message())
    assert turn.understanding == SureNlu.understanding
    assert not turn.nlu_down


async def test_when_the_nlu_is_down_the_handler_is_told() -> None:
    seen = Seen()
    await runner(seen, nlu=SureNlu(down=True)).run(message(), None)
    assert (seen.turns[0].understanding, seen.turns[0].nlu_down) == (None, True)


@pytest.mark.parametrize("text", ["", "  \n"])
async def test_nobody_is_asked_what_nothing_means(text: str) -> None:
    nlu, seen = SureNlu(), Seen()
    await runner(seen, nlu=nlu).run(message(text, attachments=(PHOTO,)), None)
    assert nlu.asked == []
    assert not seen.turns[0].nlu_down


async def test_what_is_said_to_a_person_is_understood_too() -> None:
    handoff = Handoff(HandoffReason.ASKED, "care", NOW)
    assert (await turn_of(message(), chat().hand_off(handoff))).understanding is not None


async def test_an_event_given_up_is_not_understood_again() -> None:
    nlu, seen = SureNlu(), Seen()
    await runner(seen, nlu=nlu).run(message(), None, failed=True)
    assert (seen.turns[0].failed, seen.turns[0].nlu_down, nlu.asked) == (True, False, [])


async def test_a_handler_that_takes_too_long_is_cut_off() -> None:
    async def hangs(turn: Turn) -> Decision:
        await asyncio.sleep(1e6)
        return await echo(turn)

    with pytest.raises(TimeoutError):
        await runner(hangs, handler_seconds=2.0).run(message(), None)
    assert seconds() == pytest.approx(2.0, abs=0.01)


# --- floods -------------------------------------------------------------------------------------------


async def writes(count: int, of: ChatId, every: float = 0.1) -> list[Turn]:
    seen, state = Seen(), None
    turns = runner(seen, flood_limit=5)
    for number in range(count):
        event = replace(message(chat=of, number=number), at=NOW + timedelta(seconds=every * number))
        state = (await turns.run(event, state)).chat
    return seen.turns


async def test_whoever_writes_too_fast_is_noticed_and_not_understood_for_nothing() -> None:
    turns = await writes(8, TELEGRAM)
    assert [turn.flooding for turn in turns] == [False] * 5 + [True] * 3
    assert [turn.understanding is None for turn in turns] == [False] * 5 + [True] * 3


async def test_a_channel_that_refuses_by_itself_has_all_it_took_answered() -> None:
    assert not any(turn.flooding for turn in await writes(20, LEA))


async def test_after_ten_seconds_counting_begins_again() -> None:
    assert not any(turn.flooding for turn in await writes(30, TELEGRAM, every=2.5))


async def test_a_press_is_never_a_flood() -> None:
    turns = await writes(8, TELEGRAM)
    press = replace(ButtonPress(**COMMON, message_id="9", button="human"), chat=TELEGRAM)
    assert not (await turn_of(press, turns[-1].chat, flood_limit=5)).flooding


# --- albums --------------------------------------------------------------------------------------------


def part(
    number: int, file: Attachment, text: str = "", album: str = "A", after: float = 0.0
) -> CustomerMessage:
    event = message(
        text, chat=TELEGRAM, number=number, album=album, attachments=(file,), profile=Profile("Léa")
    )
    return replace(event, at=NOW + timedelta(seconds=after))


async def due(turns: TurnRunner, result: Result, name: str) -> Result:
    """The album's timer came due."""
    event = TimerDue(id=f"timer:{name}:{len(result.chat.recent)}", chat=TELEGRAM, at=NOW, name=name)
    return await turns.run(event, result.chat)


async def test_the_parts_of_an_album_are_one_message() -> None:
    seen = Seen()
    turns = runner(seen)
    first = await turns.run(part(1, PHOTO, "cassé"), None)
    second = await turns.run(part(2, OTHER, "regardez", after=0.2), first.chat)
    assert seen.turns == []
    assert first.facts == second.facts == ()
    assert second.timers == (SetTimer(name="album:A", due=NOW + timedelta(seconds=0.2) + ALBUM_WAIT),)
    whole = await due(turns, second, "album:A")
    [turn] = seen.turns
    assert isinstance(turn.event, CustomerMessage)
    assert (turn.event.message_id, turn.text) == ("1", "cassé\nregardez")
    assert turn.event.attachments == (PHOTO, OTHER)
    assert turn.event.profile == Profile("Léa")
    assert whole.chat.albums == ()
    assert [
        fact.body.message_id
        for fact in whole.facts
        if isinstance(fact.body, MessageLogged) and fact.body.author is Author.CUSTOMER
    ] == ["1"]


async def test_two_albums_at_once_stay_two() -> None:
    seen = Seen()
    turns = runner(seen)
    result: Result | None = None
    for event in (part(1, PHOTO, "un", "A"), part(2, OTHER, "deux", "B"), part(3, OTHER, "", "A")):
        result = await turns.run(event, result.chat if result else None)
    assert result is not None
    result = await due(turns, result, "album:B")
    result = await due(turns, result, "album:A")
    assert [(turn.text, len(turn.event.attachments)) for turn in seen.turns] == [  # type: ignore[attr-defined]
        ("deux", 1),
        ("un", 2),
    ]


async def test_a_part_that_comes_too_late_is_a_message_of_its_own() -> None:
    seen = Seen()
    turns = runner(seen)
    result = await due(turns, await turns.run(part(1, PHOTO, "un"), None), "album:A")
    late = await turns.run(part(2, OTHER, after=9), result.chat)
    assert late.timers == (SetTimer(name="album:A", due=NOW + timedelta(seconds=9) + ALBUM_WAIT),)
    await due(turns, late, "album:A")
    assert [turn.event.message_id for turn in seen.turns] == ["1", "2"]  # type: ignore[attr-defined]


async def test_a_timer_that_comes_twice_finds_no_album_and_is_no_message() -> None:
    seen = Seen()
    turns = runner(seen)
    result = await due(turns, await turns.run(part(1, PHOTO), None), "album:A")
    await due(turns, result, "album:A")
    assert isinstance(seen.turns[-1].event, TimerDue)


async def test_a_part_that_says_nothing_of_its_sender_leaves_what_we_knew() -> None:
    nameless = replace(part(2, OTHER), profile=Profile())
    result = await runner().run(nameless, chat(TELEGRAM, profile=Profile("Léa")))
    assert result.chat.profile == Profile("Léa")
    assert result.chat.albums == (Album("A", "2", "", (OTHER,)),)


# --- again is the same -----------------------------------------------------------------------------------


async def many(turn: Turn) -> Decision:
    waiting = turn.chat.hand_off(Handoff(HandoffReason.ASKED, "care", turn.now))
    sends = tuple(Send(payload=MessageOut(text=text), delay=2.0) for text in ("un", "deux"))
    timer = SetTimer(name="waiting", due=turn.now + DAY)
    return Decision(chat=waiting, sends=sends, timers=(timer,))


@pytest.mark.parametrize("before", [None, chat(), closed(timedelta(hours=1)), closed(DAY * 2)])
async def test_a_turn_run_again_is_equal_to_the_last_id(before: Chat | None) -> None:
    event = message("où est mon colis", attachments=(PHOTO,))
    first = await runner(many, desks=("main",)).run(event, before)
    await asyncio.sleep(100)
    assert await runner(many, desks=("main",)).run(event, before) == first
    ids = [entry.id for entry in first.outgoing] + [fact.id for fact in first.facts]
    assert len(ids) == len(set(ids))


async def test_another_event_has_other_ids() -> None:
    results = [await runner(many, desks=("main",)).run(message(number=number), chat()) for number in (1, 2)]
    first, second = (
        {entry.id for entry in one.outgoing} | {fact.id for fact in one.facts} for one in results
    )
    assert not first & second
