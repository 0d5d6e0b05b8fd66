"""Alembic environment and revisions of the catalogue, packaged with the code."""
