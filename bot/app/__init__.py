"""The only place that wires everything together.

``core`` opens what every command needs; ``parts`` builds the pieces; ``roles`` puts them together
role by role; ``process`` runs roles until told to stop. A command that only looks
at the live state does not load the last three, nor Telegram's library with them.
"""

from bot.app.core import Core, open_core

__all__ = ["ROLES", "Core", "open_core"]

ROLES = ("web", "ingest", "worker", "sender", "archiver", "scheduler")
"""Every role of ours; ``nlu`` and ``valkey`` are programs of others, which the supervisor runs."""
