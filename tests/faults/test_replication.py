"""Three institutions, for real: what one publishes the others hold; it is gone for good, and the third has its copy mended."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.alliance import alliance, copied, holds, remove, upload
from tests.support.clients import Client, sample_folder, tree_bytes
from tests.support.forked import Mother
from tests.support.members import Institution, until

ORIGINS = ("a.example", "b.example", "c.example")
REPO = "uni/model"


@pytest.mark.soak
def test_a_lost_home_is_made_good(mother: Mother, tmp_path: Path) -> None:
    """Two copies are wanted and the home is gone: the member without one gets it from the survivor, and clients download it."""
    rules = tmp_path / "copies.toml"
    rules.write_text("copies = 2\n")
    with alliance(mother, tmp_path, *ORIGINS, environ={"HANSE_REPLICATE_RULES": str(rules)}) as (a, b, c):
        files = sample_folder(tmp_path / "model")
        rev = upload(a, REPO, tmp_path / "model", tmp_path / "publisher")
        first, second = _order(b, c, rev)
        assert not holds(second, REPO, rev)
        a.node.kill()
        remove("a.example", b, c, folder=tmp_path)
        copied(second, REPO, rev)
        first.node.kill()
        Client("hub2", second.node, tmp_path / "reader").hf("download", REPO, "--local-dir", tmp_path / "copy")
        assert {path: data for path, data in tree_bytes(tmp_path / "copy").items() if path in files} == files


def _order(b: Institution, c: Institution, rev: str) -> tuple[Institution, Institution]:
    """Return who got the one copy that was wanted, and who did not."""
    first = until(lambda: next((one for one in (b, c) if holds(one, REPO, rev)), None), "a copy")
    return first, c if first is b else b
