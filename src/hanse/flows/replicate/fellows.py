"""Who is there to hold copies: the members of this node's federations, who of them counts, and what the rules ask for.

A member does not count while its log has not answered for longer than the operator allows, or while it failed audits: others
then hold its copies in its place. A node that reaches nobody is itself cut off, and lets nobody else count as gone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from hanse.db import copies as rows
from hanse.db import witnesses
from hanse.db.copies import Copy
from hanse.errors import HanseError, NotFoundError
from hanse.flows.federation.kept import COPIES, Federation
from hanse.flows.node import Node
from hanse.model.digest import GitOid, Sha256
from hanse.model.repo import Origin, RepoId
from hanse.policy.copies import Copies, parse_copies
from hanse.policy.placement import Site
from hanse.tlog.members import Member

FRESH_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class View:
    """What a plan is made from.

    members: everybody who is listed, this node included; present: those who count; rules: how many copies are wanted.
    """

    me: Origin
    members: Mapping[Origin, Member]
    present: frozenset[Origin]
    rules: Copies = field(default_factory=Copies)

    @property
    def sites(self) -> tuple[Site, ...]:
        """Members that can hold copies for others; who only publishes files does not."""
        listed = (one for origin, one in self.members.items() if origin in self.present and not one.static)
        return tuple(Site(one.origin, one.capacity) for one in listed)

    @property
    def capacity(self) -> int:
        """Bytes that this node offers to others."""
        return self.members[self.me].capacity


def look(node: Node, *, silent: int, own: Copies | None = None, failed: Collection[Origin] = ()) -> View | None:
    """Return who is there at present; None if this node is in no federation whose list holds now.

    silent: seconds after which a member whose log does not answer does not count; own: rules where no federation has any; failed:
    who failed audits. Raises StorageError for damaged files, BadFormat for rules that are none.
    """
    mine = _own(node, _loaded(node))
    members = _members(mine)
    if node.origin not in members:
        return None
    present = frozenset(members) - _silent(node, members, silent) - set(failed)
    return View(node.origin, members, present | {node.origin}, rules_of(node, mine, own))


def members_of(node: Node) -> dict[Origin, Member]:
    """Return the members of the federations that list this node and whose lists hold now; raises StorageError, BadFormat."""
    return _members(_own(node, _loaded(node)))


def _loaded(node: Node) -> list[Federation]:
    return [] if node.federations is None else [node.federations.load(name) for name in node.federations.names()]


def _members(federations: Iterable[Federation]) -> dict[Origin, Member]:
    members: dict[Origin, Member] = {}
    for federation in federations:
        members = {**federation.members.members, **members}
    return members


def rules_of(node: Node, federations: Iterable[Federation], own: Copies | None = None) -> Copies:
    """Return the rules of the first federation that this node is in and that has some; else `own`, else three copies.

    Raises BadFormat for rules that are none.
    """
    told = [one.files[COPIES] for one in _own(node, federations) if COPIES in one.files]
    return parse_copies(told[0].decode("utf-8", "replace")) if told else own or Copies()


def _own(node: Node, federations: Iterable[Federation]) -> list[Federation]:
    """Return the federations that list this node and whose list holds now."""
    found = []
    for one in federations:
        try:
            one.trusted.check_current(node.clock.now())
        except HanseError:  # an expired list says nothing about anybody
            continue
        if node.origin in one.members.members:
            found.append(one)
    return found


def _silent(node: Node, members: Collection[Origin], seconds: int) -> set[Origin]:
    now = node.clock.now()
    with node.db.read() as conn:
        logs = {Origin(one.origin): one for one in witnesses.every(conn) if one.origin in members}
    if not any(now - one.followed_at < FRESH_SECONDS for one in logs.values()):
        return set()
    return {origin for origin, one in logs.items() if one.failure and now - one.followed_at > seconds}


def holders(node: Node, repo: RepoId, rev: GitOid, tree: Sha256, present: Collection[Origin] | None = None) -> set[Origin]:
    """Return who says in his log that he holds a revision, its home and this node included where they do.

    present: only those who count.
    """
    asked = Copy(repo.origin, repo.type.value, repo.folded, rev, tree, 0, rows.LEFT)
    with node.db.read() as conn:
        said = set(rows.holders(conn, asked))
        mine = rows.get(conn, asked.key)
    if mine is not None and mine.state == rows.HELD:
        said.add(node.origin)
    return said if present is None else said & set(present)


def addresses(view: View, origins: Collection[Origin]) -> tuple[str, ...]:
    """Return where members answer, this node left out; one that is not listed any more has no address."""
    found = [url for one in origins if one != view.me and one in view.members for url in view.members[one].addresses]
    return tuple(dict.fromkeys(found))


def member_named(view: View, name: str) -> Member:
    """Return the member with this origin, namespace or address; raises NotFoundError."""
    folded = name.lower().rstrip("/")
    for one in view.members.values():
        if folded == one.origin or folded in one.namespaces or folded in one.addresses:
            return one
    raise NotFoundError(f"no member is called {name[:100]!r}", hint="hanse federation status lists them")
