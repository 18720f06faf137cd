"""What one person sees: channels they are in, messages only for them, modals, the Home page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.slack.errors import NotShown
from tests.fakes.slack.payloads import Place
from tests.fakes.slack.records import Channel, Person, View

if TYPE_CHECKING:
    from tests.fakes.slack.stand_in import SlackStandIn

Json = dict[str, Any]


class Screen:
    """The eyes of a person; what is not here raises NotShown."""

    def __init__(self, slack: SlackStandIn, person: Person) -> None:
        self._slack = slack
        self.person = person
        self.id = person.id

    def opened_views(self) -> list[Json]:
        """The modals in front of this person, the front one last."""
        return [each.data for each in self._slack.modals.stack(self.id)]

    def view(self) -> Json:
        """The front modal."""
        opened = self.opened_views()
        if not opened:
            raise NotShown(f"{self.id} has no modal open")
        return opened[-1]

    def home(self) -> Json | None:
        """The published Home page."""
        page = self._slack.workspace.homes.get(self.id)
        return page.data if page else None

    def ephemerals(self) -> list[Json]:
        """Messages only this person sees, oldest first."""
        return self._slack.workspace.ephemerals.get(self.id, [])

    def dms(self) -> list[Json]:
        """The direct conversation with the app."""
        return self._slack.workspace.im(self.id).messages

    def reload(self) -> None:
        """Reload the client: ephemeral messages are gone, as at Slack."""
        self._slack.workspace.ephemerals.pop(self.id, None)

    def _in(self, channel: str) -> Channel:
        found = self._slack.workspace.channel(channel)
        if found.is_deleted or self.id not in found.members:
            raise NotShown(f"{self.id} is not in {channel}")
        if found.is_archived:
            raise NotShown(f"{channel} is archived")
        return found

    def _message(self, channel: str, ts: str) -> Json:
        record = self._in(channel).by_ts.get(ts)
        if record is None or record.get("subtype") == "tombstone":
            raise NotShown(f"no message {ts} in {channel}")
        return record

    def _own(self, channel: str, ts: str) -> tuple[Channel, Json]:
        record = self._message(channel, ts)
        if record.get("user") != self.id or record.get("bot_id"):
            raise NotShown(f"{ts} is not a message of {self.id}")
        return self._in(channel), record

    def _message_places(self, channel: str, ts: str) -> list[Place]:
        record, where = self._message(channel, ts), self._in(channel)
        attached = [
            Place(each.get("blocks", []), "attachment", record, where, each["id"])
            for each in record.get("attachments", [])
        ]
        return [Place(record.get("blocks", []), "message", record, where), *attached]

    def _view(self, view_id: str) -> View:
        found = self._slack.workspace.views.get(view_id)
        stack = self._slack.modals.stack(self.id)
        if found is None or not stack or stack[-1] is not found:
            raise NotShown(f"{view_id} is not in front of {self.id}")
        return found
