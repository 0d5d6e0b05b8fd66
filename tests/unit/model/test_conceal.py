"""Concealment: what it replaces, what it keeps, and that nothing shows through."""

from __future__ import annotations

import hmac
from dataclasses import replace

import pytest
from tests.support.leaves import ATTESTED, OMS, OWNER, REF, REPO, SALT, WITHDRAWN, fields, position_leaf, signed

from hanse.errors import BadFormat
from hanse.model.conceal import conceal, conceal_value
from hanse.model.digest import NO_GIT_OID, NO_SHA256
from hanse.model.leaf import encode_leaf, parse_leaf
from hanse.model.ref_leaf import RepoOp


def test_concealment_replaces_what_identifies_and_nothing_else() -> None:
    """Each of repo, ref, rev, tree and to becomes its HMAC under the salt; the chain, kind and time stay readable."""

    def mac(name: str, value: str) -> str:
        return hmac.new(SALT, name.encode() + b"\x00" + value.encode(), "sha256").hexdigest()

    hidden = conceal(REF, SALT)
    changed = {name: mac(name, fields()[name]) for name in ("repo", "ref", "rev", "tree")}
    assert fields(hidden) == fields() | changed
    assert hidden.concealed
    assert not REF.concealed
    renamed = replace(REPO, op=RepoOp.RENAME, to="org/new")
    assert fields(conceal(renamed, SALT)) == fields(renamed) | {"repo": mac("repo", "org/name"), "to": mac("to", "org/new")}
    assert conceal_value(SALT, "rev", NO_GIT_OID) != NO_SHA256


def test_nothing_of_a_concealed_leaf_shows_the_name() -> None:
    """The clear texts occur nowhere in the bytes, and another salt gives unrelated ones."""
    data = encode_leaf(conceal(REF, SALT))
    for text in (REF.repo, REF.ref, "name", "main", REF.rev, REF.tree):
        assert text.encode() not in data
    other = conceal(REF, bytes(32))
    assert {other.repo, other.ref, other.rev, other.tree}.isdisjoint(fields(conceal(REF, SALT)).values())


def test_concealing_twice_or_with_a_short_salt_is_refused() -> None:
    """A salt has 32 bytes, and what is concealed stays as it is."""
    with pytest.raises(BadFormat):
        conceal(REF, SALT[:31])
    with pytest.raises(BadFormat):
        conceal(conceal(REF, SALT), SALT)
    with pytest.raises(BadFormat):
        conceal_value(SALT, "ref", "\ud800")


def test_a_concealed_attestation_tells_neither_what_nor_who() -> None:
    """Repo, rev, tree, payload, key and sig are HMACs, the payload's size is gone; only kind, time, type and predicate stay."""
    hidden = conceal(ATTESTED, SALT)
    clear = fields(ATTESTED) | {"payload": ATTESTED.payload.sha256}
    names = ("repo", "rev", "tree", "key", "sig")
    expected = clear | {name: conceal_value(SALT, name, clear[name]) for name in names}
    assert fields(hidden) == expected | {"payload": {"sha256": conceal_value(SALT, "payload", ATTESTED.payload.sha256)}}
    assert parse_leaf(encode_leaf(hidden)) == hidden
    assert (hidden.predicate, hidden.time) == (OMS, ATTESTED.time)


def test_a_concealed_position_hides_the_ref_too() -> None:
    """The owner's key and the ref's name show nowhere in the bytes; the position itself stays, as in ref leaves."""
    hidden = conceal(position_leaf(REF), SALT)
    data = encode_leaf(hidden)
    for text in (OWNER.public.fingerprint, REF.ref, REF.repo, REF.rev):
        assert text.encode() not in data
    assert hidden.seq == REF.seq
    assert parse_leaf(data) == hidden


def test_a_concealed_withdrawal_keeps_its_reason() -> None:
    """Repo, rev and tree are HMACs, also where the whole repository is meant."""
    for leaf in (WITHDRAWN, replace(WITHDRAWN, rev=None, tree=None)):
        hidden = conceal(leaf, SALT)
        assert hidden.reason is leaf.reason
        assert hidden.repo == conceal_value(SALT, "repo", leaf.repo)
        assert (hidden.rev is None) == (leaf.rev is None)
        assert parse_leaf(encode_leaf(hidden)) == hidden


def test_a_signed_leaf_is_not_concealed() -> None:
    """The signature covers the bytes as written, so concealing comes first."""
    with pytest.raises(BadFormat, match="concealed first"):
        conceal(signed(REF), SALT)
