"""Who has a conversation: claiming it, and hearing that one does not get what one asked for."""

from __future__ import annotations

from bot.domain.chat import Chat, Speaker
from bot.domain.conversation import Handoff, HandoffReason
from bot.domain.decision import CancelTimer, Decision, Send
from bot.domain.events import AgentClaim, AgentEvent, Hushed
from bot.domain.identity import Agent
from bot.domain.ids import derived_id
from bot.domain.message import Author
from bot.domain.outgoing import Alert, CaseAlert, CaseRefused, MessageOut, Refusal
from bot.domain.turn import Turn
from handlers.care import Care
from handlers.saying import IDLE, WAITING, silent

MAX_NAME = 40
NO_TIMERS = (CancelTimer(name=IDLE), CancelTimer(name=WAITING))


async def claim(turn: Turn, care: Care) -> Decision:
    """Take the conversation; from a colleague only on purpose. One that was given away by itself is
    taken only while the customer waits."""
    event, chat = turn.event, turn.chat
    if not isinstance(event, AgentClaim):
        return silent(turn)
    if event.assigned:
        return _given(turn, care, event.agent)
    if chat.speaker is Speaker.CLOSED or is_over(turn):
        return refused(turn, "claim", Refusal.CLOSED)
    has_it = holder(chat)
    if has_it is not None and has_it.id == event.agent.id:
        return refused(turn, "claim", Refusal.NOT_NOW)
    if has_it is not None and not (event.take_over and event.holder in ("", has_it.id)):
        return refused(turn, "claim", Refusal.TAKEN, holder=has_it)
    taken, sends = take(turn, care, chat, event.agent)
    return Decision(chat=taken, sends=sends, timers=NO_TIMERS, desk=taken_over(chat, event.agent))


async def hushed(turn: Turn, _care: Care) -> Decision:
    """Whatever the bot had under way is out, or dropped: the claim is certain, unless another followed."""
    event, chat = turn.event, turn.chat
    if not isinstance(event, Hushed) or event.epoch != chat.epoch:
        return silent(turn)
    return Decision(chat=chat.with_handoff(hushed=True))


def take(turn: Turn, care: Care, chat: Chat, agent: Agent) -> tuple[Chat, tuple[Send, ...]]:
    """The conversation in the agent's hands, and what the customer is told."""
    unasked = Handoff(reason=HandoffReason.AGENT, team=care.default_team, since=turn.now)
    name = first_name(agent)
    key = "agent.takes_over" if name else "agent.takes_over_unnamed"
    text = care.replies.get(key, turn.language, name=name)
    line = MessageOut(text=text, author=Author.SYSTEM, answers=False)
    return chat.claim(agent, unasked), (Send(payload=line),)


def taken_over(chat: Chat, agent: Agent) -> tuple[CaseAlert, ...]:
    """What a colleague who had it is told when the agent takes it from them; ``chat`` as it was."""
    had_it = colleague(chat, agent)
    current = chat.conversation.handoff if chat.conversation else None
    if had_it is None or current is None:
        return ()
    return (CaseAlert(kind=Alert.TAKEN_OVER, team=current.team, agent=had_it, detail=agent.name),)


def first_name(agent: Agent) -> str:
    """What the customer calls them; empty when the desk gave no name."""
    return next(iter(agent.name.split()), "")[:MAX_NAME]


def holder(chat: Chat) -> Agent | None:
    """Who has the conversation."""
    current = chat.conversation.handoff if chat.conversation else None
    return current.agent if current and chat.speaker is Speaker.HUMAN else None


def colleague(chat: Chat, agent: Agent) -> Agent | None:
    """Somebody else who has it."""
    has_it = holder(chat)
    return has_it if has_it is not None and has_it.id != agent.id else None


def is_over(turn: Turn) -> bool:
    """Whether the agent did it in a conversation that the chat has left behind for another."""
    event, current = turn.event, turn.chat.conversation
    if not isinstance(event, AgentEvent) or not event.conversation or current is None:
        return False
    opened_by_it = current.id == derived_id("c", event.id)
    return event.conversation != current.id and not opened_by_it


def unavailable(turn: Turn, action: str) -> Decision | None:
    """The refusal of what only whoever has the conversation, or anyone while nobody has it, may do."""
    event = turn.event
    if not isinstance(event, AgentEvent):
        return silent(turn)
    if turn.chat.speaker is Speaker.CLOSED or is_over(turn):
        return refused(turn, action, Refusal.CLOSED)
    has_it = colleague(turn.chat, event.agent)
    return refused(turn, action, Refusal.TAKEN, holder=has_it) if has_it else None


def refused(
    turn: Turn, action: str, reason: Refusal, *, holder: Agent | None = None, message_id: str = ""
) -> Decision:
    """Nothing happens; the agent is told, and nobody else."""
    if not isinstance(turn.event, AgentEvent):
        return silent(turn)
    told = CaseRefused(
        agent=turn.event.agent, action=action, reason=reason, holder=holder, message_id=message_id
    )
    return Decision(chat=turn.chat, desk=(told,))


def _given(turn: Turn, care: Care, agent: Agent) -> Decision:
    waiting = turn.chat.conversation.handoff if turn.chat.conversation else None
    if turn.chat.speaker is not Speaker.WAITING or waiting is None or is_over(turn):
        return silent(turn)
    chat, sends = take(turn, care, turn.chat, agent)
    alert = CaseAlert(kind=Alert.ASSIGNED, team=waiting.team, agent=agent)
    return Decision(chat=chat, sends=sends, timers=NO_TIMERS, desk=(alert,))
