"""npm's `@noble/post-quantum` verifies our ML-DSA-44 cosignatures, and we verify its."""

from __future__ import annotations

import json
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL
from tests.services.clients import CLIENTS
from tests.support.memorylog import MemoryLog
from tests.support.nodes import make_node
from tests.support.signers import signer

from hanse.db.engine import Database
from hanse.errors import BadSignature
from hanse.flows import witness
from hanse.flows.cosigners import add_log, witness_keys
from hanse.flows.node import Node
from hanse.model.publickey import PublicKey, Scheme
from hanse.tlog.checkpoint import Checkpoint
from hanse.tlog.cosignature import cosign, cosigner_key, verify_cosignature
from hanse.tlog.note import SignatureLine, parse_signature_line, parse_vkey

SCRIPT = Path(__file__).parent / "npm" / "cosignature.mjs"
HEAD = Checkpoint("log.example", 20852163, bytes(range(32)))
NAME = "witness.example/pq"
TIME = 1_800_000_000


@pytest.fixture(name="lite")
def _lite(sqlite_url: URL, tmp_path: Path) -> Iterator[Node]:
    """Return a node that cosigns."""
    database = Database(sqlite_url)
    yield make_node(database, tmp_path / "data")
    database.close()


def noble(*, verify: list[dict[str, Any]] | None = None, sign: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Return what the script says of lines to verify and checkpoints to sign."""
    script = shutil.copy(SCRIPT, CLIENTS / "verifiers")
    feed = json.dumps({"verify": verify or [], "sign": sign or []})
    done = subprocess.run(["node", script], input=feed, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_noble_verifies_our_cosignature_and_refuses_altered_ones() -> None:
    """The genuine line verifies; with another name, time, origin, size, root or signature it does not."""
    one = signer("w", Scheme.ML_DSA_44)
    key, line = cosigner_key(NAME, one.public), cosign(HEAD, NAME, one, TIME)
    true = {"vkey": key.text, "line": line, "note": HEAD.text}
    notes = [HEAD.text.replace(old, new) for old, new in (("log", "log2"), ("63", "64"), ("AAEC", "AAED"))]
    data = parse_signature_line(line).signature
    later = SignatureLine(NAME, key.key_id, data[:7] + bytes([data[7] + 1]) + data[8:])
    broken = SignatureLine(NAME, key.key_id, data[:-99] + bytes([data[-99] ^ 1]) + data[-98:])
    renamed = cosigner_key("witness.example/pr", one.public)
    moved = SignatureLine(renamed.name, renamed.key_id, data)
    false = [{**true, "note": note} for note in notes] + [{**true, "line": bad.text} for bad in (later, broken, moved)]
    false.append({"vkey": renamed.text, "line": moved.text, "note": HEAD.text})
    assert noble(verify=[true, *false])["verified"] == [True] + [False] * len(false)


def test_we_verify_a_cosignature_of_noble() -> None:
    """A cosignature and a vkey made in JavaScript from the specification are accepted, and not under another checkpoint."""
    made = noble(sign=[{"name": NAME, "time": TIME, "note": HEAD.text}])["signed"][0]
    key = parse_vkey(made["vkey"])
    assert verify_cosignature(HEAD, made["line"], key) == TIME
    with pytest.raises(BadSignature):
        verify_cosignature(Checkpoint("log.example", 20852164, HEAD.root), made["line"], key)


def test_the_raw_signature_is_plain_ml_dsa() -> None:
    """Signatures of both sides are FIPS 204's with an empty context: the key alone verifies them over the message."""
    made = noble(sign=[{"name": "w", "time": 1, "note": Checkpoint("o", 2, bytes(32)).text}])["signed"][0]
    raw = b64decode(made["vkey"].split("+", 2)[2])[1:]
    message = b"subtree/v1\n\0\x01w" + bytes(7) + b"\x01\x01o" + bytes(15) + b"\x02" + bytes(32)
    PublicKey.from_raw(Scheme.ML_DSA_44, raw).verify(parse_signature_line(made["line"]).signature[8:], message)


def test_noble_verifies_what_a_witness_answers(lite: Node) -> None:
    """A witness with its second key answers with two lines, of which JavaScript verifies the one of kind 0x06."""
    node = replace(lite, keys=replace(lite.keys, witness_ml_dsa=signer("pq", Scheme.ML_DSA_44)))
    log = MemoryLog()
    log.grow(5)
    add_log(node, [log.vkey])
    answer = witness.submit(node, log.request(0))
    keys = witness_keys(node)
    assert [parse_signature_line(line).key_id for line in answer.lines] == [key.key_id for key in keys]
    told = {"vkey": keys[1].text, "line": answer.lines[1], "note": answer.checkpoint.text}
    assert noble(verify=[told, {**told, "line": answer.lines[0]}])["verified"] == [True, False]
