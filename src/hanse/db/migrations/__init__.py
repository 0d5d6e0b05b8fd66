"""Alembic environment and revisions of the catalogue, packaged with the code.

A change of schema.py needs a revision: `python -m tests.support.revision` writes it from the difference, and
tests/unit/db/test_migrate.py fails until both agree on SQLite and PostgreSQL.
"""
