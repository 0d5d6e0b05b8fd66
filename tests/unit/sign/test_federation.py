"""Membership metadata: who may change it, and that nobody is taken back or forward."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from securesystemslib.signer import CryptoSigner
from tests.support.tufs import EXPIRES, Council

from hanse.errors import BadFormat, BadProof, BadSignature, DigestMismatch, Equivocation, NotFoundError, RolledBack, TooLarge
from hanse.sign.federation import MAX_METADATA_BYTES, Threshold, TrustedFederation

NOW = int(EXPIRES.timestamp()) - 1


def _begun(council: Council) -> TrustedFederation:
    trusted = TrustedFederation.start(council.root(1, [0, 1, 2]))
    return trusted.with_targets(council.targets(1, [2, 3, 4], {"members.json": b"one"}))


def test_a_threshold_changes_members_and_files() -> None:
    """Three of five replace a key, and then three of the new five change the files."""
    council = Council()
    trusted = _begun(council)
    assert (trusted.root_version, trusted.targets_version) == (1, 1)
    assert trusted.role("root").need == 3
    council.signers.append(CryptoSigner.generate_ed25519())
    council.seats = [1, 2, 3, 4, 5]
    trusted = trusted.with_root(council.root(2, [1, 2, 3]))
    trusted = trusted.with_targets(council.targets(2, [5, 4, 3], {"members.json": b"two"}))
    assert (trusted.root_version, trusted.targets_version) == (2, 2)
    assert trusted.check_target("members.json", b"two") == b"two"


@pytest.mark.parametrize("by", [[], [0], [0, 1]])
def test_less_than_a_threshold_changes_nothing(by: list[int]) -> None:
    """Neither a root nor files of less than the threshold are taken, also where the new root asks for less."""
    council = Council()
    trusted = _begun(council)
    with pytest.raises(BadSignature, match=f"signed by {len(by)} of the 3"):
        trusted.with_targets(council.targets(2, by))
    council.seats, council.need = [0], 1
    with pytest.raises(BadSignature):
        trusted.with_root(council.root(2, by))


def test_a_root_needs_its_own_threshold_too() -> None:
    """Members who leave cannot install keys that do not agree themselves."""
    council = Council()
    trusted = _begun(council)
    council.signers += [CryptoSigner.generate_ed25519() for _ in range(3)]
    council.seats = [5, 6, 7]
    with pytest.raises(BadSignature, match="signed by 0 of the 3"):
        trusted.with_root(council.root(2, [0, 1, 2]))
    assert trusted.with_root(council.root(2, [0, 1, 2, 5, 6, 7])).root_version == 2


def test_one_version_after_the_other() -> None:
    """Older versions, jumps and second files of one version are refused, whoever signed them; more signatures are no change."""
    council = Council()
    everyone = [0, 1, 2, 3, 4]
    trusted = _begun(council)
    with pytest.raises(BadProof, match="does not follow"):
        trusted.with_root(council.root(3, everyone))
    with pytest.raises(BadProof, match="does not follow"):
        trusted.with_targets(council.targets(9_000, everyone))
    with pytest.raises(Equivocation) as caught:
        trusted.with_targets(council.targets(1, everyone, {"members.json": b"other"}))
    assert caught.value.evidence[0] == trusted.targets_data
    assert trusted.with_targets(council.targets(1, everyone, {"members.json": b"one"})) is trusted
    second = trusted.with_root(council.root(2, everyone)).with_targets(council.targets(2, everyone))
    with pytest.raises(RolledBack):
        second.with_root(council.root(1, everyone))
    with pytest.raises(RolledBack):
        second.with_targets(council.targets(1, everyone))


def test_files_of_keys_that_no_longer_count() -> None:
    """Targets that the new root's keys did not sign are not trusted on."""
    council = Council(size=8)
    council.seats = [0, 1, 2, 3, 4]
    trusted = _begun(council)
    council.seats = [0, 1, 5, 6, 7]
    changed = trusted.with_root(council.root(2, [0, 1, 2, 5, 6]))
    assert (changed.targets_trusted, changed.listed()) == (False, {})
    with pytest.raises(NotFoundError):
        changed.check_current(NOW)
    # Signed by the new keys, the same files count again; older ones, and others of this version, do not.
    again = changed.with_targets(council.targets(1, [0, 1, 5], {"members.json": b"one"}))
    assert again.check_target("members.json", b"one")
    with pytest.raises(Equivocation):
        changed.with_targets(council.targets(1, [0, 1, 5], {"members.json": b"x"}))
    resumed = TrustedFederation.resume(changed.root_data, changed.targets_data)
    assert (resumed.targets_version, resumed.targets_trusted) == (1, False)
    assert TrustedFederation.resume(changed.root_data, b"").targets is None


