"""Takes messages in: what an agent writes, changes or deletes in a conversation's thread becomes an event.

Everything that is to happen is durable before ``take`` returns; what is only said to somebody follows.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import structlog
from prometheus_client import Counter

from bot.desk.slack.authority import Authority, Directory, Refused, SlackSilent
from bot.desk.slack.context import Actor, Desk
from bot.desk.slack.lanes import Lanes
from bot.desk.slack.messages import (
    Changed,
    Deleted,
    Meaning,
    Said,
    Seen,
    attachments,
    fault,
    is_note,
    meaning,
    names_of,
    read,
    unmarked,
)
from bot.desk.slack.missing import Missing
from bot.desk.slack.names import NAME, NOT_SENT, said_at
from bot.desk.slack.plain_text import Plain
from bot.desk.slack.telling import Teller
from bot.desk.slack.wording import say
from bot.domain.events import AgentDelete, AgentDraft, AgentEdit, AgentEvent, AgentNote, AgentReply
from bot.domain.message import HoldReason
from bot.ports.threads import Thread

log = structlog.get_logger(__name__)

TAKEN = Counter("guichet_slack_messages", "Messages in conversations' threads, by what they were", ["kind"])
REFUSED = Counter("guichet_slack_refused", "What people did and may not, by why", ["reason"])

WRITTEN_DOWN_SECONDS = 1.0
"""How long after a card appears it is certainly known here which conversation it is."""

Json = Mapping[str, Any]


class MessageIntake:
    """Takes message events.

    Args:
        desk: where they go.
        authority: says who may.
        directory: says what people are called.
        teller: tells people what became of it.
        lanes: the order of each channel.
        allowed: whether files that are declared so may be taken.
    """

    def __init__(
        self,
        desk: Desk,
        authority: Authority,
        directory: Directory,
        teller: Teller,
        lanes: Lanes,
        allowed: Callable[[str], bool],
    ) -> None:
        self._desk = desk
        self._authority = authority
        self._directory = directory
        self._teller = teller
        self._lanes = lanes
        self._allowed = allowed
        self.missing = Missing(desk.client, directory)

    async def take(self, event: Json) -> None:
        """Take a message event in, those of a channel in the order they came.

        Raises:
            StoreUnavailable, SlackSilent: nothing was promised; Slack will send it again.
        """
        async with self._lanes.of(str(event.get("channel"))):
            try:
                seen = read(event)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                log.warning("slack.event_unreadable", error=type(error).__name__)
                await self._desk.inbox.park(NAME, json.dumps(event, default=str), type(error).__name__)
                return
            if seen is None:
                return
            for above in await self.missing.above(seen):
                await self._seen_again(above)
            await self._seen(seen)

    async def _seen_again(self, event: Json) -> None:
        """What Slack will tell of later, or has told of."""
        try:
            seen = read(event)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            log.warning("slack.event_unreadable", error=type(error).__name__)
            return
        if seen is not None:
            await self._seen(seen)

    async def _seen(self, seen: Seen) -> None:
        thread = await self._thread(seen)
        if thread is None:
            await self._astray(seen)
            return
        actor = await self._authority.judge(seen.user)
        if isinstance(actor, Refused):
            self._refuse(seen, actor)
            return
        match seen:
            case Said():
                await self._said(seen, thread, actor)
            case Changed():
                await self._changed(seen, thread, actor)
            case Deleted():
                await self._deleted(seen, thread, actor)

    async def _thread(self, seen: Seen) -> Thread | None:
        """The conversation it is in. A card can be answered before we have written down where it stands:
        below a message of ours it is looked for twice."""
        found = await self._desk.threads.at(seen.channel, seen.root)
        if found is None and await self._is_below_ours(seen):
            await asyncio.sleep(WRITTEN_DOWN_SECONDS)
            found = await self._desk.threads.at(seen.channel, seen.root)
        return found

    async def _is_below_ours(self, seen: Seen) -> bool:
        if not isinstance(seen, Said) or not seen.parent:
            return False
        try:
            return seen.parent == (await self._directory.ourselves()).user
        except SlackSilent:
            return False

    # --- what is not for a customer ------------------------------------------------------------

    async def _astray(self, seen: Seen) -> None:
        """A thread that is no conversation. Below a message of ours somebody may think it is one."""
        log.debug("slack.no_conversation", channel=seen.channel)
        if not await self._is_below_ours(seen):
            return
        person = await self._directory.remember(seen.user)
        if person is None or person.is_bot:
            return
        if self._teller.is_news("astray", seen.user, seen.channel, seen.root):
            self._whisper(seen, say("acts.no_conversation", person.language))

    def _refuse(self, seen: Seen, refused: Refused) -> None:
        log.warning("slack.refused", user=refused.user, reason=refused.reason.value, what="message")
        REFUSED.labels(refused.reason.value).inc()
        TAKEN.labels("refused").inc()
        if isinstance(seen, Deleted):
            return
        if isinstance(seen, Said):
            self._teller.mark(seen.channel, seen.ts, NOT_SENT)
        if self._teller.is_news("refused", seen.user, seen.channel, seen.root):
            self._whisper(seen, say(f"acts.refused_{refused.reason.value}", refused.language))

    # --- what was written ----------------------------------------------------------------------

    async def _said(self, said: Said, thread: Thread, actor: Actor) -> None:
        text = said.plain(self._name)
        meant = meaning(text, strict=await self._is_strict(thread))
        if meant in (Meaning.NOTE, Meaning.UNMARKED):
            await self._note(said, thread, actor, text, meant)
            return
        wrong = self._wrong(said, text, actor)
        if wrong:
            self._not_sent(said, wrong)
            return
        files = attachments(said)
        common = {**self._common(thread, actor), "id": event_id(said.key)}
        undo = self._desk.rules.undo_seconds
        message_id = said_at(said.channel, said.ts)
        event: AgentEvent
        if meant is Meaning.ASK:
            event = AgentDraft(
                **common,
                message_id=message_id,
                reason=HoldReason.MENTION,
                text=text.text,
                attachments=files,
                undo_seconds=undo,
            )
        else:
            event = AgentReply(
                **common,
                message_id=message_id,
                text=text.text,
                attachments=files,
                undo_seconds=undo,
                reopens=False,
            )
        await self._append(event, meant.value)

    async def _note(self, said: Said, thread: Thread, actor: Actor, text: Plain, meant: Meaning) -> None:
        words = unmarked(text.text)
        if said.files:
            with_files = say("acts.note_files", actor.language, files=names_of(said.files) or "—")
            words = f"{words}\n{with_files}".strip()
        if len(words) > self._desk.rules.text_limit:
            self._not_sent(said, self._too_long(words, actor, "acts.note_too_long"))
            return
        if words:
            event = AgentNote(
                **self._common(thread, actor),
                id=event_id(said.key),
                message_id=said_at(said.channel, said.ts),
                text=words,
            )
            await self._append(event, Meaning.NOTE.value)
        if meant is Meaning.UNMARKED and self._teller.is_news("strict", said.user, said.channel, said.root):
            self._whisper(said, say("acts.strict", actor.language))

    def _wrong(self, said: Said, text: Plain, actor: Actor) -> str:
        """Why a message cannot go to the customer, in words; empty when it can."""
        if not text.text and not said.files:
            return say("acts.nothing_to_send", actor.language)
        if len(text.text) > self._desk.rules.text_limit:
            return self._too_long(text.text, actor, "acts.too_long")
        limit = self._desk.rules.file_bytes
        for file in said.files:
            why = fault(file, limit=limit, allowed=self._allowed)
            if why is not None:
                return say(
                    f"acts.{why.value}", actor.language, name=_shown(file.name), most=_megabytes(limit)
                )
        return ""

    def _too_long(self, text: str, actor: Actor, key: str) -> str:
        return say(key, actor.language, length=len(text), most=self._desk.rules.text_limit)

    def _not_sent(self, said: Said, why: str) -> None:
        TAKEN.labels("not_sent").inc()
        self._teller.mark(said.channel, said.ts, NOT_SENT)
        self._whisper(said, why)

    # --- what was changed, and taken back ------------------------------------------------------

    async def _changed(self, changed: Changed, thread: Thread, actor: Actor) -> None:
        if not changed.is_real:
            return
        strict = await self._is_strict(thread)
        before, after = changed.plain_before(self._name), changed.plain(self._name)
        limit = self._desk.rules.text_limit
        if len(after.text) > limit:
            self._whisper(changed, self._too_long(after.text, actor, "acts.edit_too_long"))
        elif len(before.text) > limit:
            await self._said(_as_said(changed), thread, actor)  # it had not gone: now it may
        elif not after.text:
            self._whisper(changed, say("acts.edit_empty", actor.language))
        else:
            await self._reword(changed, thread, actor, before, after)
            if is_note(after.text) != is_note(before.text) or (after.calls and not strict):
                key = "edit_not_sent" if is_note(after.text) or after.calls else "stays_a_note"
                self._whisper(changed, say(f"acts.{key}", actor.language))

    async def _reword(
        self, changed: Changed, thread: Thread, actor: Actor, before: Plain, after: Plain
    ) -> None:
        """What it was, a reply or a note, the engine knows; what it was marked as may have changed since. So
        whatever is, or was, marked as internal may change a note, but nothing the customer has."""
        event = AgentEdit(
            **self._common(thread, actor),
            id=event_id(f"{changed.key}:edited:{changed.edit}"),
            edited_id=said_at(changed.channel, changed.ts),
            text=unmarked(after.text) or after.text,
            internal=is_note(before.text) or is_note(after.text) or after.calls,
        )
        await self._append(event, "edit")

    async def _deleted(self, deleted: Deleted, thread: Thread, actor: Actor) -> None:
        if self._never_went(deleted):
            return
        event = AgentDelete(
            **self._common(thread, actor),
            id=event_id(f"{deleted.key}:deleted"),
            deleted_id=said_at(deleted.channel, deleted.ts),
        )
        await self._append(event, "delete")

    def _never_went(self, deleted: Deleted) -> bool:
        """Whether it had been refused: then there is nothing to take back."""
        text, files = deleted.plain_before().text, deleted.files
        limit = self._desk.rules.file_bytes
        wrong = any(fault(file, limit=limit, allowed=self._allowed) for file in files)
        empty = not text and not files
        return empty or len(text) > self._desk.rules.text_limit or (wrong and not is_note(text))

    # --- inside --------------------------------------------------------------------------------

    async def _is_strict(self, thread: Thread) -> bool:
        """Whether the team that has the case lets only the button send."""
        teams = self._desk.teams
        if not any(team.strict for team in teams.values()):
            return False
        case = await self._desk.board.case(thread.conversation)
        team = teams.get(case.card.team) if case else None
        if team is None:
            team = next((one for one in teams.values() if thread.place in one.channels), None)
        return team.strict if team else True

    async def _append(self, event: AgentEvent, kind: str) -> None:
        await self._desk.inbox.append(event)
        TAKEN.labels(kind).inc()

    def _common(self, thread: Thread, actor: Actor) -> dict[str, Any]:
        now: datetime = self._desk.clock.now()
        return {"chat": thread.chat, "conversation": thread.conversation, "at": now, "agent": actor.agent}

    def _name(self, user: str) -> str:
        person = self._directory.recalled(user)
        return next(iter(person.name.split()), user) if person else user

    def _whisper(self, seen: Seen, words: str) -> None:
        self._teller.whisper(seen.user, words, channel=seen.channel, thread=seen.root)


def event_id(unique: str) -> str:
    """Our id of something that is unique so at Slack."""
    return f"desk:{NAME}:{unique}"


def _as_said(changed: Changed) -> Said:
    return Said(
        channel=changed.channel,
        ts=changed.ts,
        root=changed.root,
        user=changed.user,
        raw=changed.raw,
        files=changed.files,
    )


def _shown(name: str) -> str:
    """A file's name in a text of ours: it cannot ping, link or format."""
    plain = "".join(" " if character in "*_~`<>&\n" else character for character in name)
    return plain[:80] or "—"


def _megabytes(size: int) -> int:
    return size // (1024 * 1024)
