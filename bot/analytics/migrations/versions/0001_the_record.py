"""The record: facts, and what of them can be erased."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
COUNT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "facts",
        sa.Column("fact_id", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    _people()
    _conversations()
    _messages()
    _understandings()
    _deliveries()
    _troubles()


def _fact_table(name: str, *columns: sa.Column[object], indexes: tuple[tuple[str, ...], ...] = ()) -> None:
    op.create_table(
        name,
        sa.Column("fact_id", sa.Text(), primary_key=True),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("identity_id", COUNT, sa.ForeignKey("identities.identity_id")),
        sa.Column("conversation_id", sa.Text()),
        sa.Column("model", sa.Text()),
        *columns,
    )
    for names in (("at", "fact_id"), *indexes):
        _index(name, *names)


def _erasable_table(name: str, *columns: sa.Column[object]) -> None:
    op.create_table(
        name,
        sa.Column("fact_id", sa.Text(), primary_key=True),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("identity_id", COUNT, sa.ForeignKey("identities.identity_id")),
        *columns,
        sa.Column("erased_at", INSTANT),
    )
    _index(name, "identity_id")
    kept = sa.text("erased_at IS NULL")
    op.create_index(f"ix_{name}_kept_at", name, ["at"], sqlite_where=kept, postgresql_where=kept)


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def _people() -> None:
    op.create_table(
        "contacts",
        sa.Column("contact_id", sa.Text(), primary_key=True),
        sa.Column("first_seen", INSTANT, nullable=False),
        sa.Column("email", sa.Text()),
    )
    op.create_table(
        "identities",
        sa.Column("identity_id", COUNT, primary_key=True, autoincrement=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("user", sa.Text()),
        sa.Column("contact_id", sa.Text(), sa.ForeignKey("contacts.contact_id")),
        sa.Column("first_seen", INSTANT, nullable=False),
        sa.Column("erased_at", INSTANT),
        sa.UniqueConstraint("channel", "account", "user", name="uq_identities_channel_account_user"),
    )
    _index("identities", "contact_id")


def _conversations() -> None:
    _fact_table(
        "conversation_changes",
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.Text()),
        sa.Column("language", sa.Text()),
        sa.Column("outcome", sa.Text()),
        indexes=(("conversation_id", "at"), ("identity_id",)),
    )
    _fact_table(
        "handoffs",
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("team", sa.Text()),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("intent", sa.Text()),
        sa.Column("agent_id", sa.Text()),
        indexes=(("conversation_id", "at"),),
    )
    _fact_table(
        "feedback",
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("helped", sa.Boolean(), nullable=False),
        indexes=(("conversation_id",),),
    )


def _messages() -> None:
    _fact_table(
        "messages",
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("author_id", sa.Text()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("language", sa.Text()),
        sa.Column("reply_to", sa.Text()),
        sa.Column("topic", sa.Text()),
        sa.Column("attachments", sa.Integer(), nullable=False),
        indexes=(("identity_id", "message_id"), ("conversation_id", "at")),
    )
    for name in ("message_edits", "message_deletions"):
        _fact_table(
            name,
            sa.Column("message_id", sa.Text(), nullable=False),
            sa.Column("author", sa.Text(), nullable=False),
            indexes=(("identity_id", "message_id"),),
        )
    _erasable_table(
        "message_texts",
        sa.Column("text", sa.Text()),
        sa.Column("author_name", sa.Text()),
        sa.Column("attachments", JSON),
    )


def _understandings() -> None:
    _fact_table(
        "understandings",
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("intent", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("ranking", JSON, nullable=False),
        sa.Column("entities", JSON, nullable=False),
        sa.Column("ms", sa.Float(), nullable=False),
        sa.Column("handler", sa.Text(), nullable=False),
        indexes=(("identity_id", "message_id"), ("intent", "at")),
    )
    _erasable_table("entity_values", sa.Column("entities", JSON))


def _deliveries() -> None:
    _fact_table(
        "receipts",
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("platform_id", sa.Text()),
        sa.Column("detail", sa.Text(), nullable=False),
        indexes=(("identity_id", "message_id"),),
    )


def _troubles() -> None:
    _fact_table(
        "errors",
        sa.Column("where", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
    )
    op.create_table(
        "parked_facts",
        sa.Column("fact_id", sa.Text(), primary_key=True),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("identity_id", COUNT, sa.ForeignKey("identities.identity_id")),
        sa.Column("raw", sa.Text(), nullable=False),
    )
    _index("parked_facts", "at")
    _index("parked_facts", "identity_id")
