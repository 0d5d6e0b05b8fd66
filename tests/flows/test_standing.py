"""What pages say about the worth of a statement: who signed it, where it is logged, who cosigned it, what is not there yet."""

from __future__ import annotations

from tests.support.attesting import ask, cosigned, settle
from tests.support.nodes import ORIGIN, commit, new_repo

from hanse.db import alarms, logkeys, notices, sightings
from hanse.db.alarms import Alarm
from hanse.db.logkeys import LogKey
from hanse.db.notices import Notice
from hanse.db.repos import Repo
from hanse.db.sightings import Said
from hanse.flows import access
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.standing import Standing, log_standing, revision_standing
from hanse.model.actor import Actor
from hanse.model.decision import Rung
from hanse.model.digest import Sha256
from hanse.model.key_leaf import Holder
from hanse.model.repo import Origin, Visibility


def _now(node: Node, repo: Repo) -> Standing:
    return revision_standing(node, repo, access.resolve_revision(node, repo, "main"))


def test_a_revision_climbs(node: Node, alice: Actor) -> None:
    """At first a revision is local; once its manifest is signed and logged it is attested, by the node, which holds the key."""
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, PutBytes("a.bin", b"a"))
    first = _now(node, repo)
    assert (first.rung, first.signatures) == (Rung.LOCAL, ())
    assert first.index is not None
    assert first.index < first.size
    assert (first.holder, first.namespace_key) == (Holder.OPERATOR, node.keys.ref.public.fingerprint)
    settle(node)
    signed = _now(node, repo)
    assert signed.rung is Rung.ATTESTED
    assert [(one.key, one.by_node) for one in signed.signatures] == [(node.keys.attest.public.fingerprint, True)]
    assert signed.index is not None
    assert signed.index > first.index


def test_only_who_signed_later_vouches(node: Node, alice: Actor) -> None:
    """A cosignature of a shorter log says nothing about the revision: until there is a longer one it is not yet witnessed."""
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, PutBytes("a.bin", b"a"))
    settle(node)
    index = _now(node, repo).index
    assert index is not None
    ask(node, ["b.example.org", "c.example.org"])
    cosigned(node, ["b.example.org"], 5, index)
    before = _now(node, repo)
    assert (before.witnesses, before.mirrors) == ((), ())
    assert set(before.waiting) == {f"{name}.example.org/{kind}" for name in "bc" for kind in ("witness", "mirror")}
    cosigned(node, ["b.example.org", "d.example.org"], 6, index + 1)
    after = _now(node, repo)
    told = [("b.example.org", index + 1, 6, True), ("d.example.org", index + 1, 6, False)]
    assert [(one.name, one.size, one.time, one.asked) for one in after.witnesses] == [
        (f"{name}/witness", *rest) for name, *rest in told
    ]
    assert [(one.name, one.size, one.time, one.asked) for one in after.mirrors] == [
        (f"{name}/mirror", *rest) for name, *rest in told
    ]
    assert set(after.waiting) == {"c.example.org/witness", "c.example.org/mirror"}


def test_the_publisher_holds_the_key(node: Node, alice: Actor) -> None:
    """In a namespace whose owner holds the key the node's own signature leaves a revision local."""
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, PutBytes("a.bin", b"a"))
    settle(node)
    with node.db.write() as conn:
        logkeys.set_state(conn, node.keys.ref.public.fingerprint, "retired", use="namespace", namespace="alice")
        logkeys.add(conn, LogKey("namespace", "alice", Sha256("ab" * 32), "", "owner", "active", 1))
    found = _now(node, repo)
    assert (found.rung, found.holder, found.namespace_key) == (Rung.LOCAL, Holder.OWNER, "ab" * 32)
    assert [one.by_node for one in found.signatures] == [True]


def test_what_is_private_names_no_key(node: Node, alice: Actor) -> None:
    """A repository that is not public is attested by its node, whose log tells no key of its namespace."""
    repo = new_repo(node, alice, "alice/secret", Visibility.PRIVATE)
    commit(node, alice, repo, PutBytes("a.bin", b"a"))
    settle(node)
    found = _now(node, repo)
    assert (found.rung, found.holder) == (Rung.ATTESTED, None)


def test_others_who_hold_it(node: Node, alice: Actor) -> None:
    """Members whose logs say that they hold the same files are told, each once; that alone lifts no rung."""
    repo = new_repo(node, alice, "alice/m")
    made = commit(node, alice, repo, PutBytes("a.bin", b"a"))
    place = (ORIGIN, "model", "alice/m", made.rev, made.tree)
    with node.db.write() as conn:
        sightings.put(
            conn, [Said(Origin(log), index, *place, 5) for log, index in (("b.example", 1), ("b.example", 3), ("c.example", 2))]
        )
        sightings.put(conn, [Said(Origin("d.example"), 1, *place[:4], Sha256("0" * 64), 5)])
    found = _now(node, repo)
    assert (found.elsewhere, found.rung) == (("b.example", "c.example"), Rung.LOCAL)


def test_notices_belong_to_their_revision(node: Node, alice: Actor) -> None:
    """Of the notices those about this revision are told."""
    repo = new_repo(node, alice, "alice/m")
    old = commit(node, alice, repo, PutBytes("a.bin", b"a")).rev
    new = commit(node, alice, repo, PutBytes("a.bin", b"b")).rev
    with node.db.write() as conn:
        notices.put(conn, [Notice(repo.id, rev, "licence-changed", "LICENSE", f"about {rev}", 5) for rev in (old, new)])
    assert [one.says for one in _now(node, repo).notices] == [f"about {new}"]


def test_the_log(node: Node, alice: Actor) -> None:
    """The log is told with its five keys, all who cosign it, and the alarms that are open, without their evidence."""
    new_repo(node, alice, "alice/m")
    ask(node, ["b.example.org", "c.example.org"])
    cosigned(node, ["b.example.org"], 5, 1)
    cosigned(node, ["b.example.org"], 7, 2)
    with node.db.write() as conn:
        for number in range(12):
            alarms.put(conn, Alarm("equivocation", "x.example.org", f"says {number}", b"%d" % number, number))
    found = log_standing(node)
    assert (found.origin, found.size, found.vkey, found.now) == (ORIGIN, node.log.size, node.log.key.text, node.clock.now())
    assert [use for use, _ in found.keys] == ["log", "witness", "mirror", "attest", "ref"]
    assert len({fingerprint for _, fingerprint in found.keys}) == 5
    told = [("b.example.org", 2, 7), ("c.example.org", 0, 0)]
    listed = [(f"{name}/{kind}", kind, size, time) for name, size, time in told for kind in ("mirror", "witness")]
    assert [(one.name, one.kind, one.size, one.time) for one in found.cosigners] == listed
    assert (found.alarm_count, found.alarms[0].says, len(found.alarms)) == (12, "says 11", 10)
    assert {one.evidence for one in found.alarms} == {b""}
