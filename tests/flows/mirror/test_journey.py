"""A mirrored repository is what its upstream says, checked, observed in this node's log, and shown to verifiers."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection
from tests.support.upstreams import FILES, NAME, changed, upstream

from hanse.conform.faults import Fault
from hanse.db import alarms, blobs, mirrors, notices, repos, revisions
from hanse.db.blobs import FileRow
from hanse.db.repos import Repo
from hanse.errors import HanseError, IntegrityError, NotAllowed, PeerError, VerificationFailed
from hanse.flows import access, publish
from hanse.flows.evidence import of_revision
from hanse.flows.mirror.hubs import HubUpstream, places_at
from hanse.flows.mirror.journey import Mirrored, Options, mirror, mirror_all
from hanse.flows.mirror.patience import Patience
from hanse.flows.node import Node
from hanse.flows.policies import load_policy
from hanse.flows.publish import CommitRequest, PutBytes
from hanse.flows.read import open_file
from hanse.flows.trust import Trust, Wanted
from hanse.flows.verify import VerifiedRevision, verify_revision
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.digest import XetHash
from hanse.model.evidence import parse_evidence
from hanse.model.repo import RefName, RepoType
from hanse.peers.hub import Hub

MODEL = RepoType.MODEL
MAIN = RefName("refs/heads/main")
NOW = 1_800_000_100


def _verify(node: Node, repo: Repo, name: str = "main") -> VerifiedRevision:
    rev, data = of_revision(node, repo, name)
    trust = Trust(logs={node.origin: (node.log.key,)})
    want = Wanted(
        origin=repo.repo.origin, repo=repo.repo.path, ref=MAIN if name == "main" else None, rev=None if name == "main" else rev
    )
    return verify_revision(parse_evidence(data), trust, load_policy("open", node.staging.root), want, NOW)


def test_main_is_mirrored_observed_and_verifies(node: Node) -> None:
    """The commit id is the upstream's word, `tree` is computed here, and whoever knows this node verifies the mirrored name."""
    with upstream() as (origin, hub):
        found = mirror(node, hub, MODEL, NAME)
        rev = origin.repo(NAME).refs["refs/heads/main"]
    assert (found.revision.rev, found.ref, found.fresh) == (rev, MAIN, True)
    assert found.index is not None
    verified = _verify(node, found.repo)
    assert (verified.rev, verified.tree) == (rev, found.revision.tree)
    assert {file.path for file in verified.files} == FILES.keys()
    assert verified.repo == found.repo.repo
    assert any("belongs to an upstream" in one.says for one in verified.decision.results)


def test_the_same_again_says_nothing_new(node: Node) -> None:
    """Of an upstream that did not change nothing is logged or fetched again; a newer commit is the next position."""
    with upstream() as (origin, hub):
        first = mirror(node, hub, MODEL, NAME)
        size = node.log.size
        again = mirror(node, hub, MODEL, NAME)
        assert (again.revision, again.index, again.fresh, node.log.size) == (first.revision, None, False, size)
        asked = len(origin.requests)
        rev = origin.commit(NAME, changed(config_json=b'{"model_type": "gpt2"}'))
        later = mirror(node, hub, MODEL, NAME)
    assert (later.revision.rev, later.rewritten) == (rev, None)
    assert len([one for one in origin.requests[asked:] if "/resolve/" in one.path]) == 1, "only what is new is fetched"
    assert _verify(node, later.repo).rev == rev
    assert _verify(node, later.repo, first.revision.rev).tree == first.revision.tree


def test_bytes_are_served_like_any_other(node: Node) -> None:
    """A mirrored file is read from this node's own chunks, and everybody may."""
    with upstream() as (_, hub):
        found = mirror(node, hub, MODEL, NAME)
    repo = access.resolve(node, ANONYMOUS, found.repo.repo)
    revision = access.resolve_revision(node, repo, "main")
    directory = node.listings.get(node.store, revision.object).directory
    for path, data in FILES.items():
        entry = directory.file(path)
        assert entry is not None
        with node.db.read() as conn:
            (row,) = _rows(conn, repo.id, entry.xet)
        assert open_file(node, row).read_at(0, entry.size + 1) == data


def _rows(conn: Connection, repo: int, xet: XetHash) -> list[FileRow]:
    return list(blobs.find_by_xet(conn, repo, [xet]).values())


def test_a_rewritten_history_is_shown_and_keeps_every_revision(node: Node) -> None:
    """What an upstream takes back stays resolvable here, and the notice names what is gone."""
    with upstream() as (origin, hub):
        first = mirror(node, hub, MODEL, NAME)
        origin.rewrite(NAME, changed(config_json=b"{}"))
        later = mirror(node, hub, MODEL, NAME)
    assert later.rewritten == first.revision.rev
    with node.db.read() as conn:
        said = notices.of_repo(conn, later.repo.id, later.revision.rev)
        kept = revisions.all_of(conn, later.repo.id, ["live"])
    assert any(one.kind == "history-rewritten" and first.revision.rev[:12] in one.says for one in said)
    assert {one.rev for one in kept} == {first.revision.rev, later.revision.rev}
    assert _verify(node, later.repo, first.revision.rev).rev == first.revision.rev


