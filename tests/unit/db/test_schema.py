"""Rules that hold for every table."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer

from hanse.db.schema import metadata


def test_every_table_with_a_repository_refers_to_it() -> None:
    """A column that names a repository is a foreign key to repos.id, so a rename touches no other table."""
    for table in metadata.tables.values():
        for column in table.c:
            if column.name == "repo_id":
                assert [key.target_fullname for key in column.foreign_keys] == ["repos.id"], table.name


def test_sizes_and_times_are_64_bit() -> None:
    """Byte counts, times and positions fit beyond 2^31."""
    wide = {"size", "bytes", "seq", "used_bytes", "quota_bytes", "fence", "index", "downloads", "likes", "parameters"}
    for table in metadata.tables.values():
        for column in table.c:
            if isinstance(column.type, Integer) and (column.name in wide or column.name.endswith("_at")):
                assert isinstance(column.type, BigInteger), f"{table.name}.{column.name}"


def test_constraints_are_named() -> None:
    """Every index and key has a name, so that later migrations can name it on both systems."""
    for table in metadata.tables.values():
        assert all(index.name for index in table.indexes), table.name
