"""Sigstore's `cosign` accepts what Hanse signs and refuses what was altered."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from pathlib import Path

import pytest
from tests.support.debian import find
from tests.support.signing import FILES, attest_key, signed

from hanse.sign.statement import OMS

pytestmark = pytest.mark.long  # the program comes from another release of Debian than the one that tests run on
ROOT = {"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}
"""A trusted root without anybody, so that nothing is fetched."""
DIGESTS = b"".join(hashlib.sha256(FILES[name]).digest() for name in sorted(FILES))
"""What the subject of a Model Signing statement is the digest of."""


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    """Return a folder with a bundle of ours, its key, and what cosign needs."""
    signer = attest_key()
    (tmp_path / "bundle.json").write_bytes(signed(signer).encode())
    (tmp_path / "key.pem").write_text(signer.public.pem)
    (tmp_path / "other.pem").write_text(attest_key().public.pem)
    (tmp_path / "root.json").write_text(json.dumps(ROOT))
    (tmp_path / "blob").write_bytes(DIGESTS)
    return tmp_path


def verify(folder: Path, *, bundle: str = "bundle.json", key: str = "key.pem", blob: str = "blob") -> str:
    """Return what cosign says, "" if it accepts."""
    named = ["--bundle", bundle, "--key", key, "--trusted-root", "root.json", "--type", OMS, blob]
    command = [find("cosign", "cosign", "trixie"), "verify-blob-attestation", "--new-bundle-format", "--insecure-ignore-tlog"]
    done = subprocess.run([*command, *named], cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode == 0) == ("Verified OK" in done.stderr), done.stderr
    return "" if done.returncode == 0 else done.stderr


def test_a_manifest_is_accepted(folder: Path) -> None:
    """The stock program takes our bundle, by a plain key and without the public log."""
    assert verify(folder) == ""


def test_what_was_altered_is_refused(folder: Path) -> None:
    """Another key, other files, and a payload that was changed."""
    assert "signature" in verify(folder, key="other.pem")
    (folder / "altered").write_bytes(bytes([DIGESTS[0] ^ 1]) + DIGESTS[1:])
    assert "digest does not match" in verify(folder, blob="altered")
    fields = json.loads((folder / "bundle.json").read_bytes())
    payload = base64.b64decode(fields["dsseEnvelope"]["payload"]).replace(b'"Tiny"', b'"Tint"')
    fields["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    (folder / "changed.json").write_text(json.dumps(fields))
    assert "signature" in verify(folder, bundle="changed.json")
