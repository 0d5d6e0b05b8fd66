"""What tests of signing need: keys, entries, one revision with its manifest."""

from __future__ import annotations

import hashlib

from hanse.keys.files import FileSigner, generate
from hanse.model.digest import GitOid, Sha256, XetHash
from hanse.model.entry import Entry
from hanse.model.publickey import Scheme
from hanse.model.repo import Origin, RepoId, RepoType
from hanse.sign.bundle import Bundle, VerifiedStatement, make_bundle, parse_bundle_json, verify_bundle
from hanse.sign.oms import manifest_statement
from hanse.sign.statement import Statement

REPO = RepoId(Origin("models.example.org"), RepoType.MODEL, "acme", "Tiny")
REV = GitOid("1f" * 20)
TREE = Sha256("2e" * 32)
FILES = {"config.json": b"{}", "weights/model-00001.safetensors": b"w" * 1000, "README.md": b"# Tiny\n"}


def entry(path: str, content: bytes) -> Entry:
    """Return the entry of a file; its Xet hash and git id are made up from the content."""
    digest = hashlib.sha256(content).hexdigest()
    xet = XetHash(hashlib.sha256(b"xet" + content).hexdigest())
    return Entry(path, len(content), Sha256(digest), xet, GitOid(hashlib.sha1(content).hexdigest()), lfs=False)


def entries(files: dict[str, bytes] | None = None) -> list[Entry]:
    """Return the entries of some files."""
    return [entry(path, content) for path, content in (files or FILES).items()]


def manifest(files: dict[str, bytes] | None = None) -> Statement:
    """Return the manifest of some files under fixed names."""
    return manifest_statement("Tiny", entries(files), REPO, REV, TREE)


def attest_key() -> FileSigner:
    """Return a fresh key of the kind that signs statements."""
    return generate(Scheme.ECDSA_P256)


def signed(signer: FileSigner, statement: Statement | None = None) -> Bundle:
    """Return a bundle over `statement`, the fixed manifest by default."""
    return make_bundle(statement or manifest(), signer)


def verified(statement: Statement) -> VerifiedStatement:
    """Return a statement as verification gives it: signed by a fresh key, written, read and verified."""
    signer = attest_key()
    return verify_bundle(parse_bundle_json(signed(signer, statement).encode()), signer.public)
