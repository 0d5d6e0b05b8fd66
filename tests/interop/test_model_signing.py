"""OpenSSF `model_signing` and Hanse verify each other's bundles, and refuse the same alterations."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.services.clients import client_python
from tests.support.signing import FILES, REPO, REV, TREE, attest_key, entries, signed

from hanse.errors import BadFormat, BadSignature, TooLarge
from hanse.keys.files import FileSigner, generate
from hanse.model.publickey import PublicKey, Scheme
from hanse.sign.bundle import Bundle, make_bundle, parse_bundle_json, verify_bundle
from hanse.sign.dsse import IN_TOTO
from hanse.sign.oms import Manifest, manifest_statement, parse_manifest

DRIVER = Path(__file__).with_name("model_signing_cli.py")
GIT_FILES = {".gitattributes": b"*.bin filter=lfs\n", **FILES}


class Stock:
    """A folder with a model, a key pair, and `model_signing` run on them."""

    def __init__(self, folder: Path, key: FileSigner, files: dict[str, bytes]) -> None:
        self.folder, self.key, self.model = folder, key, folder / "Tiny"
        for path, content in files.items():
            (self.model / path).parent.mkdir(parents=True, exist_ok=True)
            (self.model / path).write_bytes(content)
        (folder / "private.pem").write_bytes(key.pem())
        (folder / "public.pem").write_text(key.public.pem)

    def run(self, commands: Sequence[Sequence[str]]) -> list[tuple[int, str]]:
        """Return exit code and output of each command."""
        given = json.dumps([list(command) for command in commands])
        done = subprocess.run(
            [client_python("signing"), DRIVER], input=given, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return [(code, text) for code, text in json.loads(done.stdout)]

    def verifying(self, signature: Path, *flags: str, key: str = "public.pem") -> list[str]:
        """Return the command that verifies the model with a public key."""
        public = str(self.folder / key)
        return ["verify", "key", "--signature", str(signature), "--public_key", public, *flags, str(self.model)]

    def signing(self, signature: Path, *flags: str, key: str = "private.pem") -> list[str]:
        """Return the command that signs the model."""
        private = str(self.folder / key)
        return ["sign", "key", "--signature", str(signature), "--private_key", private, *flags, str(self.model)]


@pytest.fixture(name="stock")
def _stock(tmp_path: Path) -> Stock:
    return Stock(tmp_path, attest_key(), FILES)


def check_files(manifest: Manifest, folder: Path, *, own_file: str = "") -> list[str]:
    """Return what is wrong with the files of a folder: changed, missing, added."""
    here = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    here.pop(own_file, None)
    signed_files = {file.path: file.sha256 for file in manifest.files}
    wrong = [f"changed {name}" for name in here.keys() & signed_files.keys() if _sha256(here[name]) != signed_files[name]]
    wrong += [f"missing {name}" for name in signed_files.keys() - here.keys()]
    return sorted(wrong + [f"added {name}" for name in here.keys() - signed_files.keys()])


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_stock_verifier_accepts_ours_and_refuses_alterations(stock: Stock) -> None:
    """A manifest with rev, tree, size and xet passes; a wrong key, an altered payload, changed, added, missing files do not."""
    bundle, other = stock.folder / "ours.sig", stock.folder / "altered.sig"
    bundle.write_bytes(signed(stock.key).encode())
    (stock.folder / "wrong.pem").write_text(attest_key().public.pem)
    fields = json.loads(bundle.read_text())
    payload = base64.b64decode(fields["dsseEnvelope"]["payload"]).replace(REV.encode(), b"00" * 20)
    fields["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    other.write_text(json.dumps(fields))
    strict = "--no-ignore-git-paths"
    results = stock.run(
        [
            stock.verifying(bundle),
            stock.verifying(bundle, strict),
            stock.verifying(bundle, key="wrong.pem"),
            stock.verifying(other),
        ]
    )
    assert [code for code, _ in results] == [0, 0, 1, 1], results
    assert "succeeded" in results[0][1]
    weights = stock.model / "weights/model-00001.safetensors"
    codes = []
    for damage in (lambda: weights.write_bytes(b"W" + b"w" * 999), weights.unlink):
        damage()
        codes += [code for code, _ in stock.run([stock.verifying(bundle)])]
    weights.write_bytes(FILES["weights/model-00001.safetensors"])
    (stock.model / "added.py").write_text("")
    codes += [code for code, _ in stock.run([stock.verifying(bundle)])]
    assert codes == [1, 1, 1]


def test_git_files_need_the_strict_flag(tmp_path: Path) -> None:
    """A manifest of all files, `.gitattributes` included, passes the stock verifier when it is told not to overlook git files."""
    stock = Stock(tmp_path, attest_key(), GIT_FILES)
    bundle = tmp_path / "ours.sig"
    statement = manifest_statement("Tiny", entries(GIT_FILES), REPO, REV, TREE)
    bundle.write_bytes(make_bundle(statement, stock.key).encode())
    results = stock.run([stock.verifying(bundle, "--no-ignore-git-paths"), stock.verifying(bundle)])
    assert [code for code, _ in results] == [0, 1], results


def test_many_names(tmp_path: Path) -> None:
    """Names whose order differs between texts and path segments, and names outside ASCII, verify with the stock verifier."""
    names = ("a-b/c", "a/b", "a.b", "a", "Ä/ß.txt", "z z/\u00e9\U0001f600.bin", "a'b\"c", "1" * 200)
    files = {name if name != "a" else "aa": name.encode() for name in names}
    stock = Stock(tmp_path, attest_key(), files)
    bundle = tmp_path / "ours.sig"
    bundle.write_bytes(make_bundle(manifest_statement("Tiny", entries(files), REPO, REV, TREE), stock.key).encode())
    assert stock.run([stock.verifying(bundle)])[0][0] == 0


def test_hanse_accepts_theirs_and_refuses_alterations(stock: Stock) -> None:
    """A model signed by the stock signer verifies with all its files; whatever is changed, added or missing is found."""
    path = stock.model / "model.sig"
    assert stock.run([stock.signing(path)])[0][0] == 0
    found = parse_manifest(verify_bundle(parse_bundle_json(path.read_bytes()), stock.key.public), own_file="model.sig")
    assert check_files(found, stock.model, own_file="model.sig") == []
    assert (found.name, found.revision) == ("Tiny", None)
    (stock.model / "config.json").write_bytes(b"{ }")
    (stock.model / "README.md").unlink()
    (stock.model / ".gitattributes").write_bytes(b"")
    wrong = check_files(found, stock.model, own_file="model.sig")
    assert wrong == ["added .gitattributes", "changed config.json", "missing README.md"]


def test_hanse_refuses_what_the_signer_left_out(stock: Stock) -> None:
    """A stock bundle whose signer exempted files of his choice is refused, and so is one that moved away from its own name."""
    path = stock.model / "model.sig"
    flags = ("--ignore-paths", str(stock.model / "weights"))
    assert stock.run([stock.signing(path, *flags)])[0][0] == 0
    given = verify_bundle(parse_bundle_json(path.read_bytes()), stock.key.public)
    with pytest.raises(BadFormat, match="weights"):
        parse_manifest(given, own_file="model.sig")


def test_hanse_refuses_altered_envelopes_of_theirs(stock: Stock) -> None:
    """An altered payload or signature, a second signature, another key: each is an error of its own."""
    path = stock.folder / "model.sig"
    assert stock.run([stock.signing(path)])[0][0] == 0
    fields: dict[str, Any] = json.loads(path.read_text())
    envelope = fields["dsseEnvelope"]
    payload = base64.b64decode(envelope["payload"]).replace(b"config.json", b"config.jsoN")
    lies: list[dict[str, Any]] = [
        {"payload": base64.b64encode(payload).decode()},
        {"signatures": [{"sig": base64.b64encode(stock.key.sign(b"other")).decode()}]},
    ]
    for change in lies:
        with pytest.raises(BadSignature):
            verify_bundle(parse_bundle_json(json.dumps(fields | {"dsseEnvelope": envelope | change}).encode()), stock.key.public)
    twice = {"signatures": envelope["signatures"] * 2}
    with pytest.raises(BadFormat, match="exactly one"):
        parse_bundle_json(json.dumps(fields | {"dsseEnvelope": envelope | twice}).encode())
    with pytest.raises(BadSignature):
        verify_bundle(parse_bundle_json(path.read_bytes()), attest_key().public)


def test_the_faulty_encoding_of_old_signers(stock: Stock) -> None:
    """A signature over the encoding of `model_signing` 0.2, which the stock verifier still accepts, is refused here."""
    payload = signed(stock.key).payload
    faulty = f"DSSEV1 {len(IN_TOTO)} {IN_TOTO} {len(payload)} {payload!r}".encode()
    old = Bundle(payload, stock.key.sign(faulty), stock.key.public)
    path = stock.folder / "old.sig"
    path.write_bytes(old.encode())
    assert stock.run([stock.verifying(path)])[0][0] == 0
    with pytest.raises(BadSignature):
        verify_bundle(parse_bundle_json(path.read_bytes()), stock.key.public)


def test_other_kinds_of_keys(stock: Stock) -> None:
    """Bundles by P-384 keys, which the stock signer makes too, and Ed25519 keys are refused with the reason."""
    large = ec.generate_private_key(ec.SECP384R1())
    (stock.folder / "large.pem").write_bytes(large.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path = stock.folder / "large.sig"
    assert stock.run([stock.signing(path, key="large.pem")])[0][0] == 0
    with pytest.raises(BadFormat, match="P-256"):
        PublicKey.from_key(large.public_key())
    with pytest.raises(TooLarge) as refusal:
        parse_bundle_json(path.read_bytes())
    assert "P-256" in refusal.value.hint
    assert stock.run([stock.signing(path)])[0][0] == 0
    with pytest.raises(BadSignature, match="ed25519"):
        verify_bundle(parse_bundle_json(path.read_bytes()), generate(Scheme.ED25519).public)


def test_shards_and_other_hashes(stock: Stock) -> None:
    """Manifests of shards or by BLAKE3, which the stock library can make, are refused with what to do."""
    script = """
import sys, pathlib, model_signing
folder = pathlib.Path(sys.argv[1])
config = model_signing.hashing.Config()
if sys.argv[2] == "shards":
    config.use_shard_serialization(shard_size=100)
else:
    config.use_file_serialization(hashing_algorithm="blake3")
signer = model_signing.signing.Config().use_elliptic_key_signer(private_key=folder / "private.pem").set_hashing_config(config)
signer.sign(folder / "Tiny", folder / (sys.argv[2] + ".sig"))
"""
    for kind in ("shards", "blake3"):
        command = [str(client_python("signing")), "-c", script, str(stock.folder), kind]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        given = parse_bundle_json((stock.folder / f"{kind}.sig").read_bytes())
        with pytest.raises(BadFormat, match="must be") as refusal:
            parse_manifest(verify_bundle(given, stock.key.public))
        assert "SHA-256" in refusal.value.hint
