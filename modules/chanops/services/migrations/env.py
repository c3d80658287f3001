"""Alembic runs this: the migrations work on the connection that they are handed."""

from alembic import context

from chanops.services.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
