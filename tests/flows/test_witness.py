"""C2SP tlog-witness, rule by rule, on both kinds of catalogue."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from tests.support.memorylog import MemoryLog
from tests.support.nodes import ORIGIN, TickingClock, make_node
from tests.support.signers import signer

from hanse.db import alarms, cosignatures, witnesses
from hanse.db.cosignatures import Cosignature
from hanse.db.engine import Database
from hanse.errors import BadFormat, BadProof, BadSignature, HanseError, NotFoundError, SizeConflict, TooLarge
from hanse.flows import witness
from hanse.flows.node import Node
from hanse.flows.witness import witness_name
from hanse.tlog.addcheckpoint import UnverifiedRequest
from hanse.tlog.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from hanse.tlog.cosignature import cosigner_key, verify_cosignature
from hanse.tlog.hashing import EMPTY_ROOT
from hanse.tlog.note import parse_note, parse_vkey


@pytest.fixture(name="clock")
def _clock() -> TickingClock:
    """Return a clock that stands still until told to move."""
    return TickingClock()


@pytest.fixture(name="node")
def _node(database: Database, tmp_path: Path, clock: TickingClock) -> Node:
    """Return a node that has no log of its own yet; overrides the running one of this folder."""
    return make_node(database, tmp_path / "data", clock=clock)


@pytest.fixture(name="log")
def _log(node: Node) -> MemoryLog:
    """Return a log of 12 entries that the node witnesses."""
    log = MemoryLog()
    log.grow(12)
    know(node, log)
    return log


def know(node: Node, log: MemoryLog, url: str = "", *vkeys: str) -> None:
    """Let the node witness a log."""
    with node.db.write() as conn:
        witnesses.add(conn, log.origin, vkeys or (log.vkey,), url, EMPTY_ROOT.hex())


def recorded(node: Node, log: MemoryLog) -> int:
    """Return the size that the witness recorded last."""
    return witness.find_log(node, log.origin).size


def times(node: Node, log: MemoryLog, accepted: witness.Accepted) -> list[int]:
    """Verify an answer as a client would and return the times in it."""
    key = cosigner_key(witness_name(ORIGIN), node.keys.witness.public)
    return [verify_cosignature(accepted.checkpoint, line, key) for line in accepted.lines]


def refused(node: Node, log: MemoryLog, body: bytes, error: type[HanseError], words: str | None = None) -> HanseError:
    """Submit what must be refused, leaving the record where it was."""
    before = witness.find_log(node, log.origin)
    with pytest.raises(error, match=words) as caught:
        witness.submit(node, body)
    assert witness.find_log(node, log.origin) == before
    return caught.value


def test_the_first_checkpoint_needs_no_proof(node: Node, log: MemoryLog, clock: TickingClock) -> None:
    """A log seen for the first time is cosigned at any size from old size 0 with an empty proof, at the time of the clock."""
    accepted = witness.submit(node, log.request(0, 7))
    assert accepted.checkpoint == log.head(7)
    assert times(node, log, accepted) == [clock.time]
    assert recorded(node, log) == 7


def test_a_log_grows_by_proofs(node: Node, log: MemoryLog) -> None:
    """Each step from the recorded size with an RFC 6962 consistency proof is cosigned, whatever the sizes."""
    for old, new in ((0, 1), (1, 2), (2, 7), (7, 8), (8, 12)):
        assert witness.submit(node, log.request(old, new)).checkpoint.size == new
        assert recorded(node, log) == new


def test_the_same_size_again_gives_a_newer_time(node: Node, log: MemoryLog, clock: TickingClock) -> None:
    """Resubmitting the last size, by anybody, gives a cosignature with the time of now: freshness needs no publisher."""
    first = witness.submit(node, log.request(0))
    clock.time += 3600
    again = witness.submit(node, log.request(12, 12))
    assert times(node, log, again)[0] == times(node, log, first)[0] + 3600
    assert recorded(node, log) == 12


def test_time_never_goes_back(node: Node, log: MemoryLog, clock: TickingClock) -> None:
    """A clock that was set back does not make a later statement seem older than an earlier one."""
    first = times(node, log, witness.submit(node, log.request(0, 5)))
    clock.time -= 1000
    assert times(node, log, witness.submit(node, log.request(5))) == first


def test_an_unknown_origin_is_404(node: Node, log: MemoryLog) -> None:
    """A log that was not added is unknown, even if the signature of its own key is good."""
    stranger = MemoryLog(origin="elsewhere.example/log", seed="stranger")
    stranger.grow(2)
    refused(node, log, stranger.request(0), NotFoundError, "does not know the log")


def test_unsigned_by_the_log_is_403(node: Node, log: MemoryLog) -> None:
    """A checkpoint with no signature of a trusted key is refused, also when another key signs under the log's name."""
    forged = sign_checkpoint(log.head(), signer("somebody else"))
    refused(node, log, UnverifiedRequest(0, (), forged).encode(), BadSignature, "none of these keys")


