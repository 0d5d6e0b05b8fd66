"""docs/log-formats.md and the code say the same: the example verifies, and is what the code writes."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.signers import signer
from tests.support.tiledlog import TiledLog

from hanse.tlog.checkpoint import sign_checkpoint
from hanse.tlog.cosignature import cosign, cosigner_key, verify_cosignatures
from hanse.tlog.hashing import MAX_LOG_SIZE, leaf_hash
from hanse.tlog.lines import MAX_PATH
from hanse.tlog.note import ED25519, MAX_NAME_BYTES, MAX_NOTE_BYTES, MAX_SIGNATURES, NoteKey, encode_note, parse_note, parse_vkey
from hanse.tlog.proof import inclusion_proof
from hanse.tlog.tlogproof import MAX_EXTRA_BYTES, TlogProof, parse_tlog_proof, verify_tlog_proof

PAGE = (Path(__file__).parents[2] / "docs" / "log-formats.md").read_text(encoding="utf-8")
KEYS, PROOF = re.findall(r"```\n(.*?)```", PAGE, re.DOTALL)


def test_the_example_verifies() -> None:
    """With the two keys of the page alone, the leaf is in the log and the witness saw it at the time of the page."""
    log, witness = map(parse_vkey, KEYS.split())
    verified = verify_tlog_proof(parse_tlog_proof(PROOF.encode()), leaf_hash(b"leaf 2"), log)
    found = verify_cosignatures(verified.checkpoint, verified.note.signatures, [witness])
    assert [(one.key, one.time) for one in found] == [(witness, 1_800_000_000)]


def test_the_example_is_what_the_code_writes() -> None:
    """From the private keys that the page names, every byte of the example comes out again."""
    log = TiledLog("log.example").append([b"leaf %d" % number for number in range(5)])
    head = log.head()
    own = parse_note(sign_checkpoint(head, signer("log"))).signatures[0].text
    note = encode_note(head.text, [own, cosign(head, "witness.example", signer("witness"), 1_800_000_000)])
    keys = [NoteKey("log.example", signer("log").public, ED25519), cosigner_key("witness.example", signer("witness").public)]
    assert KEYS.split() == [key.text for key in keys]
    assert PROOF.encode() == TlogProof(2, inclusion_proof(2, 5, log.read), note).encode()


def test_the_bounds_are_those_of_the_code() -> None:
    """The numbers on the page are the ones that are enforced."""
    said = re.search(r"- Bounds: .*", PAGE)
    assert said
    assert (MAX_NOTE_BYTES, MAX_SIGNATURES, MAX_NAME_BYTES, MAX_PATH) == (1_000_000, 100, 255, 63)
    assert (MAX_LOG_SIZE, MAX_EXTRA_BYTES) == (2**53 - 1, 64 * 1024)
    assert all(
        text in said[0] for text in ("1,000,000", "100 signatures", "255 bytes", "2^53 \N{MINUS SIGN} 1", "63 hashes", "64 KiB")
    )
