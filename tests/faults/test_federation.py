"""Three institutions, for real: one publishes, two witness and mirror it, it dies, and strangers verify without it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.clients import Client, sample_folder
from tests.support.forked import Mother
from tests.support.live import ADMIN_TOKEN
from tests.support.members import Institution, Person, cosign, institutions, until
from tests.support.rawhttp import RawClient
from tests.support.rawxet import commit_body, put_bytes

from hanse.db.witnesses import origin_hash
from hanse.model.evidence import parse_evidence
from hanse.sign.statement import OMS, SCAN
from hanse.tlog.note import parse_note

ORIGINS = ("models.a.example", "models.b.example", "models.c.example")
REPO = "admin/model"
_COSIGNATURES = 4


@dataclass(frozen=True)
class World:
    """Institution a published REPO, b and c cosign its log; what a reader of it downloaded, and got from its operator."""

    a: Institution
    b: Institution
    c: Institution
    copy: Path
    evidence: Path
    policy: Path


def _complete(data: bytes) -> bytes:
    """Return evidence if it has what there will be of a settled revision in the end: manifest, scan, all cosignatures."""
    evidence = parse_evidence(data)
    names = parse_note(evidence.logs[0].checkpoint).signatures if evidence.logs else ()
    return data if len(evidence.bundles) == len((OMS, SCAN)) and len(names) == 1 + _COSIGNATURES else b""


@pytest.fixture(name="world", scope="module")
def _world(mother: Mother, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("federation")
    with institutions(mother, folder, *ORIGINS, environ={"HANSE_SETTLE_SECONDS": "1"}) as (a, b, c):
        cosign(a, b, c)
        model, copy = folder / "model", folder / "copy"
        sample_folder(model)
        client = Client("hub2", a.node, folder / "publisher")
        client.hf("upload", REPO, model)
        client.fresh(folder / "reader").hf("download", REPO, "--local-dir", copy)
        path = f"/api/models/{REPO}/evidence/main"
        evidence, policy = folder / "model.hanse.jsonl", folder / "a.toml"
        evidence.write_bytes(until(lambda: _complete(a.node.get(path)[1]), "complete evidence"))
        policy.write_text(a.printed("witness", "policy", "--toml"))
        yield World(a, b, c, copy, evidence, policy)


@pytest.fixture(name="stranger")
def _stranger(mother: Mother, tmp_path: Path) -> Person:
    """Return somebody who never met any of them."""
    return Person(mother, tmp_path / "stranger")


@pytest.mark.soak
def test_online(world: World, stranger: Person, tmp_path: Path) -> None:
    """With the node's address alone a stranger learns who signed, that this is his first contact, and what it is worth."""
    saved = tmp_path / "saved.jsonl"
    said = stranger.hanse("verify", world.copy, "--repo", REPO, "--node", world.a.node.url, "--save-evidence", saved)
    assert said.startswith(f"verified: {REPO} at ")
    assert "first contact, unauthenticated" in said
    assert "attested; policy open is met" in said
    assert stranger.hanse("verify", world.copy, "--bundle", saved, "--offline").startswith("verified: ")
    again = stranger.hanse("verify", world.copy, "--repo", REPO, HF_ENDPOINT=world.a.node.url)
    assert "first contact" not in again


@pytest.mark.soak
def test_the_front_pages(world: World) -> None:
    """Pages show it: at the publisher who vouches for the revision, at the others whose log they hold."""
    page = world.a.node.get(f"/{REPO}")[1].decode()
    assert "not yet witnessed" not in page
    for name in ORIGINS[1:]:
        assert f"{name}/witness" in page
        assert f"{name}/mirror" in page
    assert ORIGINS[0] in world.b.node.get("/")[1].decode()


@pytest.mark.soak
def test_the_publisher_is_gone(world: World, stranger: Person, mother: Mother, tmp_path: Path) -> None:
    """After `kill -9` of the publisher its evidence says, without network, that two witnessed and mirrored it; altered, never."""
    world.a.node.kill()
    arguments = ("--bundle", world.evidence, "--offline", "--policy", world.policy)
    told = json.loads(stranger.hanse("verify", world.copy, *arguments, "--json"))
    assert told["verified"] is True
    said = Person(mother, tmp_path / "another").hanse("verify", world.copy, *arguments)
    for name in ORIGINS[1:]:
        assert f"{name}/witness" in said
        assert f"{name}/mirror" in said
    assert "policy models.a.example is met" in said

    altered = tmp_path / "altered"
    shutil.copytree(world.copy, altered)
    weights = altered / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    (altered / "more.py").write_text("import os\n")
    refused = stranger.hanse("verify", altered, *arguments, status=1)
    assert refused.startswith("NOT VERIFIED: ")
    assert "file model.safetensors: altered" in refused
    assert "more.py" in refused

    forged = tmp_path / "forged.jsonl"
    text = world.evidence.read_text()
    assert "main" in text
    forged.write_text(text.replace("refs/heads/main", "refs/heads/evil"))
    assert "not verified" in stranger.hanse("verify", world.copy, "--bundle", forged, "--offline", status=1).lower()

    # Its log lives on where it is mirrored, and goes on there when it is back.
    at_b = f"{world.b.node.url}/mirror/{origin_hash(ORIGINS[0])}"
    assert "every leaf keeps the rules" in stranger.hanse("log", "check", at_b)
    world.a.node.start()
    client = RawClient(world.a.node.port, ADMIN_TOKEN)
    assert client("POST", f"/api/models/{REPO}/commit/main", commit_body(put_bytes("again.txt", b"again"))).status == 200
    client.close()
    size = int(world.a.node.get("/log/checkpoint")[1].split()[1])
    until(lambda: int(world.b.node.get(f"/mirror/{origin_hash(ORIGINS[0])}/checkpoint")[1].split()[1]) >= size, "the mirror")
