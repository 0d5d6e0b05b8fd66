"""Which federations are kept: only those with a state, and another one after a change."""

from __future__ import annotations

from pathlib import Path

from hanse.flows.federation.seen import STATE, seen_in


def test_what_is_kept_and_what_changed(tmp_path: Path) -> None:
    """A folder without a state is no federation, and a new state is seen to be another one."""
    assert seen_in(tmp_path / "absent") == ()
    (tmp_path / "left.example").mkdir()
    kept = tmp_path / "models.example"
    kept.mkdir()
    (kept / STATE).write_text("{}")
    before = seen_in(tmp_path)
    assert [name for name, *_ in before] == ["models.example"]
    (kept / "new").write_text('{"root": 2}')
    (kept / "new").replace(kept / STATE)
    assert seen_in(tmp_path) != before
