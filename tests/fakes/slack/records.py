"""The records a workspace is made of: people, channels with their messages, files, views, calls."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]


@dataclass
class Person:
    """A member, a guest, somebody from another workspace, or a bot."""

    id: str
    real_name: str
    name: str
    locale: str
    team_id: str
    email: str | None = None
    tz: str = "Europe/Paris"
    is_bot: bool = False
    is_admin: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    deleted: bool = False
    presence: str = "active"

    def public(self, *, email: bool, locale: bool) -> Json:
        """What users.info tells."""
        profile: Json = {
            "real_name": self.real_name,
            "real_name_normalized": self.real_name,
            "display_name": self.name,
            "display_name_normalized": self.name,
            "first_name": self.real_name.split()[0],
            "last_name": " ".join(self.real_name.split()[1:]),
            "status_text": "",
            "status_emoji": "",
            "avatar_hash": hashlib.sha256(self.id.encode()).hexdigest()[:12],
            "team": self.team_id,
        }
        if email and self.email and not self.is_bot:
            profile["email"] = self.email
        shown: Json = {
            "id": self.id,
            "team_id": self.team_id,
            "name": self.name,
            "deleted": self.deleted,
            "real_name": self.real_name,
            "tz": self.tz,
            "tz_label": "Central European Time",
            "tz_offset": 3600,
            "profile": profile,
            "is_admin": self.is_admin,
            "is_owner": False,
            "is_primary_owner": False,
            "is_restricted": self.is_restricted,
            "is_ultra_restricted": self.is_ultra_restricted,
            "is_bot": self.is_bot,
            "is_app_user": False,
            "updated": 1_700_000_000,
        }
        if self.is_stranger:
            shown["is_stranger"] = True
        if locale:
            shown["locale"] = self.locale
        return shown


@dataclass
class Channel:
    """A conversation. ``messages`` are the records Slack would show, oldest first (replies among them)."""

    id: str
    name: str
    kind: str = "channel"  # channel, group (private) or im
    members: list[str] = field(default_factory=list)
    is_archived: bool = False
    is_deleted: bool = False
    is_ext_shared: bool = False
    creator: str = "U0"
    by_ts: dict[str, Json] = field(default_factory=dict)
    removed: list[Json] = field(default_factory=list)
    _replies: dict[str, list[str]] = field(default_factory=dict)

    @property
    def messages(self) -> list[Json]:
        """All that is still there, in the order it was posted."""
        return list(self.by_ts.values())

    def thread(self, ts: str) -> list[Json]:
        """A thread: its root, then its replies in order, each with reactions and files."""
        return [self.by_ts[each] for each in (ts, *self._replies.get(ts, ())) if each in self.by_ts]

    def put(self, record: Json) -> None:
        """A new message, later than any other; at its place in its thread."""
        self.by_ts[record["ts"]] = record
        if record.get("thread_ts", record["ts"]) != record["ts"]:
            self._replies.setdefault(record["thread_ts"], []).append(record["ts"])

    def take(self, ts: str) -> None:
        """A message goes."""
        record = self.by_ts.pop(ts)
        if record.get("thread_ts", ts) != ts:
            self._replies[record["thread_ts"]].remove(ts)

    def top(self) -> list[Json]:
        """What the channel shows outside threads."""
        return [
            each
            for each in self.messages
            if each.get("thread_ts", each["ts"]) == each["ts"] or each.get("subtype") == "thread_broadcast"
        ]

    def recount(self, root_ts: str) -> None:
        """Bring the counters on a thread's root up to date."""
        root = self.by_ts.get(root_ts)
        if root is None:
            return
        replies = [each for each in self.thread(root_ts) if each["ts"] != root_ts]
        counters = (
            "reply_count",
            "reply_users_count",
            "latest_reply",
            "reply_users",
            "is_locked",
            "subscribed",
        )
        if not replies:
            for name in (*counters, "thread_ts"):
                root.pop(name, None)
            return
        writers = list(dict.fromkeys(each.get("user") or each.get("bot_id") for each in replies))
        root.update(
            thread_ts=root_ts,
            reply_count=len(replies),
            reply_users_count=len(writers),
            latest_reply=replies[-1]["ts"],
            reply_users=writers,
            is_locked=False,
            subscribed=True,
        )

    def public(self, me: str) -> Json:
        """What conversations.info tells."""
        if self.kind == "im":
            return {
                "id": self.id,
                "created": 1_700_000_000,
                "is_archived": False,
                "is_im": True,
                "is_org_shared": False,
                "user": next((each for each in self.members if each != me), me),
                "is_open": True,
            }
        private = self.kind == "group"
        return {
            "id": self.id,
            "name": self.name,
            "name_normalized": self.name,
            "is_channel": not private,
            "is_group": False,
            "is_im": False,
            "is_mpim": False,
            "is_private": private,
            "created": 1_700_000_000,
            "creator": self.creator,
            "is_archived": self.is_archived,
            "is_general": False,
            "is_shared": self.is_ext_shared,
            "is_ext_shared": self.is_ext_shared,
            "is_org_shared": False,
            "is_member": me in self.members,
            "num_members": len(self.members),
            "topic": {"value": "", "creator": "", "last_set": 0},
            "purpose": {"value": "", "creator": "", "last_set": 0},
        }


@dataclass(frozen=True)
class Generated:
    """Contents of a file that exist only while they are read: ``head``, then filling up to ``size``."""

    size: int
    head: bytes = b""

    def chunks(self, step: int = 65_536) -> Iterator[bytes]:
        """Piece by piece."""
        left = self.size
        if self.head:
            yield self.head[:left]
            left -= min(left, len(self.head))
        filling = bytes(range(256)) * (step // 256)
        while left > 0:
            yield filling[:left]
            left -= min(left, len(filling))


@dataclass
class StoredFile:
    """A file: its record as Slack shows it, and where its bytes come from."""

    record: Json
    content: bytes | Generated | Path | None = None
    complete: bool = False
    declared: int = 0
    alt_txt: str | None = None

    def chunks(self) -> Iterator[bytes]:
        """The bytes, never all at once unless they were given so."""
        if isinstance(self.content, Generated):
            yield from self.content.chunks()
        elif isinstance(self.content, Path):
            with self.content.open("rb") as opened:
                while piece := opened.read(65_536):
                    yield piece
        elif self.content is not None:
            yield self.content

    def read(self) -> bytes:
        """All of it, for a test to compare."""
        return b"".join(self.chunks())


@dataclass
class View:
    """A modal or a Home page in front of one person."""

    data: Json
    user: str
    open: bool = True
    errors: Json = field(default_factory=dict)


@dataclass
class Call:
    """One call of the Web API. ``when``: Unix time; ``status``: HTTP's; ``error``: Slack's code."""

    method: str
    arguments: Json
    when: float
    status: int | None = None
    error: str | None = None
    took_effect: bool = False
    answer: Json | None = None
