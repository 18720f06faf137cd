"""What an agent wrote, on its way: sent, or held until they say what to do, or until its files are there.

Nothing is dropped in silence, and nothing overtakes: whatever is written while files are fetched waits
behind them.
"""

from __future__ import annotations

from dataclasses import replace

from bot.domain.chat import Chat, Speaker
from bot.domain.conversation import Outcome
from bot.domain.decision import Decision, Send
from bot.domain.events import AgentDecides, AgentDraft, DraftChoice, MediaFailed, ReceiptStatus
from bot.domain.facts import MessageKind, MessageLogged
from bot.domain.identity import Agent
from bot.domain.message import Author, Draft, HoldReason, Line, Written
from bot.domain.outgoing import CaseFate, CaseHeld, CaseLine, CaseUnheld, DeskPayload, MessageOut, Refusal
from bot.domain.turn import Turn
from handlers import claims, resume_email
from handlers.care import Care
from handlers.saying import silent

TOO_MANY = "too_many_held"
"""Why the oldest held message is given up when there are too many; an error code of ours."""


# --- an agent wrote --------------------------------------------------------------------------


def admit(turn: Turn, care: Care, draft: Draft) -> Decision:
    """Send what an agent wrote, taking the conversation if nobody has it, or hold it and ask them."""
    decision = Decision(chat=turn.chat)
    if turn.chat.speaker is Speaker.CLOSED or claims.is_over(turn):
        return _ask(decision, replace(draft, reason=HoldReason.CLOSED))
    if has_it := claims.colleague(turn.chat, draft.agent):
        return _ask(decision, replace(draft, reason=HoldReason.COLLEAGUE), has_it)
    return _pass(turn, care, decision, draft)


async def hold(turn: Turn, _care: Care) -> Decision:
    """It may not be meant for the customer: ask."""
    event = turn.event
    if not isinstance(event, AgentDraft):
        return silent(turn)
    if not (event.text.strip() or event.attachments):
        return claims.refused(turn, "reply", Refusal.EMPTY, message_id=event.message_id)
    draft = Draft(
        event.message_id,
        event.agent,
        event.reason,
        event.at,
        event.text,
        event.attachments,
        event.undo_seconds,
    )
    return _ask(Decision(chat=turn.chat), draft)


# --- the agent decides -------------------------------------------------------------------------


async def decide(turn: Turn, care: Care) -> Decision:
    """What becomes of a held message: decided once, by whoever wrote it."""
    event = turn.event
    if not isinstance(event, AgentDecides):
        return silent(turn)
    draft = own(turn.chat, event.message_id, event.agent)
    if draft is None or draft.reason is HoldReason.FILES:
        return claims.refused(turn, "decide", Refusal.GONE, message_id=event.message_id)
    if event.choice in (DraftChoice.SEND, DraftChoice.TAKE_OVER):
        return _sent_after_all(turn, care, draft, event.choice)
    decision = _unheld(turn.chat, draft, event.choice)
    return _noted(decision, draft) if event.choice is DraftChoice.NOTE else decision


def made_a_note(turn: Turn, care: Care, draft: Draft) -> Decision:
    """The agent says, while it waits for its files, that it is not meant for the customer; what waited behind
    it goes."""
    return _flushed(turn, care, _noted(_unheld(turn.chat, draft, DraftChoice.NOTE), draft))


def _unheld(chat: Chat, draft: Draft, choice: DraftChoice) -> Decision:
    """It will not be sent. Its files may still come, or not: neither is news any more."""
    chat = chat.without_draft(draft.message_id).recall(draft.message_id)
    return Decision(chat=chat, desk=(CaseUnheld(draft=draft, choice=choice),))


def _sent_after_all(turn: Turn, care: Care, draft: Draft, choice: DraftChoice) -> Decision:
    """Sent, unless something else stands against it by now than what the agent was asked about."""
    decision = Decision(chat=turn.chat)
    if turn.chat.speaker is Speaker.CLOSED:
        return _ask(decision, replace(draft, reason=HoldReason.CLOSED))
    has_it = claims.colleague(turn.chat, draft.agent)
    takes_over = choice is DraftChoice.TAKE_OVER
    if has_it and not takes_over and draft.reason is not HoldReason.COLLEAGUE:
        return _ask(decision, replace(draft, reason=HoldReason.COLLEAGUE), has_it)
    chat = turn.chat.without_draft(draft.message_id)
    decision = Decision(chat=chat, desk=(CaseUnheld(draft=draft, choice=choice),))
    if has_it and takes_over:
        told = claims.taken_over(chat, draft.agent)
        chat, sends = claims.take(turn, care, chat, draft.agent)
        decision = _with(decision, chat, sends=sends, desk=told)
    anyway = has_it is not None and not takes_over
    return _pass(turn, care, decision, replace(draft, anyway=anyway, at=turn.now))


def _noted(decision: Decision, draft: Draft) -> Decision:
    """The note it was meant to be: shown and logged like any other."""
    line = Line(
        draft.message_id, Author.AGENT, draft.text, draft.at, draft.attachments, author_name=draft.agent.name
    )
    logged = MessageLogged(
        message_id=draft.message_id,
        author=Author.AGENT,
        author_id=draft.agent.id,
        author_name=draft.agent.name,
        text=draft.text,
        kind=MessageKind.NOTE,
        attachments=draft.attachments,
    )
    chat = decision.chat.wrote(Written(draft.message_id, draft.agent.id, note=True))
    noted = _with(decision, chat, desk=(CaseLine(line=line, note=True),))
    return replace(noted, facts=(*noted.facts, logged))


