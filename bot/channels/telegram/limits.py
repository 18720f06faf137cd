"""What Telegram takes, and what we ask of it.

Sources: core.telegram.org/bots/faq (messages a second), core.telegram.org/bots/api (lengths, sizes,
update kinds).
"""

from __future__ import annotations

from typing import Final

OVERALL_PER_SECOND: Final = 30.0
PER_CHAT_PER_SECOND: Final = 1.0

TEXT_UNITS: Final = 4096
"""Longest text, in UTF-16 code units."""

CALLBACK_BYTES: Final = 64
"""Longest ``callback_data`` of a button, in UTF-8."""

KEYBOARD_BUTTONS: Final = 100
LABEL_CHARACTERS: Final = 64
"""Telegram gives no number; longer labels are cut on a phone's screen anyway."""

DOWNLOAD_BYTES: Final = 20 * 1024 * 1024
"""Largest file a bot can fetch."""

UPLOAD_BYTES: Final = 50 * 1024 * 1024
PHOTO_BYTES: Final = 10 * 1024 * 1024
"""Largest files a bot can send, and largest it can send as a photo."""

UPDATE_BYTES: Final = 1024 * 1024
"""Largest webhook body we read. Telegram's own are a few kilobytes."""

ALLOWED_UPDATES: Final = ("message", "edited_message", "callback_query", "my_chat_member")
"""What we ask Telegram for. Always said: otherwise the last choice made for the token stays."""

UNSERVED_UPDATES: Final = frozenset(
    {
        "business_connection",
        "business_message",
        "channel_post",
        "chat_boost",
        "chat_join_request",
        "chat_member",
        "chosen_inline_result",
        "deleted_business_messages",
        "edited_business_message",
        "edited_channel_post",
        "inline_query",
        "message_reaction",
        "message_reaction_count",
        "poll",
        "poll_answer",
        "pre_checkout_query",
        "purchased_paid_media",
        "removed_chat_boost",
        "shipping_query",
    }
)
"""Kinds we know and have no use for: they may still come, asked for by an earlier owner of the token."""

WEBHOOK_CONNECTIONS: Final = 40
"""How many updates Telegram may post at once; it keeps one chat's in order by itself."""
