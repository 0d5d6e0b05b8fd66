"""`hanse audit`: what people and programs are told, and the exit code that scripts rely on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.caches import REV, etag_of, write_cache

from hanse.cli.main import run

FILES = {"config.json": b"{}", "model.bin": b"w" * 100_000}


@pytest.fixture(name="hub")
def _hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the cache that clients would use, with one revision."""
    monkeypatch.setenv("HANSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    for name in ("HANSE_STORE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    write_cache(tmp_path / "hub", FILES)
    return tmp_path / "hub"


def alter(hub: Path) -> None:
    """Put other bytes under a blob's name."""
    (hub / "models--org--name" / "blobs" / etag_of(FILES["model.bin"])).write_bytes(b"W" * 100_000)


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return the JSON that was printed."""
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_unknown_is_no_failure(hub: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A cache of which nothing is known is told as that, with exit code 0."""
    assert run(["audit"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"unknown   org/name@{REV[:12]}: 0 of 2 files verified")
    assert "1 unknown" in out
    assert "--upstream URL asks a hub" in out


def test_no_cache_is_no_failure(tmp_path: Path, hub: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where no client ever kept anything nothing is wrong; a folder that was named has to be there."""
    hub.rename(tmp_path / "elsewhere")
    assert run(["audit"]) == 0
    assert capsys.readouterr().out.startswith(f"looked in {hub}\nnothing is there")
    assert run(["audit", str(hub)]) == 1


def test_altered_fails_until_it_is_moved(hub: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An altered file gives exit code 1 and the way out; moved away it is 0, put back it is as before."""
    alter(hub)
    assert run(["audit", str(hub)]) == 1
    out = capsys.readouterr().out
    assert "model.bin: the place itself says SHA-256" in out
    assert "--quarantine" in out
    assert run(["audit", str(hub), "--quarantine"]) == 0
    assert f"moved out of reach: 2; hanse audit {hub} --restore puts it back" in capsys.readouterr().out
    assert run(["audit", str(hub)]) == 0
    assert capsys.readouterr().out.startswith(f"looked in {hub}\nnothing is there")
    assert run(["audit", str(hub), "--restore"]) == 0
    assert capsys.readouterr().out == "put back: 2\n"
    assert run(["audit", str(hub)]) == 1


def test_programs_read_one_object(hub: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` says state, name, commit, path and reason of every revision and file."""
    alter(hub)
    assert run(["audit", "--json"]) == 1
    found = told(capsys)
    assert found["counts"] == {"verified": 0, "unknown": 0, "refused": 0, "altered": 1}
    (one,) = found["revisions"]
    assert (one["state"], one["type"], one["repo"], one["revision"], one["refs"]) == (
        "altered",
        "model",
        "org/name",
        REV,
        ["main"],
    )
    assert {each["path"]: each["state"] for each in one["files"]} == {"config.json": "unknown", "model.bin": "altered"}
    assert run(["audit", "--json", "--quarantine"]) == 0
    assert len(told(capsys)["quarantine"]["moved"]) == 2
    assert run(["audit", "--json", "--restore"]) == 0
    assert told(capsys) == {"restored": 2, "problems": []}


def test_everything_in_a_cache_is_accounted_for(hub: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A Space is looked into like a model, and what no client could have put there is named."""
    write_cache(hub, {"app.py": b"print()"}, repo="spaces--org--demo")
    (hub / "stray.bin").write_bytes(b"x")
    assert run(["audit"]) == 0
    out = capsys.readouterr().out
    assert f"spaces/org/demo@{REV[:12]}: 0 of 1 files verified" in out
    assert "not looked at, clients find nothing in it: stray.bin" in out
    run(["audit", "--json"])
    assert told(capsys)["beside"] == ["stray.bin"]


def test_what_cannot_be_put_back(hub: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that was downloaded again is not overwritten, and the command says so with exit code 1."""
    alter(hub)
    run(["audit", "--quarantine"])
    (hub / "models--org--name" / "blobs" / etag_of(FILES["model.bin"])).write_bytes(FILES["model.bin"])
    capsys.readouterr()
    assert run(["audit", "--restore"]) == 1
    assert "something else is there now" in capsys.readouterr().out


def test_opposites(hub: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Moving away and putting back at once is refused."""
    assert run(["audit", "--restore", "--quarantine"]) == 2
    assert "opposites" in capsys.readouterr().err


def test_names_cannot_write_to_the_terminal(hub: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file name with control characters is told harmlessly."""
    link = hub / "models--org--name" / "snapshots" / REV / "a\x1b[2Jb"
    link.symlink_to("/etc/hostname")
    assert run(["audit"]) == 1
    assert "\x1b" not in capsys.readouterr().out
