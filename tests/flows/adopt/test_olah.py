"""The store of an olah mirror, as the real one writes it, and damaged in every way that matters."""

from __future__ import annotations

from pathlib import Path
from urllib.request import urlopen

import pytest
from tests.support.olahs import REV, write_file
from tests.support.proxies import olah

from hanse.conform.origin import HubOrigin
from hanse.flows.adopt.found import found_revisions, read_pieces
from hanse.flows.adopt.olah import is_olah
from hanse.flows.found import Kind
from hanse.model.repo import RepoType

SMALL, LARGE = b"{}", bytes(range(256)) * 300_000
"""The large one has two blocks of olah's, 64 MiB and the rest."""


@pytest.mark.soak
def test_a_real_store(tmp_path: Path) -> None:
    """Names, commit, bytes and the upstream's ETags of a real store are found, a file in several blocks too."""
    with HubOrigin({"org/model": {"config.json": SMALL, "sub/model.bin": LARGE}}) as origin, olah(origin.url, tmp_path) as url:
        rev = origin.repo("org/model").newest.rev
        for path, data in (("config.json", SMALL), ("sub/model.bin", LARGE)):
            with urlopen(f"{url}/org/model/resolve/{rev}/{path}", timeout=60) as answer:
                assert answer.read() == data
    _check(tmp_path / "repos", LARGE)


def test_a_store(tmp_path: Path) -> None:
    """The same of a store that was written after olah's description of its format."""
    write_file(tmp_path, "config.json", SMALL)
    write_file(tmp_path, "sub/model.bin", bytes(2500))
    _check(tmp_path, bytes(2500))


def _check(store: Path, large: bytes) -> None:
    assert is_olah(store)
    (found,) = found_revisions(store)
    assert (found.kind, found.type, found.repo) == (Kind.OLAH, RepoType.MODEL, "org/model")
    assert set(found.files) == {"config.json"}
    assert set(found.parts) == {"sub/model.bin"}
    assert b"".join(read_pieces(found, "config.json")) == SMALL
    assert b"".join(read_pieces(found, "sub/model.bin")) == large
    assert found.said["sub/model.bin"].size == len(large)
    assert all(one.sha256 or one.git_oid for one in found.said.values())


def test_what_is_not_whole(tmp_path: Path) -> None:
    """A missing or short block, a damaged header, an empty, a compressed and a file in an older form are told, not read."""
    write_file(tmp_path, "packed", SMALL, algorithm=1)
    write_file(tmp_path, "empty", b"")
    (write_file(tmp_path, "short", SMALL) / "blocks" / "block_00000000.bin").write_bytes(b"")
    (write_file(tmp_path, "part", bytes(2000)) / "blocks" / "block_00000001.bin").unlink()
    for number, wrong in enumerate((b"OLAH", b"OLAH" * 100, b"")):
        (write_file(tmp_path, f"meta{number}", SMALL) / "meta.bin").write_bytes(wrong)
    meta = write_file(tmp_path, "flipped", SMALL) / "meta.bin"
    data = meta.read_bytes()
    meta.write_bytes(data[:20] + bytes([data[20] ^ 1]) + data[21:])
    (write_file(tmp_path, "older", SMALL) / "meta.bin").write_bytes(b"OLAH" + (9).to_bytes(8, "little") + bytes(24))
    (tmp_path / "files/models/org/model/resolve" / REV / "oldest").write_bytes(b"OLAH" + (8).to_bytes(8, "little") + bytes(99))
    (found,) = found_revisions(tmp_path)
    bad = "its header cannot be read"
    assert found.odd == dict.fromkeys(("meta0", "meta1", "meta2", "flipped"), bad) | {
        "packed": "it is kept compressed",
        "empty": "it is empty",
        "short": "block 0 has 0 bytes",
        "part": "it is there in part",
        "older": "it is kept in version 9 of olah's form; version 10 is read, of olah 0.5",
        "oldest": "it is kept in version 8 of olah's form; version 10 is read, of olah 0.5",
    }
    assert not found.files
