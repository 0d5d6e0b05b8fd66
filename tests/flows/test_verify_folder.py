"""Verifying a folder from beginning to end: evidence from a real node or a file, what is remembered, what the files are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.support.attesting import ask, cosigned, settle
from tests.support.nodes import add_user, commit, new_repo
from tests.support.served import served

from hanse.db.repos import Repo
from hanse.errors import BadFormat, NotFoundError, PolicyError, VerificationFailed
from hanse.flows.federation.roots import Roots
from hanse.flows.fetch_evidence import NodeSource, fetch_evidence, fetch_growth
from hanse.flows.local_files import Hashing, Place, list_place
from hanse.flows.node import Node
from hanse.flows.pins import read_pins
from hanse.flows.policies import load_policy
from hanse.flows.publish import PutBytes
from hanse.flows.refs import create_tag
from hanse.flows.remembered import Remembered, write_private
from hanse.flows.verify_folder import FileSource, Outcome, Question, Source, save_evidence, verify_folder, wanted
from hanse.model.decision import Known, Want
from hanse.model.evidence import UnverifiedEvidence, parse_evidence
from hanse.model.repo import Origin, RepoType
from hanse.peers.client import PeerClient

NOW = 1_800_000_100
FILES = {"config.json": b"{}", "model.bin": b"w" * 100_000}


@dataclass
class Reader:
    """Somebody with a folder, a home and a node to ask."""

    node: Node
    url: str
    folder: Path
    home: Path
    rev: str = ""
    repo: Repo | None = None

    def verify(self, question: Question | None = None, source: Source | None = None, policy: str = "open") -> Outcome:
        """Verify the folder, by default as what `main` of the repository is at the node."""
        hashing = Hashing(list_place(Place(self.folder)), Remembered())
        asked = question or Question("alice/m")
        chosen = load_policy(policy, self.home)
        with closing(PeerClient()) as client:
            asking = source or NodeSource(client, self.url, home=self.home)
            return verify_folder(hashing, asking, asked, policy=chosen, home=self.home, now=NOW)

    def publish(self, files: dict[str, bytes]) -> str:
        """Publish files as the next revision and let it settle; return its commit id."""
        alice = add_user(self.node, "alice")
        self.repo = repo = self.repo or new_repo(self.node, alice, "alice/m")
        self.rev = commit(self.node, alice, repo, *(PutBytes(path, data) for path, data in files.items())).rev
        settle(self.node)
        return self.rev


@pytest.fixture(name="reader")
def _reader(lite: Node, tmp_path: Path) -> Iterator[Reader]:
    folder = tmp_path / "model"
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    with served(lite) as url:
        made = Reader(lite, url, folder, tmp_path / "home")
        made.publish(FILES)
        yield made


def test_a_folder_is_verified_by_name(reader: Reader) -> None:
    """The node's evidence is enough: every file is the signed one, and log, ref and tree are remembered."""
    found = reader.verify()
    assert (found.revision.rev, found.revision.facts.want) == (reader.rev, Want.LATEST)
    assert (found.files.verified, found.files.failed, found.files.absent) == (2, (), (".gitattributes",))
    pins = read_pins(reader.home, reader.node.origin)
    assert pins.log is not None
    assert pins.log.size == reader.node.log.size
    assert pins.tree(RepoType.MODEL, "alice/m", reader.rev) == found.revision.tree
    assert pins.owners == {"alice": found.revision.owner.public.fingerprint} if found.revision.owner else False
    again = reader.verify()
    assert [log.known for log in again.revision.logs] == [Known.PINNED]


def test_a_log_is_followed_as_it_grows(reader: Reader) -> None:
    """The next evidence is shown to continue the log seen before, by the node's tiles, and is pinned in its turn."""
    reader.verify()
    reader.publish({"model.bin": b"v" * 100_000})
    (reader.folder / "model.bin").write_bytes(b"v" * 100_000)
    found = reader.verify()
    assert found.revision.rev == reader.rev
    assert [log.consistent for log in found.revision.logs] == [True]
    pins = read_pins(reader.home, reader.node.origin)
    assert pins.log is not None
    assert pins.log.size == reader.node.log.size


def test_a_cosigner_that_fell_silent_hides_nothing(reader: Reader) -> None:
    """Who saw the log beyond what a witness has cosigned is shown it as far; who did not gets the cosigned checkpoint."""
    size = reader.node.log.size
    cosigned(reader.node, ["b.example"], NOW)
    alice = add_user(reader.node, "alice")
    commit(reader.node, alice, new_repo(reader.node, alice, "alice/n"), PutBytes("n", b"n"))
    settle(reader.node)
    assert [log.checkpoint.size for log in reader.verify().revision.logs] == [size]
    reader.verify(Question("alice/n"))
    pins = read_pins(reader.home, reader.node.origin)
    assert pins.log is not None
    assert pins.log.size == reader.node.log.size > size
    found = reader.verify()
    assert (found.revision.rev, found.revision.facts.want) == (reader.rev, Want.LATEST)
    assert [log.checkpoint.size for log in found.revision.logs] == [reader.node.log.size]


