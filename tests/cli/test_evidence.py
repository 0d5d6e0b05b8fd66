"""What an unmodified client uploads is signed and logged without its doing, and whoever downloads it can check that offline."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from tests.support.clients import Client
from tests.support.forked import Mother, forked_node
from tests.support.live import ADMIN_TOKEN, LiveNode
from tests.support.rawhttp import RawClient

from hanse.cli.main import run
from hanse.flows.policies import load_policy
from hanse.flows.trust import Trust, Wanted
from hanse.flows.verify import verify_revision
from hanse.model.evidence import UnverifiedEvidence, parse_evidence
from hanse.model.leaf import parse_leaf
from hanse.model.publickey import PublicKey, Scheme
from hanse.model.repo import Origin
from hanse.model.trust_leaf import AttestLeaf
from hanse.sign.statement import OMS, SCAN

ORIGIN = Origin("evidence.example.org")
FILES = {f"part-{number}.bin": os.urandom(20_000) for number in range(8)} | {"README.md": b"---\nlicense: mit\n---\n"}


@pytest.fixture(name="node", scope="module")
def _node(mother: Mother, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    """Return a node that settles what it gets after a second."""
    environ = {"HANSE_SETTLE_SECONDS": "1", "HANSE_ORIGIN": ORIGIN, "HANSE_RATE_API": "0", "HANSE_SCAN_PICKLESCAN": "off"}
    with forked_node(mother, tmp_path_factory.mktemp("node"), environ=environ) as node:
        yield node


@pytest.fixture(name="model")
def _model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    return folder


def _upload(node: LiveNode, model: Path, home: Path, repo: str, *flags: str) -> None:
    for name, data in FILES.items():
        (model / name).write_bytes(data)
    client = Client("hub2", node, home)
    if flags:
        client.hf("repos", "create", repo, *flags)
    client.hf("upload", repo, model, ".", "--quiet")


def _until(look: Callable[[], bytes], done: Callable[[UnverifiedEvidence], bool]) -> bytes:
    end = time.monotonic() + 150
    while not done(parse_evidence(data := look())):
        assert time.monotonic() < end, data
        time.sleep(0.2)
    return data


def _predicates(found: UnverifiedEvidence) -> set[str]:
    leaves = [parse_leaf(one.leaf) for log in found.logs for one in log.leaves]
    return {leaf.predicate for leaf in leaves if isinstance(leaf, AttestLeaf)}


def _hanse(node: LiveNode, *arguments: str | Path, token: str = ADMIN_TOKEN) -> tuple[int, str]:
    """Run a command in this process; return its exit code and all it printed."""
    environ = {"HANSE_NODE": node.url, "HF_TOKEN": token, "HANSE_HOME": str(node.folder)}
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed), redirect_stderr(printed):
        for name, value in environ.items():
            patch.setenv(name, value)
        code = run([str(one) for one in arguments])
    return code, printed.getvalue()


def test_a_ref_that_moves_on_leaves_nothing_unscanned(node: LiveNode, model: Path, tmp_path: Path) -> None:
    """A revision is attested, and the next one is uploaded at once: the scanner's word on the first is signed all the same."""
    client = Client("hub2", node, tmp_path / "home")
    (model / "one.txt").write_text("one")
    client.hf("upload", "admin/moving", model, ".", "--quiet")
    with RawClient(node.port) as anybody:
        first = anybody("GET", "/api/models/admin/moving").json()["sha"]

        def look() -> bytes:
            return anybody("GET", f"/api/models/admin/moving/evidence/{first}").body

        _until(look, lambda found: OMS in _predicates(found))
        (model / "more.txt").write_text("more")
        client.hf("upload", "admin/moving", model, ".", "--quiet")
        assert anybody("GET", "/api/models/admin/moving").json()["sha"] != first
        _until(look, lambda found: _predicates(found) == {OMS, SCAN})


def test_upload_settle_verify(node: LiveNode, model: Path, tmp_path: Path) -> None:
    """`hf upload`, and a moment later the evidence verifies, with the scanner's word beside it, in far less than 20 kB."""
    _upload(node, model, tmp_path / "home", "admin/signed")
    with RawClient(node.port) as anybody:
        data = _until(
            lambda: anybody("GET", "/api/models/admin/signed/evidence/main").body, lambda found: _predicates(found) == {OMS, SCAN}
        )
        info = anybody("GET", "/api/models/admin/signed").json()
        found = parse_evidence(data)
        policy = load_policy("open", tmp_path)
        verified = verify_revision(
            found, Trust(), policy, Wanted(ORIGIN, repo="admin/signed", ref="refs/heads/main"), int(time.time())
        )
        assert verified.rev == info["sha"]
        assert {one.path for one in verified.files} == {*FILES, ".gitattributes"}
        assert len(data) < 15_000
        reply = anybody("GET", f"/v1/evidence/tree/{verified.tree}")
        assert (reply.status, parse_evidence(reply.body).bundles) == (200, found.bundles)
        assert reply.headers["cache-control"] == "private, no-cache"
        assert anybody("GET", "/v1/evidence/tree/" + "0" * 64).status == 404
        assert anybody("GET", "/api/models/admin/signed/evidence/v9").status == 404
        assert anybody("GET", "/api/models/admin/signed/notices?rev=main").json() == []
        assert anybody("GET", "/api/models/admin/signed/notices?rev=v9").status == 404
    code, out = _hanse(node, "find", model / "part-3.bin")
    assert (code, "admin/signed" in out, "part-3.bin" in out) == (0, True, True)
    code, out = _hanse(node, "find", model / "part-3.bin", "--json", token="")
    assert json.loads(out)["held"][0]["revisions"][0]["rev"] == verified.rev
    assert _hanse(node, "find", "0" * 64)[0] == 1
    assert _hanse(node, "find", "nothing")[0] == 1
    cited: dict[str, Any] = json.loads(_hanse(node, "cite", "admin/signed@main", "--format", "json")[1])
    assert (cited["rev"], cited["tree"], cited["licence"]) == (verified.rev, verified.tree, "mit")
    assert _hanse(node, "cite", "admin/signed")[1] == cited["bibtex"]
    assert _hanse(node, "cite", "admin/signed", "--format", "cff")[1] == cited["cff"]
    assert _hanse(node, "cite", "admin/signed", "--format", "swhid")[1].split()[0] == f"swh:1:rev:{verified.rev}"
    assert _hanse(node, "cite", "admin/none")[0] == 1
    assert _hanse(node, "cite", "none")[0] == 1


