"""What a team promises: a first answer, then a solution, each within so much opening time.

``follow`` looks at what every decision changed and sets the clock by it, so that no behaviour has to think
of it: asking for a person starts it, a transfer or a return to the queue starts it anew, a person's first
words turn it to the time for a solution, the end stops it. It stands still while the team is closed.

Its timers may be late, or come twice: what counts is the time, and what was said already.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.domain.chat import Chat, Speaker
from bot.domain.conversation import Handoff, ServiceLevel
from bot.domain.decision import CancelTimer, Decision, SetTimer, TimerChange
from bot.domain.message import Author
from bot.domain.outgoing import Alert, CaseAlert, MessageOut
from bot.domain.turn import Turn
from handlers.care import Care
from handlers.saying import silent

SOON, LATE, OPENS = "level:soon", "level:late", "level:opens"
SOON_SHARE = 0.75
"""The share of the time after which a promise is near."""
LAST_TEAM = "last_team"
"""The chat's mark that names the team it was with last."""


# --- the clock -----------------------------------------------------------------------------


def follow(turn: Turn, care: Care, decision: Decision) -> Decision:
    """The decision, with the clock set by what it changed."""
    was, now = _live(turn.chat), _live(decision.chat)
    if now is None:
        return _stopped(decision, was) if was else decision
    if now.answered or not is_answered_by(decision):
        if was is None or _begins(turn.chat, decision.chat, was, now):
            decision = _wound(turn, care, decision, answered=False)
        elif is_undone(turn.chat, decision.chat):
            decision = _wound(turn, care, decision, answered=False, since=now.since)
        elif now.due is None and was.due is not None:
            # An alarm replaced the request: the same people still owe the same answer.
            kept = decision.chat.with_handoff(due=was.due, level=was.level, answered=was.answered)
            decision = replace(decision, chat=kept)
    else:
        decision = _wound(turn, care, decision, answered=True)
    return _at_the_door(turn, care, decision, was)


def is_answered_by(decision: Decision) -> bool:
    """Whether a person writes to the customer in it."""
    said = (send.payload for send in decision.sends)
    return any(isinstance(one, MessageOut) and one.author is Author.AGENT for one in said)


def _live(chat: Chat) -> Handoff | None:
    is_live = chat.speaker in (Speaker.WAITING, Speaker.HUMAN)
    return chat.conversation.handoff if is_live and chat.conversation else None


def _begins(before: Chat, after: Chat, was: Handoff, now: Handoff) -> bool:
    returned = (before.speaker, after.speaker) == (Speaker.HUMAN, Speaker.WAITING)
    return returned or was.team != now.team or was.since != now.since


def is_undone(before: Chat, after: Chat) -> bool:
    """Whether the only answer was taken back before it left."""
    was, now = _live(before), _live(after)
    return bool(was and now and was.answered and not now.answered)


def _wound(
    turn: Turn, care: Care, decision: Decision, *, answered: bool, since: datetime | None = None
) -> Decision:
    """The clock started ``since`` (now)."""
    handoff, since = _live(decision.chat), since or turn.now
    team = handoff.team if handoff else care.default_team
    target, hours = care.teams.of(team).target(answered=answered), care.hours.of(team)
    due = hours.after(since, target) if target else None
    chat = decision.chat.with_handoff(answered=answered, level=ServiceLevel.ON_TIME, due=due)
    timers: tuple[TimerChange, ...] = (CancelTimer(name=SOON), CancelTimer(name=LATE))
    if target and due:
        soon = hours.after(since, target * SOON_SHARE) or due
        timers = (SetTimer(name=SOON, due=soon), SetTimer(name=LATE, due=due))
    return replace(decision, chat=chat, timers=(*decision.timers, *timers))


def _stopped(decision: Decision, was: Handoff) -> Decision:
    chat = decision.chat.with_mark(LAST_TEAM, was.team)
    timers = (CancelTimer(name=name) for name in (SOON, LATE, OPENS))
    return replace(decision, chat=chat, timers=(*decision.timers, *timers))


def _at_the_door(turn: Turn, care: Care, decision: Decision, was: Handoff | None) -> Decision:
    """Whether the team is there, for whoever looks at the case while it waits."""
    now = _live(decision.chat)
    back = None
    if now and decision.chat.speaker is Speaker.WAITING:
        hours = care.hours.of(now.team)
        opens = None if hours.closes_at(turn.now) else hours.opens_at(turn.now)
        back = opens.astimezone(UTC) if opens else None
    known = now.back_at if now else None
    if back == known and (back is None or (was is not None and was.back_at == back)):
        return decision
    timer: TimerChange = SetTimer(name=OPENS, due=back) if back else CancelTimer(name=OPENS)
    chat = decision.chat.with_handoff(back_at=back)
    return replace(decision, chat=chat, timers=(*decision.timers, timer))


# --- its timers ----------------------------------------------------------------------------


async def look(turn: Turn, care: Care) -> Decision:
    """A promise is near, or broken: say so, once. (Nothing else changes; ``follow`` sees who is there.)"""
    handoff = _live(turn.chat)
    if handoff is None or handoff.due is None:
        return silent(turn)
    if handoff.snoozed_until and handoff.snoozed_until > turn.now:
        name = LATE if handoff.due <= turn.now else SOON
        return Decision(chat=turn.chat, timers=(SetTimer(name=name, due=handoff.snoozed_until),))
    level = _level(turn, care, handoff)
    if _RANK[level] <= _RANK[handoff.level]:
        return silent(turn)
    chat = turn.chat.with_handoff(level=level)
    return Decision(chat=chat, desk=(_alert(care, handoff, level),))


_RANK = {ServiceLevel.ON_TIME: 0, ServiceLevel.DUE_SOON: 1, ServiceLevel.OVERDUE: 2}


def _level(turn: Turn, care: Care, handoff: Handoff) -> ServiceLevel:
    target = care.teams.of(handoff.team).target(answered=handoff.answered)
    if handoff.due is None or target is None:
        return ServiceLevel.ON_TIME
    if turn.now >= handoff.due:
        return ServiceLevel.OVERDUE
    left = care.hours.of(handoff.team).open_between(turn.now, handoff.due)
    is_near = left <= target * (1 - SOON_SHARE) + timedelta(seconds=1)
    return ServiceLevel.DUE_SOON if is_near else ServiceLevel.ON_TIME


def _alert(care: Care, handoff: Handoff, level: ServiceLevel) -> CaseAlert:
    if level is ServiceLevel.DUE_SOON:
        return CaseAlert(kind=Alert.DUE_SOON, team=handoff.team, agent=handoff.agent)
    escalation = care.teams.of(handoff.team).escalation or handoff.team
    return CaseAlert(kind=Alert.OVERDUE, team=escalation)
