"""Run by Alembic, always within the transaction that ``bot.analytics.upgrade`` began."""

from alembic import context

from bot.analytics.schema import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True
)
context.run_migrations()