def test_an_owner_signs_himself(node: LiveNode, model: Path, tmp_path: Path) -> None:
    """With a key of his own on his own machine the publisher signs what he uploaded, and nobody who has the node can do that."""
    key, other = tmp_path / "keys" / "mine.key", tmp_path / "open" / "next.key"
    other.parent.mkdir(mode=0o755)  # as folders are by default; the file itself is private
    for one in (key, other):
        assert _hanse(node, "sign", "key", one)[0] == 0
        assert PublicKey.from_pem(one.with_name(f"{one.name}.pub").read_bytes()).scheme is Scheme.ECDSA_P256
    assert _hanse(node, "sign", "key", key)[0] == 1
    assert _hanse(node, "admin", "org", "add", "lab", "--owner", "admin", "--data", node.data)[0] == 0
    assert _hanse(node, "sign", "register", "lab", "--key", key, token="")[0] == 1
    assert _hanse(node, "sign", "register", "lab", "--key", key)[0] == 0
    _upload(node, model, tmp_path / "home", "lab/owned")
    code, out = _hanse(node, "sign", model, "--key", other, "--repo", "lab/owned")
    assert (code, "register" in out) == (1, True), out
    code, out = _hanse(node, "sign", model, "--key", key, "--repo", "lab/owned@main")
    assert (code, out.count("is leaf")) == (0, 2), out
    assert "signed as well" in out
    with RawClient(node.port) as anybody:
        data = anybody("GET", "/api/models/lab/owned/evidence/main").body
        said = anybody("GET", "/api/models/lab/owned/attestations/main").json()
        keys = anybody("GET", "/v1/namespaces/lab/keys").json()
        assert anybody("GET", "/api/models/lab/owned/manifest/main").status == 401
        assert anybody("POST", "/api/models/lab/owned/attestations/main", b"{}").status == 401
        assert anybody.json("POST", "/v1/namespaces/lab/keys", {"spki": "AA=="}).status == 401
    policy, want = load_policy("open", tmp_path), Wanted(ORIGIN, repo="lab/owned", ref="refs/heads/main")
    verified = verify_revision(parse_evidence(data), Trust(), policy, want, int(time.time()))
    assert verified.owner is not None
    assert verified.owner.public.fingerprint == next(one["key"] for one in keys if one["holder"] == "owner")
    assert verified.owner.public.fingerprint in {one["key"] for one in said}
    (model / "part-1.bin").write_bytes(b"something else")
    code, out = _hanse(node, "sign", model, "--key", key, "--repo", "lab/owned")
    assert (code, "part-1.bin: the folder has" in out) == (1, True), out
    assert _hanse(node, "sign", model, "--key", key, "--out", tmp_path / "model.sig")[0] == 0
    assert json.loads((tmp_path / "model.sig").read_text())["dsseEnvelope"]["signatures"]
    assert _hanse(node, "sign", "register", "lab", "--key", other)[0] == 1
    assert _hanse(node, "sign", "register", "lab", "--key", other, "--old", key)[0] == 0
    with RawClient(node.port, ADMIN_TOKEN) as owner:
        keys = owner("GET", "/v1/namespaces/lab/keys").json()
        assert owner("POST", "/api/models/lab/owned/attestations/main", b"\n").status == 400
        assert owner("POST", "/api/models/lab/owned/attestations/main", b"x").status == 400
    assert [one["state"] for one in keys if one["holder"] == "owner"] == ["retired", "active"]


def test_private_evidence(node: LiveNode, model: Path, tmp_path: Path) -> None:
    """Evidence of a private repository is for its people, and its leaves tell the public nothing."""
    _upload(node, model, tmp_path / "home", "admin/secret", "--private")
    with RawClient(node.port, ADMIN_TOKEN) as owner, RawClient(node.port) as anybody:
        data = _until(
            lambda: owner("GET", "/api/models/admin/secret/evidence/main").body, lambda found: _predicates(found) == {OMS, SCAN}
        )
        rev = owner("GET", "/api/models/admin/secret").json()["sha"]
        manifest = next(json.loads(line) for line in data.splitlines())
        assert "dsseEnvelope" in manifest
        assert anybody("GET", "/api/models/admin/secret/evidence/main").status == 401
        assert anybody("GET", f"/v1/find/{rev}").json()["held"] == []
        assert [one["repo"] for one in owner("GET", f"/v1/find/{rev}").json()["held"]] == ["admin/secret"]
        size = int(anybody("GET", "/log/checkpoint").body.split(b"\n")[1])
        public = anybody("GET", f"/log/tile/entries/000.p/{size}").body
        assert rev.encode() not in public
        assert b"admin/secret" not in public
        for leaf in (parse_leaf(one.leaf) for one in parse_evidence(data).logs[0].leaves):
            if isinstance(leaf, AttestLeaf):
                assert leaf.concealed
