"""npm's `@sigstore/bundle` and `@sigstore/verify` accept what Hanse signs and refuse what was altered."""

from __future__ import annotations

import base64
import copy
import json
import subprocess
from pathlib import Path
from typing import Any

from tests.services.clients import CLIENTS
from tests.support.signing import REPO, REV, TREE, attest_key, manifest, signed

from hanse.keys.files import FileSigner
from hanse.model.repo import branch_ref
from hanse.sign.bundle import key_hint
from hanse.sign.statement import ref_statement

SCRIPT = Path(__file__).with_name("sigstore_verify.mjs")
KEY = attest_key()


def verdicts(bundles: list[str], key: FileSigner = KEY, hint: str = "") -> list[str]:
    """Return what the JavaScript verifier says about each bundle."""
    given = {"key": key.public.pem, "hint": hint or key_hint(key.public), "bundles": bundles}
    command = ["node", str(SCRIPT), str(CLIENTS / "verifiers")]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


def _altered(change: dict[str, Any]) -> str:
    fields = copy.deepcopy(json.loads(signed(KEY).encode()))
    fields["dsseEnvelope"] |= change
    return json.dumps(fields)


def test_accepted() -> None:
    """Manifests with the extra fields, and other statements, verify with the key that the hint names."""
    ours = [signed(KEY), signed(KEY, ref_statement(REPO, branch_ref("main"), 1, REV, TREE))]
    assert verdicts([one.encode().decode() for one in ours]) == ["ok", "ok"]


def test_refused() -> None:
    """An altered payload, type or signature, two signatures, another media type: none verifies."""
    payload = base64.b64encode(manifest().encode().replace(TREE.encode(), REV.encode() + b"0" * 24)).decode()
    signature = {"sig": base64.b64encode(KEY.sign(b"other")).decode(), "keyid": ""}
    right = {"sig": base64.b64encode(signed(KEY).signature).decode(), "keyid": ""}
    media = json.loads(signed(KEY).encode()) | {"mediaType": "text/plain"}
    bundles = [
        _altered({"payload": payload}),
        _altered({"payloadType": "text/plain"}),
        _altered({"signatures": [signature]}),
        _altered({"signatures": [right, right]}),
        json.dumps(media),
    ]
    found = verdicts(bundles)
    assert all("Error" in one for one in found), found
    assert "ok" not in found


def test_another_key() -> None:
    """A bundle does not verify with another key that is passed off under its hint."""
    bundle = signed(KEY).encode().decode()
    assert verdicts([bundle], attest_key(), key_hint(KEY.public)) == ["VerificationError: signature verification failed"]
