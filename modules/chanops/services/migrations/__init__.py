"""Alembic's environment: each change of the tables is a file in versions."""
