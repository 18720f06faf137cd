"""One turn: from an event and a chat to everything that is to be committed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache

from prometheus_client import Counter

from bot.domain import events as ev
from bot.domain.chat import Album, Chat, Speaker, with_lines
from bot.domain.decision import Decision, Send, SetTimer, TimerChange
from bot.domain.errors import NluUnavailable
from bot.domain.facts import Fact, FactBody
from bot.domain.identity import Profile
from bot.domain.ids import derived_id, digest, public_id
from bot.domain.outgoing import MessageOut, Outgoing
from bot.domain.turn import Turn
from bot.domain.understanding import Understanding
from bot.engine import mirror, record, speaker
from bot.engine.outbox import Addresser, stamped
from bot.observability import metrics
from bot.ports.handling import Choice, Choose
from bot.ports.nlu import LanguageDetector, Nlu

ALBUM_TIMER = "album:"
ALBUM_WAIT = timedelta(seconds=1)
UNKNOWN = Profile()
SWITCH_WORDS = 3
"""A customer's language changes only on a message of at least that many words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRules:
    """What the operator may set."""

    reopening: timedelta = timedelta(hours=24)
    flood_limit: int = 30
    """Messages in ten seconds, beyond which a customer is asked to slow down."""
    self_limiting: frozenset[str] = frozenset({"web"})
    """Channels that refuse what comes too fast themselves: what they took is answered."""
    handler_seconds: float = 2.0
    languages: tuple[str, ...] = ("fr", "en")
    aside: Callable[[ev.Event, Chat, Understanding | None], bool] = lambda *_: False
    """Whether an event after a conversation's end belongs to that end (a rating): it opens none. Of a
    message it is asked twice: whether it may, and once it is understood, whether it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a turn decided, ready to commit."""

    chat: Chat
    outgoing: tuple[Outgoing, ...] = ()
    facts: tuple[Fact, ...] = ()
    timers: tuple[TimerChange, ...] = ()


class TurnRunner:
    """Runs turns. It keeps nothing between two of them, and the same turn twice is the same."""

    def __init__(
        self, *, nlu: Nlu, choose: Choose, detector: LanguageDetector, addresser: Addresser, rules: TurnRules
    ) -> None:
        self._nlu = nlu
        self._choose = choose
        self._detector = detector
        self._addresser = addresser
        self._rules = rules

    async def run(self, event: ev.Event, chat: Chat | None, *, failed: bool = False) -> Result:
        """Decide what an event leads to.

        Args:
            event: what happened.
            chat: the chat's state, None for a chat not seen before.
            failed: whether the ordinary handler of this event has been given up.

        Raises:
            TimeoutError: the handler took too long.
        """
        started = time.perf_counter()
        before = chat or Chat(id=event.chat, contact_id=derived_id("p", event.chat))
        event, current, wait = _album(_as_we_call_it(event, before), before)
        if wait:
            return Result(chat=current, timers=(wait,))
        turn = await self._turn(event, current, failed=failed)
        choice = self._choose(turn)
        async with asyncio.timeout(self._rules.handler_seconds):
            decision = await choice.handler(turn)
        result = self._complete(turn, before, decision, choice)
        _turns_of(choice.name).inc()
        metrics.turn_seconds.observe(time.perf_counter() - started)
        return result

    # --- before the handler ----------------------------------------------------------------

    async def _turn(self, event: ev.Event, chat: Chat, *, failed: bool) -> Turn:
        may_be_aside = not failed and self._rules.aside(event, chat, None)
        text = event.text if isinstance(event, ev.CustomerMessage) else ""
        understanding = await self._understand(text) if may_be_aside and text else None
        if may_be_aside and self._is_aside(event, chat, understanding):
            chat = self._arrived(chat, event)
            return Turn(event=event, chat=chat, now=event.at, understanding=understanding)
        chat = speaker.with_open_conversation(chat, event, self._rules.reopening)
        chat = self._arrived(chat, event)
        flooding = isinstance(event, ev.CustomerMessage) and self._is_flood(chat)
        if flooding or failed or not speaker.listens_to(chat, text):
            return Turn(event=event, chat=chat, now=event.at, flooding=flooding, failed=failed)
        if not may_be_aside:
            understanding = await self._understand(text)
        if understanding is not None:
            chat = replace(chat, guesses=understanding.leading[: mirror.GUESSES])
        return Turn(
            event=event,
            chat=chat,
            now=event.at,
            understanding=understanding,
            nlu_down=understanding is None,
        )

    def _is_aside(self, event: ev.Event, chat: Chat, understanding: Understanding | None) -> bool:
        """What nobody understood is treated as a message: it may be anything."""
        if not isinstance(event, ev.CustomerMessage):
            return True
        return understanding is not None and self._rules.aside(event, chat, understanding)

    def _is_flood(self, chat: Chat) -> bool:
        if chat.pace is None or chat.id.channel in self._rules.self_limiting:
            return False
        return chat.pace.count > self._rules.flood_limit

    async def _understand(self, text: str) -> Understanding | None:
        try:
            return await self._nlu.parse(text)
        except NluUnavailable:
            metrics.nlu_failures.inc()
            return None

    def _arrived(self, chat: Chat, event: ev.Event) -> Chat:
        """The chat once the event is part of it."""
        match event:
            case ev.CustomerMessage() | ev.ButtonPress():
                return replace(
                    _awake(chat),
                    profile=_profile(event, chat),
                    language=self._language(chat, event),
                    pace=speaker.paced(chat.pace, event.at),
                    recent=with_lines(chat.recent, mirror.incoming_line(event)),
                    guesses=() if isinstance(event, ev.CustomerMessage) else chat.guesses,
                )
            case ev.CustomerCommand():
                return replace(chat, profile=_profile(event, chat), language=self._language(chat, event))
            case ev.MediaReady(message_id=message_id, attachment=attachment):
                return chat.with_stored(message_id, attachment)
            case ev.CustomerEdit(edited_id=message_id, text=text):
                return chat.reword(message_id, text)
            case ev.CustomerDelete(deleted_id=message_id):
                return chat.forget(message_id)
            case _:
                return chat

    def _language(self, chat: Chat, event: ev.CustomerEvent) -> str:
        text = event.text if isinstance(event, ev.CustomerMessage) else ""
        if chat.language and (chat.language_chosen or not text):
            return chat.language
        if chat.language and len(text.split()) < SWITCH_WORDS:
            return chat.language
        found = self._detector.detect(text) if text else None
        if chat.language and found is None:
            return chat.language
        locale = event.profile.locale[:2].lower()
        known = locale if locale in self._rules.languages else None
        return found or known or self._rules.languages[0]

    # --- after the handler -----------------------------------------------------------------

    def _complete(self, turn: Turn, before: Chat, decision: Decision, choice: Choice) -> Result:
        sends = stamped(decision.sends, turn.event)
        messages = [send.payload for send in sends if isinstance(send.payload, MessageOut)]
        after = decision.chat.remember(*(mirror.outgoing_line(message, turn) for message in messages))
        payloads = [send.payload for send in sends]
        for_desks = (*mirror.for_desk(turn, before, after, payloads), *decision.desk)
        outgoing = self._addresser.entries(turn, after, sends, for_desks, hush=_is_claimed(before, after))
        facts = tuple(_facts(turn, before, after, decision, sends, choice.name))
        return Result(chat=after, outgoing=outgoing, facts=facts, timers=decision.timers)


