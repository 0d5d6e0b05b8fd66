"""What a node does about a federation: cosigners, logs, leaves, claims; and what it undoes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.support.founders import NAME, NOW, Founder, changed, founded, founders
from tests.support.nodes import ORIGIN
from tests.support.served import until

from hanse.db import cosigners, leaves, witnesses
from hanse.flows.federation.change import Change, begin
from hanse.flows.federation.enact import claims_of, enact, own_member, withdraw
from hanse.flows.federation.kept import Federation, FederationFiles
from hanse.flows.node import Node
from hanse.model.leaf import parse_leaf
from hanse.model.repo import Origin
from hanse.model.trust_leaf import MemberLeaf


def _federation(node: Node, others: list[Founder]) -> Federation:
    """Return a federation that the node's operator began and these joined."""
    own = Founder(node.origin)
    member = own_member(node, "Here", ["https://here.example"], namespaces=["Here"])
    one = begin(NAME, member, own.own, NOW)
    return changed(one, Change(add=tuple(other.request() for other in others)), own, *others) if others else one


def _asked(node: Node) -> set[tuple[str, str]]:
    with node.db.read() as conn:
        return {(row.kind, row.url) for row in cosigners.every(conn)}


def test_members_are_asked_and_followed(node: Node) -> None:
    """Other members are asked for cosignatures and their logs mirrored; enacting again changes nothing."""
    others = founders(2)
    federation = _federation(node, others)
    told = enact(node, federation)
    assert sum("asked for cosignatures" in line for line in told) == 2
    assert _asked(node) == {(kind, f"https://{one.origin}/{kind}") for one in others for kind in ("witness", "mirror")}
    with node.db.read() as conn:
        assert {row.origin: row.url for row in witnesses.every(conn)} == {
            one.origin: f"https://{one.origin}/log" for one in others
        }
    assert enact(node, federation) == []
    withdraw(node, federation)
    assert _asked(node) == set()


def test_every_version_is_logged_once(node: Node) -> None:
    """The root and the targets that are trusted get a leaf each, once; the next version gets its own."""
    federation = _federation(node, [])
    assert sum("goes into this node's log" in line for line in enact(node, federation)) == 2
    enact(node, federation)
    until(lambda: len(_members(node)) == 2)
    assert [(leaf.role.value, leaf.version) for leaf in _members(node)] == [("root", 1), ("targets", 1)]
    assert _members(node)[0].payload.size == len(federation.trusted.root_data)
    assert {leaf.federation for leaf in _members(node)} == {federation.first}


def _members(node: Node) -> list[MemberLeaf]:
    """Return the leaves about federations in the log."""
    with node.db.read() as conn:
        found = [parse_leaf(data) for data in leaves.logged(conn, 0, leaves.log_size(conn))]
    return [leaf for leaf in found if isinstance(leaf, MemberLeaf)]


def test_who_left_is_not_asked_any_more(node: Node) -> None:
    """A member that is off the list is not asked; his log stays witnessed, and cosigners added by hand stay, too."""
    others = founders(2)
    own = Founder(node.origin)
    one = begin(NAME, own_member(node, "Here", ["https://here.example"]), own.own, NOW)
    both = changed(one, Change(add=tuple(other.request() for other in others)), own, *others)
    enact(node, both)
    after = changed(both, Change(remove=(others[0].origin,)), own, *others)
    assert any("no member any more" in line for line in enact(node, after))
    assert {url for _, url in _asked(node)} == {f"https://{others[1].origin}/{kind}" for kind in ("witness", "mirror")}
    with node.db.read() as conn:
        assert len(witnesses.every(conn)) == 2


def test_distrusted_keys_are_not_asked(node: Node) -> None:
    """A cosigning key that the federation distrusts is asked no more, and a log is followed by the keys that still count."""
    one = founders(1)[0]
    own = Founder(node.origin)
    here = enacted(node, own, NAME, one)
    moved = replace(one, log=Founder(one.origin).log)
    cuts = tuple((one.origin, key.public.fingerprint, 0) for key in (one.log, one.witness))
    enact(node, changed(here, Change(add=(moved.request(),), distrust=cuts), own, one))
    assert _asked(node) == {("mirror", f"https://{one.origin}/mirror")}
    with node.db.read() as conn:
        (log,) = witnesses.every(conn)
    assert log.vkeys == (moved.member.log[0].text,)


def test_two_federations_side_by_side(node: Node) -> None:
    """Who leaves one federation, or sees a member off its list, goes on asking those whom another one lists."""
    both, alone = founders(2)
    own = Founder(node.origin)
    here = enacted(node, own, NAME, both, alone)
    there = enacted(node, own, Origin("labs.example"), both)
    shrunk = changed(here, Change(remove=(both.origin, alone.origin), need=1), own, both, alone)
    told = enact(node, shrunk)
    assert any(f"{both.origin} is no member of {NAME} any more; another" in line for line in told)
    assert {url for _, url in _asked(node)} == {f"https://{both.origin}/{kind}" for kind in ("witness", "mirror")}
    enact(node, here)
    withdraw(node, here)
    assert {url for _, url in _asked(node)} == {f"https://{both.origin}/{kind}" for kind in ("witness", "mirror")}
    withdraw(node, there)
    assert _asked(node) == set()


def enacted(node: Node, own: Founder, name: Origin, *others: Founder) -> Federation:
    """Return a federation of the node and these, which the node has acted on."""
    begun = begin(name, own_member(node, "Here", ["https://here.example"]), own.own, NOW)
    made = changed(begun, Change(add=tuple(other.request(name) for other in others)), own, *others)
    enact(node, made)
    return made


def test_static_members_cosign_nothing(node: Node) -> None:
    """Whoever only publishes files is mirrored, and not asked."""
    static = founders(1)[0]
    federation = _federation(node, [])
    members = federation.members
    listed = replace(members, members={**members.members, static.origin: replace(static.member, static=True)})
    enact(node, replace(federation, files={**federation.files, "members.json": listed.encode()}))
    assert _asked(node) == set()


def test_namespaces_of_others_are_claimed(tmp_path: Path) -> None:
    """Namespaces of other members never fall through to an upstream; one's own are no claim of others."""
    files, people = FederationFiles(tmp_path), founders(3)
    files.keep(founded(people, 2))
    assert claims_of(files, people[0].origin) == {"member1": people[1].origin, "member2": people[2].origin}
    assert ORIGIN not in claims_of(files, ORIGIN).values()
