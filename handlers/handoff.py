"""Getting a person, and waiting for one: who, when they are there, what happens next."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from bot.domain.chat import Chat, Speaker
from bot.domain.conversation import Handoff, HandoffReason
from bot.domain.decision import CancelTimer, Decision, SetTimer, TimerChange
from bot.domain.facts import FactBody
from bot.domain.message import Author, Button
from bot.domain.turn import Turn
from handlers import waiting_time
from handlers.care import Care
from handlers.dates import hour, moment
from handlers.saying import WAITING, answer, button, human_button, notice, silent

ACKNOWLEDGED = "acknowledged"


# --- why -----------------------------------------------------------------------------------


async def asked(turn: Turn, care: Care) -> Decision:
    """The customer wants a person."""
    topic = _last_topic(turn) or "talk_to_human"
    return await to_person(turn, care, _opening(turn, care, "asked"), reason=HandoffReason.ASKED, topic=topic)


async def complaint(turn: Turn, care: Care) -> Decision:
    """The customer is angry or disappointed: acknowledge it, and no more bot."""
    # Who takes complaints, if anybody does, takes them whatever they are about.
    team = care.teams.claimed("complaint", turn.language)
    opening = _opening(turn, care, "complaint")
    return await to_person(turn, care, opening, reason=HandoffReason.COMPLAINT, team=team)


async def bot_down(turn: Turn, care: Care) -> Decision:
    """The model did not answer in time: say so."""
    return await to_person(turn, care, _opening(turn, care, "bot_down"), reason=HandoffReason.BOT_DOWN)


def offer(
    turn: Turn,
    care: Care,
    key: str,
    *,
    chat: Chat | None = None,
    unsure: int = 0,
    facts: tuple[FactBody, ...] = (),
) -> Decision:
    """Offer a person without imposing one; a plain "yes" takes the offer."""
    text = care.replies.get(key, turn.language)
    buttons = (human_button(care, turn.language), button(care, "menu", turn.language))
    return answer(turn, care, text, chat=chat, buttons=buttons, awaiting="person", unsure=unsure, facts=facts)


# --- how -----------------------------------------------------------------------------------


async def to_person(
    turn: Turn,
    care: Care,
    opening: str,
    *,
    reason: HandoffReason,
    team: str | None = None,
    urgent: bool = False,
    intent: str | None = None,
    topic: str | None = None,
    chat: Chat | None = None,
    facts: tuple[FactBody, ...] = (),
) -> Decision:
    """Queue for a person, and say when people are there and what happens next.

    ``topic`` is the FAQ entry it is about, when known: its team gets it unless ``team`` is named.
    """
    team = team or _team(turn, care, topic)
    handoff = Handoff(reason=reason, team=team, since=turn.now, urgent=urgent, intent=intent)
    waiting = _fresh((chat or turn.chat).hand_off(handoff))
    text = f"{opening}\n\n{await when_and_next(turn, care, team, urgent=urgent)}"
    timers, buttons = reminder(turn, care, team), email_buttons(turn, care, waiting)
    if turn.chat.speaker is Speaker.BOT:
        return answer(
            turn, care, text, chat=waiting, buttons=buttons, topic=intent, facts=facts, timers=timers
        )
    return notice(turn, text, chat=waiting, buttons=buttons, author=Author.BOT, facts=facts, timers=timers)


async def when_and_next(turn: Turn, care: Care, team: str, *, urgent: bool = False) -> str:
    """Whether people are there now or when they are back, how long it takes, and that writing on is fine."""
    next_ = care.replies.get("handoff.next", turn.language)
    return f"{await when_and_how_long(turn, care, team, urgent=urgent)} {next_}"


async def when_and_how_long(turn: Turn, care: Care, team: str, *, urgent: bool = False) -> str:
    """The opening hours as they matter now, and how long it takes where that is known. What is urgent goes
    first: how long the others waited says nothing of it."""
    how_long = "" if urgent else await waiting_time.told(turn, care, team)
    return " ".join(filter(None, (when(turn, care, team), how_long)))


def when(turn: Turn, care: Care, team: str) -> str:
    """The opening hours as they matter now, in the time zone that customers are told."""
    hours, language = care.hours.of(team), turn.language
    closes = hours.closes_at(turn.now)
    if closes is not None:
        until = hour(closes.astimezone(care.hours.zone), language)
        return care.replies.get("hours.open", language, until=until)
    opens = hours.opens_at(turn.now)
    if opens is None:
        return care.replies.get("hours.unknown", language)
    back = moment(opens.astimezone(care.hours.zone), turn.now, language)
    return care.replies.get("hours.closed", language, back=back)


def reminder(turn: Turn, care: Care, team: str) -> tuple[TimerChange, ...]:
    """Hear from us once if nobody came after a while of opening time."""
    due = reminder_due(turn.now, care, team)
    return (SetTimer(name=WAITING, due=due),) if due else (CancelTimer(name=WAITING),)


def reminder_due(now: datetime, care: Care, team: str) -> datetime | None:
    """When that is; None when we do not remind."""
    hours = care.hours.of(team)
    start = now if hours.closes_at(now) else hours.opens_at(now)
    if care.remind_after is None or start is None:
        return None
    # In UTC: adding to a local time goes wrong when the clocks change.
    return start.astimezone(UTC) + care.remind_after


def email_buttons(turn: Turn, care: Care, chat: Chat) -> tuple[Button, ...]:
    """The offer to leave an email, where it can be kept."""
    if chat.email or not care.resume_email_enabled(chat):
        return ()
    return (button(care, "email", turn.language),)


def _team(turn: Turn, care: Care, topic: str | None) -> str:
    return care.team_of(topic or _last_topic(turn), turn.language)


def _last_topic(turn: Turn) -> str:
    return turn.chat.dialogue.topics[-1] if turn.chat.dialogue.topics else ""


def _opening(turn: Turn, care: Care, reason: str) -> str:
    return care.replies.get(f"handoff.{reason}", turn.language)


def _fresh(chat: Chat) -> Chat:
    return replace(chat, dialogue=chat.dialogue.with_slot(ACKNOWLEDGED, None))


# --- while waiting -------------------------------------------------------------------------


async def acknowledge(turn: Turn, care: Care) -> Decision:
    """What a waiting customer writes is kept for the person; say so now and then."""
    last = turn.chat.dialogue.slot(ACKNOWLEDGED)
    if last is not None and turn.now - datetime.fromisoformat(last) < care.acknowledge_every:
        return silent(turn)
    dialogue = turn.chat.dialogue.with_slot(ACKNOWLEDGED, turn.now.isoformat())
    text = care.replies.get("waiting.added", turn.language)
    return notice(turn, text, chat=replace(turn.chat, dialogue=dialogue))


async def in_queue(turn: Turn, care: Care) -> Decision:
    """Asked for a person, again: they are in the queue."""
    team = waiting_team(turn.chat, care)
    in_queue = care.replies.get("waiting.in_queue", turn.language)
    handoff = turn.chat.conversation.handoff if turn.chat.conversation else None
    urgent = handoff is not None and handoff.urgent
    text = f"{in_queue} {await when_and_how_long(turn, care, team, urgent=urgent)}"
    return notice(turn, text, buttons=email_buttons(turn, care, turn.chat))


async def with_a_person(turn: Turn, care: Care) -> Decision:
    """Asked for a person while talking to one."""
    return notice(turn, care.replies.get("waiting.with_a_person", turn.language))


def waiting_team(chat: Chat, care: Care) -> str:
    """Whose queue it is in."""
    handoff = chat.conversation.handoff if chat.conversation else None
    return handoff.team if handoff else care.default_team