def test_a_tag_that_was_moved(lite: Node) -> None:
    """What a tag was at stays here, with a notice; one that was gone and comes back is none."""
    with upstream() as (origin, hub):
        main = origin.repo(NAME).refs["refs/heads/main"]
        origin.commit(NAME, changed(a_txt=b"a"), ref="refs/tags/v1")
        first = mirror(lite, hub, MODEL, NAME, "v1")
        origin.repo(NAME).refs["refs/tags/v1"] = main
        moved = mirror(lite, hub, MODEL, NAME, "v1")
        del origin.repo(NAME).refs["refs/tags/v1"]
        list(mirror_all(lite, hub, MODEL, NAME))
        origin.repo(NAME).refs["refs/tags/v1"] = main
        again = mirror(lite, hub, MODEL, NAME, "v1")
    assert (moved.rewritten, moved.revision.rev, again.rewritten) == (first.revision.rev, main, None)
    with lite.db.read() as conn:
        (said,) = notices.of_repo(conn, moved.repo.id, moved.revision.rev)
        kept = {one.rev for one in revisions.all_of(conn, moved.repo.id, ["live"])}
    assert "the tag v1" in said.says
    assert first.revision.rev in kept


def test_all_revisions(node: Node) -> None:
    """Every commit that leads to a branch, and every branch and tag, is mirrored, each once, and observed where it is now."""
    with upstream() as (origin, hub):
        revs = [origin.repo(NAME).refs["refs/heads/main"], origin.commit(NAME, changed(a_txt=b"a"))]
        revs.append(origin.commit(NAME, changed(b_txt=b"b")))
        revs.append(origin.commit(NAME, changed(c_txt=b"c"), ref="refs/tags/v1"))
        found = list(mirror_all(node, hub, MODEL, NAME))
    assert [one.revision.rev for one in found if isinstance(one, Mirrored)] == revs
    repo = next(one.repo for one in found if isinstance(one, Mirrored))
    with node.db.read() as conn:
        live = {one.rev for one in revisions.all_of(conn, repo.id, ["live"])}
        refs = {str(one.ref): str(one.rev) for one in revisions.all_refs(conn, repo.id)}
    assert live == set(revs)
    assert refs == {"refs/heads/main": revs[2], "refs/tags/v1": revs[3]}
    assert _verify(node, repo, revs[0]).rev == revs[0]


