"""Why a message was understood as it was, and the two questions it may hold."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Forward."""
    op.add_column("understandings", sa.Column("also", sa.Text()))
    op.add_column("understandings", sa.Column("questions", JSON))
    op.add_column("understandings", sa.Column("explanation", JSON))
