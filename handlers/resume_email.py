"""A customer who waits on the web chat may leave an email, to be told that an answer is there."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot.domain.chat import Chat, Speaker
from bot.domain.decision import Decision, Send
from bot.domain.events import ButtonPress
from bot.domain.outgoing import ResumeEmail
from bot.domain.turn import Turn
from handlers import handoff, order_facts
from handlers.care import Care
from handlers.saying import notice, silent

AWAITING = "contact_email"
ASKED_AGAIN = "email_asked_again"
LAST = "resume_email"


async def ask(turn: Turn, care: Care) -> Decision:
    """The customer wants to leave an email: ask for it."""
    if not care.resume_email_enabled(turn.chat):
        return await handoff.in_queue(turn, care)
    dialogue = turn.chat.dialogue.with_slot(ASKED_AGAIN, None)
    chat = replace(turn.chat, dialogue=replace(dialogue, awaiting=AWAITING))
    return notice(turn, care.replies.get("email.ask", turn.language), chat=chat)


async def take(turn: Turn, care: Care) -> Decision:
    """The message after: keep the address, or ask once more, then leave it."""
    found = order_facts.email_in(turn.text)
    if found is not None:
        chat = replace(_done(turn.chat), email=found)
        return notice(turn, care.replies.get("email.kept", turn.language, email=found), chat=chat)
    if turn.chat.speaker is not Speaker.WAITING:
        return silent(turn)
    if turn.chat.dialogue.slot(ASKED_AGAIN) is None:
        chat = replace(turn.chat, dialogue=turn.chat.dialogue.with_slot(ASKED_AGAIN, "yes"))
        return notice(turn, care.replies.get("email.again", turn.language), chat=chat)
    return await handoff.acknowledge(replace(turn, chat=_done(turn.chat)), care)


def is_awaited(turn: Turn) -> bool:
    """Whether this message may be the email we asked for."""
    return turn.chat.dialogue.awaiting == AWAITING and not isinstance(turn.event, ButtonPress)


def announce(chat: Chat, turn: Turn, care: Care, *, delay: float) -> tuple[Chat, tuple[Send, ...]]:
    """The email that says an answer is there, ``delay`` seconds from now, unless one left lately."""
    if not chat.email or not care.resume_email_enabled(chat):
        return chat, ()
    last = chat.mark(LAST)
    if last is not None and turn.now - datetime.fromisoformat(last) < care.email_every:
        return chat, ()
    email = ResumeEmail(to=chat.email, language=turn.language)
    return chat.with_mark(LAST, turn.now.isoformat()), (Send(payload=email, delay=delay),)


def _done(chat: Chat) -> Chat:
    dialogue = chat.dialogue.with_slot(ASKED_AGAIN, None)
    return replace(chat, dialogue=replace(dialogue, awaiting=None))
