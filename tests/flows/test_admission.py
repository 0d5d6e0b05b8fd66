"""Commits are admitted and files served by verdict."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace

import pytest
from tests.support.nodes import add_user, commit, model, new_repo
from tests.support.rawxet import raw_file
from tests.support.scanning import ODD, RULE, with_scanner
from tests.support.xetflows import send_file

from hanse.db import flags
from hanse.db.repos import Repo
from hanse.errors import BadCommit, HanseError, Held, PolicyError, Recalled
from hanse.flows import admission, browse, lfs_files
from hanse.flows.lfs import Wanted, plan_uploads, require_download
from hanse.flows.lfs_files import Copy
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes, PutFile
from hanse.flows.reconstruct import chunk_list, plan
from hanse.flows.repos import duplicate_repo
from hanse.jobs.pool import ScanPool
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.admission import Action, Policy
from hanse.model.digest import GitOid, Sha256
from hanse.model.entry import Entry

XET = raw_file(b"\x00" + random.Random(5).randbytes(200_000))


@pytest.fixture(name="node")
def _node(lite: Node) -> Node:
    """Return a node on SQLite: rows are proved on both catalogues in tests/unit/db."""
    return lite


def _entry(node: Node, repo: Repo, path: str) -> Entry:
    _, listing = browse.read_revision(node, repo, "main")
    found = listing.directory.file(path)
    assert found is not None
    return found


def _publish(node: Node, owner: Actor) -> Repo:
    """Return a repository with a held file that came inside the commit and one that came by Xet."""
    repo = new_repo(node, owner, "alice/m")
    send_file(node, owner, repo, XET)
    commit(node, owner, repo, PutBytes("a.gguf", ODD), PutFile("b.gguf", XET.sha256), PutBytes("c.txt", b"fine"))
    return repo


def test_malicious_files_refuse_the_commit(node: Node, alice: Actor, pool: ScanPool) -> None:
    """The message names file, finding, remedy and the command; nothing of the commit is there afterwards."""
    strict = with_scanner(node, pool, "malicious")
    repo = new_repo(strict, alice, "alice/m")
    with pytest.raises(PolicyError) as refusal:
        commit(strict, alice, repo, PutBytes("a/x.gguf", ODD), PutBytes("y.txt", b"fine"))
    digest = hashlib.sha256(ODD).hexdigest()
    for words in ("'a/x.gguf' is malicious", RULE, "upload the file again"):
        assert words in refusal.value.message
    assert f"hanse waive model alice/m {digest} --rule {RULE}" in refusal.value.hint
    assert refusal.value.failed == (f"a/x.gguf: {RULE}",)
    _, listing = browse.read_revision(strict, repo, "main")
    assert [entry.path for entry in listing.directory.entries()] == [".gitattributes"]
    commit(strict, alice, repo, PutBytes("x.unnamed", ODD))  # the same bytes where no loader takes them for a model


def test_suspicious_files_are_held(scanned: Node, alice: Actor, bob: Actor) -> None:
    """The commit goes through; its writers get the file, others a reason, by path and by content."""
    repo = _publish(scanned, alice)
    for path in ("a.gguf", "b.gguf"):
        entry = _entry(scanned, repo, path)
        assert RULE in admission.require_file(scanned, alice, repo, entry)
        for stranger in (bob, ANONYMOUS):
            with pytest.raises(Held, match=RULE):
                admission.require_file(scanned, stranger, repo, entry)
    assert admission.require_file(scanned, bob, repo, _entry(scanned, repo, "c.txt")) == ""
    assert plan(scanned, alice, repo, XET.file).fetches
    for call in (plan, chunk_list):
        with pytest.raises(Held):
            call(scanned, bob, repo, XET.file)
    wanted = Wanted(XET.sha256, len(XET.data))
    assert require_download(scanned, alice, repo, wanted).size == len(XET.data)
    with pytest.raises(Held):
        require_download(scanned, bob, repo, wanted)
    browse.open_revision(scanned, bob, repo, "main")  # names are no secret


def test_held_content_cannot_be_taken_elsewhere(scanned: Node, alice: Actor, bob: Actor) -> None:
    """Knowing the digest of a held file brings nobody its bytes by way of a repository of his own."""
    source = _publish(scanned, alice)
    mine = new_repo(scanned, bob, "bob/own")
    with pytest.raises(BadCommit):
        commit(scanned, bob, mine, PutFile("x.gguf", XET.sha256))
    (answer,) = plan_uploads(scanned, bob, mine, [Wanted(XET.sha256, len(XET.data))], multipart=False)
    assert not answer.present
    ((_, reason),) = lfs_files.copy_files(scanned, bob, source, mine, [Copy(XET.sha256, XET.file)])
    assert RULE in reason
    with pytest.raises(Held):
        duplicate_repo(scanned, bob, source, model("bob/copy"))
    again = duplicate_repo(scanned, alice, source, model("alice/copy"))
    with pytest.raises(Held):
        plan(scanned, bob, again, XET.file)
    other = new_repo(scanned, alice, "alice/other")
    commit(scanned, alice, other, PutFile("x.gguf", XET.sha256))  # who gets it may name it


def test_operators_see_what_is_held(scanned: Node, alice: Actor) -> None:
    """A node operator tends every repository."""
    repo = _publish(scanned, alice)
    assert admission.require_file(scanned, add_user(scanned, "root", admin=True), repo, _entry(scanned, repo, "a.gguf"))


def test_what_was_served_before_is_recalled(scanned: Node, node: Node, alice: Actor, bob: Actor, pool: ScanPool) -> None:
    """A file that a new ruleset condemns takes its revision away from others, so that caches do not answer for it."""
    repo = _publish(with_scanner(node, pool, "caution"), alice)
    assert scanned.scanning is not None
    strict = with_scanner(node, pool, "malicious")
    admission.flag_entries(strict, repo.id, list(admission.head_entries(strict, repo.id)))
    with pytest.raises(Recalled, match="gguf at") as told:
        browse.open_revision(strict, bob, repo, "main")
    rev = GitOid(told.value.rev)
    assert browse.open_revision(strict, alice, repo, "main")[0].rev == rev
    assert told.value.message in browse.recalled(strict, bob, repo, rev)
    assert browse.recalled(strict, alice, repo, rev) == ""
    with pytest.raises(Recalled):
        admission.require_file(strict, bob, repo, _entry(strict, repo, "a.gguf"))
    browse.open_revision(strict, alice, repo, "main")  # so that the owner can remove it
    with pytest.raises(Held, match="malicious"):
        admission.require_file(strict, alice, repo, _entry(strict, repo, "a.gguf"))
    with pytest.raises(Held):
        require_download(strict, alice, repo, Wanted(XET.sha256, len(XET.data)))


def test_a_file_condemned_before_the_flags_know(node: Node, alice: Actor, bob: Actor, pool: ScanPool) -> None:
    """A reader asks by path: the present ruleset counts at once, and the file is recalled."""
    repo = _publish(with_scanner(node, pool, "caution"), alice)
    strict = with_scanner(node, pool, "suspicious")
    with pytest.raises(Recalled):
        admission.require_file(strict, bob, repo, _entry(strict, repo, "b.gguf"))


def test_content_that_was_never_scanned_is_judged_when_asked_for(node: Node, alice: Actor, bob: Actor, pool: ScanPool) -> None:
    """After an upgrade or a rebuild no byte leaves unjudged, also where only a content is named."""
    repo = _publish(node, alice)
    strict = with_scanner(node, pool)
    with pytest.raises(Held):
        plan(strict, bob, repo, XET.file)
    assert len(admission.withheld(strict, bob, repo)) == 1


def test_reporting_nodes_warn_only(node: Node, alice: Actor, bob: Actor, pool: ScanPool) -> None:
    """Without enforcement everything is served, with a warning."""
    lax = with_scanner(node, pool, "malicious", Policy(enforce=False))
    repo = _publish(lax, alice)
    assert RULE in admission.require_file(lax, bob, repo, _entry(lax, repo, "a.gguf"))
    assert plan(lax, bob, repo, XET.file).fetches


def test_nodes_without_a_scanner_are_as_before(node: Node, alice: Actor, bob: Actor) -> None:
    """Nothing is judged, flagged or withheld."""
    repo = _publish(node, alice)
    entry = _entry(node, repo, "a.gguf")
    assert admission.require_file(node, bob, repo, entry) == ""
    assert admission.outcomes(node, [entry]) == {}
    assert admission.admit(node, repo, [entry]) == []
    assert admission.is_settled(node)


def test_a_held_file_tells_nothing_by_the_listing(scanned: Node, alice: Actor) -> None:
    """What listings derive from files leaves those out that strangers do not get."""
    repo = _publish(scanned, alice)
    assert admission.is_open(scanned, repo, _entry(scanned, repo, "c.txt"))
    assert not admission.is_open(scanned, repo, _entry(scanned, repo, "a.gguf"))


def test_flags_follow_what_is_judged(scanned: Node, node: Node, alice: Actor, pool: ScanPool) -> None:
    """A file that a better ruleset clears loses its flag."""
    repo = _publish(scanned, alice)
    kind = with_scanner(node, pool, "safe")
    admission.flag_entries(kind, repo.id, list(admission.head_entries(kind, repo.id)))
    with node.db.read() as conn:
        assert [flag.path for flag in flags.of_repo(conn, repo.id) if flag.blocked] == []


def test_every_policy_word_acts(node: Node, alice: Actor, bob: Actor, pool: ScanPool) -> None:
    """Malicious files can be held instead of refused, suspicious ones refused."""
    soft = with_scanner(node, pool, "malicious", Policy(malicious=Action.HOLD))
    repo = _publish(soft, alice)
    admission.require_file(soft, alice, repo, _entry(soft, repo, "a.gguf"))
    with pytest.raises(Held):
        admission.require_file(soft, bob, repo, _entry(soft, repo, "a.gguf"))
    hard = with_scanner(node, pool, "suspicious", Policy(suspicious=Action.REFUSE))
    with pytest.raises(PolicyError):
        commit(hard, alice, repo, PutBytes("new.gguf", ODD + b"!"))


def test_readers_of_a_namespace_are_strangers_to_what_is_held(scanned: Node, alice: Actor, bob: Actor) -> None:
    """Members of an organisation who may only read do not get what is held; a writer's token for reading does."""
    repo = _publish(scanned, alice)
    entry = _entry(scanned, repo, "a.gguf")
    reader = replace(bob, orgs={"alice": "read"})
    with pytest.raises(HanseError):
        admission.require_file(scanned, reader, repo, entry)
    assert admission.require_file(scanned, replace(alice, role="read"), repo, entry)
    assert Sha256(entry.sha256)
