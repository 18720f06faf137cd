"""Who works at Maison Alba's Slack in these tests, and what they see there."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.fakes.slack import SlackStandIn

CHANNEL = "C0CARE"


def channels(more: int) -> list[str]:
    """The team's channel, and as many more."""
    return [CHANNEL, *(f"{CHANNEL}{number}" for number in range(more))]


@asynccontextmanager
async def workspace(*, more_channels: int = 0, **how: Any) -> AsyncIterator[SlackStandIn]:
    """Two agents, a lead, an admin, a stranger to the configuration, and the team's channel, or several."""
    async with SlackStandIn(**how) as slack:
        slack.add_user("U0LEA", real_name="Léa Dumas", locale="fr-FR")
        slack.add_user("U0OMAR", real_name="Omar Haddad", locale="en-GB")
        slack.add_user("U0LEAD", real_name="Inès Roux", locale="fr-FR")
        slack.add_user("U0ADMIN", real_name="Ada Admin", locale="en-US")
        slack.add_user("U0NOBODY", real_name="Noé Body", locale="fr-FR")
        everybody = ["U0LEA", "U0OMAR", "U0LEAD", "U0ADMIN", "U0NOBODY"]
        for number, channel in enumerate(channels(more_channels)):
            slack.add_channel(channel, name=f"care-{number}", members=everybody)
        yield slack


def words(message: dict[str, Any]) -> str:
    """All that a message shows: text, blocks, attachments."""
    found: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                if key in ("text", "title", "fallback", "name") and isinstance(inner, str):
                    found.append(inner)
                elif key not in ("metadata", "value", "action_id", "block_id"):
                    walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(message)
    return "\n".join(found)


def actions(message: dict[str, Any]) -> list[str]:
    """The action ids of all that can be pressed."""
    return re.findall(r"'action_id': '([^']+)'", repr(message))


def cards(slack: SlackStandIn, channel: str = CHANNEL) -> list[dict[str, Any]]:
    """The messages that are not in a thread: one for each conversation."""
    return [one for one in slack.channel(channel).messages if one.get("thread_ts", one["ts"]) == one["ts"]]


def reactions(message: dict[str, Any]) -> set[str]:
    return {one["name"] for one in message.get("reactions", [])}
