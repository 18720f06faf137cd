"""The only place that wires everything together.

``core`` opens what every command needs; each role has a module of its own, with ``build``;
``process`` runs roles until told to stop. A role loads only what it needs: that is what makes it
start, and start again, quickly.
"""

from bot.app.core import Core, open_core

__all__ = ["ROLES", "Core", "open_core"]

ROLES = ("web", "ingest", "worker", "sender", "archiver", "scheduler")
"""Every role of ours; ``nlu`` and ``valkey`` are programs of others, which the supervisor runs."""
