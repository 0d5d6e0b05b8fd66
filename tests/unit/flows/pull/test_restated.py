"""Two claims of one content: which size and which digests are pinned, and when there are two contents."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.support.held import pin_of

from hanse.content.gitobjects import lfs_pointer_id
from hanse.flows.pull.restated import restated
from hanse.model.digest import GitOid, Sha256, XetHash

PLAIN = pin_of(b"content", "a.txt")
DIGEST = Sha256("ab" * 32)
LARGE = replace(PLAIN, path="b.bin", lfs=True, sha256=DIGEST, size=9, git_oid=lfs_pointer_id(DIGEST, 9))


def test_the_pointer_proves_a_size() -> None:
    """For a large file with a SHA-256 the true size is known without its bytes, whoever gave it first."""
    lie = replace(LARGE, size=10)
    for before, after in ((LARGE, lie), (lie, LARGE)):
        found = restated({"b.bin": before}, {"b.bin": after})
        assert found is not None
        assert found[0] == {"b.bin": LARGE}
        assert len(found[1]) == 1


def test_two_xet_hashes() -> None:
    """Beside one SHA-256 neither counts; without one they are two contents."""
    one, other = (replace(LARGE, xet=XetHash(digit * 64)) for digit in "12")
    found = restated({"b.bin": one}, {"b.bin": other})
    assert found is not None
    assert found[0]["b.bin"].xet is None
    assert found[0]["b.bin"].sha256 == DIGEST
    bare = [{"b.bin": replace(pin, sha256=None)} for pin in (one, other)]
    assert restated(*bare) is None


@given(st.sampled_from(["git_oid", "sha256", "lfs", "path"]))
def test_two_contents(what: str) -> None:
    """Another id, SHA-256, kind or name is no restatement."""
    other = {
        "git_oid": replace(LARGE, git_oid=GitOid("0" * 40)),
        "sha256": replace(LARGE, sha256=Sha256("c" * 64)),
        "lfs": replace(LARGE, lfs=False),
        "path": replace(LARGE, path="c.bin"),
    }[what]
    assert restated({LARGE.path: LARGE}, {other.path: other}) is None


@given(st.integers(0, 1 << 50), st.booleans())
def test_digests_are_never_replaced(size: int, known: bool) -> None:
    """Whatever the size, the pinned digests stay, and none is added that only the newer claim has."""
    before = replace(PLAIN, sha256=DIGEST if known else None, xet=None)
    found = restated({"a.txt": before}, {"a.txt": replace(before, size=size, sha256=DIGEST, xet=XetHash("1" * 64))})
    assert found is not None
    assert found[0]["a.txt"] == replace(before, size=size)
