"""The five commands a customer can type on any channel."""

from __future__ import annotations

from bot.domain.events import Command

LANGUAGES = ("fr", "en")


def parse_command(text: str) -> tuple[Command, str] | None:
    """The command and its argument, when the text is exactly one of ours; None for any other text.

    Only ``/language`` takes an argument, ``fr`` or ``en``. A text that merely begins like a
    command (``/restart``, ``/help me``) is an ordinary message.
    """
    name, _, argument = text.strip().partition(" ")
    argument = argument.strip().lower()
    if not name.startswith("/") or name[1:] not in tuple(Command):
        return None
    command = Command(name[1:])
    allowed = ("", *LANGUAGES) if command is Command.LANGUAGE else ("",)
    return (command, argument) if argument in allowed else None
