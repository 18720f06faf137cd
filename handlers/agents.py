"""What agents do with a conversation. What they write is in ``writing``, who has it in ``claims``."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.chat import Speaker
from bot.domain.conversation import Handoff, HandoffReason, Outcome
from bot.domain.decision import CancelTimer, Decision, Send, SetTimer
from bot.domain.events import AgentMarksSpam, AgentReveal, AgentSnooze, AgentTeach, AgentTransfer
from bot.domain.facts import Audited, Proposed
from bot.domain.outgoing import Alert, CaseAlert, Refusal
from bot.domain.turn import Turn
from handlers import claims, handoff, satisfaction
from handlers.care import Care
from handlers.claims import NO_TIMERS, refused, unavailable
from handlers.saying import IDLE, SNOOZE, WAITING, introduction, notice, silent

_NO_TIMERS = (*NO_TIMERS, CancelTimer(name=SNOOZE))


async def transfer(turn: Turn, care: Care) -> Decision:
    """To another team's queue; a team nobody knows would be a queue nobody reads."""
    event, chat = turn.event, turn.chat
    if not isinstance(event, AgentTransfer):
        return silent(turn)
    if no := unavailable(turn, "transfer"):
        return no
    name = care.replies.find(f"team.{event.team}", turn.language)
    if name is None:
        return refused(turn, "transfer", Refusal.UNKNOWN_TEAM)
    if chat.speaker is Speaker.WAITING and handoff.waiting_team(chat, care) == event.team:
        return refused(turn, "transfer", Refusal.NOT_NOW)
    if chat.speaker is Speaker.BOT:
        moved = chat.hand_off(Handoff(reason=HandoffReason.AGENT, team=event.team, since=turn.now))
    else:
        moved = chat.requeue(event.team, turn.now)
    text = care.replies.get("agent.transferred", turn.language, team=name)
    timers = (CancelTimer(name=IDLE), CancelTimer(name=SNOOZE), *handoff.reminder(turn, care, event.team))
    text = f"{text} {handoff.when(turn, care, event.team)}"
    return notice(turn, text, chat=moved, answers=False, timers=timers)


async def resolve(turn: Turn, care: Care) -> Decision:
    """Done: a polite last line that asks how it was; the address left for the answer is forgotten."""
    if no := unavailable(turn, "resolve"):
        return no
    closed = replace(turn.chat.close(Outcome.RESOLVED_BY_AGENT, turn.now), email=None)
    question, buttons = satisfaction.question(turn, care)
    text = "\n\n".join(filter(None, (care.replies.get("agent.resolved", turn.language), question)))
    return notice(turn, text, chat=closed, buttons=buttons, answers=False, timers=_NO_TIMERS)


async def release(turn: Turn, care: Care) -> Decision:
    """Back to the bot, which says that it is one. It is nobody's conversation then, but the bot's."""
    if no := unavailable(turn, "release"):
        return no
    if turn.chat.speaker is Speaker.BOT:
        return refused(turn, "release", Refusal.NOT_NOW)
    chat = turn.chat.release()
    dialogue = replace(chat.dialogue, introduced=True).with_slot("after_person", "yes")
    conversation = replace(chat.conversation, last_agent=None) if chat.conversation else None
    chat = replace(chat, dialogue=dialogue, conversation=conversation)
    timers = (
        SetTimer(name=IDLE, due=turn.now + care.idle_after),
        CancelTimer(name=WAITING),
        CancelTimer(name=SNOOZE),
    )
    return Decision(chat=chat, sends=(Send(payload=introduction(care, chat, "intro.back")),), timers=timers)


async def spam(turn: Turn, _care: Care) -> Decision:
    """Not a customer: the end, without a word and without a rating."""
    if not isinstance(turn.event, AgentMarksSpam):
        return silent(turn)
    if no := unavailable(turn, "spam"):
        return no
    return Decision(chat=replace(turn.chat.close(Outcome.SPAM, turn.now), email=None), timers=_NO_TIMERS)


# --- later ---------------------------------------------------------------------------------------


async def snooze(turn: Turn, _care: Care) -> Decision:
    """Hear of it again then, unless the customer writes before."""
    event, chat = turn.event, turn.chat
    if not isinstance(event, AgentSnooze):
        return silent(turn)
    if no := unavailable(turn, "snooze"):
        return no
    if chat.speaker is Speaker.BOT or event.until <= turn.now:
        return refused(turn, "snooze", Refusal.NOT_NOW)
    timer = SetTimer(name=SNOOZE, due=event.until)
    return Decision(chat=chat.with_handoff(snoozed_until=event.until), timers=(timer,))


async def snooze_over(turn: Turn, _care: Care) -> Decision:
    """A snooze is over: whoever has it is told. A timer of an earlier snooze says nothing."""
    current = turn.chat.conversation.handoff if turn.chat.conversation else None
    if current is None or current.snoozed_until is None or current.snoozed_until > turn.now:
        return silent(turn)
    alert = CaseAlert(kind=Alert.SNOOZED, team=current.team, agent=claims.holder(turn.chat))
    return Decision(chat=turn.chat.with_handoff(snoozed_until=None), desk=(alert,))


# --- for the record ------------------------------------------------------------------------------


async def reveal(turn: Turn, _care: Care) -> Decision:
    """Somebody looked at what the desk had shortened: accounted for."""
    event = turn.event
    if not isinstance(event, AgentReveal):
        return silent(turn)
    return silent(turn, facts=(Audited(action="reveal", agent_id=event.agent.id, subject=event.subject),))


async def teach(turn: Turn, _care: Care) -> Decision:
    """Something for the bot to learn: filed, an admin decides."""
    event = turn.event
    if not isinstance(event, AgentTeach):
        return silent(turn)
    if not (event.question.strip() or event.answer.strip()):
        return refused(turn, "teach", Refusal.EMPTY)
    proposal = Proposed(
        agent_id=event.agent.id,
        agent_name=event.agent.name,
        intent=event.intent,
        question=event.question,
        answer=event.answer,
        language=event.language,
        message_id=event.message_id,
    )
    return silent(turn, facts=(proposal,))
