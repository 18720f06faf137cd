"""The card at the head of a thread, kept as the case is; what happened to it, said below; pointers to it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.desk.slack.cards import Told, is_live, step
from bot.desk.slack.client import PLACE_GONE, ROOT_GONE
from bot.desk.slack.escaping import mrkdwn
from bot.desk.slack.lines import Writer, may_join
from bot.desk.slack.names import place_of
from bot.desk.slack.places import ON_CARD, Places
from bot.desk.slack.posting import Job, Message, Surroundings, entries_in, metadata, post_once, standing
from bot.desk.slack.presses import is_rating
from bot.desk.slack.wording import say
from bot.domain.chat import RECENT_TEXT
from bot.domain.errors import DeliveryRefused
from bot.domain.message import Author, Line
from bot.domain.outgoing import CaseCard, CaseLine, Outgoing
from bot.ports.threads import Thread

_REACH = 64
_HALF = re.compile(r"(?:\S*@\S*|\+?[(\d][\d\s.()/_·+\u2010-\u2015-]*)$")
_TOLD = "card"
_POINTER = "pointer"

Shown = tuple[Outgoing, CaseCard]


class Heads:
    """Shows cards."""

    def __init__(self, around: Surroundings, places: Places) -> None:
        self._around = around
        self._places = places

    async def show(self, job: Job, entries: Sequence[Outgoing]) -> None:
        """The newest card; what happened in all of them. Older ones than what is shown change nothing."""
        notes = await self._around.threads.notes(job.conversation)
        version, told = _told(notes)
        cards = [
            (one, one.payload)
            for one in entries
            if isinstance(one.payload, CaseCard) and _version(one) >= version
        ]
        if not cards:
            return
        newest = cards[-1][1]
        thread = await self._around.threads.of(job.conversation)
        if thread is None:
            if not any(is_live(card) for _entry, card in cards):
                return
            thread = await self._places.open(job, newest)
        elif told is None or len(cards) > 1 or Told.of(newest) != told or _version(cards[-1][0]) > version:
            thread = await self._update(job, thread, newest)
        await self._news(job, thread, told, cards)
        await self._point(job, thread, newest, notes, changed=Told.of(newest) != told)
        await self._around.threads.note(job.conversation, _TOLD, _as_note(cards[-1]))

    async def _update(self, job: Job, thread: Thread, card: CaseCard) -> Thread:
        message = self._around.drawer(job.conversation, thread.place).card(card)
        try:
            await job.calls.update(thread.place, thread.root, **message)
        except DeliveryRefused as refusal:
            if refusal.reason not in PLACE_GONE | ROOT_GONE:
                raise
            return await self._places.move(job, thread, refusal.reason, card)
        return thread

    # --- what happened -------------------------------------------------------------------------

    async def _news(self, job: Job, thread: Thread, told: Told | None, cards: Sequence[Shown]) -> None:
        """Steps, as one message; then, in a case that goes on, what was said since it was last shown."""
        drawer = self._around.drawer(job.conversation, thread.place)
        there = await standing(job, thread)
        said: list[str] = []
        marks: list[str] = []
        for entry, card in cards:
            steps = step(drawer, told, card, entry.at)
            if steps and entry.id not in there:
                said += steps
                marks.append(entry.id)
            if told is not None and not told.is_live and is_live(card):
                await self._say(job, thread, said, marks)
                said, marks = [], []
                await self._meanwhile(job.of(entry), thread, card.recent)
            told = Told.of(card)
        await self._say(job, thread, said, marks)

    async def _say(self, job: Job, thread: Thread, said: Sequence[str], marks: Sequence[str]) -> None:
        if not said:
            return
        blocks = [{"type": "context", "elements": [mrkdwn(words)]} for words in said]
        message: Message = {"text": "\n".join(said), "blocks": blocks}
        await post_once(self._around, job, thread, f"step:{marks[-1]}", message, entries=marks)

    async def _meanwhile(self, job: Job, thread: Thread, recent: Sequence[Line]) -> None:
        """What was said while no person had it, as far as the card still holds it; not the system's lines."""
        said = [line for line in recent if line.author is not Author.SYSTEM and not is_rating(line)]
        new = [CaseLine(line=_marked(line)) for line in said if not await self._is_shown(job, line)]
        while new:
            together = [new.pop(0)]
            while new and may_join(together, new[0]):
                together.append(new.pop(0))
            await self._post(job, thread, together)

    async def _is_shown(self, job: Job, line: Line) -> bool:
        threads = self._around.threads
        if line.author is Author.AGENT and place_of(line.message_id) is not None:
            return True
        return bool(
            await threads.find(job.conversation, line.message_id)
            or await threads.find(job.conversation, f"{ON_CARD}{line.message_id}")
        )

    async def _post(self, job: Job, thread: Thread, together: Sequence[CaseLine]) -> None:
        language = self._around.language_at(thread.place)
        channel = job.entry.chat.channel
        writer = Writer(job.conversation, channel, language, self._around.knowledge)
        message = writer.parts(together)[0]
        ids = [line.line.message_id for line in together]
        marks = [f"{job.entry.id}/{ids[0]}"]
        ts = await post_once(self._around, job, thread, ids[0], message, entries=marks)
        for message_id in ids[1:]:
            await self._around.threads.remember(job.conversation, message_id, ts)

    # --- pointers ------------------------------------------------------------------------------

    async def _point(
        self, job: Job, thread: Thread, card: CaseCard, notes: Mapping[str, str], *, changed: bool
    ) -> None:
        """A case of a team whose channels do not hold its thread is pointed to from one of them."""
        team = self._around.teams.get(card.team)
        away = team is not None and is_live(card) and thread.place not in team.channels
        name, place, ts = json.loads(notes[_POINTER]) if _POINTER in notes else ("", "", "")
        if name and name == card.team:
            if changed:
                await self._change(job, place, ts, await self._pointer(job, thread, card, place))
            if not is_live(card):
                await self._around.threads.note(job.conversation, _POINTER, None)
            return
        if name:
            await self._change(job, place, ts, self._moved(job, card, place))
            await self._around.threads.note(job.conversation, _POINTER, None)
        if away:
            await self._new_pointer(job, thread, card)

    async def _new_pointer(self, job: Job, thread: Thread, card: CaseCard) -> None:
        team = self._around.teams[card.team]
        ours = [
            place for place in self._places.channels(job.conversation, card.team) if place in team.channels
        ]
        for place in ours:
            try:
                ts = await self._post_pointer(job, thread, card, place)
            except DeliveryRefused as refusal:
                if refusal.reason not in PLACE_GONE:
                    raise
                continue
            await self._around.threads.note(job.conversation, _POINTER, json.dumps([card.team, place, ts]))
            return

    async def _post_pointer(self, job: Job, thread: Thread, card: CaseCard, place: str) -> str:
        mark = f"{job.entry.id}/pointer"
        if job.doubtful:
            there = entries_in(await job.calls.since(place, job.since))
            if mark in there:
                return there[mark]
        message = await self._pointer(job, thread, card, place)
        return await job.calls.post(place, metadata=metadata([mark]), **message)

    async def _pointer(self, job: Job, thread: Thread, card: CaseCard, place: str) -> Message:
        link = await job.calls.link(thread.place, thread.root)
        return self._around.drawer(job.conversation, place).pointer(card, link)

    def _moved(self, job: Job, card: CaseCard, place: str) -> Message:
        drawer = self._around.drawer(job.conversation, place)
        if is_live(card):
            words = say("desk.pointer_moved", drawer.language, team=drawer.team(card.team))
        else:
            state = say(f"desk.summary_{card.state.value}", drawer.language)
            words = say("desk.pointer_over", drawer.language, state=state)
        block = {"type": "section", "text": mrkdwn(words)}
        return {"text": words, "attachments": [{"color": "#9aa0a6", "fallback": words, "blocks": [block]}]}

    async def _change(self, job: Job, place: str, ts: str, message: Message) -> None:
        try:
            await job.calls.update(place, ts, **message)
        except DeliveryRefused as refusal:
            if refusal.reason not in PLACE_GONE | ROOT_GONE:
                raise


# --- what the thread was told last, and how new that was ------------------------------------------


def _version(entry: Outgoing) -> tuple[int, int]:
    return entry.epoch, int(entry.at.timestamp() * 1000)


def _as_note(shown: Shown) -> str:
    entry, card = shown
    told = Told.of(card)
    return json.dumps([*_version(entry), told.state, told.agent, told.team, told.hushed])


def _told(notes: Mapping[str, str]) -> tuple[tuple[int, int], Told | None]:
    if _TOLD not in notes:
        return (-1, 0), None
    epoch, at, state, agent, team, hushed = json.loads(notes[_TOLD])
    return (epoch, at), Told(state, agent, team, hushed)


def _marked(line: Line) -> Line:
    """A line of a card, with a mark when the chat kept its beginning only. Half a number or an address at
    the cut would not be known for one: it goes."""
    if len(line.text) < RECENT_TEXT:
        return line
    kept, end = line.text[:-_REACH], line.text[-_REACH:]
    return replace(line, text=f"{kept}{_HALF.sub('', end)}…")
