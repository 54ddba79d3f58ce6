"""Run by Alembic for each command; the connection comes from db.migrate, which has begun its transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
