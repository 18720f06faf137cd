"""What everything that listens to Slack is given: who acts, the teams, and the ways in and out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from slack_sdk.web.async_client import AsyncWebClient

from bot.desk.slack.saved_replies import SavedReplies
from bot.domain.identity import Agent
from bot.ports.board import Board
from bot.ports.clock import Clock
from bot.ports.inbox import Inbox
from bot.ports.knowledge import Knowledge
from bot.ports.nlu import Nlu
from bot.ports.roster import Role, Roster
from bot.ports.service import ServiceReader
from bot.ports.shop import Shop
from bot.ports.store import DeadLetterStore
from bot.ports.threads import Threads

ACTOR = "actor"
"""Where bolt's context holds the ``Actor`` once the request is authorised."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A member of staff who did something in Slack, authorised. ``user`` is Slack's id of them."""

    agent: Agent
    user: str
    role: Role
    teams: tuple[str, ...]
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskTeam:
    """A team as Slack knows it.

    Attributes:
        name: its name in the configuration.
        titles: what people call it, by language.
        channels: where its cases go, spread evenly.
        language: of what is shown to all of it.
        strict: only the *Reply* button sends; a plain message is a note.
        agents: Slack ids of those who answer; ``leads`` of those who lead.
    """

    name: str
    titles: Mapping[str, str]
    channels: tuple[str, ...]
    language: str = "fr"
    strict: bool = False
    agents: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the operator may set. ``undo_seconds``: how long a reply can be taken back before it leaves;
    ``reveal``: who may see what was shortened; ``file_bytes``: the largest file that is taken;
    ``text_limit``: the longest message that is taken, in characters; ``time_zone``: where a team's day
    begins."""

    undo_seconds: float = 3.0
    reveal: frozenset[Role] = frozenset(Role)
    file_bytes: int = 10 * 1024 * 1024
    text_limit: int = 8_000
    time_zone: str = "Europe/Paris"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """All of it. ``admins``: Slack ids of those who are told what only an operator can mend."""

    client: AsyncWebClient
    inbox: Inbox
    threads: Threads
    board: Board
    roster: Roster
    knowledge: Knowledge
    nlu: Nlu
    shop: Shop
    service: ServiceReader
    dead_letters: DeadLetterStore
    clock: Clock
    teams: Mapping[str, DeskTeam]
    rules: Rules = field(default_factory=Rules)
    saved_replies: SavedReplies = field(default_factory=SavedReplies)
    admins: tuple[str, ...] = ()