def test_a_node_that_hides_how_its_log_grew_is_refused(reader: Reader) -> None:
    """Without the tiles there is no proof, and a fork would look just like that; offline the same is only said."""
    reader.verify()
    old = reader.verify().evidence
    reader.publish({"model.bin": b"v"})
    with closing(PeerClient()) as client:
        data = fetch_evidence(client, reader.url, RepoType.MODEL, "alice/m", revision="main")
        pins = {reader.node.origin: read_pins(reader.home, reader.node.origin)}
        assert len(fetch_growth(client, reader.url, parse_evidence(data).logs, pins)) == 1
        assert fetch_growth(client, "http://127.0.0.1:9", parse_evidence(data).logs, pins) == {}
        assert fetch_growth(client, reader.url, parse_evidence(old).logs, pins) == {}
    (reader.folder / "model.bin").write_bytes(b"v")
    found = reader.verify(source=FileSource(data))
    assert [log.consistent for log in found.revision.logs] == [False]
    kept = read_pins(reader.home, reader.node.origin).log
    assert kept is not None
    assert kept.size < reader.node.log.size


def test_old_evidence_is_not_the_latest(reader: Reader) -> None:
    """Whoever saw the log further on is not taken back by an earlier file, but may verify the commit id."""
    old, rev = reader.verify().evidence, reader.rev
    reader.publish({"model.bin": b"v"})
    (reader.folder / "model.bin").write_bytes(b"v")
    reader.verify()
    with pytest.raises(VerificationFailed) as error:
        reader.verify(source=FileSource(old))
    assert error.value.failed[0].startswith("ref: hub.example.org is shown at")
    (reader.folder / "model.bin").write_bytes(FILES["model.bin"])
    assert reader.verify(Question("alice/m", revision=rev), FileSource(old)).files.failed == ()


def test_what_the_files_are_is_no_error(reader: Reader) -> None:
    """Altered, added and absent files are told, file by file."""
    (reader.folder / "model.bin").write_bytes(b"w" * 99_999 + b"x")
    (reader.folder / "extra.py").write_text("")
    (reader.folder / "config.json").unlink()
    found = reader.verify().files
    assert [line.partition(":")[0] for line in found.failed] == ["extra.py", "model.bin"]
    assert "config.json" in found.absent


def test_names_of_revisions(reader: Reader) -> None:
    """A tag, a full ref and a commit id are each found; what does not exist is said by the node."""
    assert reader.repo is not None
    create_tag(reader.node, add_user(reader.node, "alice"), reader.repo, "v1", "main")
    settle(reader.node)
    for name, ref in (("v1", "refs/tags/v1"), ("main", "refs/heads/main")):
        found = reader.verify(Question("alice/m", revision=name))
        assert found.revision.position is not None
        assert found.revision.position.ref == ref
    assert reader.verify(Question("alice/m", revision=reader.rev)).revision.position is None
    for question in (Question("alice/m", revision="v2"), Question("alice/none"), Question("alice/m", RepoType.DATASET)):
        with pytest.raises(NotFoundError, match="the node has no evidence"):
            reader.verify(question)


def test_a_policy_decides_before_anything_is_remembered(reader: Reader) -> None:
    """What a policy refuses is not pinned."""
    with pytest.raises(PolicyError):
        reader.verify(policy="strict")
    assert read_pins(reader.home, reader.node.origin).log is None


def test_cosigners_of_logs_seen_before_are_known(reader: Reader) -> None:
    """Their cosignatures are verified and shown with their times; others are counted as unknown."""
    ask(reader.node, ["b.example.org"])
    cosigned(reader.node, ["b.example.org"], NOW - 5)
    found = reader.verify().revision.logs[0]
    assert found.unknown == ("b.example.org/mirror", "b.example.org/witness")
    from tests.support.signers import signer

    from hanse.tlog.cosignature import cosigner_key

    keys = sorted(cosigner_key(name, signer(name).public).text for name in found.unknown)
    text = '{"v":1,"origin":"b.example.org","log":null,"refs":[],"trees":[],"owners":{},"distrusted":{},"cosigners":["%s","%s"]}'
    write_private(reader.home / "pins" / "b.example.org.json", (text % tuple(keys)).encode())
    known = reader.verify().revision.logs[0]
    assert [(one.member, one.mirror, time) for one, time in (*known.witnesses, *known.mirrors)] == [
        ("b.example.org", False, NOW - 5),
        ("b.example.org", True, NOW - 5),
    ]


def test_there_must_be_something_to_verify_with(reader: Reader, tmp_path: Path) -> None:
    """Neither a file nor a node, a ref without a repository: each is said."""
    with pytest.raises(NotFoundError, match="no evidence to verify with"):
        reader.verify(Question())
    with pytest.raises(BadFormat, match="needs the repository"):
        wanted(Question(revision="main"), UnverifiedEvidence(), Roots())


def test_evidence_is_saved_as_it_was_verified(reader: Reader, tmp_path: Path) -> None:
    """The saved file verifies the same folder without a network, for somebody who never met the log."""
    found = reader.verify()
    save_evidence(tmp_path / "saved.jsonl", found)
    elsewhere = replace(reader, home=tmp_path / "other", url="")
    assert elsewhere.verify(Question(), FileSource((tmp_path / "saved.jsonl").read_bytes())).files == found.files
    assert Origin(reader.node.origin) == found.revision.logs[0].origin
