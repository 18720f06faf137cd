"""The live state of one chat, and who speaks in it.

```
        open            hand_off           claim
CLOSED ──────▶ BOT ───────────────▶ WAITING ─────▶ HUMAN ──┐ claim (take over)
   ▲            ▲ ▲◀── release ────────┘  ▲           │ ◀──┘
   │            │ └────── release ────────┼───────────┤
   └─ close ────┴───────── close ─────────┴─ requeue ─┘
```

Every change of speaker raises ``epoch``; an answer of the bot made under an older epoch is
never sent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from bot.domain.conversation import Conversation, Handoff, Outcome, ServiceLevel
from bot.domain.errors import IllegalTransition
from bot.domain.identity import Agent, ChatId, Profile
from bot.domain.message import Attachment, Draft, Line, Written
from bot.domain.understanding import Guess

RECENT_LINES = 8
RECENT_TEXT = 300
DRAFTS = 20
RECALLED = 20
WRITTEN = 50


class Speaker(StrEnum):
    """Who answers the customer now."""

    BOT = "bot"
    WAITING = "waiting"
    HUMAN = "human"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Dialogue:
    """What the bot remembers within an episode.

    Attributes:
        introduced: whether this episode has said that an automatic assistant speaks.
        unsure: how many times in a row the bot did not understand.
        awaiting: the name of the answer a handler waits for, e.g. ``order_proof``.
        slots: what was gathered so far, by name.
        topics: intents whose "did this help?" was asked, or that were answered.
        failures: failed attempts, by name (order look-ups).
    """

    introduced: bool = False
    unsure: int = 0
    awaiting: str | None = None
    slots: tuple[tuple[str, str], ...] = ()
    topics: tuple[str, ...] = ()
    failures: tuple[tuple[str, int], ...] = ()

    def slot(self, name: str) -> str | None:
        """A gathered value."""
        return dict(self.slots).get(name)

    def with_slot(self, name: str, value: str | None) -> Dialogue:
        """Remember a value, or forget it with None."""
        if self.slot(name) == value:
            return self
        slots = {**dict(self.slots), name: value}
        return replace(self, slots=tuple((key, kept) for key, kept in slots.items() if kept is not None))

    def failed(self, name: str) -> int:
        """How many attempts of that name failed."""
        return dict(self.failures).get(name, 0)

    def with_failure(self, name: str) -> Dialogue:
        """Count one more failed attempt."""
        failures = {**dict(self.failures), name: self.failed(name) + 1}
        return replace(self, failures=tuple(failures.items()))


@dataclass(frozen=True, slots=True)
class Pace:
    """A window of messages, to notice a flood: how many since when, and whether we said so."""

    since: datetime
    count: int = 0
    told: bool = False


@dataclass(frozen=True, slots=True)
class Album:
    """Parts of one album that are still coming in."""

    id: str
    message_id: str
    text: str = ""
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Chat:
    """Everything a turn needs to know of a chat. One atomic commit replaces it by the next.

    ``language`` is an ISO 639-1 code; ``language_chosen`` is True once the customer chose it
    themselves. ``email`` is where to write when an answer waits on the web chat. ``marks`` is what
    must outlive an episode, by name: attempts counted a day, when the last email left. ``drafts`` is what
    agents wrote and was not sent; ``recalled`` which messages were taken back last: one of them that was
    not sent yet never will be; ``written`` which messages agents sent or noted last in this conversation.
    ``guesses`` are the bot's best for the customer's last message.
    """

    id: ChatId
    speaker: Speaker = Speaker.CLOSED
    epoch: int = 0
    contact_id: str = ""
    profile: Profile = Profile()
    language: str | None = None
    language_chosen: bool = False
    email: str | None = None
    conversation: Conversation | None = None
    dialogue: Dialogue = Dialogue()
    pace: Pace | None = None
    albums: tuple[Album, ...] = ()
    recent: tuple[Line, ...] = ()
    marks: tuple[tuple[str, str], ...] = ()
    drafts: tuple[Draft, ...] = ()
    recalled: tuple[str, ...] = ()
    written: tuple[Written, ...] = ()
    guesses: tuple[Guess, ...] = ()

    # --- who speaks ------------------------------------------------------------------------

    def open(self, conversation: Conversation) -> Chat:
        """Begin, or reopen, an episode: the bot speaks."""
        if self.speaker is not Speaker.CLOSED:
            raise IllegalTransition(f"open from {self.speaker}")
        goes_on = self.conversation is not None and self.conversation.id == conversation.id
        chat = self if goes_on else replace(self, written=())
        return chat._spoken_by(Speaker.BOT, conversation, dialogue=Dialogue())

    def hand_off(self, handoff: Handoff) -> Chat:
        """Ask for a person. Asking again while waiting changes nothing, except an alarm: it replaces
        a request that was none, or an alarm of another kind."""
        if self.speaker not in (Speaker.BOT, Speaker.WAITING):
            raise IllegalTransition(f"hand_off from {self.speaker}")
        conversation = self._open_conversation()
        if self.speaker is Speaker.WAITING and conversation.handoff is not None:
            known = conversation.handoff
            if not handoff.urgent or (known.urgent and known.intent == handoff.intent):
                return self
            handoff = replace(handoff, since=known.since)
            return replace(self, conversation=replace(conversation, handoff=handoff))
        return self._spoken_by(Speaker.WAITING, replace(conversation, handoff=handoff))

    def claim(self, agent: Agent, handoff: Handoff) -> Chat:
        """A person takes the floor; ``handoff`` is used when none was asked for."""
        if self.speaker is Speaker.CLOSED:
            raise IllegalTransition("claim from closed")
        conversation = self._open_conversation()
        taken = replace(conversation.handoff or handoff, agent=agent, hushed=False, snoozed_until=None)
        return self._spoken_by(Speaker.HUMAN, replace(conversation, handoff=taken, last_agent=agent))

    def requeue(self, team: str, now: datetime) -> Chat:
        """Back to waiting, for another team or another agent."""
        if self.speaker not in (Speaker.HUMAN, Speaker.WAITING):
            raise IllegalTransition(f"requeue from {self.speaker}")
        conversation = self._open_conversation()
        if conversation.handoff is None:
            raise IllegalTransition("requeue without a handoff")
        handoff = replace(
            conversation.handoff, team=team, agent=None, since=now, hushed=False, answered=False,
            level=ServiceLevel.ON_TIME, due=None, snoozed_until=None,
        )  # fmt: skip
        return self._spoken_by(Speaker.WAITING, replace(conversation, handoff=handoff))

    def release(self) -> Chat:
        """The bot has its voice back, and introduces itself again."""
        if self.speaker not in (Speaker.HUMAN, Speaker.WAITING):
            raise IllegalTransition(f"release from {self.speaker}")
        conversation = replace(self._open_conversation(), handoff=None)
        return self._spoken_by(Speaker.BOT, conversation, dialogue=Dialogue())

    def close(self, outcome: Outcome, now: datetime) -> Chat:
        """End the episode."""
        if self.speaker is Speaker.CLOSED:
            raise IllegalTransition("close from closed")
        conversation = replace(self._open_conversation(), closed_at=now, outcome=outcome, handoff=None)
        return self._spoken_by(Speaker.CLOSED, conversation)

    def _spoken_by(
        self, speaker: Speaker, conversation: Conversation, dialogue: Dialogue | None = None
    ) -> Chat:
        return replace(
            self,
            speaker=speaker,
            epoch=self.epoch + 1,
            conversation=conversation,
            dialogue=self.dialogue if dialogue is None else dialogue,
        )

    def _open_conversation(self) -> Conversation:
        if self.conversation is None or not self.conversation.is_open:
            raise IllegalTransition("no open conversation")
        return self.conversation

    def with_handoff(self, **changes: Any) -> Chat:
        """The same speaker, with something else known of the handoff; nothing when there is none."""
        conversation = self.conversation
        if conversation is None or conversation.handoff is None:
            return self
        handoff = replace(conversation.handoff, **changes)
        return replace(self, conversation=replace(conversation, handoff=handoff))

    # --- what agents wrote ---------------------------------------------------------------------

    def hold(self, draft: Draft) -> Chat:
        """Keep what an agent wrote; the oldest go when there are too many."""
        others = tuple(other for other in self.drafts if other.message_id != draft.message_id)
        return replace(self, drafts=(*others, draft)[-DRAFTS:])

    def draft(self, message_id: str) -> Draft | None:
        """A message that is held."""
        return next((draft for draft in self.drafts if draft.message_id == message_id), None)

    def redraft(self, draft: Draft) -> Chat:
        """A held message with something else in it; its place among the others stays."""
        known = (draft if one.message_id == draft.message_id else one for one in self.drafts)
        return replace(self, drafts=tuple(known))

    def without_draft(self, message_id: str) -> Chat:
        """It is held no more."""
        return replace(self, drafts=tuple(one for one in self.drafts if one.message_id != message_id))

    def recall(self, message_id: str) -> Chat:
        """Take a message back: if it has not been sent, it never will be."""
        return replace(self, recalled=(*self.recalled, message_id)[-RECALLED:])

    def wrote(self, written: Written) -> Chat:
        """An agent's message is sent, or noted."""
        others = tuple(one for one in self.written if one.message_id != written.message_id)
        return replace(self, written=(*others, written)[-WRITTEN:])

    def written_as(self, message_id: str) -> Written | None:
        """What we know of an agent's message; None when it is none, or too old."""
        return next((one for one in self.written if one.message_id == message_id), None)

    # --- what outlives an episode ------------------------------------------------------------

    def mark(self, name: str) -> str | None:
        """A value kept across episodes."""
        return dict(self.marks).get(name)

    def with_mark(self, name: str, value: str) -> Chat:
        """Keep a value across episodes."""
        return replace(self, marks=tuple({**dict(self.marks), name: value}.items()))

    # --- what was said ---------------------------------------------------------------------

    def remember(self, *lines: Line) -> Chat:
        """Keep the last few lines, shortened."""
        return replace(self, recent=with_lines(self.recent, *lines)) if lines else self

    def reword(self, message_id: str, text: str) -> Chat:
        """An edited line, if we still have it."""
        text = text[:RECENT_TEXT]
        recent = tuple(
            replace(line, text=text) if line.message_id == message_id else line for line in self.recent
        )
        return replace(self, recent=recent)

    def with_stored(self, message_id: str, attachment: Attachment) -> Chat:
        """A file of a line we still have is in the media store, and so is a draft's."""

        def files(known: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
            return tuple(attachment if one.id == attachment.id else one for one in known)

        recent = tuple(
            replace(line, attachments=files(line.attachments)) if line.message_id == message_id else line
            for line in self.recent
        )
        drafts = tuple(
            replace(draft, attachments=files(draft.attachments)) if draft.message_id == message_id else draft
            for draft in self.drafts
        )
        return replace(self, recent=recent, drafts=drafts)

    def forget(self, message_id: str) -> Chat:
        """A deleted line."""
        return replace(self, recent=tuple(line for line in self.recent if line.message_id != message_id))


def with_lines(recent: tuple[Line, ...], *lines: Line) -> tuple[Line, ...]:
    """The last few lines once these were said too, shortened."""
    short = (
        line if len(line.text) <= RECENT_TEXT else replace(line, text=line.text[:RECENT_TEXT])
        for line in lines
    )
    return (*recent, *short)[-RECENT_LINES:]