def test_a_failing_signature_of_a_known_key_is_403(node: Node, log: MemoryLog) -> None:
    """A line that names the log's key and does not verify spoils the note, although another line of that key is good."""
    good, other = parse_note(log.note()), parse_note(log.note(5))
    note = good.data + f"{other.signatures[0].text}\n".encode()
    refused(node, log, UnverifiedRequest(0, (), note).encode(), BadSignature, "does not verify")


def test_signatures_of_unknown_keys_are_ignored(node: Node, log: MemoryLog) -> None:
    """Up to 16 and more lines of others neither help nor harm, whether they are good or not; they are not passed on as ours."""
    extra = b"".join(
        parse_note(sign_checkpoint(Checkpoint(f"other{n}.example", 1, bytes(32)), signer(f"{n}"))).data.splitlines(keepends=True)[
            -1
        ]
        for n in range(40)
    )
    accepted = witness.submit(node, UnverifiedRequest(0, (), log.note() + extra).encode())
    assert [line.name for line in parse_note(accepted.log.note.encode()).signatures] == [log.origin, witness_name(ORIGIN)]


def test_a_log_may_change_its_key(node: Node, log: MemoryLog) -> None:
    """While a log has two keys, either is enough; one that was taken away is unknown."""
    new = MemoryLog(origin=log.origin, seed="the new key")
    new.grow(12)
    know(node, log, "", log.vkey, new.vkey)
    witness.submit(node, log.request(0, 5))
    witness.submit(node, new.request(5, 8))
    know(node, log, "", new.vkey)
    refused(node, log, log.request(8), BadSignature)
    witness.submit(node, new.request(8))


def test_a_larger_old_size_is_400(node: Node, log: MemoryLog) -> None:
    """An old size above the checkpoint's cannot be, whatever is recorded."""
    witness.submit(node, log.request(0))
    refused(node, log, UnverifiedRequest(12, (), log.note(5)).encode(), BadFormat, "larger than the checkpoint's")


@pytest.mark.parametrize("old", [0, 4, 8])
def test_another_old_size_is_409_with_the_recorded_one(node: Node, log: MemoryLog, old: int) -> None:
    """The client learns where the witness stands; a zero old size asks for it."""
    witness.submit(node, log.request(0, 7))
    error = refused(node, log, log.request(old), SizeConflict)
    assert isinstance(error, SizeConflict)
    assert error.size == 7


def test_a_rollback_is_409(node: Node, log: MemoryLog) -> None:
    """A smaller checkpoint than the last one, honest as it may have been, is never cosigned again."""
    witness.submit(node, log.request(0))
    refused(node, log, log.request(0, 5), SizeConflict)
    refused(node, log, log.request(5, 5), SizeConflict)


def test_the_empty_log(node: Node, log: MemoryLog) -> None:
    """Size 0 is cosigned with the root of the empty log and with no other (422)."""
    forged = sign_checkpoint(Checkpoint(log.origin, 0, bytes(32)), log.signer)
    refused(node, log, UnverifiedRequest(0, (), forged).encode(), BadProof)
    assert witness.submit(node, log.request(0, 0)).checkpoint == log.head(0)
    assert witness.submit(node, log.request(0, 3)).checkpoint == log.head(3)


@pytest.mark.parametrize("proof", [(bytes(32),), (bytes(32),) * 63])
def test_a_proof_from_nothing_is_422(node: Node, log: MemoryLog, proof: tuple[bytes, ...]) -> None:
    """From old size 0, and between equal sizes, the proof must be empty."""
    refused(node, log, UnverifiedRequest(0, proof, log.note()).encode(), BadProof, "must be empty")
    witness.submit(node, log.request(0))
    refused(node, log, UnverifiedRequest(12, proof, log.note()).encode(), BadProof, "must be empty")


