"""Writes the next migration: what schema.py has and the migrations lack.

    python -m tests.support.revision NUMBER TITLE      such as 3 peers

Read the result before committing it: SQLite changes existing columns only by `op.batch_alter_table`, and data may have to move.
Until the first release `1 catalogue` is written again whenever schema.py changes; afterwards no revision changes any more.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from alembic.autogenerate import api, produce_migrations, render
from alembic.migration import MigrationContext
from alembic.operations import ops

from hanse.db.engine import Database, sqlite_url
from hanse.db.schema import metadata

VERSIONS = Path(__file__).resolve().parents[2] / "src" / "hanse" / "db" / "migrations" / "versions"
_OPTIONS = {
    "compare_type": True,
    "alembic_module_prefix": "op.",
    "sqlalchemy_module_prefix": "sa.",
    "user_module_prefix": None,
    "render_as_batch": False,
}


def main(number: int, title: str) -> None:
    """Write the revision into the versions folder; what is too long for one file goes on in the next number."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(sqlite_url(Path(folder) / "x.db"))
        if number > 1:
            database.migrate()
        with database.read() as connection:
            context = MigrationContext.configure(connection, opts=_OPTIONS)
            script = produce_migrations(context, metadata)
            assert script.upgrade_ops is not None
            functions = dict(_functions(api.AutogenContext(context, metadata), script.upgrade_ops.ops))
        database.close()
    for offset, part in enumerate(_parts(functions)):
        suffix = f" part {offset + 1}" if offset else ""
        _write(number + offset, title + suffix, part)


def _write(number: int, title: str, functions: dict[str, list[str]]) -> None:
    text = [
        f'"""Revision {number:04}: {title}."""\n\nfrom __future__ import annotations\n\nimport sqlalchemy as sa',
        f'from alembic import op\n\nrevision = "{number:04}"',
        f'down_revision = "{number - 1:04}"\n\n' if number > 1 else "down_revision = None\n\n",
        'def upgrade() -> None:\n    """Apply the revision."""',
        *(f"    {name}()" for name in functions),
    ]
    for name, lines in functions.items():
        text += [f"\n\ndef {name}() -> None:", *(f"    {line}" for line in lines)]
    path = VERSIONS / f"r{number:04}_{title.replace(' ', '_')}.py"
    path.write_text("\n".join(text) + "\n")
    subprocess.run([Path(sys.executable).with_name("ruff"), "format", "-q", path], check=True)


def _parts(functions: dict[str, list[str]]) -> list[dict[str, list[str]]]:
    """Share functions out over files of less than 400 lines."""
    parts: list[dict[str, list[str]]] = [{}]
    for name, lines in functions.items():
        if sum(len(known) + 6 for known in parts[-1].values()) + len(lines) > 350:
            parts.append({})
        parts[-1][name] = lines
    return parts


def _functions(context: api.AutogenContext, steps: list[ops.MigrateOperation]) -> Iterator[tuple[str, list[str]]]:
    """Yield (function name, lines) for every table's own steps, then for its indexes."""
    found: dict[str, list[str]] = {}
    for outer in steps:
        for step in outer.ops if isinstance(outer, ops.OpContainer) else [outer]:
            assert isinstance(step, ops.CreateTableOp | ops.CreateIndexOp | ops.AddColumnOp | ops.AlterColumnOp | ops.DropIndexOp)
            suffix = "_indexes" if isinstance(step, ops.CreateIndexOp | ops.DropIndexOp) else ""
            lines = "\n".join(render.render_op(context, step)).replace("sa.text('1')", "sa.true()")
            found.setdefault(f"_{step.table_name}{suffix}", []).extend(lines.splitlines())
    yield from found.items()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
