"""What happens by itself: a quiet conversation ends, a waiting customer hears from us once, and a customer
whose agent does not answer goes back to the queue. No conversation with a person ends by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot.domain.chat import Chat, Speaker
from bot.domain.conversation import Handoff, Outcome
from bot.domain.decision import CancelTimer, Decision, SetTimer
from bot.domain.events import CustomerMessage, TimerDue
from bot.domain.outgoing import Alert, CaseAlert
from bot.domain.turn import Turn
from handlers.care import Care
from handlers.handoff import email_buttons, reminder, reminder_due, waiting_team
from handlers.satisfaction import has_closing_words
from handlers.saying import IDLE, WAITING, notice, silent
from handlers.service_level import is_answered_by, is_undone

AGENT_IDLE = "agent_idle"
AGENT_AWAY = "away"
"""Begins the name of the timer that says that an agent is gone: ``away:<agent id>``."""
UNANSWERED, WARNED = "unanswered", "idle_warned"


async def went_quiet(turn: Turn, care: Care) -> Decision:
    """End a conversation with the bot that went quiet, without a word. A person's never ends so."""
    chat = turn.chat
    if chat.speaker is not Speaker.BOT:
        return silent(turn)
    last = chat.recent[-1].at if chat.recent else None
    if last is not None and turn.now - last < care.idle_after:
        # The customer wrote while the timer was on its way.
        return Decision(chat=chat, timers=(SetTimer(name=IDLE, due=last + care.idle_after),))
    satisfied = chat.dialogue.slot("confirmed") is not None
    outcome = Outcome.CONFIRMED_BY_CUSTOMER if satisfied else Outcome.WENT_QUIET
    closed = replace(chat.close(outcome, turn.now), email=None)
    return Decision(chat=closed, timers=(CancelTimer(name=WAITING),))


async def still_waiting(turn: Turn, care: Care) -> Decision:
    """Nobody came yet: say honestly that the place is kept, once, in opening hours."""
    if turn.chat.speaker is not Speaker.WAITING:
        return silent(turn)
    team = waiting_team(turn.chat, care)
    if care.hours.of(team).closes_at(turn.now) is None:
        due = reminder_due(turn.now, care, team)
        return Decision(chat=turn.chat, timers=(SetTimer(name=WAITING, due=due),) if due else ())
    text = care.replies.get("waiting.reminder", turn.language)
    return notice(turn, text, buttons=email_buttons(turn, care, turn.chat), answers=False)


async def ignored(turn: Turn, _care: Care) -> Decision:
    """An event or timer that asks for nothing."""
    return silent(turn)


# --- an agent who does not answer --------------------------------------------------------------


def follow(turn: Turn, care: Care, decision: Decision) -> Decision:
    """The decision, with the clock that runs while a customer waits for the agent they talk to."""
    chat = decision.chat
    waits = turn.chat.dialogue.slot(UNANSWERED) is not None  # a release forgets the dialogue, and so this
    if chat.speaker is not Speaker.HUMAN or is_answered_by(decision):
        if not waits:
            return decision
        timers = (*decision.timers, CancelTimer(name=AGENT_IDLE))
        return replace(decision, chat=_noted(chat, None, None), timers=timers)
    owes = _is_taken(turn, chat, waits=waits) or is_undone(turn.chat, chat)
    if not (owes or (not waits and _wants_an_answer(turn, care))):
        return decision
    due = care.hours.of(waiting_team(chat, care)).after(turn.now, care.agent_idle_after)
    if due is None:
        return decision
    timer = SetTimer(name=AGENT_IDLE, due=due)
    return replace(decision, chat=_noted(chat, turn.now, None), timers=(*decision.timers, timer))


async def agent_idle(turn: Turn, care: Care) -> Decision:
    """The agent has not answered: tell them; the second time, the conversation goes back to the queue."""
    handoff, since = _held(turn), turn.chat.dialogue.slot(UNANSWERED)
    if handoff is None or since is None:
        return silent(turn)
    warned = turn.chat.dialogue.slot(WARNED)
    start = max(datetime.fromisoformat(warned or since), handoff.snoozed_until or handoff.since)
    hours = care.hours.of(handoff.team)
    due = hours.after(start, care.agent_idle_after)
    if due is None:
        return silent(turn)
    if due > turn.now:
        return Decision(chat=turn.chat, timers=(SetTimer(name=AGENT_IDLE, due=due),))
    if warned:
        return _returned(turn, care, handoff)
    again = hours.after(turn.now, care.agent_idle_after)
    timers = (SetTimer(name=AGENT_IDLE, due=again),) if again else ()
    chat = _noted(turn.chat, datetime.fromisoformat(since), turn.now)
    alert = CaseAlert(kind=Alert.IDLE, team=handoff.team, agent=handoff.agent)
    return Decision(chat=chat, timers=timers, desk=(alert,))


async def agent_away(turn: Turn, care: Care) -> Decision:
    """The agent who has it is gone: what they have not answered goes back to the queue."""
    handoff = _held(turn)
    gone = turn.event.name.partition(":")[2] if isinstance(turn.event, TimerDue) else ""
    if handoff is None or handoff.agent is None or handoff.agent.id != gone:
        return silent(turn)
    if handoff.answered and turn.chat.dialogue.slot(UNANSWERED) is None:
        return silent(turn)
    return _returned(turn, care, handoff)


def _returned(turn: Turn, care: Care, handoff: Handoff) -> Decision:
    chat = turn.chat.requeue(handoff.team, turn.now).with_handoff(since=handoff.since)  # their place is kept
    text = care.replies.get("agent.returned", turn.language)
    alert = CaseAlert(kind=Alert.RETURNED, team=handoff.team, agent=handoff.agent)
    timers = reminder(turn, care, handoff.team)
    return replace(notice(turn, text, chat=chat, answers=False, timers=timers), desk=(alert,))


def _held(turn: Turn) -> Handoff | None:
    conversation = turn.chat.conversation
    return conversation.handoff if conversation and turn.chat.speaker is Speaker.HUMAN else None


def _is_taken(turn: Turn, chat: Chat, *, waits: bool) -> bool:
    """Whether somebody just took it who owes an answer."""
    handoff = chat.conversation.handoff if chat.conversation else None
    return chat.epoch != turn.chat.epoch and (waits or not (handoff and handoff.answered))


def _wants_an_answer(turn: Turn, care: Care) -> bool:
    return isinstance(turn.event, CustomerMessage) and not has_closing_words(turn, care.thresholds)


def _noted(chat: Chat, since: datetime | None, warned: datetime | None) -> Chat:
    dialogue = chat.dialogue.with_slot(UNANSWERED, since.isoformat() if since else None)
    return replace(chat, dialogue=dialogue.with_slot(WARNED, warned.isoformat() if warned else None))
