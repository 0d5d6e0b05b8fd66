"""Tests mirror the source, so that whoever knows one tree finds the other.

Engines, effects, flows, model and the files beside them have `tests/unit/<package>/test_<file>.py`; flows that only mean
something with a whole node have `tests/flows/test_<file>.py`. The edges are proved through their interface instead: `hanse.web`
in tests/web and tests/compat over HTTP, `hanse.conform` in tests/conform likewise, `hanse.cli` in tests/cli by running commands,
`hanse.guest` in tests/guest by programs that load it, and the composition root `hanse.app` by every one of those.
"""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "hanse"
BY_INTERFACE = ("web", "cli", "conform", "guest")
ROOT_FILES = {"app.py", "app_gateway.py", "app_through.py", "app_witness.py", "__main__.py"}
DECLARATIONS = {
    "db/schema.py",
    "db/schema_copies.py",
    "db/schema_foreign.py",
    "db/schema_jobs.py",
    "db/schema_mirror.py",
    "db/schema_scans.py",
    "db/schema_status.py",
    "db/schema_trust.py",
    "db/tables.py",
    "content/hubwords.py",
    "flows/keeper.py",
    "flows/mirror/upstream.py",
    "flows/node.py",
    "flows/pull/answers.py",
    "flows/pull/events.py",
    "flows/static/selection.py",
    "flows/static/sink.py",
    "model/alarm.py",
    "model/entry.py",
    "model/limits.py",
    "model/pulled.py",
    "model/predicates.py",
    "model/tier.py",
    "store/base.py",
}
"""Files without behaviour of their own: tables, plain values and the BlobStore contract (proved in tests/contract)."""


def mirrored() -> list[Path]:
    """Return the source files that need a test file of their own, relative to `src/hanse`."""
    names = [path.relative_to(SOURCE) for path in sorted(SOURCE.rglob("*.py")) if path.name != "__init__.py"]
    return [
        name
        for name in names
        if name.parts[0] not in BY_INTERFACE and str(name) not in ROOT_FILES | DECLARATIONS and "migrations" not in name.parts
    ]


@pytest.mark.parametrize("name", mirrored(), ids=str)
def test_every_module_has_its_test(name: Path) -> None:
    """A module without a test file of its name is not tested where readers look."""
    flows = [ROOT / "tests" / name.parent, ROOT / "tests" / "flows"] if name.parts[0] == "flows" else []
    places = [ROOT / "tests" / "unit" / name.parent, *flows]
    assert any((place / f"test_{name.name}").exists() for place in places)


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "unit").rglob("test_*.py")), ids=lambda path: path.name)
def test_every_unit_test_has_its_module(path: Path) -> None:
    """A unit test whose module was moved or removed moves with it."""
    name = path.relative_to(ROOT / "tests" / "unit")
    module = SOURCE / name.parent / name.name.removeprefix("test_")
    assert module.exists() or module.with_suffix("").is_dir() or (SOURCE / name.parent).joinpath("__init__.py").exists()
