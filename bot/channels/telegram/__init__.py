"""Telegram, by polling or by webhook.

```
 getUpdates ─▶ polling ┐            ┌─▶ Inbox.append          outbox ─▶ deliverer ─▶ sendMessage …
                       ├─▶ intake ──┼─▶ Inbox.park (unreadable)             │
 POST ───────▶ webhook ┘     │      └─▶ courtesies (typing, "pressed")      └─▶ MessageMap
                          ingest (pure: raw update → one event)
```

Private chats only: in a group it says so once and leaves the group alone.
"""
