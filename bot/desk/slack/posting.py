"""What every part of the deliverer works with: its surroundings, one delivery, and posting once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.desk.slack.calls import Calls
from bot.desk.slack.cards import Drawer
from bot.desk.slack.context import DeskTeam
from bot.desk.slack.lines import EVENT
from bot.domain.outgoing import Outgoing
from bot.ports.board import Board
from bot.ports.clock import Clock
from bot.ports.knowledge import Knowledge
from bot.ports.media import MediaStore
from bot.ports.roster import Roster
from bot.ports.threads import Thread, Threads

Message = dict[str, Any]

SKEW = 120.0
"""Seconds by which Slack's clock and ours may differ when we look for a message of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the deliverer was given; see ``SlackDeliverer``."""

    threads: Threads
    board: Board
    media: MediaStore
    knowledge: Knowledge
    roster: Roster
    clock: Clock
    teams: Mapping[str, DeskTeam]
    default_team: str
    admins: tuple[str, ...] = ()
    undo_seconds: float = 0.0

    def team_at(self, place: str) -> DeskTeam | None:
        """The team whose channel that is."""
        return next((team for team in self.teams.values() if place in team.channels), None)

    def language_at(self, place: str) -> str:
        """What is read there."""
        team = self.team_at(place) or self.teams.get(self.default_team)
        return team.language if team else "fr"

    def drawer(self, conversation: str, place: str) -> Drawer:
        """Draws cards for that channel."""
        return Drawer(conversation, self.language_at(place), self.teams, self.knowledge)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One delivery. ``doubtful``: an earlier attempt may have succeeded, wholly or in part. ``said_below``: a
    tick further down the thread says what this one would."""

    entry: Outgoing
    conversation: str
    calls: Calls
    doubtful: bool = False
    said_below: bool = False

    def of(self, entry: Outgoing) -> Job:
        """The same, for another entry that goes along."""
        return replace(self, entry=entry)

    @property
    def since(self) -> str:
        """The earliest ts that what we look for can have."""
        return f"{max(0.0, self.entry.at.timestamp() - SKEW):.6f}"


def metadata(entries: Iterable[str], event: str = EVENT, **more: str) -> Message:
    """By what a message of ours is recognised, should Slack's answer have been lost."""
    return {"event_type": event, "event_payload": {"entries": list(entries), **more}}


def payload_of(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """The metadata of a message of ours; nothing for any other."""
    found = message.get("metadata")
    payload = found.get("event_payload") if isinstance(found, dict) else None
    return payload if isinstance(payload, dict) else {}


def entries_in(messages: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Which entries stand in messages, by id, with the ts of each."""
    return {
        str(entry): str(message["ts"])
        for message in messages
        for entry in payload_of(message).get("entries", ())
    }


async def standing(job: Job, thread: Thread) -> dict[str, str]:
    """The entries that stand in a thread already: looked up at Slack, only in doubt."""
    if not job.doubtful:
        return {}
    return entries_in(await job.calls.thread(thread.place, thread.root, job.since))


async def post_once(
    around: Surroundings,
    job: Job,
    thread: Thread,
    key: str,
    message: Message,
    *,
    entries: Sequence[str] = (),
) -> str:
    """Post in a thread, unless it was done: returns the ts.

    ``key`` is what it is remembered by; a message's own id, or a name of ours with a colon.
    """
    known = await around.threads.find(job.conversation, key)
    if known:
        return known[-1]
    marks = entries or (f"{job.entry.id}/{key}",)
    ts = (await standing(job, thread)).get(marks[0])
    if ts is None:
        ts = await job.calls.post(thread.place, thread.root, metadata=metadata(marks), **message)
    await around.threads.remember(job.conversation, key, ts)
    return ts
