"""The tables of the record.

Facts are appended and never changed. What a person said (texts, names, file names, entity
values) sits apart, in ``message_texts``, ``entity_values``, ``entity_keys`` and ``proposal_texts``: rows
there are emptied when a person, or time, asks for it, and the numbers stay true. A chat is known
everywhere by the number of its row in ``identities``; emptying that row is what makes the rest anonymous.

A message is named by its chat and its ``message_id``: customers' own ids are unique in a chat only.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.schema import SchemaItem


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: ``timestamptz`` on PostgreSQL, UTC text without an offset on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """On the way in."""
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """On the way out."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
Count = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

facts = Table(
    "facts",
    metadata,
    Column("fact_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""The ids of all facts stored: what makes storing one again change nothing."""

contacts = Table(
    "contacts",
    metadata,
    Column("contact_id", Text, primary_key=True),
    Column("first_seen", UtcDateTime, nullable=False),
    Column("email", Text),
)

identities = Table(
    "identities",
    metadata,
    Column("identity_id", Count, primary_key=True, autoincrement=True),
    Column("channel", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("user", Text),
    Column("contact_id", Text, ForeignKey("contacts.contact_id"), index=True),
    Column("first_seen", UtcDateTime, nullable=False),
    Column("erased_at", UtcDateTime),
    Column("name", Text),
    Column("name_key", Text),
    Column("last_seen", UtcDateTime),
    UniqueConstraint("channel", "account", "user"),
    Index(None, "name_key", "last_seen", "identity_id"),
)
"""A contact as one channel knows them: a chat. ``user`` is empty once the person was erased, and so are
``name`` (as the customer last gave it) and ``name_key`` (to look it up by, without case and accents).
``last_seen`` is when they last wrote, a minute behind at most: writing it each time would cost too much."""


def _fact_table(name: str, *items: SchemaItem) -> Table:
    """A table of facts of one kind: the envelope, then what is particular."""
    return Table(
        name,
        metadata,
        Column("fact_id", Text, primary_key=True),
        Column("at", UtcDateTime, nullable=False),
        Column("identity_id", Count, ForeignKey("identities.identity_id")),
        Column("conversation_id", Text),
        Column("model", Text),
        *items,
        Index(None, "at", "fact_id"),
    )


conversation_changes = _fact_table(
    "conversation_changes",
    Column("change", Text, nullable=False),
    Column("contact_id", Text),
    Column("language", Text),
    Column("outcome", Text),
    Index(None, "conversation_id", "at"),
    Index(None, "identity_id"),
)

messages = _fact_table(
    "messages",
    Column("message_id", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("author_id", Text),
    Column("kind", Text, nullable=False),
    Column("language", Text),
    Column("reply_to", Text),
    Column("topic", Text),
    Column("attachments", Integer, nullable=False),
    Index(None, "identity_id", "message_id"),
    Index(None, "conversation_id", "at"),
)
"""``attachments`` counts them; ``author_id`` is an agent's, never a customer's."""

BY_AGENTS = text("author = 'agent'")
"""Said with a literal, or neither database sees that the index below fits."""
Index(
    "ix_messages_agents_at",
    messages.c.at,
    messages.c.conversation_id,
    sqlite_where=BY_AGENTS,
    postgresql_where=BY_AGENTS,
)

message_edits = _fact_table(
    "message_edits",
    Column("message_id", Text, nullable=False),
    Column("author", Text, nullable=False),
    Index(None, "identity_id", "message_id"),
)

message_deletions = _fact_table(
    "message_deletions",
    Column("message_id", Text, nullable=False),
    Column("author", Text, nullable=False),
    Index(None, "identity_id", "message_id"),
)

message_texts = Table(
    "message_texts",
    metadata,
    Column("fact_id", Text, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("identity_id", Count, ForeignKey("identities.identity_id"), index=True),
    Column("text", Text),
    Column("author_name", Text),
    Column("attachments", Json),
    Column("erased_at", UtcDateTime),
)
"""What was said, by the fact that logged or edited it. Emptied, not removed, when erased."""

understandings = _fact_table(
    "understandings",
    Column("message_id", Text, nullable=False),
    Column("intent", Text, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("ranking", Json, nullable=False),
    Column("entities", Json, nullable=False),
    Column("ms", Float, nullable=False),
    Column("handler", Text, nullable=False),
    Column("also", Text),
    Column("questions", Json),
    Column("explanation", Json),
    Index(None, "identity_id", "message_id"),
    Index(None, "intent", "at"),
)
"""``entities`` holds the names of what was found; the values are in ``entity_values``. ``also`` is the
other question's intent where a message held two, ``questions`` says where each stands in the text and
what it may mean. ``explanation`` says why, with the training examples most like the message: what it
holds of texts, an admin wrote."""

entity_values = Table(
    "entity_values",
    metadata,
    Column("fact_id", Text, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("identity_id", Count, ForeignKey("identities.identity_id"), index=True),
    Column("entities", Json),
    Column("erased_at", UtcDateTime),
)
"""Values found in texts (order numbers, emails …), by the understanding. Emptied when erased."""

entity_keys = Table(
    "entity_keys",
    metadata,
    Column("fact_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("identity_id", Count, ForeignKey("identities.identity_id"), index=True),
    Column("value", Text, index=True),
    Column("erased_at", UtcDateTime),
)
"""The order numbers and emails among the values, to look customers up by. Emptied when erased."""

proposals = _fact_table(
    "proposals",
    Column("agent_id", Text, nullable=False),
    Column("agent_name", Text),
    Column("intent", Text),
    Column("language", Text),
    Column("message_id", Text),
    Column("status", Text, nullable=False, server_default="open"),
    Column("decided_at", UtcDateTime),
    Column("decided_by", Text),
    Index(None, "status", "at"),
    Index(None, "identity_id", "message_id"),
)
"""What agents proposed for the bot to learn. Alone among facts it changes, once: when an admin decides."""

proposal_texts = Table(
    "proposal_texts",
    metadata,
    Column("fact_id", Text, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("identity_id", Count, ForeignKey("identities.identity_id"), index=True),
    Column("question", Text),
    Column("answer", Text),
    Column("reason", Text),
    Column("erased_at", UtcDateTime),
)
"""What a proposal says, and why it was rejected. Emptied when the customer it began from is erased."""

for _erasable in (message_texts, entity_values, entity_keys, proposal_texts):
    _kept = _erasable.c.erased_at.is_(None)
    Index(f"ix_{_erasable.name}_kept_at", _erasable.c.at, sqlite_where=_kept, postgresql_where=_kept)

handoffs = _fact_table(
    "handoffs",
    Column("step", Text, nullable=False),
    Column("reason", Text),
    Column("team", Text),
    Column("urgent", Boolean, nullable=False),
    Column("intent", Text),
    Column("agent_id", Text),
    Index(None, "conversation_id", "at"),
    Index(None, "team", "at"),
)

receipts = _fact_table(
    "receipts",
    Column("message_id", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("platform_id", Text),
    Column("detail", Text, nullable=False),
    Index(None, "identity_id", "message_id"),
)

feedback = _fact_table(
    "feedback",
    Column("topic", Text, nullable=False),
    Column("helped", Boolean, nullable=False),
    Index(None, "conversation_id"),
)

ratings = _fact_table(
    "ratings",
    Column("score", Integer, nullable=False),
    Column("agent_id", Text),
    Column("team", Text),
    Column("reason_id", Text),
    Index(None, "conversation_id", "at"),
    Index(None, "team", "at"),
)
"""From 1 to 5; a conversation's last row is its rating. ``reason_id`` is the message that says why."""

audits = _fact_table(
    "audits",
    Column("action", Text, nullable=False),
    Column("agent_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Index(None, "agent_id", "at"),
)
"""What staff did that must be accounted for: who looked at what had been shortened."""

errors = _fact_table(
    "errors",
    Column("where", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("detail", Text, nullable=False),
)

parked_facts = Table(
    "parked_facts",
    metadata,
    Column("fact_id", Text, primary_key=True),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("identity_id", Count, ForeignKey("identities.identity_id"), index=True),
    Column("raw", Text, nullable=False),
)
"""Facts that could not be read or stored, as they came; ``errors`` has a row of the same id."""