@pytest.mark.parametrize("fault", [Fault.WRONG_BYTES, Fault.TRUNCATED, Fault.SHORT, Fault.LONG, Fault.FULL_FOR_RANGE])
def test_false_bytes_are_never_taken_in(lite: Node, fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upstream whose bytes are not what it claims has nothing of that revision here; once it is honest, it is mirrored."""
    monkeypatch.setattr(Patience, "_pause", lambda _self, _seconds: None)
    with upstream() as (origin, hub):
        origin.faults.set(fault, path="model.safetensors")
        if fault is not Fault.FULL_FOR_RANGE:  # whole files are asked for from the start: that is what it gives
            with pytest.raises((IntegrityError, PeerError)):
                mirror(lite, hub, MODEL, NAME)
            with lite.db.read() as conn:
                (repo,) = repos.in_state(conn, "pending")
                lies = alarms.every(conn)
            assert bool(lies) == (fault is Fault.WRONG_BYTES)
            with pytest.raises(HanseError, match="not found"):
                access.resolve(lite, ANONYMOUS, repo.repo)
        origin.faults.clear()
        found = mirror(lite, hub, MODEL, NAME)
    assert _verify(lite, found.repo).rev == found.revision.rev


def test_a_lie_names_who_told_it(lite: Node) -> None:
    """The alarm says which place gave what for which file."""
    with upstream() as (origin, hub):
        origin.faults.set(Fault.WRONG_BYTES, path="model.safetensors")
        with pytest.raises(IntegrityError):
            mirror(lite, hub, MODEL, NAME)
        with lite.db.read() as conn:
            (alarm,) = alarms.every(conn)
        assert alarm.kind == "upstream-lie"
        assert f"127.0.0.1:{origin.port} lies about 'model.safetensors'" in alarm.says
    assert b'"path":"model.safetensors"' in alarm.evidence


def test_a_commit_has_one_list_of_files(lite: Node) -> None:
    """Once pinned, a commit id with other digests is an alarm, and what was first stays."""
    with upstream() as (origin, hub):
        first = mirror(lite, hub, MODEL, NAME)
        rev = origin.commit(NAME, changed(config_json=b"{}"))
        origin.faults.set(Fault.MISSING, path="model.safetensors")
        mirror(lite, hub, MODEL, NAME)  # what is here already is not asked for
        origin.faults.clear()
        origin.commit(NAME, changed(extra_bin=b"x" * 2_000_000))
        origin.faults.set(Fault.MISSING, path="extra.bin")
        with pytest.raises(HanseError, match=r"extra\.bin"):
            mirror(lite, hub, MODEL, NAME)
        origin.faults.clear()
        origin.faults.set(Fault.FALSE_CLAIMS, path="extra.bin")
        with pytest.raises(IntegrityError, match="is not what upstream said first"):
            mirror(lite, hub, MODEL, NAME)
    with lite.db.read() as conn:
        assert {one.kind for one in alarms.every(conn)} == {"upstream-contradiction"}
        assert [one.state for one in mirrors.of_repo(conn, first.repo.id)].count("complete") == 2
        assert revisions.get(conn, first.repo.id, rev) is not None


def test_an_upstream_that_is_down(lite: Node) -> None:
    """It is noted since when it does not answer; what was mirrored stays."""
    with upstream() as (origin, hub):
        found = mirror(lite, hub, MODEL, NAME)
        origin.stop()
        with pytest.raises(PeerError):
            mirror(lite, hub, MODEL, NAME)
    with lite.db.read() as conn:
        row = mirrors.get(conn, found.repo.id)
    assert row is not None
    assert row.failure
    assert _verify(lite, found.repo).rev == found.revision.rev


def test_nobody_here_answers_for_an_upstreams_name(node: Node, alice: Actor) -> None:
    """An account of this node that is called like the upstream's namespace has no rights there, and an operator cannot commit."""
    with upstream() as (_, hub):
        repo = mirror(node, hub, MODEL, NAME).repo
    org = Actor(alice.account_id, "org", role="write")
    admin = Actor(alice.account_id, "alice", admin=True, role="write")
    for actor in (org, admin):
        with pytest.raises(NotAllowed, match="is a mirror"):
            publish.publish(node, actor, repo, MAIN, CommitRequest("x", "", None, (PutBytes("x", b"x"),)))
    with pytest.raises(VerificationFailed):
        verify_revision(
            parse_evidence(of_revision(node, repo, "main")[1]),
            Trust(),  # whoever does not know the observer believes him nothing
            load_policy("open", node.staging.root),
            Wanted(repo=NAME, ref=MAIN),
            NOW,
        )


def test_two_at_once(lite: Node) -> None:
    """A mirror that is being made by one process is not made by another at the same time."""
    from hanse.errors import Busy
    from hanse.flows.mirror.large import mirror_folder
    from hanse.store.parts import sole

    with upstream() as (_, hub):
        repo = mirror(lite, hub, MODEL, NAME).repo
        with sole(mirror_folder(lite) / f"{repo.id}.lock", "x"), pytest.raises(Busy):
            mirror(lite, hub, MODEL, NAME, options=Options())


def test_a_name_without_a_namespace(lite: Node) -> None:
    """It is mirrored as what the upstream says that it stands for, which has to be called so."""
    with upstream() as (origin, hub):
        for short, full in (("tiny", NAME), ("gpt2", NAME)):
            origin.repos[MODEL, short] = origin.repo(full)
        assert mirror(lite, hub, MODEL, "tiny").repo.repo.path == NAME
        assert all(isinstance(one, Mirrored) for one in mirror_all(lite, hub, MODEL, "tiny"))
        with pytest.raises(PeerError, match="calls 'gpt2' org/tiny"):
            mirror(lite, hub, MODEL, "gpt2")


def test_a_second_hub_mends_what_the_first_gives_falsely(node: Node) -> None:
    """What the upstream lies about is fetched where it is true; of a gated repository nobody else hears."""
    with upstream() as (liar, hub), upstream() as (honest, other):
        liar.faults.set(Fault.WRONG_BYTES, path="model.safetensors")
        options = Options(also=places_at([other.hub]))
        liar.repo(NAME).tokens = frozenset({"chosen"})
        gated = HubUpstream(Hub(liar.url, "chosen"))
        with pytest.raises(IntegrityError, match=r"model\.safetensors"):
            mirror(node, gated, MODEL, NAME, options=options)
        assert honest.requests == []
        gated.hub.close()
    with upstream(changed(more_txt=b"x")) as (liar, hub), upstream(changed(more_txt=b"x")) as (honest, other):
        liar.faults.set(Fault.WRONG_BYTES, path="model.safetensors")
        found = mirror(node, hub, MODEL, NAME, options=Options(also=places_at([other.hub])))
        assert found.revision.files == len(FILES) + 1
        assert {one.path.rpartition("/")[2] for one in honest.requests if "/resolve/" in one.path} == {"model.safetensors"}
    with node.db.read() as conn:
        said = [one.says for one in alarms.every(conn)]
    assert sum("lies about" in one for one in said) == 2, said
