"""An audit: every file is compared with what it must be, and the worst of it is what the revision is."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.support.caches import REV, etag_of, write_cache
from tests.support.held import pin_of, sha256_of
from tests.support.olahs import write_file

from hanse.errors import HanseError, PeerDown, PolicyError, Recalled, RevisionNotFound, StorageError, VerificationFailed
from hanse.flows.audit import hashing
from hanse.flows.audit.folder import AuditedFile, AuditReport, Resolve, State, audit_folder
from hanse.flows.audit.hashing import Hashed
from hanse.flows.pull.asked import PulledRevision
from hanse.model.decision import Decision, EvidenceFacts, NameKind, Rung, Want
from hanse.model.filepin import FilePin
from hanse.model.repo import Origin, RepoId, RepoType
from hanse.store.held import Held

FILES = {"config.json": b"{}", "sub/model.bin": b"w" * 100_000}
REPO = RepoId(Origin("hub.example"), RepoType.MODEL, "org", "name")


@pytest.fixture(name="held")
def _held(tmp_path: Path) -> Iterator[Held]:
    with Held.open(tmp_path / "held") as held:
        yield held


def known(files: Mapping[str, bytes], pins: Mapping[str, FilePin] | None = None) -> Resolve:
    """Return what knows that the revision has these files."""
    facts = EvidenceFacts(0, Want.REVISION, NameKind.BARE)
    listed = pins or {path: pin_of(data, path) for path, data in files.items()}

    def resolve(kind: RepoType, name: str, rev: str) -> PulledRevision:
        assert (kind, name, rev) == (RepoType.MODEL, "org/name", REV)
        decision = Decision("open", Rung.ATTESTED, ())
        return PulledRevision(
            repo=REPO,
            rev=REV,
            ref=None,
            files=listed,
            tree=None,
            rung=Rung.ATTESTED,
            decision=decision,
            as_of=None,
            places=(),
            evidence=None,
            notices=(),
            claims={},
            complete=True,
            facts=facts,
        )

    return resolve


def failing(error: HanseError) -> Resolve:
    """Return what raises."""

    def resolve(kind: RepoType, name: str, rev: str) -> PulledRevision:
        raise error

    return resolve


def files(report: AuditReport) -> dict[str, AuditedFile]:
    """Return the files of the only revision."""
    return {one.path: one for one in report.revisions[0].files}


def test_verified(held: Held, tmp_path: Path) -> None:
    """Files that are what the revision has are verified, and so is the revision, also if a part of it is absent."""
    write_cache(tmp_path / "hub", FILES)
    report = audit_folder(tmp_path / "hub", held, known({**FILES, "absent": b"x"}))
    (one,) = report.revisions
    assert (one.state, one.rung, one.origin, one.absent) == (State.VERIFIED, "attested", "hub.example", 1)
    assert one.count(State.VERIFIED) == 2
    assert report.counts[State.VERIFIED] == 1


def test_altered_under_the_right_name(held: Held, tmp_path: Path) -> None:
    """Bytes that do not have the digest they are stored under are altered, whether or not anything is known of them."""
    entry = write_cache(tmp_path / "hub", FILES)
    (entry / "blobs" / etag_of(FILES["sub/model.bin"])).write_bytes(b"W" * 100_000)
    for resolve in (None, known(FILES), failing(PeerDown("away"))):
        report = audit_folder(tmp_path / "hub", held, resolve)
        assert report.revisions[0].state is State.ALTERED
        found = files(report)["sub/model.bin"]
        assert found.state is State.ALTERED
        assert sha256_of(b"W" * 100_000) in found.says
        assert sha256_of(FILES["sub/model.bin"]) in found.says


def test_altered_with_its_own_name(held: Held, tmp_path: Path) -> None:
    """A file that a liar gave digest and all is unknown by itself, and altered once somebody knows the revision."""
    write_cache(tmp_path / "hub", {**FILES, "sub/model.bin": b"W" * 100_000})
    assert audit_folder(tmp_path / "hub", held).revisions[0].state is State.UNKNOWN
    report = audit_folder(tmp_path / "hub", held, known(FILES))
    assert files(report)["sub/model.bin"].state is State.ALTERED
    assert "it must have SHA-256" in files(report)["sub/model.bin"].says
    assert files(report)["config.json"].state is State.VERIFIED


def test_another_length(held: Held, tmp_path: Path) -> None:
    """A file of another length says so in bytes."""
    write_cache(tmp_path / "hub", {**FILES, "config.json": b"{  }"})
    report = audit_folder(tmp_path / "hub", held, known(FILES))
    assert files(report)["config.json"].says == "it must have 2 bytes, it has 4"


def test_added(held: Held, tmp_path: Path) -> None:
    """A file that the revision does not have is as bad as an altered one: programs may load it."""
    write_cache(tmp_path / "hub", {**FILES, "modeling.py": b"evil()"})
    report = audit_folder(tmp_path / "hub", held, known(FILES))
    assert files(report)["modeling.py"].state is State.ALTERED
    assert report.revisions[0].bad


def test_known_by_git_blob_id_alone(held: Held, tmp_path: Path) -> None:
    """A regular file of which an upstream says only the git blob id is compared by that, also if its name is a SHA-256."""
    write_cache(tmp_path / "hub", FILES)
    data = FILES["sub/model.bin"]
    good = pin_of(data, "sub/model.bin")
    pins = {"config.json": pin_of(b"{}", "config.json"), "sub/model.bin": FilePin(good.path, good.size, good.git_oid, False)}
    assert audit_folder(tmp_path / "hub", held, known(FILES, pins)).revisions[0].state is State.VERIFIED
    other = pin_of(b"W" * 100_000).git_oid
    pins["sub/model.bin"] = FilePin(good.path, good.size, other, False)
    assert audit_folder(tmp_path / "hub", held, known(FILES, pins)).revisions[0].state is State.ALTERED


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (PolicyError("refused", failed=("scan: it is malicious",)), State.REFUSED),
        (Recalled("recalled"), State.REFUSED),
        (VerificationFailed("false"), State.REFUSED),
        (RevisionNotFound("unknown"), State.UNKNOWN),
        (PeerDown("away"), State.UNKNOWN),
    ],
)
def test_what_is_said_of_the_revision(held: Held, tmp_path: Path, error: HanseError, state: State) -> None:
    """What the policy refuses, was recalled, or is shown with false evidence is refused; what nobody knows is unknown."""
    write_cache(tmp_path / "hub", FILES)
    (one,) = audit_folder(tmp_path / "hub", held, failing(error)).revisions
    assert one.state is state
    assert error.message in one.says


def test_a_refused_file(held: Held, tmp_path: Path) -> None:
    """A true file that the policy refuses makes its revision refused, with the finding; an altered one stays altered."""
    write_cache(tmp_path / "hub", FILES)

    def judge(_: PulledRevision | None, path: str, place: str, hashed: Hashed) -> str:
        assert hashed.digests is not None
        assert hashed.digests.sha256 == sha256_of(FILES[path]) == sha256_of(Path(place).read_bytes())
        return "it is malicious" if path.endswith(".bin") else ""

    report = audit_folder(tmp_path / "hub", held, known(FILES), judge)
    assert report.revisions[0].state is State.REFUSED
    assert files(report)["sub/model.bin"].says == "it is malicious"


def test_a_folder_is_recognised(held: Held, tmp_path: Path) -> None:
    """A folder that does not say what it is, most of whose bytes a known revision has, is compared with that revision."""
    for path, data in {**FILES, "third.txt": b"3"}.items():
        place = tmp_path / "model" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        held.use(f"{REPO}@{REV}", path, sha256_of(data))
    resolve = known({**FILES, "third.txt": b"3"})
    assert audit_folder(tmp_path / "model", held, resolve).revisions[0].state is State.VERIFIED
    (tmp_path / "model" / "third.txt").write_bytes(b"4")
    report = audit_folder(tmp_path / "model", held, resolve)
    assert files(report)["third.txt"].state is State.ALTERED
    for path in FILES:
        (tmp_path / "model" / path).write_bytes(b"another")
    assert audit_folder(tmp_path / "model", held, resolve).revisions[0].state is State.UNKNOWN


def test_links_out_of_the_cache(held: Held, tmp_path: Path) -> None:
    """A link to somewhere else is altered: nothing says what a client would load there."""
    entry = write_cache(tmp_path / "hub", FILES)
    (entry / "snapshots" / REV / "extra").symlink_to("/etc/hostname")
    report = audit_folder(tmp_path / "hub", held, known(FILES))
    assert files(report)["extra"].state is State.ALTERED
    assert "out of the cache" in files(report)["extra"].says


@pytest.mark.parametrize("inside", ["", "models--org--name", f"models--org--name/snapshots/{REV}"])
def test_what_did_not_change_is_known_by_any_folder(
    held: Held, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str
) -> None:
    """A second look at the cache, an entry or a snapshot reads nothing again."""
    monkeypatch.setattr(hashing, "SETTLED_NS", -1)
    write_cache(tmp_path / "hub", FILES)
    assert audit_folder(tmp_path / "hub" / inside, held, known(FILES)).read == 100_002
    found = audit_folder(tmp_path / "hub" / inside, held, known(FILES))
    assert (found.read, found.counts[State.VERIFIED]) == (0, 1)


def test_a_store_of_olah_keeps_parts(tmp_path: Path, held: Held) -> None:
    """Files that olah has in part, or in a form that is not read, are unknown: nobody altered anything."""
    (write_file(tmp_path, "part", bytes(2000)) / "blocks" / "block_00000001.bin").unlink()
    write_file(tmp_path, "packed", b"{}", algorithm=1)
    (one,) = audit_folder(tmp_path, held).revisions
    assert (one.state, {file.path: file.says for file in one.files}) == (
        State.UNKNOWN,
        {"part": "it is there in part", "packed": "it is kept compressed"},
    )


def test_a_folder_that_only_others_may_see(tmp_path: Path, held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies below a folder of another user is said to be out of reach."""
    monkeypatch.setattr("os.stat", _denied)
    with pytest.raises(StorageError, match="cannot read the folder"):
        audit_folder(tmp_path, held)


def _denied(path: object, **_: object) -> None:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
