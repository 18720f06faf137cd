"""The only place that wires everything together.

``core`` opens what every command needs; ``parts`` builds the pieces; ``roles`` puts them together
role by role; ``process`` runs roles until told to stop.
"""

from bot.app.core import Core, open_core
from bot.app.process import run_roles
from bot.app.roles import ROLES

__all__ = ["ROLES", "Core", "open_core", "run_roles"]
