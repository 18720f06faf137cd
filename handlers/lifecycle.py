"""What happens by itself: a quiet conversation ends, a waiting customer hears from us once."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.chat import Speaker
from bot.domain.conversation import Outcome
from bot.domain.decision import CancelTimer, Decision, SetTimer
from bot.domain.turn import Turn
from handlers.care import Care
from handlers.handoff import email_buttons, reminder_due, waiting_team
from handlers.saying import IDLE, WAITING, notice, silent


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
