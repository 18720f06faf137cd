"""Every change to messages, whoever makes it, and the event Slack sends for it."""

from __future__ import annotations

import uuid
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from tests.fakes.slack.errors import Refused
from tests.fakes.slack.kept_blocks import settle
from tests.fakes.slack.records import Channel
from tests.fakes.slack.texts import pings, rich_text, typed

if TYPE_CHECKING:
    from tests.fakes.slack.stand_in import SlackStandIn

Json = dict[str, Any]

# What Slack keeps with a message but does not repeat in events about it.
_NOT_IN_EVENTS = ("metadata", "reactions", "reply_count", "reply_users_count", "latest_reply", "reply_users")
_NOT_IN_NEW = (*_NOT_IN_EVENTS, "is_locked", "subscribed")


class Messages:
    """Posts, edits, deletes and reactions, with their events."""

    def __init__(self, slack: SlackStandIn) -> None:
        self._slack = slack

    # Writing

    def by_person(self, channel: Channel, user: str, text: str, thread_ts: str | None, **more: Any) -> Json:
        """A message somebody typed, as their client sends it."""
        person = self._slack.workspace.people[user]
        record: Json = {
            "user": user,
            "type": "message",
            "client_msg_id": str(uuid.uuid4()),
            "text": typed(text),
            "team": person.team_id,
            **more,
        }
        if text:
            record["blocks"] = [rich_text(text, self._slack.workspace.ids.token(5))]
        if more.get("files"):
            record |= {"subtype": "file_share", "upload": False, "display_as_bot": False}
            del record["client_msg_id"]
        if person.is_stranger:
            record |= {"user_team": person.team_id, "source_team": person.team_id}
        return self.post(channel, record, thread_ts)

    def by_bot(self, **more: Any) -> Json:
        """The beginning of a message of the app's."""
        known = self._slack.workspace
        return {
            "user": known.bot_user,
            "type": "message",
            "bot_id": known.bot_id,
            "app_id": known.app_id,
            "team": known.team["id"],
            "bot_profile": known.bot_profile(),
            **more,
        }

    def post(
        self, channel: Channel, record: Json, thread_ts: str | None = None, *, broadcast: bool = False
    ) -> Json:
        """Put a record into a channel, or a thread of it, and tell the app."""
        known = self._slack.workspace
        root = self._root(channel, thread_ts)
        record["ts"] = known.ids.ts()
        if root is not None:
            record |= {"thread_ts": root["ts"], "parent_user_id": root.get("user", "")}
            if broadcast:
                record |= {"subtype": "thread_broadcast", "root": _root_of_broadcast(root)}
        channel.put(record)
        if root is not None:
            channel.recount(root["ts"])
        event = {key: value for key, value in record.items() if key not in _NOT_IN_NEW}
        self._tell(channel, event, record["ts"])
        if f"@{known.bot_user}" in pings(record["text"]) and record.get("user") != known.bot_user:
            mention = {k: deepcopy(v) for k, v in event.items() if k != "subtype"} | {"type": "app_mention"}
            self._slack.events.event(
                {**mention, "channel": channel.id, "event_ts": record["ts"]},
                channel=channel,
                scope="app_mentions:read",
            )
        return record

    def _root(self, channel: Channel, thread_ts: str | None) -> Json | None:
        if not thread_ts:
            return None
        root = channel.by_ts.get(thread_ts)
        if root is not None and root.get("thread_ts", thread_ts) != thread_ts:
            root = channel.by_ts.get(root["thread_ts"])
        if root is None:
            raise Refused("thread_not_found")
        return root

    def edit(self, channel: Channel, ts: str, editor: str, **changes: Any) -> Json:
        """Change a message; a value of None takes the field away."""
        record = channel.by_ts[ts]
        before = _quiet(record)
        for key, value in changes.items():
            if value is None:
                record.pop(key, None)
            else:
                record[key] = value
        at = self._slack.workspace.ids.ts()
        record["edited"] = {"user": editor, "ts": at}
        self._changed(channel, _quiet(record), before, at)
        return record

    def unfurl(self, channel: Channel, ts: str, attachments: list[Json]) -> None:
        """Slack shows what a link leads to: a ``message_changed`` that nobody edited."""
        record = channel.by_ts[ts]
        before = _quiet(record)
        record["attachments"] = self.attachments(attachments)
        self._changed(channel, _quiet(record), before, self._slack.workspace.ids.ts())

    def delete(self, channel: Channel, ts: str) -> None:
        """Delete; the root of a thread with replies leaves a tombstone."""
        record = channel.by_ts[ts]
        at = self._slack.workspace.ids.ts()
        channel.removed.append(deepcopy(record))
        if len(channel.thread(ts)) > 1:
            before = _quiet(record)
            kept = {key: record[key] for key in ("ts", "thread_ts", *_NOT_IN_NEW[2:]) if key in record}
            grave = {
                "subtype": "tombstone",
                "text": "This message was deleted.",
                "user": "USLACKBOT",
                "hidden": True,
            }
            channel.by_ts[ts] = {"type": "message", **grave, **kept}
            self._changed(channel, _quiet(channel.by_ts[ts]), before, at)
            return
        channel.take(ts)
        root_ts = record.get("thread_ts")
        if root_ts and root_ts != ts:
            channel.recount(root_ts)
            self._forget_empty_grave(channel, root_ts)
        event = {
            "type": "message",
            "subtype": "message_deleted",
            "hidden": True,
            "deleted_ts": ts,
            "previous_message": _quiet(record),
        }
        self._tell(channel, event, at)

    def _forget_empty_grave(self, channel: Channel, root_ts: str) -> None:
        root = channel.by_ts.get(root_ts)
        if root is not None and root.get("subtype") == "tombstone" and len(channel.thread(root_ts)) == 1:
            channel.take(root_ts)

    def _changed(self, channel: Channel, after: Json, before: Json, at: str) -> None:
        event = {
            "type": "message",
            "subtype": "message_changed",
            "hidden": True,
            "message": after,
            "previous_message": before,
        }
        self._tell(channel, event, at)

    def _tell(self, channel: Channel, event: Json, at: str) -> None:
        kind = channel.kind
        full = {"ts": at, **deepcopy(event), "channel": channel.id, "event_ts": at, "channel_type": kind}
        scope = {"channel": "channels:history", "group": "groups:history", "im": "im:history"}[kind]
        self._slack.events.event(full, channel=channel, scope=scope)

    # Reactions

    def react(self, channel_id: str, ts: str, name: str, user: str) -> None:
        """Add one; again is ``already_reacted``."""
        message = self._slack.workspace.channels[channel_id].by_ts[ts]
        every = message.setdefault("reactions", [])
        mine = next((each for each in every if each["name"] == name), None)
        if mine is not None and user in mine["users"]:
            raise Refused("already_reacted")
        if mine is None:
            if len(every) >= 50:
                raise Refused("too_many_emoji")
            every.append({"name": name, "users": [user], "count": 1})
        else:
            mine["users"].append(user)
            mine["count"] += 1
        self._reaction("reaction_added", channel_id, message, name, user)

    def unreact(self, channel_id: str, ts: str, name: str, user: str) -> None:
        """Take one away; ``no_reaction`` when there is none."""
        message = self._slack.workspace.channels[channel_id].by_ts[ts]
        every = message.get("reactions", [])
        mine = next((each for each in every if each["name"] == name and user in each["users"]), None)
        if mine is None:
            raise Refused("no_reaction")
        mine["users"].remove(user)
        mine["count"] -= 1
        if not mine["users"]:
            every.remove(mine)
        if not every:
            del message["reactions"]
        self._reaction("reaction_removed", channel_id, message, name, user)

    def _reaction(self, kind: str, channel_id: str, message: Json, name: str, user: str) -> None:
        event = {
            "type": kind,
            "user": user,
            "reaction": name,
            "item": {"type": "message", "channel": channel_id, "ts": message["ts"]},
            "event_ts": self._slack.workspace.ids.ts(),
        }
        if message.get("user"):
            event["item_user"] = message["user"]
        channel = self._slack.workspace.channels[channel_id]
        self._slack.events.event(event, channel=channel, scope="reactions:read")

    # Seen by one person only

    def ephemeral(self, user: str, channel: Channel, record: Json, thread_ts: str | None = None) -> Json:
        """Show something to one person; nobody else ever sees it, and Slack keeps no copy."""
        record = {**record, "ts": self._slack.workspace.ids.ts(), "channel": channel.id, "is_ephemeral": True}
        if thread_ts:
            record["thread_ts"] = thread_ts
        self._slack.workspace.ephemerals.setdefault(user, []).append(record)
        return record

    def blocks(self, blocks: list[Json]) -> list[Json]:
        """Blocks as kept."""
        return settle(blocks, lambda: self._slack.workspace.ids.token(5))

    def attachments(self, attachments: list[Json]) -> list[Json]:
        """Attachments as kept: numbered, their blocks settled."""
        kept = []
        for number, each in enumerate(attachments, 1):
            copy = {**deepcopy(each), "id": number}
            if "blocks" in copy:
                copy["blocks"] = self.blocks(copy["blocks"])
            copy.setdefault("fallback", "[no preview available]")
            kept.append(copy)
        return kept


def _quiet(record: Json) -> Json:
    """A message as it appears inside an event."""
    return {key: deepcopy(value) for key, value in record.items() if key not in ("metadata", "reactions")}


def _root_of_broadcast(root: Json) -> Json:
    return {
        key: deepcopy(root[key])
        for key in ("user", "type", "ts", "text", "thread_ts", "reply_count")
        if key in root
    }
