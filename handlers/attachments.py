"""Files: the bot cannot look at them, so a person will."""

from __future__ import annotations

from bot.domain.conversation import HandoffReason
from bot.domain.decision import Decision
from bot.domain.events import CustomerMessage, MediaFailed
from bot.domain.message import AttachmentKind
from bot.domain.turn import Turn
from handlers import drafts, handoff
from handlers.care import Care
from handlers.reading import Kind, Reading
from handlers.saying import notice

PHOTO_MATTERS = frozenset({"faq_parcel_damaged", "faq_wrong_item", "faq_missing_item"})
"""Questions whose answer is in the photo: a file that comes with them goes to a person."""

_VOICE = (AttachmentKind.VOICE, AttachmentKind.AUDIO)


def need_eyes(turn: Turn, found: Reading) -> bool:
    """Whether a person must see the files that came with words: unclear words, or a photo that matters."""
    files = turn.event.attachments if isinstance(turn.event, CustomerMessage) else ()
    if not files:
        return False
    unclear = found.kind in (Kind.UNSURE, Kind.AMBIGUOUS) or found.intent == "out_of_scope"
    sure = {Kind.SURE: (found.intent,), Kind.SEVERAL: found.options}.get(found.kind, ())
    return unclear or not PHOTO_MATTERS.isdisjoint(sure)


async def received(turn: Turn, care: Care) -> Decision:
    """Files came that a person should see: acknowledged and kept for them."""
    files = turn.event.attachments if isinstance(turn.event, CustomerMessage) else ()
    voice = bool(files) and all(file.kind in _VOICE for file in files)
    opening = care.replies.get("attachment.voice" if voice else "attachment.file", turn.language)
    return await handoff.to_person(turn, care, opening, reason=HandoffReason.ATTACHMENT)


async def ready(turn: Turn, care: Care) -> Decision:
    """A file is in the store. The engine shows it to the desk; an agent's may have been waited for."""
    return drafts.file_came(turn, care)


async def failed(turn: Turn, care: Care) -> Decision:
    """A file could not be kept: whoever sent it must know, or they wait for nothing."""
    if isinstance(turn.event, MediaFailed) and drafts.is_agents(turn.chat, turn.event.message_id):
        return drafts.file_failed(turn, care)
    reason = turn.event.reason if isinstance(turn.event, MediaFailed) else ""
    key = "large" if "large" in reason else "refused" if "type" in reason else "unavailable"
    return notice(turn, care.replies.get(f"media.{key}", turn.language), answers=False)
