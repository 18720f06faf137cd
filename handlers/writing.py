"""What agents write, change and take back."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.chat import Chat
from bot.domain.decision import Decision, Send
from bot.domain.events import AgentDelete, AgentEdit, AgentNote, AgentReply
from bot.domain.facts import MessageDeleted, MessageEdited
from bot.domain.identity import Agent
from bot.domain.message import Author, Draft, HoldReason, Written
from bot.domain.outgoing import CaseDelete, CaseEdit, DeleteOut, EditOut, Refusal
from bot.domain.turn import Turn
from handlers import claims, drafts
from handlers.care import Care
from handlers.saying import silent


async def reply(turn: Turn, care: Care) -> Decision:
    """Write to the customer; takes the conversation first if nobody has it. Nobody answers over a
    colleague who has it, nor after the end without meaning to: then it is held, and they are asked."""
    event = turn.event
    if not isinstance(event, AgentReply):
        return silent(turn)
    if not (event.text.strip() or event.attachments):
        return claims.refused(turn, "reply", Refusal.EMPTY, message_id=event.message_id)
    if turn.chat.written_as(event.message_id) or turn.chat.draft(event.message_id):
        return silent(turn)  # submitted twice
    draft = Draft(
        event.message_id,
        event.agent,
        HoldReason.FILES,
        event.at,
        event.text,
        event.attachments,
        event.undo_seconds,
    )
    return drafts.admit(turn, care, draft)


async def note(turn: Turn, _care: Care) -> Decision:
    """An internal note never reaches the customer, nor do its changes. The engine shows and logs it."""
    event = turn.event
    if not isinstance(event, AgentNote):
        return silent(turn)
    return Decision(chat=turn.chat.wrote(Written(event.message_id, event.agent.id, note=True)))


async def edit(turn: Turn, care: Care) -> Decision:
    """Change what was written: the customer sees it only of what agents sent them, even after the end."""
    event, chat = turn.event, turn.chat
    if not isinstance(event, AgentEdit):
        return silent(turn)
    if not event.text.strip():
        return claims.refused(turn, "edit", Refusal.EMPTY, message_id=event.edited_id)
    if held := drafts.own(chat, event.edited_id, event.agent):
        changed = replace(held, text=event.text)
        if event.internal and held.reason is HoldReason.FILES:
            return drafts.made_a_note(turn, care, changed)
        return Decision(chat=chat.redraft(changed))
    known = _of_their_desk(chat, event.edited_id, event.agent)
    if known is not None and known.note:
        return _note_changed(turn, event)
    if event.internal:
        return silent(turn)
    if known is None:
        return claims.refused(turn, "edit", Refusal.GONE, message_id=event.edited_id)
    change = EditOut(message_id=event.edited_id, author=Author.AGENT, text=event.text)
    return Decision(chat=chat.reword(event.edited_id, event.text), sends=(Send(payload=change),))


def _note_changed(turn: Turn, event: AgentEdit) -> Decision:
    changed = MessageEdited(message_id=event.edited_id, author=Author.AGENT, text=event.text)
    shown = CaseEdit(message_id=event.edited_id, text=event.text)
    return Decision(chat=turn.chat, facts=(changed,), desk=(shown,))


async def delete(turn: Turn, care: Care) -> Decision:
    """Take back what was written: in time it never leaves, later the platform is asked."""
    event, chat = turn.event, turn.chat
    if not isinstance(event, AgentDelete):
        return silent(turn)
    if held := drafts.own(chat, event.deleted_id, event.agent):
        return drafts.taken_back(turn, care, held)
    known = _of_their_desk(chat, event.deleted_id, event.agent)
    if known is None:
        return claims.refused(turn, "delete", Refusal.GONE, message_id=event.deleted_id)
    if known.note:
        gone = MessageDeleted(message_id=event.deleted_id, author=Author.AGENT)
        return Decision(chat=chat, facts=(gone,), desk=(CaseDelete(message_id=event.deleted_id),))
    removal = DeleteOut(message_id=event.deleted_id, author=Author.AGENT)
    chat = chat.recall(event.deleted_id).forget(event.deleted_id)
    return Decision(chat=chat, sends=(Send(payload=removal),))


def _of_their_desk(chat: Chat, message_id: str, agent: Agent) -> Written | None:
    """An agent's message of this conversation, from the desk (what stands before the colon of an agent's
    id) that now wants to change it."""
    known = chat.written_as(message_id)
    return known if known and _desk(known.agent_id) == _desk(agent.id) else None


def _desk(agent_id: str) -> str:
    return agent_id.partition(":")[0]
