"""What all tables of the catalogue share: their metadata with names for keys and indexes, and two columns."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, MetaData

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

KEY = BigInteger().with_variant(Integer, "sqlite")


def id_column() -> Column[int]:
    """Return a table's own number."""
    return Column("id", KEY, primary_key=True, autoincrement=True)


def repo_column(*, primary_key: bool = False, nullable: bool = False) -> Column[int]:
    """Return the column that names a repository."""
    return Column("repo_id", KEY, ForeignKey("repos.id"), primary_key=primary_key, nullable=nullable)
