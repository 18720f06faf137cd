"""Ratings, proposals and what staff looked at; customers found by name, email and order number."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.analytics.looking_up import fill

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
COUNT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Forward."""
    _identities()
    _ratings()
    _proposals()
    _index("handoffs", "team", "at")
    by_agents = sa.text("author = 'agent'")
    op.create_index(
        "ix_messages_agents_at",
        "messages",
        ["at", "conversation_id"],
        sqlite_where=by_agents,
        postgresql_where=by_agents,
    )
    fill(op.get_bind())


def _identities() -> None:
    op.add_column("identities", sa.Column("name", sa.Text()))
    op.add_column("identities", sa.Column("name_key", sa.Text()))
    op.add_column("identities", sa.Column("last_seen", INSTANT))
    _index("identities", "name_key", "last_seen", "identity_id")
    _erasable_table("entity_keys", sa.Column("value", sa.Text()), numbered=True)
    _index("entity_keys", "value")


def _ratings() -> None:
    _fact_table(
        "ratings",
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Text()),
        sa.Column("team", sa.Text()),
        sa.Column("reason_id", sa.Text()),
    )
    _index("ratings", "conversation_id", "at")
    _index("ratings", "team", "at")
    _fact_table(
        "audits",
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
    )
    _index("audits", "agent_id", "at")


def _proposals() -> None:
    _fact_table(
        "proposals",
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("agent_name", sa.Text()),
        sa.Column("intent", sa.Text()),
        sa.Column("language", sa.Text()),
        sa.Column("message_id", sa.Text()),
        sa.Column("status", sa.Text(), nullable=False, server_default="open"),
        sa.Column("decided_at", INSTANT),
        sa.Column("decided_by", sa.Text()),
    )
    _index("proposals", "status", "at")
    _index("proposals", "identity_id", "message_id")
    _erasable_table(
        "proposal_texts",
        sa.Column("question", sa.Text()),
        sa.Column("answer", sa.Text()),
        sa.Column("reason", sa.Text()),
    )


def _fact_table(name: str, *columns: sa.Column[object]) -> None:
    op.create_table(
        name,
        sa.Column("fact_id", sa.Text(), primary_key=True),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("identity_id", COUNT, sa.ForeignKey("identities.identity_id")),
        sa.Column("conversation_id", sa.Text()),
        sa.Column("model", sa.Text()),
        *columns,
    )
    _index(name, "at", "fact_id")


def _erasable_table(name: str, *columns: sa.Column[object], numbered: bool = False) -> None:
    number = [sa.Column("number", sa.Integer(), primary_key=True)] if numbered else []
    op.create_table(
        name,
        sa.Column("fact_id", sa.Text(), primary_key=True),
        *number,
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
