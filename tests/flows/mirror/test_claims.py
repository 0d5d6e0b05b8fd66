"""Claims are kept as they were made first, and compared with what is said later."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hanse.errors import BadFormat, PeerMisbehaved, TooLarge
from hanse.flows.mirror import claims
from hanse.flows.mirror.claims import NO_WORDS, RevisionClaim, differences, pack, parse_words, unpack, words_json, words_of
from hanse.model.digest import GitOid, Sha256, XetHash
from hanse.model.filepin import FilePin
from hanse.model.repo import Origin, RepoId, RepoType

REPO = RepoId(Origin("up.example"), RepoType.MODEL, "org", "m")
REV = GitOid("1" * 40)
PLAIN = FilePin("a.txt", 3, GitOid("2" * 40), lfs=False)
LARGE = FilePin("b.bin", 9, GitOid("3" * 40), lfs=True, sha256=Sha256("4" * 64), xet=XetHash("5" * 64))


def test_pins_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """They come back as they were, in order of path, and have one digest whatever the order; damage is told."""
    packed, digest = pack([LARGE, PLAIN])
    assert unpack(packed) == (PLAIN, LARGE)
    assert pack([PLAIN, LARGE])[1] == digest
    assert pack([PLAIN])[1] != digest
    for bad in (b"", packed[:-9], pack([])[0][:4] + b"xx"):
        with pytest.raises(BadFormat, match="cannot be read"):
            unpack(bad)
    monkeypatch.setattr(claims, "MAX_PINS", 10)
    with pytest.raises(BadFormat):
        unpack(packed)


def test_what_contradicts() -> None:
    """Other digests, sizes and paths contradict; a digest that only one of the two gives does not."""
    assert differences([PLAIN, LARGE], [PLAIN, replace(LARGE, xet=None)]) == []
    assert differences([replace(LARGE, xet=None)], [LARGE]) == []
    assert differences([PLAIN], [LARGE]) == ["a.txt is gone", "b.bin is new"]
    told = differences([LARGE], [replace(LARGE, size=10, sha256=Sha256("6" * 64))])
    assert told == ["b.bin had size 9 and has 10", f"b.bin had sha256 {'4' * 64} and has {'6' * 64}"]


def test_what_is_no_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list without files, with a path twice, or without end is refused."""
    assert RevisionClaim(REPO, REV, (PLAIN, LARGE)).size == 12
    with pytest.raises(PeerMisbehaved, match="twice"):
        RevisionClaim(REPO, REV, (PLAIN, PLAIN))
    with pytest.raises(PeerMisbehaved, match="no file"):
        RevisionClaim(REPO, REV, ())
    monkeypatch.setattr(claims, "MAX_FILES", 1)
    with pytest.raises(TooLarge):
        RevisionClaim(REPO, REV, (PLAIN, LARGE))


def test_words_are_bounded_and_harmless() -> None:
    """What an upstream says of a commit is cut, cleaned of what could forge an author, and comes back as it was kept."""
    words = words_of("Title " * 200, "body\n" * 9000, "Eve\n<eve@x>", 2**60)
    assert len(words.title) <= claims.MAX_TITLE
    assert len(words.message) <= claims.MAX_MESSAGE
    assert words.author == "Eveeve@x"
    assert words.time == 2**40
    assert parse_words(words_json(words)) == words
    assert parse_words("{") == NO_WORDS
    assert words_of("", "", "\x00", -5).author == "unknown"
