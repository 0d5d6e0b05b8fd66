"""Two institutions, for real: a copy counts as long as audits find it, and no more once the disk under it is damaged."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.support.alliance import alliance, copied, upload
from tests.support.clients import sample_folder
from tests.support.forked import Mother
from tests.support.members import Institution, Person, until

REPO = "uni/model"


def _status(one: Institution) -> dict[str, Any]:
    _, body = one.node.get("/v1/status")
    told: dict[str, Any] = json.loads(body)
    return told


def _other(one: Institution) -> dict[str, Any]:
    """Return how `a` sees the other member."""
    found: dict[str, Any] = next(row for row in _status(one)["members"] if row["origin"] == "b.example")
    return found


def _lost(one: Institution, number: int) -> bool:
    return bool(_status(one)["repos"][0]["lost"]["members"] == number)


def _damage(data: Path) -> None:
    """Change bytes all over everything that holds bytes of files, so that whatever is drawn soon meets one."""
    for path in (one for kind in ("xorbs", "blobs") for one in (data / "objects" / kind).rglob("*") if one.is_file()):
        content = bytearray(path.read_bytes())
        if not content:
            continue
        for part in range(1, 16):
            content[len(content) * part // 16] ^= 1
        path.chmod(0o600)
        path.write_bytes(content)


@pytest.mark.soak
def test_a_damaged_copy_is_found_and_counts_no_more(mother: Mother, tmp_path: Path) -> None:
    """The copy raises the first derailment number to two; damage is an alarm, and the number is one again."""
    with alliance(mother, tmp_path, "a.example", "b.example", environ={"HANSE_AUDIT_SECONDS": "1"}) as (a, b):
        sample_folder(tmp_path / "model")
        rev = upload(a, REPO, tmp_path / "model", tmp_path / "publisher")
        copied(b, REPO, rev)
        until(partial(_lost, a, 2), "a copy that a's status counts")
        until(lambda: (_other(a)["audit"] or {}).get("served"), "an audit that b answers well")
        _damage(b.node.data)
        until(lambda: not _other(a)["counts"], "an audit that finds the damage")
        assert _lost(a, 1)
        assert "false-bytes" in {one["kind"] for one in _status(a)["alarms"]["newest"]}
        said = Person.hanse(a, "status", "--node", a.node.url, status=1)
        assert "does not count as a holder" in said
