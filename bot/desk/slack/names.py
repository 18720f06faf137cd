"""What things are called, here and at Slack: ids, and what a button says when it is pressed.

A button's ``value`` is ``<conversation>`` or ``<conversation>|<more>``; a modal's ``private_metadata``
likewise. A message an agent wrote in Slack has an id of ours that tells where it stands.
"""

from __future__ import annotations

from enum import StrEnum

NAME = "slack"
DESTINATION = f"desk:{NAME}"
_SAID = "slack:"
NOT_SENT = "no_entry_sign"
"""The mark on a message that did not go to the customer though it was meant to."""


class Act(StrEnum):
    """Action ids of buttons and menus."""

    CLAIM = "claim"
    TRANSFER = "transfer"
    RESOLVE = "resolve"
    RELEASE = "release"
    MORE = "more"
    """The card's menu: its options' values are ``<act>|<conversation>``: take over, snooze, spam, details."""
    TAKE_OVER = "take_over"
    """In the menu of a card that a colleague has."""
    SNOOZE = "snooze"
    SPAM = "spam"
    DETAILS = "details"
    HISTORY = "history"
    """The whole conversation."""
    REPLY = "reply"
    """Opens a modal to write in."""
    UNDO = "undo"
    """``<conversation>|<message id>``."""
    RESEND = "resend"
    """``<conversation>|<dead letter>``."""
    SUGGESTION = "suggestion"
    """``<conversation>|<intent>|<language>``: send that answer. Several in a message: ``suggestion:0`` …"""
    SUGGESTION_EDIT = "suggestion_edit"
    """The same, edited first."""
    HELD_SEND = "held_send"
    """``<conversation>|<message id>``, as the next three."""
    HELD_TAKE_OVER = "held_take_over"
    HELD_NOTE = "held_note"
    HELD_DISCARD = "held_discard"
    REVEAL = "reveal"
    """``<conversation>|<message id>`` or ``<conversation>|customer``."""
    SEARCH = "search"
    SAVED = "saved"
    AWAY = "away"
    BACK = "back"


class Shortcut(StrEnum):
    """Callback ids of message shortcuts."""

    TEACH = "teach"
    REPLY = "shortcut_reply"
    SEARCH = "shortcut_search"
    SAVED = "shortcut_saved"
    DETAILS = "shortcut_details"
    TRANSFER = "shortcut_transfer"
    RESOLVE = "shortcut_resolve"


class Modal(StrEnum):
    """Callback ids of modals."""

    TRANSFER = "modal_transfer"
    REPLY = "modal_reply"
    TAKE_OVER = "modal_take_over"
    """``<conversation>|<id of the agent who has it>``."""
    SNOOZE = "modal_snooze"
    SPAM = "modal_spam"
    RESOLVE = "modal_resolve"
    DETAILS = "modal_details"
    HISTORY = "modal_history"
    SEARCH = "modal_search"
    SAVED = "modal_saved"
    TEACH = "modal_teach"


COMMAND = "/care"


def said_at(channel: str, ts: str) -> str:
    """Our id of a message that an agent wrote in Slack."""
    return f"{_SAID}{channel}:{ts}"


def place_of(message_id: str) -> tuple[str, str] | None:
    """Channel and timestamp of a message that an agent wrote in Slack; None for any other."""
    if not message_id.startswith(_SAID):
        return None
    channel, _, ts = message_id.removeprefix(_SAID).partition(":")
    return (channel, ts) if ts and ts.replace(".", "").isdigit() else None


def packed(*parts: str) -> str:
    """A button's value."""
    return "|".join(parts)


def unpacked(value: str) -> tuple[str, ...]:
    """The parts of a button's value."""
    return tuple(value.split("|"))
