"""Where a conversation's thread is: opened in a channel of its team, and moved when that is lost."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Iterator

import structlog
from prometheus_client import Counter

from bot.desk.slack.cards import EVENT
from bot.desk.slack.client import PLACE_GONE
from bot.desk.slack.escaping import mrkdwn
from bot.desk.slack.posting import Job, Message, Surroundings, metadata, payload_of
from bot.desk.slack.wording import say
from bot.domain.errors import DeliveryDelayed, DeliveryError, DeliveryRefused
from bot.domain.ids import digest
from bot.domain.outgoing import CaseCard
from bot.ports.threads import Thread

log = structlog.get_logger(__name__)

moves = Counter("guichet_slack_threads_moved_total", "Threads that went on elsewhere: their place was lost")

NOWHERE_PAUSE = 60.0
"""Seconds until a case that no channel takes is tried again."""
ON_CARD = "card:"
"""What a line is remembered by that the opening card shows."""
GONE_FOR = 300.0
"""Seconds for which a channel that refused us is not asked again."""


class Places:
    """Opens and moves threads, one at a time for each conversation."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        self._gone: dict[str, float] = {}
        self._told: set[str] = set()

    def channels(self, conversation: str, team: str) -> Iterator[str]:
        """Where a case of a team may go, best first: its channels, then the default team's; each case in
        an order of its own, so that all are used alike."""
        names = dict.fromkeys((team, self._around.default_team))
        found: dict[str, None] = {}
        for known in filter(None, (self._around.teams.get(name) for name in names)):
            ordered = sorted(known.channels, key=lambda one: digest(f"{conversation}@{one}"))
            found.update(dict.fromkeys(ordered))
        now = asyncio.get_running_loop().time()
        return iter(sorted(found, key=lambda one: self._gone.get(one, 0.0) > now))

    async def open(self, job: Job, card: CaseCard, *, search: bool = False) -> Thread:
        """The conversation's thread, opened with this card when it has none.

        Raises:
            DeliveryDelayed: no channel takes it now; nothing is lost.
        """
        async with self._lock(job.conversation):
            known = await self._around.threads.of(job.conversation)
            if known is not None:
                return known
            place, root = await self._root(job, card, search=search or job.doubtful)
            thread = Thread(job.conversation, job.entry.chat, place, root)
            bound = await self._around.threads.open(thread)
            if bound != thread:
                await job.calls.delete(place, root)
                return bound
            await self._remember(job, card, thread)
            return thread

    async def move(self, job: Job, lost: Thread, why: str, card: CaseCard | None = None) -> Thread:
        """Go on elsewhere; somebody else may have moved it already.

        Raises:
            DeliveryDelayed: no channel takes it now.
            DeliveryRefused: nothing is known of the case any more.
        """
        if why in PLACE_GONE:
            self._gone[lost.place] = asyncio.get_running_loop().time() + GONE_FOR
        async with self._lock(job.conversation):
            known = await self._around.threads.of(job.conversation)
            if known is not None and known != lost:
                return known
            if card is None:
                case = await self._around.board.case(job.conversation)
                if case is None:
                    raise DeliveryRefused(why)
                card = case.card
            place, root = await self._root(job, card, search=job.doubtful, lost=lost)
            thread = Thread(job.conversation, job.entry.chat, place, root)
            await self._around.threads.move(thread)
            await self._remember(job, card, thread)
        moves.inc()
        log.error("slack.thread_moved", conversation=job.conversation, place=lost.place, why=why)
        await self._tell(job, lost, thread, why)
        return thread

    def _lock(self, conversation: str) -> asyncio.Lock:
        return self._locks.setdefault(conversation, asyncio.Lock())

    async def _root(
        self, job: Job, card: CaseCard, *, search: bool, lost: Thread | None = None
    ) -> tuple[str, str]:
        """Post the card in the first channel that takes it; in doubt, look whether it stands there."""
        for place in self.channels(job.conversation, card.team):
            if lost is not None and place == lost.place and self._gone.get(place):
                continue
            try:
                root = await self._standing(job, place, lost) if search else None
                return place, root or await self._post(job, card, place)
            except DeliveryRefused as refusal:
                if refusal.reason not in PLACE_GONE:
                    raise
                self._gone[place] = asyncio.get_running_loop().time() + GONE_FOR
                why = refusal.reason
                log.error("slack.channel_lost", place=place, why=why, team=card.team)  # noqa: TRY400
        log.error("slack.no_channel", conversation=job.conversation, team=card.team)
        raise DeliveryDelayed(NOWHERE_PAUSE, everyone=False)

    async def _post(self, job: Job, card: CaseCard, place: str) -> str:
        message = self._around.drawer(job.conversation, place).card(card)
        marks = metadata([job.entry.id], EVENT, conversation=job.conversation)
        return await job.calls.post(place, metadata=marks, **message)

    async def _standing(self, job: Job, place: str, lost: Thread | None) -> str | None:
        for message in await job.calls.since(place, job.since):
            is_root = (message.get("metadata") or {}).get("event_type") == EVENT
            mine = payload_of(message).get("conversation") == job.conversation
            if is_root and mine and (lost is None or message["ts"] != lost.root):
                return str(message["ts"])
        return None

    async def _remember(self, job: Job, card: CaseCard, thread: Thread) -> None:
        """What the card shows need not be shown again below it."""
        for line in card.recent[-6:]:
            await self._around.threads.remember(job.conversation, f"{ON_CARD}{line.message_id}", thread.root)

    # --- telling -----------------------------------------------------------------------------

    async def _tell(self, job: Job, lost: Thread, thread: Thread, why: str) -> None:
        """Those who read on, and the admins once for each channel. It may fail: the thread is there."""
        language = self._around.language_at(thread.place)
        key = f"desk.gone_{why}" if why in PLACE_GONE else "desk.gone_root"
        line = say("desk.moved", language, why=say(key, language))
        try:
            await job.calls.post(thread.place, thread.root, **_notice(line))
            if why in PLACE_GONE and lost.place not in self._told:
                self._told.add(lost.place)
                await self._tell_admins(job, lost, thread, key)
        except DeliveryError as error:
            log.warning("slack.move_not_told", conversation=job.conversation, error=str(error))

    async def _tell_admins(self, job: Job, lost: Thread, thread: Thread, key: str) -> None:
        for admin in self._around.admins:
            language = self._around.language_at(thread.place)
            why = say(key, language)
            line = say("desk.moved_admin", language, channel=lost.place, other=thread.place, why=why)
            await job.calls.post(await job.calls.direct(admin), **_notice(line))


def _notice(text: str) -> Message:
    return {"text": text, "blocks": [{"type": "section", "text": mrkdwn(text)}]}
