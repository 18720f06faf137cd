"""What agents do at a desk, as the customer sees it."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.chat import Chat, Speaker
from bot.domain.conversation import Handoff, HandoffReason, Outcome
from bot.domain.decision import CancelTimer, Decision, Send, SetTimer
from bot.domain.events import AgentClaim, AgentDelete, AgentEdit, AgentEvent, AgentReply, AgentTransfer
from bot.domain.identity import Agent
from bot.domain.message import Author
from bot.domain.outgoing import CustomerPayload, DeleteOut, EditOut, MessageOut
from bot.domain.turn import Turn
from handlers import handoff, resume_email
from handlers.care import Care
from handlers.saying import IDLE, WAITING, introduction, notice, silent

MAX_NAME = 40
_NO_TIMERS = (CancelTimer(name=IDLE), CancelTimer(name=WAITING))


async def claim(turn: Turn, care: Care) -> Decision:
    """Take the conversation; from a colleague only on purpose."""
    event = turn.event
    if not isinstance(event, AgentClaim) or turn.chat.speaker is Speaker.CLOSED:
        return silent(turn)
    holder = _holder(turn.chat)
    if holder is not None and (holder.id == event.agent.id or not event.take_over):
        return silent(turn)
    chat, sends = _taken(turn, care, turn.chat, event.agent)
    return Decision(chat=chat, sends=sends, timers=_NO_TIMERS)


async def reply(turn: Turn, care: Care) -> Decision:
    """Write to the customer; takes the conversation first if nobody has it.

    The engine has reopened a conversation that had ended. Nobody answers over a colleague who
    holds it: the desk is told that the message was held.
    """
    event = turn.event
    if not isinstance(event, AgentReply) or not (event.text.strip() or event.attachments):
        return silent(turn)
    if _is_held_by_another(turn):
        return silent(turn)
    chat = turn.chat
    sends: tuple[Send, ...] = ()
    if chat.speaker is Speaker.CLOSED:
        return silent(turn)
    if chat.speaker is not Speaker.HUMAN:
        chat, sends = _taken(turn, care, chat, event.agent)
    chat, mail = resume_email.announce(chat, turn, care, delay=event.undo_seconds)
    written = Send(payload=_written(event), delay=event.undo_seconds)
    return Decision(chat=chat, sends=(*sends, written, *mail), timers=_NO_TIMERS)


async def edit(turn: Turn, _care: Care) -> Decision:
    """Change a reply."""
    event = turn.event
    if not isinstance(event, AgentEdit) or not event.text.strip():
        return silent(turn)
    return _sent(turn, EditOut(message_id=event.edited_id, author=Author.AGENT, text=event.text))


async def delete(turn: Turn, _care: Care) -> Decision:
    """Take a reply back."""
    event = turn.event
    if not isinstance(event, AgentDelete):
        return silent(turn)
    return _sent(turn, DeleteOut(message_id=event.deleted_id, author=Author.AGENT))


async def note(turn: Turn, _care: Care) -> Decision:
    """An internal note never reaches the customer."""
    return silent(turn)


async def transfer(turn: Turn, care: Care) -> Decision:
    """To another team's queue; a team nobody knows would be a queue nobody reads."""
    event, chat = turn.event, turn.chat
    if not isinstance(event, AgentTransfer) or chat.speaker is Speaker.CLOSED or _is_held_by_another(turn):
        return silent(turn)
    name = care.replies.find(f"team.{event.team}", turn.language)
    if name is None or (chat.speaker is Speaker.WAITING and handoff.waiting_team(chat, care) == event.team):
        return silent(turn)
    if chat.speaker is Speaker.BOT:
        moved = chat.hand_off(Handoff(reason=HandoffReason.AGENT, team=event.team, since=turn.now))
    else:
        moved = chat.requeue(event.team, turn.now)
    text = care.replies.get("agent.transferred", turn.language, team=name)
    timers = (CancelTimer(name=IDLE), *handoff.reminder(turn, care, event.team))
    text = f"{text} {handoff.when(turn, care, event.team)}"
    return notice(turn, text, chat=moved, answers=False, timers=timers)


async def resolve(turn: Turn, care: Care) -> Decision:
    """Done: a polite last line, and the address left for the answer is forgotten."""
    if turn.chat.speaker is Speaker.CLOSED or _is_held_by_another(turn):
        return silent(turn)
    closed = replace(turn.chat.close(Outcome.RESOLVED_BY_AGENT, turn.now), email=None)
    text = care.replies.get("agent.resolved", turn.language)
    return notice(turn, text, chat=closed, answers=False, timers=_NO_TIMERS)


async def release(turn: Turn, care: Care) -> Decision:
    """Back to the bot, which says that it is one."""
    if turn.chat.speaker not in (Speaker.HUMAN, Speaker.WAITING) or _is_held_by_another(turn):
        return silent(turn)
    chat = turn.chat.release()
    dialogue = replace(chat.dialogue, introduced=True).with_slot("after_person", "yes")
    chat = replace(chat, dialogue=dialogue)
    timers = (SetTimer(name=IDLE, due=turn.now + care.idle_after), CancelTimer(name=WAITING))
    return Decision(chat=chat, sends=(Send(payload=introduction(care, chat, "intro.back")),), timers=timers)


def first_name(agent: Agent) -> str:
    """What the customer calls them; empty when the desk gave no name."""
    return next(iter(agent.name.split()), "")[:MAX_NAME]


def _holder(chat: Chat) -> Agent | None:
    current = chat.conversation.handoff if chat.conversation else None
    return current.agent if current and chat.speaker is Speaker.HUMAN else None


def _is_held_by_another(turn: Turn) -> bool:
    holder = _holder(turn.chat)
    return holder is not None and isinstance(turn.event, AgentEvent) and turn.event.agent.id != holder.id


def _taken(turn: Turn, care: Care, chat: Chat, agent: Agent) -> tuple[Chat, tuple[Send, ...]]:
    unasked = Handoff(reason=HandoffReason.AGENT, team=care.default_team, since=turn.now)
    name = first_name(agent)
    key = "agent.takes_over" if name else "agent.takes_over_unnamed"
    text = care.replies.get(key, turn.language, name=name)
    line = MessageOut(text=text, author=Author.SYSTEM, answers=False)
    return chat.claim(agent, unasked), (Send(payload=line),)


def _written(event: AgentReply) -> MessageOut:
    agent: AgentEvent = event
    return MessageOut(
        text=event.text,
        author=Author.AGENT,
        author_name=first_name(agent.agent),
        author_id=agent.agent.id,
        attachments=event.attachments,
        answers=False,
        message_id=event.message_id,
    )


def _sent(turn: Turn, payload: CustomerPayload) -> Decision:
    return Decision(chat=turn.chat, sends=(Send(payload=payload),))
