"""The command line starts fast: help and offline verbs load neither the database nor the web server."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("sqlalchemy", "alembic", "psycopg", "starlette", "uvicorn", "numpy", "structlog", "jinja2", "httpx2", "dbos")
PROBE = """
import sys, io, contextlib
from hanse.cli.main import run
with contextlib.redirect_stdout(io.StringIO()):
    code = run(sys.argv[1:])
print(code, *sorted(set({heavy!r}) & set(sys.modules)))
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["admin", "--help"],
        ["key", "--help"],
        ["key", "fingerprint", "--help"],
        ["admin", "user", "--help"],
        ["serve", "--help"],
        ["service", "install", "--print"],
        ["completion", "bash", "--print"],
        ["verify", "--help"],
        ["audit", "--help"],
        ["audit", "--restore"],
        ["cache", "--help"],
        ["log", "--help"],
        ["policy", "show", "strict"],
        ["suite", "show", "harmless"],
    ],
)
def test_light_verbs_import_nothing_heavy(arguments: list[str]) -> None:
    """Verbs that need no node load no database, web server or numeric library."""
    command = [sys.executable, "-c", PROBE.format(heavy=HEAVY), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "0"


def test_verifying_offline_imports_nothing_heavy() -> None:
    """What `hanse verify` needs without a network loads no database, no web server and no HTTP client."""
    names = ("verify_folder", "verify", "local_files", "pins", "policies")
    code = "; ".join(f"import hanse.flows.{name}" for name in names) + "; import hanse.cli.verify, hanse.cli.verified"
    probe = f"import sys; {code}; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == ""