def test_newer_versions_that_logs_have_seen() -> None:
    """Whoever holds back a version that a log names is noticed."""
    trusted = _begun(Council())
    trusted.check_newest({"root": 1, "targets": 1})
    with pytest.raises(RolledBack, match="targets is at version 1"):
        trusted.check_newest({"targets": 2})


def test_expiry() -> None:
    """Metadata counts until it expires."""
    council = Council()
    trusted = _begun(council)
    trusted.check_current(NOW)
    with pytest.raises(BadProof, match="expired"):
        trusted.check_current(NOW + 1)
    early = trusted.with_root(council.root(2, [0, 1, 2], expires=datetime(2026, 1, 1, tzinfo=UTC)))
    with pytest.raises(BadProof, match="root, version 2, expired"):
        early.check_current(NOW)


def test_files_are_those_that_are_listed() -> None:
    """A file with another content or under another name is none of the federation's."""
    trusted = _begun(Council())
    assert set(trusted.listed()) == {"members.json"}
    with pytest.raises(DigestMismatch):
        trusted.check_target("members.json", b"0ne")
    with pytest.raises(NotFoundError):
        trusted.check_target("other.json", b"one")


def test_a_key_counts_once() -> None:
    """A root that lists one key under two ids is refused: it would count twice."""
    council = Council(size=2, need=2)
    told = json.loads(council.root(1, [0, 1]))
    first, second = told["signed"]["keys"]
    told["signed"]["keys"][second] = told["signed"]["keys"][first]
    with pytest.raises(BadFormat, match="count twice"):
        TrustedFederation.start(json.dumps(told).encode())


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", BadFormat),
        (b"[]", BadFormat),
        (b'{"signed": {}, "signatures": []}', BadFormat),
        (b'{"signed": {}, "signed": {}}', BadFormat),
        (b" " * (MAX_METADATA_BYTES + 1), TooLarge),
    ],
)
def test_what_is_no_metadata(data: bytes, error: type[Exception]) -> None:
    """Bytes that are no TUF metadata are refused with a reason."""
    with pytest.raises(error):
        TrustedFederation.start(data)


def test_roles_are_not_mixed_up() -> None:
    """Targets are no root, a root is no targets, and a role that nobody could sign is refused."""
    council = Council()
    trusted = _begun(council)
    with pytest.raises(BadFormat, match="type root"):
        TrustedFederation.start(council.targets(1, [0, 1, 2]))
    with pytest.raises(BadFormat, match="type targets"):
        trusted.with_targets(council.root(2, [0, 1, 2]))
    council.need = 6
    with pytest.raises(BadFormat, match="nobody could"):
        TrustedFederation.start(council.root(1, [0, 1, 2, 3, 4]))


def test_what_a_threshold_is_worth() -> None:
    """It is told where one member can block or change everything, and where two halves could part ways."""
    keys = tuple("abcde")
    assert Threshold(5, keys).one_can_block
    assert Threshold(1, keys).one_can_change
    assert Threshold(2, keys).split
    sound = Threshold(3, keys)
    assert (sound.one_can_block, sound.one_can_change, sound.split) == (False, False, False)