# --- files -----------------------------------------------------------------------------------


def is_agents(chat: Chat, message_id: str) -> bool:
    """Whether a file is one that an agent sends, or did not send after all."""
    known = chat.draft(message_id) or chat.written_as(message_id)
    return known is not None or message_id in chat.recalled


def file_came(turn: Turn, care: Care) -> Decision:
    """A file of an agent's is there (the engine has marked it): what waited for it goes."""
    return _flushed(turn, care, Decision(chat=turn.chat))


def file_failed(turn: Turn, care: Care) -> Decision:
    """A file of an agent's will never be there. Its message goes without, if there is anything left of it;
    the desk tells the agent which file it was."""
    event = turn.event
    draft = turn.chat.draft(event.message_id) if isinstance(event, MediaFailed) else None
    if draft is None or not isinstance(event, MediaFailed):
        return silent(turn)
    left = tuple(file for file in draft.attachments if file.id != event.attachment.id)
    if left or draft.text.strip():
        return _flushed(turn, care, Decision(chat=turn.chat.redraft(replace(draft, attachments=left))))
    return _flushed(turn, care, _given_up(Decision(chat=turn.chat), draft, event.reason))


def taken_back(turn: Turn, care: Care, draft: Draft) -> Decision:
    """The agent deleted what was held; what waited behind it goes."""
    return _flushed(turn, care, _unheld(turn.chat, draft, DraftChoice.DISCARD))


def own(chat: Chat, message_id: str, agent: Agent) -> Draft | None:
    """A held message of that agent."""
    draft = chat.draft(message_id)
    return draft if draft is not None and draft.agent.id == agent.id else None


# --- on its way ------------------------------------------------------------------------------


def _pass(turn: Turn, care: Care, decision: Decision, draft: Draft) -> Decision:
    """Nothing stands against it but files that are still to come, its own or those before it."""
    decision = replace(decision, timers=claims.NO_TIMERS)
    if decision.chat.speaker is not Speaker.HUMAN:
        chat, sends = claims.take(turn, care, decision.chat, draft.agent)
        decision = _with(decision, chat, sends=sends)
    if draft.has_all_files and not _queue(decision.chat):
        return _say(turn, care, decision, draft, draft.undo_seconds)
    return _keep(decision, replace(draft, reason=HoldReason.FILES))


def _queue(chat: Chat) -> tuple[Draft, ...]:
    """What waits for files, in order."""
    return tuple(draft for draft in chat.drafts if draft.reason is HoldReason.FILES)


def _flushed(turn: Turn, care: Care, decision: Decision) -> Decision:
    """Whatever need not wait any more goes, in order."""
    for draft in _queue(decision.chat):
        if not draft.has_all_files:
            break
        decision = _released(turn, care, decision, draft)
    return decision


def _released(turn: Turn, care: Care, decision: Decision, draft: Draft) -> Decision:
    """It was written while its author might: it goes, even if they have given the conversation away since.
    Over a colleague who took it from them, or to what turned out no customer, it does not."""
    chat = decision.chat
    has_it = claims.colleague(chat, draft.agent)
    if has_it and not draft.anyway:
        return _ask(decision, replace(draft, reason=HoldReason.COLLEAGUE), has_it)
    if chat.conversation is not None and chat.conversation.outcome is Outcome.SPAM:
        return _ask(decision, replace(draft, reason=HoldReason.CLOSED))
    passed = (turn.now - draft.at).total_seconds()
    return _say(turn, care, decision, draft, max(0.0, draft.undo_seconds - passed))


def _say(turn: Turn, care: Care, decision: Decision, draft: Draft, delay: float) -> Decision:
    chat, mail = resume_email.announce(decision.chat, turn, care, delay=delay)
    chat = chat.without_draft(draft.message_id).wrote(Written(draft.message_id, draft.agent.id))
    message = MessageOut(
        text=draft.text,
        author=Author.AGENT,
        author_name=claims.first_name(draft.agent),
        author_id=draft.agent.id,
        attachments=draft.attachments,
        answers=False,
        message_id=draft.message_id,
    )
    return _with(decision, chat, sends=(Send(payload=message, delay=delay), *mail))


def _ask(decision: Decision, draft: Draft, has_it: Agent | None = None) -> Decision:
    held = _keep(decision, draft)
    return _with(held, held.chat, desk=(CaseHeld(draft=draft, holder=has_it),))


def _keep(decision: Decision, draft: Draft) -> Decision:
    """Hold it; should that push out another, its author is told."""
    chat = decision.chat.hold(draft)
    decision, before = replace(decision, chat=chat), decision.chat.drafts
    for other in before:
        if other.message_id != draft.message_id and chat.draft(other.message_id) is None:
            decision = _given_up(decision, other, TOO_MANY)
    return decision


def _given_up(decision: Decision, draft: Draft, reason: str) -> Decision:
    gone = _unheld(decision.chat, draft, DraftChoice.DISCARD)
    fate = CaseFate(message_id=draft.message_id, status=ReceiptStatus.FAILED, detail=reason)
    return _with(decision, gone.chat, desk=(*gone.desk, fate))


def _with(
    decision: Decision, chat: Chat, *, sends: tuple[Send, ...] = (), desk: tuple[DeskPayload, ...] = ()
) -> Decision:
    return replace(decision, chat=chat, sends=(*decision.sends, *sends), desk=(*decision.desk, *desk))
