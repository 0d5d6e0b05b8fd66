"""The catalogue: SQLAlchemy Core on SQLite and PostgreSQL."""
