"""Signed digests decide, git's names are only added."""

from __future__ import annotations

from dataclasses import replace

from tests.support.held import pin_of

from hanse.content.gitobjects import lfs_pointer_id
from hanse.flows.pull.gitnames import same_files, signed_form, unlisted, with_listing
from hanse.model.digest import GitOid, Sha256
from hanse.model.filepin import FilePin
from hanse.sign.oms import ManifestFile

PIN = pin_of(b"content", "a.txt")
assert PIN.sha256 is not None
SHA = PIN.sha256
FILE = ManifestFile("a.txt", PIN.size, SHA, PIN.xet)
LARGE = replace(PIN, lfs=True, git_oid=lfs_pointer_id(SHA, PIN.size))


def test_a_true_list_adds_git_names() -> None:
    """Regular and large files; what the list does not say of digests is no contradiction."""
    for listed in (PIN, LARGE, replace(PIN, sha256=None, xet=None)):
        files, false = with_listing([FILE], {"a.txt": listed})
        assert false == ""
        assert files["a.txt"] == replace(listed, sha256=SHA, xet=PIN.xet)


def test_a_false_list_adds_nothing() -> None:
    """Another size, digest, pointer, a file more or less: all files are then named by their digests alone."""
    wrong: list[dict[str, FilePin]] = [
        {"a.txt": replace(PIN, size=1)},
        {"a.txt": replace(PIN, sha256=Sha256("0" * 64))},
        {"a.txt": replace(LARGE, git_oid=GitOid("0" * 40))},
        {"a.txt": PIN, "b.txt": replace(PIN, path="b.txt")},
        {},
    ]
    for listing in wrong:
        files, false = with_listing([FILE], listing)
        assert false
        assert files == unlisted([FILE]) == {"a.txt": LARGE}


def test_a_claimed_git_name_stops_nobody_from_signed_bytes() -> None:
    """What is fetched must be what was signed, whatever git would call it."""
    assert signed_form(replace(PIN, git_oid=GitOid("0" * 40))) == LARGE
    assert signed_form(LARGE) == LARGE
    claimed = replace(PIN, sha256=None)
    assert signed_form(claimed) == claimed


def test_known_pins_of_the_same_files() -> None:
    """They are used again only if every digest is the signed one."""
    assert same_files([FILE], {"a.txt": PIN})
    assert not same_files([FILE], {"a.txt": replace(PIN, sha256=None)})
    assert not same_files([FILE], {})
