"""What befalls the app in its workspace, and what it is allowed there."""

from __future__ import annotations

from typing import Any

from tests.fakes.slack.errors import Refused
from tests.fakes.slack.events import Events
from tests.fakes.slack.messages import Messages
from tests.fakes.slack.records import Channel
from tests.fakes.slack.state import Workspace

Json = dict[str, Any]


class Happenings:
    """Tokens revoked, channels lost, people coming and going: each with Slack's event for it."""

    workspace: Workspace
    events: Events
    messages: Messages

    def revoke_token(self, error: str = "token_revoked") -> None:
        """The bot token stops working: ``token_revoked``, ``account_inactive`` or ``invalid_auth``."""
        self.workspace.revoked[self.workspace.bot_token] = error
        tokens = {"oauth": [], "bot": [self.workspace.bot_user]}
        self.events.event({"type": "tokens_revoked", "tokens": tokens, "event_ts": self.workspace.ids.ts()})

    def revoke_app_token(self, error: str = "invalid_auth") -> None:
        """No new sockets."""
        self.workspace.revoked[self.workspace.app_token] = error

    def restore_tokens(self) -> None:
        """Both work again."""
        self.workspace.revoked.clear()

    def set_scopes(self, scopes: str) -> None:
        """The app was installed with these."""
        self.workspace.scopes = set(scopes.split(","))

    def join(self, channel_id: str, user_id: str) -> None:
        """Somebody (the bot too) comes in."""
        channel = self.workspace.channel(channel_id)
        channel.members.append(user_id)
        self._membership("member_joined_channel", channel, user_id)

    def leave(self, channel_id: str, user_id: str) -> None:
        """Somebody goes."""
        channel = self.workspace.channel(channel_id)
        channel.members.remove(user_id)
        self._membership("member_left_channel", channel, user_id)

    def _membership(self, kind: str, channel: Channel, user_id: str) -> None:
        letter = {"channel": "C", "group": "G", "im": "D"}[channel.kind]
        event = {"type": kind, "user": user_id, "channel": channel.id, "channel_type": letter}
        event |= {"team": self.workspace.team["id"], "event_ts": self.workspace.ids.ts()}
        self.events.event(event, channel=channel, scope=f"{channel.kind}s:read")

    def remove_bot(self, channel_id: str) -> None:
        """The bot is removed: ``channel_left`` (``group_left``), and ``not_in_channel`` from then on."""
        channel = self.workspace.channel(channel_id)
        channel.members.remove(self.workspace.bot_user)
        kind = "group_left" if channel.kind == "group" else "channel_left"
        self.events.event({"type": kind, "channel": channel_id, "event_ts": self.workspace.ids.ts()})

    def archive(self, channel_id: str, *, by: str = "U0") -> None:
        """``is_archived`` from then on."""
        channel = self.workspace.channel(channel_id)
        channel.is_archived = True
        kind = "group_archive" if channel.kind == "group" else "channel_archive"
        event = {"type": kind, "channel": channel_id, "user": by, "event_ts": self.workspace.ids.ts()}
        self.events.event(event, channel=channel, scope=f"{channel.kind}s:read")

    def delete_channel(self, channel_id: str) -> None:
        """``channel_not_found`` from then on."""
        channel = self.workspace.channel(channel_id)
        kind = "group_deleted" if channel.kind == "group" else "channel_deleted"
        event = {"type": kind, "channel": channel_id, "event_ts": self.workspace.ids.ts()}
        self.events.event(event, channel=channel, scope=f"{channel.kind}s:read")
        channel.is_deleted = True

    def unfurl(
        self, channel_id: str, ts: str, *, title: str = "A page", url: str = "https://example.org"
    ) -> None:
        """Slack adds a preview of a link to a message: ``message_changed``, though nobody edited it."""
        preview = {"title": title, "title_link": url, "from_url": url, "original_url": url, "fallback": title}
        self.messages.unfurl(self.workspace.channel(channel_id), ts, [preview])

    def delete_file(self, file_id: str) -> None:
        """A tombstone in every message that showed it."""
        stored = self.workspace.files[file_id]
        stored.record["mode"] = "tombstone"
        stored.complete = False
        for channel in self.workspace.channels.values():
            for message in channel.messages:
                if any(each["id"] == file_id for each in message.get("files", [])):
                    message["files"] = [
                        {"id": file_id, "mode": "tombstone"} if each["id"] == file_id else each
                        for each in message["files"]
                    ]
        event = {"type": "file_deleted", "file_id": file_id, "event_ts": self.workspace.ids.ts()}
        self.events.event(event, scope="files:read")


class Rights:
    """What the Web API asks before it acts."""

    workspace: Workspace

    def require(self, *scopes: str) -> None:
        """Refuse unless the token was granted these."""
        missing = [each for each in scopes if each not in self.workspace.scopes]
        if missing:
            raise Refused(
                "missing_scope", needed=",".join(missing), provided=",".join(sorted(self.workspace.scopes))
            )

    def visible(self, channel_id: str) -> Channel:
        """A channel the bot can know of."""
        found = self.workspace.channels.get(channel_id)
        if found is None or found.is_deleted:
            raise Refused("channel_not_found")
        if found.kind != "channel" and self.workspace.bot_user not in found.members:
            raise Refused("channel_not_found")
        return found

    def inside(self, channel: Channel) -> None:
        """Refuse unless the bot is a member."""
        if self.workspace.bot_user not in channel.members:
            raise Refused("not_in_channel")

    def writable(self, channel_id: str, *, public: str = "") -> Channel:
        """A channel the bot may write in; ``public``: the scope that lets it write where it is no member."""
        channel = self.visible(channel_id)
        if channel.is_archived:
            raise Refused("is_archived")
        if not (channel.kind == "channel" and public and public in self.workspace.scopes):
            self.inside(channel)
        return channel
