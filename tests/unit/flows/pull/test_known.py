"""Records of revisions, refs and names: read as they were written, damaged ones are an error, private ones are somebody's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.held import pin_of

from hanse.errors import StorageError
from hanse.flows.pull.known import MAX_HISTORY, Known, KnownName, KnownRef, KnownRevision
from hanse.model.digest import GitOid, Sha256
from hanse.model.repo import Origin, RepoId, RepoType
from hanse.store.held import Held

REPO = RepoId(Origin("hub.example"), RepoType.MODEL, "Org", "Model")
REV, OTHER = GitOid("a" * 40), GitOid("b" * 40)
PIN = pin_of(b"x", "a/b.bin")
SEEN = KnownRevision(REPO, REV, {PIN.path: PIN}, None, {"tags": ["x"]}, 10, 20)


@pytest.fixture(name="held")
def _held(tmp_path: Path) -> Iterator[Held]:
    with Held.open(tmp_path / "held") as held:
        yield held


def test_records_come_back(held: Held) -> None:
    """A revision, its evidence, a ref with its history and the name; case of the name does not matter, the origin does."""
    known = Known(held)
    known.keep_revision(replace(SEEN, tree=Sha256("c" * 64)))
    known.keep_evidence(REPO, REV, b"{}\n", 20)
    known.keep_ref(REPO, "main", KnownRef(((REV, 10),), 20))
    known.keep_name(REPO, 20, node=True)
    again = Known(held)
    lower = RepoId(REPO.origin, REPO.type, "org", "model")
    assert again.revision(lower, REV) == replace(SEEN, tree=Sha256("c" * 64))
    assert again.evidence(lower, REV) == b"{}\n"
    assert again.ref(lower, "main") == KnownRef(((REV, 10),), 20)
    assert again.name(replace(lower, origin=Origin("any"))) == KnownName(REPO.origin, node=True)
    assert again.revision(replace(lower, origin=Origin("other")), REV) is None
    assert again.ref(lower, "v1") is None


def test_a_ref_keeps_where_it_was() -> None:
    """Each place once, with when it was first seen there; the history has a bound."""
    ref = KnownRef(((REV, 10),), 10).moved(REV, 20)
    assert ref == KnownRef(((REV, 10),), 20)
    assert ref.moved(OTHER, 30) == KnownRef(((REV, 10), (OTHER, 30)), 30)
    long = KnownRef(tuple((REV, at) for at in range(MAX_HISTORY)), 0).moved(OTHER, 9999)
    assert (len(long.history), long.rev) == (MAX_HISTORY, OTHER)


def test_private_records_are_their_callers(held: Held) -> None:
    """Somebody else, or nobody, does not find them; that a name is a node's everybody does."""
    mine = Known(held, "token")
    mine.keep_revision(replace(SEEN, private=True))
    mine.keep_ref(REPO, "main", KnownRef(((REV, 10),), 20), private=True)
    mine.keep_name(REPO, 20, node=True, private=True)
    assert mine.revision(REPO, REV)
    for other in (Known(held), Known(held, "another")):
        assert other.revision(REPO, REV) is None
        assert other.ref(REPO, "main") is None
        assert other.name(REPO)
    assert not any("token" in key for key in held.keys("revision"))


def test_alarms_and_recalls(held: Held) -> None:
    """They stay until they are taken back."""
    known = Known(held)
    assert (known.alarm(REPO, REV), known.recalled(REPO, "main"), known.unclaimed(REPO)) == ("", "", False)
    known.raise_alarm(REPO, REV, "two contents", 1)
    known.recall(REPO, "main", "malicious", 1)
    known.keep_unclaimed(REPO, 1)
    assert (known.alarm(REPO, REV), known.recalled(REPO, "main"), known.unclaimed(REPO)) == ("two contents", "malicious", True)
    known.recall(REPO, "main", "", 2)
    assert known.recalled(REPO, "main") == ""


@pytest.mark.parametrize("data", [b"", b"junk", b"x\x9c\x03\x00\x00\x00\x00\x01", b"\x78\x9c\xab\xae\x05\x00\x01\x75\x00\xf9"])
def test_a_damaged_record_is_an_error(held: Held, data: bytes) -> None:
    """Whoever could make us forget could roll us back."""
    known = Known(held)
    known.keep_revision(SEEN)
    held.put("revision", held.keys("revision")[0], data, 1)
    with pytest.raises(StorageError):
        known.revision(REPO, REV)


def test_old_names(held: Held) -> None:
    """The full name behind one without a namespace is remembered."""
    Known(held).keep_alias(RepoType.MODEL, "GPT2", "openai/gpt2", 1)
    assert Known(held).alias(RepoType.MODEL, "gpt2") == "openai/gpt2"
    assert Known(held).alias(RepoType.DATASET, "gpt2") == ""