def test_a_false_proof_is_422(node: Node, log: MemoryLog) -> None:
    """Missing, surplus, swapped and altered hashes of the consistency proof do not verify."""
    witness.submit(node, log.request(0, 7))
    proof = log.prove(7)
    assert len(proof) > 2
    altered = (bytes([proof[0][0] ^ 1]) + proof[0][1:], *proof[1:])
    for false in ((), proof[:-1], (*proof, bytes(32)), proof[::-1], altered):
        refused(node, log, UnverifiedRequest(7, false, log.note()).encode(), BadProof)
    witness.submit(node, log.request(7))


def test_a_fork_is_422(node: Node, log: MemoryLog) -> None:
    """Another history under the log's own signature finds no proof that verifies."""
    witness.submit(node, log.request(0, 7))
    fork = MemoryLog()
    fork.grow(12, "another entry")
    refused(node, log, fork.request(7), BadProof)


def test_two_roots_of_one_size_are_422_and_an_alarm(node: Node, log: MemoryLog) -> None:
    """The log's two signatures are kept as evidence that convinces anybody, once."""
    witness.submit(node, log.request(0))
    fork = MemoryLog()
    fork.grow(12, "another entry")
    for _ in range(2):
        refused(node, log, fork.request(12, 12), BadProof, "signed two roots")
    with node.db.read() as conn:
        (alarm,) = alarms.every(conn)
    assert (alarm.kind, alarm.origin) == ("equivocation", log.origin)
    key = parse_vkey(log.vkey)
    told = [open_checkpoint(text.encode(), key).checkpoint for text in json.loads(alarm.evidence)["checkpoints"]]
    assert told == [log.head(), fork.head()]


def test_what_does_not_parse_is_400(node: Node, log: MemoryLog) -> None:
    """A malformed head, note or checkpoint is refused before anything is looked up."""
    witness.submit(node, log.request(0, 7))
    body = log.request(7)
    for bad in (b"", body[:-1], body.replace(b"old 7", b"old 07"), body.replace(b"\n12\n", b"\n12\nextension\n"), body[:200]):
        refused(node, log, bad, BadFormat)


def test_an_oversized_request_is_refused(node: Node, log: MemoryLog) -> None:
    """No request has more than 512 KiB."""
    refused(node, log, log.request(0) + b"x" * (512 * 1024), TooLarge)


def test_a_restart_keeps_the_last_size(node: Node, log: MemoryLog, tmp_path: Path) -> None:
    """What was recorded outlives the process: another one over the same catalogue goes on from there."""
    witness.submit(node, log.request(0, 7))
    again = Database(node.db.url)
    other = make_node(again, tmp_path / "data", clock=node.clock)
    refused(other, log, log.request(0), SizeConflict)
    assert witness.submit(other, log.request(7)).checkpoint.size == 12
    again.close()


def test_losing_the_race_is_409(node: Node, log: MemoryLog) -> None:
    """A request that was checked against a record that has moved meanwhile gets the new size and no cosignature."""
    witness.submit(node, log.request(0, 3))
    seen = witness.find_log(node, log.origin)
    witness.submit(node, log.request(3, 9))
    with pytest.raises(SizeConflict) as caught:
        witness.record(node, seen, open_checkpoint(log.note(5), parse_vkey(log.vkey)))
    assert caught.value.size == 9
    assert recorded(node, log) == 9


def test_a_monitor_gets_the_newest_checkpoint(node: Node, log: MemoryLog) -> None:
    """It carries the log's signature, ours, and cosignatures of others of the same root; there is none before the first."""
    digest = witnesses.origin_hash(log.origin)
    with pytest.raises(NotFoundError):
        witness.newest_checkpoint(node, digest)
    with pytest.raises(NotFoundError):
        witness.newest_checkpoint(node, "0" * 64)
    accepted = witness.submit(node, log.request(0))
    line = accepted.lines[0].replace(witness_name(ORIGIN), "other.example/witness")
    other = Cosignature(log.origin, 12, "other.example/witness", "00" * 4, "witness", log.roots[12].hex(), 5, line)
    with node.db.write() as conn:
        cosignatures.put(conn, [other, dataclasses.replace(other, name="false.example", root="11" * 32)])
    note = parse_note(witness.newest_checkpoint(node, digest))
    assert [one.name for one in note.signatures] == [log.origin, witness_name(ORIGIN), "other.example/witness"]
    assert open_checkpoint(note.data, parse_vkey(log.vkey)).checkpoint == log.head()


def test_the_witness_and_the_mirror_have_different_keys(node: Node) -> None:
    """One Ed25519 key for several cosigners is forbidden: the message does not name the cosigner."""
    keys = {key.public.fingerprint for key in (node.keys.log, node.keys.witness, node.keys.mirror)}
    assert len(keys) == 3
