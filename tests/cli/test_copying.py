"""`hanse mirror` copies what a member of the federation published, and leaves other names to the upstream."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.alliance import alliance, copied, upload
from tests.support.clients import sample_folder
from tests.support.forked import Mother
from tests.support.members import Institution, until

from hanse.cli.admin import Where
from hanse.cli.copying import copy_from


def test_without_a_federation_it_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that is in no federation copies nothing, and nothing is opened to find that out."""
    monkeypatch.setenv("HANSE_HOME", str(tmp_path))
    (tmp_path / "node").mkdir()
    (tmp_path / "node" / "node.json").write_text("{}")
    assert copy_from("org/name", None, Where()) is None
    assert copy_from("", None, None) is None
    assert [path.name for path in (tmp_path / "node").iterdir()] == ["node.json"]


@pytest.mark.soak
def test_a_members_model_is_copied(mother: Mother, tmp_path: Path) -> None:
    """By name, by member, and again: what is here is not fetched twice, and what nobody has is said."""
    with alliance(mother, tmp_path, "a.example", "b.example", environ={"HANSE_REPLICATE": "false"}) as (a, b):
        sample_folder(tmp_path / "model")
        rev = upload(a, "uni/model", tmp_path / "model", tmp_path / "publisher")
        a.node.stop()
        a.node.start()
        told = json.loads(_once_signed(b, "uni/model", "--json"))
        assert (told["repo"].rpartition("/")[2], told["rev"]) == ("model", rev)
        assert told["fetched"] > 6_000_000
        copied(b, "uni/model", rev)
        again = json.loads(b.hanse("mirror", "uni/model", "--from", "a.example", "--json"))
        assert (again["fetched"], again["tree"], again["leaf"]) == (0, told["tree"], None)
        assert "of which 0 were fetched" in b.hanse("mirror", "--from", "a.example")
        assert "uni/none" in b.hanse("mirror", "uni/none", status=1)


def _once_signed(one: Institution, *words: str) -> str:
    """Return what `hanse mirror` prints once the revision is signed by its home."""

    def attempt() -> str:
        try:
            return str(one.hanse("mirror", *words))
        except AssertionError:
            return ""

    return str(until(attempt, "a signed revision"))