@cache
def _turns_of(handler: str) -> Counter:
    """The handler's counter: looking it up costs more than counting."""
    return metrics.turns.labels(handler=handler)


def _as_we_call_it(event: ev.Event, chat: Chat) -> ev.Event:
    """What a customer's client saw it calls by its public id: agents' messages have others here."""
    if not isinstance(event, ev.Receipt):
        return event
    ours = (one.message_id for one in chat.written if public_id(one.message_id) == event.message_id)
    return replace(event, message_id=next(ours, event.message_id))


def _album(event: ev.Event, chat: Chat) -> tuple[ev.Event, Chat, SetTimer | None]:
    """Joins the parts of an album: the event to handle, or the timer to wait for more parts."""
    if isinstance(event, ev.TimerDue) and event.name.startswith(ALBUM_TIMER):
        return _whole_album(event, chat)
    if not isinstance(event, ev.CustomerMessage) or event.album is None:
        return event, chat, None
    begun = next((album for album in chat.albums if album.id == event.album), None)
    album = begun or Album(event.album, event.message_id)
    album = replace(
        album,
        text="\n".join(filter(None, (album.text, event.text))),
        attachments=album.attachments + event.attachments,
    )
    others = tuple(other for other in chat.albums if other.id != album.id)
    chat = replace(chat, albums=(*others, album), profile=_profile(event, chat))
    return event, chat, SetTimer(name=ALBUM_TIMER + album.id, due=event.at + ALBUM_WAIT)


def _whole_album(event: ev.TimerDue, chat: Chat) -> tuple[ev.Event, Chat, None]:
    album = next((album for album in chat.albums if ALBUM_TIMER + album.id == event.name), None)
    if album is None:
        return event, chat, None
    whole = ev.CustomerMessage(
        id=event.id,
        chat=event.chat,
        at=event.at,
        message_id=album.message_id,
        profile=chat.profile,
        text=album.text,
        attachments=album.attachments,
    )
    return whole, replace(chat, albums=tuple(other for other in chat.albums if other is not album)), None


def _is_claimed(before: Chat, after: Chat) -> bool:
    """Whether a person takes the floor in this turn, from the bot or from a colleague."""
    return after.speaker is Speaker.HUMAN and after.epoch != before.epoch


def _awake(chat: Chat) -> Chat:
    """A customer who writes ends a snooze."""
    handoff = chat.conversation.handoff if chat.conversation else None
    return chat.with_handoff(snoozed_until=None) if handoff and handoff.snoozed_until else chat


def _profile(event: ev.CustomerEvent, chat: Chat) -> Profile:
    return chat.profile if event.profile == UNKNOWN else event.profile


def _facts(
    turn: Turn, before: Chat, after: Chat, decision: Decision, sends: tuple[Send, ...], handler: str
) -> Iterator[Fact]:
    conversation = after.conversation.id if after.conversation else None
    model = turn.understanding.model if turn.understanding else None
    base = digest(turn.event.id)
    for index, body in enumerate(_bodies(turn, before, after, decision, sends, handler)):
        yield Fact(
            id=f"l_{base}-{index}",
            at=turn.now,
            chat=after.id,
            conversation=conversation,
            body=body,
            model=model,
        )


def _bodies(
    turn: Turn, before: Chat, after: Chat, decision: Decision, sends: tuple[Send, ...], handler: str
) -> Iterator[FactBody]:
    yield from record.conversation_began(before, turn.chat)
    yield from record.what_happened(turn.event, turn.chat.language)
    yield from record.understood(turn, handler)
    yield from record.handoff_steps(before, after, turn.event)
    for send in sends:
        yield from record.said(send.payload, turn.chat.language)
    yield from decision.facts
    yield from record.conversation_ended(turn.chat, after)
