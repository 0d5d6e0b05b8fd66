"""Whom an operator lets his node ask, and whose logs it cosigns; tests/cli/test_witness.py has the refusals."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.memorylog import MemoryLog
from tests.support.signers import signer

from hanse.db import cosigners as rows
from hanse.errors import BadFormat, Conflict, NotFoundError
from hanse.flows.cosigners import (
    MAX_KEYS,
    add_cosigner,
    add_log,
    commands,
    own_keys,
    policy,
    reader_policy,
    remove_cosigner,
    witness_keys,
)
from hanse.flows.node import Node
from hanse.model.publickey import Scheme
from hanse.policy.parse import parse_policy
from hanse.tlog.cosignature import cosigner_key
from hanse.tlog.tlogpolicy import parse_tlog_policy


def _vkey(name: str, scheme: Scheme = Scheme.ED25519) -> str:
    return cosigner_key(name, signer(name, scheme).public).text


def test_a_cosigner_may_have_two_keys(lite: Node) -> None:
    """Ed25519 and ML-DSA keys of one name are one cosigner; adding it again replaces it."""
    both = [_vkey("w.example/w"), _vkey("w.example/w", Scheme.ML_DSA_44)]
    add_cosigner(lite, both, "https://w.example/", "witness")
    added = add_cosigner(lite, both, "https://w.example/new/", "witness")
    assert (added.name, added.url, added.vkey.splitlines()) == ("w.example/w", "https://w.example/new", both)
    with lite.db.read() as conn:
        assert rows.every(conn) == [added]
    remove_cosigner(lite, "w.example/w", "witness")
    with pytest.raises(NotFoundError):
        remove_cosigner(lite, "w.example/w", "witness")


def test_keys_are_bounded(lite: Node) -> None:
    """None, and more than eight, are refused."""
    for keys in ([], [_vkey("w.example/w")] * (MAX_KEYS + 1)):
        with pytest.raises(BadFormat):
            add_cosigner(lite, keys, "https://w.example", "witness")


def test_nobody_witnesses_himself(lite: Node) -> None:
    """Under its own names, with its own keys, or its own log: refused."""
    own = own_keys(lite)
    disguised = cosigner_key("other.example/w", lite.keys.witness.public).text
    for vkey in (own["witness"].text, own["mirror"].text, disguised, _vkey(own["witness"].name)):
        with pytest.raises(Conflict):
            add_cosigner(lite, [vkey], "https://w.example", "witness")
    with pytest.raises(Conflict):
        add_log(lite, [own["log"].text])


def test_a_log_is_added_and_changed(lite: Node) -> None:
    """Keys and address can change; the size that was cosigned stays."""
    log, new = MemoryLog(), MemoryLog(seed="new")
    assert add_log(lite, [log.vkey]).url == ""
    changed = add_log(lite, [log.vkey, new.vkey], "https://log.example/")
    assert (changed.vkeys, changed.url, changed.size) == ((log.vkey, new.vkey), "https://log.example", 0)


def test_the_policy_for_readers(lite: Node) -> None:
    """All cosigners of a kind are asked for unless fewer are enough; more than there are cannot be."""
    with pytest.raises(NotFoundError):
        policy(lite, "witness", None)
    for name in ("w1.example/w", "w2.example/w", "w3.example/w"):
        add_cosigner(lite, [_vkey(name)], "https://w.example", "witness")
    every = parse_tlog_policy(policy(lite, "witness", None, "https://hub.example/log"))
    names = sorted(every.counted)
    assert not every.satisfied(set(names[:2]))
    assert every.satisfied(set(names))
    assert parse_tlog_policy(policy(lite, "witness", 2)).satisfied(set(names[1:]))
    with pytest.raises(BadFormat):
        policy(lite, "witness", 4)


def test_the_whole_policy_for_readers(lite: Node) -> None:
    """It is a policy that hanse verify takes: `careful`, with the tlog-policies of the kinds of cosigners that there are."""
    with pytest.raises(NotFoundError):
        reader_policy(lite, None)
    for kind, names in (("witness", ("w1.example/w", "w2.example/w")), ("mirror", ("m.example/m",))):
        for name in names:
            add_cosigner(lite, [_vkey(name)], "https://w.example", kind)
    found = parse_policy(reader_policy(lite, None, "https://hub.example/log"))
    assert (found.name, found.base) == (lite.origin, "careful")
    told = {"witness": found.witness, "mirror": found.mirror}
    for kind, one in told.items():
        assert parse_tlog_policy(one.logs[lite.origin]) == parse_tlog_policy(policy(lite, kind, None, "https://hub.example/log"))
    remove_cosigner(lite, "m.example/m", "mirror")
    assert not parse_policy(reader_policy(lite, 1)).mirror.logs


def test_what_others_run(lite: Node) -> None:
    """The commands name each key with the address that belongs to it."""
    lines = commands(lite, "https://hub.example")
    assert [line.split()[:3] for line in lines] == [["hanse", "witness", verb] for verb in ("add", "add", "log-add")]
    assert [line.split()[4] for line in lines[:2]] == ["https://hub.example/witness", "https://hub.example/mirror"]


def test_a_policy_of_ml_dsa_keys(lite: Node) -> None:
    """Asked for, it names the ML-DSA-44 key of a cosigner that has one, and else its Ed25519 key."""
    both = [_vkey("w1.example/w"), _vkey("w1.example/w", Scheme.ML_DSA_44)]
    add_cosigner(lite, both, "https://w.example", "witness")
    add_cosigner(lite, [_vkey("w2.example/w")], "https://w.example", "witness")
    for ml_dsa, first in enumerate(both):
        text = policy(lite, "witness", None, ml_dsa=bool(ml_dsa))
        named = [one.key.text for one in parse_tlog_policy(text).witnesses.values()]
        assert named == [first, _vkey("w2.example/w")]
        told = parse_policy(reader_policy(lite, None, ml_dsa=bool(ml_dsa)))
        assert parse_tlog_policy(told.witness.logs[lite.origin]) == parse_tlog_policy(text)


def test_the_second_key_of_a_witness_is_told(lite: Node) -> None:
    """Others are told both keys of one name, and nobody may ask this node by either."""
    node = replace(lite, keys=replace(lite.keys, witness_ml_dsa=signer("pq", Scheme.ML_DSA_44)))
    keys = witness_keys(node)
    assert {key.name for key in keys} == {f"{lite.origin}/witness"}
    line = commands(node, "https://hub.example")[0].split()
    assert line == ["hanse", "witness", "add", keys[0].text, "https://hub.example/witness", keys[1].text]
    with pytest.raises(Conflict):
        add_cosigner(node, [cosigner_key("other.example/w", keys[1].public).text], "https://w.example", "witness")
