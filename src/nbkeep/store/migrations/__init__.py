"""Alembic's migrations: each brings the tables of an older release up to the next."""
