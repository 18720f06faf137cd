"""What a workspace holds, as plain inspectable records, and how Slack names things."""

from __future__ import annotations

import random
import string
import time
from typing import Any

from tests.fakes.slack.errors import Refused
from tests.fakes.slack.records import Call, Channel, Person, StoredFile, View

Json = dict[str, Any]

# Every bot scope the implemented methods and events ask for, but one: with chat:write.public, a bot that was
# removed from a public channel could still post there.
ALL_SCOPES = (
    "app_mentions:read,channels:history,channels:join,channels:read,chat:write,chat:write.customize,"
    "commands,files:read,files:write,groups:history,groups:read,im:history,im:read,"
    "im:write,mpim:history,mpim:read,reactions:read,reactions:write,team:read,usergroups:read,"
    "users:read,users:read.email"
)


class Ids:
    """Identifiers and message times as Slack makes them: ids look alike, no two times are equal."""

    def __init__(self) -> None:
        self._last = 0
        self._random = random.Random(7)

    def new(self, prefix: str, length: int = 10) -> str:
        """Such as C0123ABCDE."""
        letters = string.ascii_uppercase + string.digits
        return prefix + "".join(self._random.choices(letters, k=length))

    def token(self, length: int = 24) -> str:
        """For urls and triggers."""
        return "".join(self._random.choices(string.ascii_letters + string.digits, k=length))

    def ts(self) -> str:
        """Now, in seconds with six digits after the point, later than any before."""
        self._last = max(self._last + 1, int(time.time() * 1_000_000))
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"


class Workspace:
    """Everything one Slack knows."""

    def __init__(self, *, team_id: str, scopes: str, name: str = "Atelier") -> None:
        self.ids = Ids()
        self.team = {"id": team_id, "name": name, "domain": name.lower(), "email_domain": ""}
        self.app_id = "A0STANDIN1"
        self.bot_user = "U0GUICHET1"
        self.bot_id = "B0GUICHET1"
        self.bot_name = "guichet"
        self.bot_token = "xoxb-stand-in-0001"
        self.app_token = "xapp-1-A0STANDIN1-0001"
        self.signing_secret = "8f742231b10e8888abcd99yyyzzz85a5"
        self.scopes = set(scopes.split(","))
        self.revoked: dict[str, str] = {}
        self.people: dict[str, Person] = {}
        self.channels: dict[str, Channel] = {}
        self.files: dict[str, StoredFile] = {}
        self.views: dict[str, View] = {}
        self.homes: dict[str, View] = {}
        self.usergroups: list[Json] = []
        self.ephemerals: dict[str, list[Json]] = {}
        self.triggers: dict[str, Json] = {}
        self.response_urls: dict[str, Json] = {}
        self.calls: list[Call] = []
        self.people[self.bot_user] = Person(
            id=self.bot_user,
            real_name="Guichet",
            name=self.bot_name,
            locale="en-US",
            team_id=team_id,
            is_bot=True,
        )

    def person(self, user: str) -> Person:
        """A person, or Slack's refusal."""
        found = self.people.get(user)
        if found is None:
            raise Refused("user_not_found")
        return found

    def channel(self, channel: str) -> Channel:
        """A channel, whether or not the bot may see it (for the test); KeyError when there was never one."""
        return self.channels[channel]

    def im(self, user: str) -> Channel:
        """The direct conversation between a person and the bot, opened on first use."""
        for each in self.channels.values():
            if each.kind == "im" and user in each.members:
                return each
        made = Channel(id=self.ids.new("D"), name="", kind="im", members=[user, self.bot_user])
        self.channels[made.id] = made
        return made

    def trigger(self, user: str) -> str:
        """A trigger id: it opens one view, within three seconds."""
        made = f"{self.ids.new('', 13)}.{self.ids.new('', 12)}.{self.ids.token(32).lower()}"
        self.triggers[made] = {"user": user, "made": time.monotonic(), "used": False}
        return made

    def bot_profile(self) -> Json:
        """The record Slack puts beside a bot's messages."""
        return {
            "id": self.bot_id,
            "deleted": False,
            "name": self.bot_name,
            "updated": 1_700_000_000,
            "app_id": self.app_id,
            "icons": {"image_36": "https://a.slack-edge.com/80588/img/plugins/app/bot_36.png"},
            "team_id": self.team["id"],
        }
