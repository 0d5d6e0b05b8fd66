"""Two members of a federation in this process: a home that publishes and answers, and a node that holds copies of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.support.founders import NAME, NOW, Founder, changed
from tests.support.nodes import ORIGIN, fresh_catalogue, make_node, running
from tests.support.proxies import nginx_files
from tests.support.publishing import Publisher
from tests.support.served import served
from tests.support.trusting import trust

from hanse.db import copies
from hanse.db.copies import Copy
from hanse.flows import sightings, withdrawals
from hanse.flows.cosigners import add_log
from hanse.flows.federation.change import Change, Request, begin
from hanse.flows.federation.enact import own_member
from hanse.flows.federation.kept import Federation, FederationFiles
from hanse.flows.follow import Follower
from hanse.flows.node import Node
from hanse.flows.replicate.background import Copier, Setup
from hanse.flows.replicate.fellows import View
from hanse.flows.static.publish import publish_static, site_at
from hanse.flows.witness import find_log
from hanse.model.repo import Origin
from hanse.peers.client import PeerClient
from hanse.policy.copies import Copies

HOME = Origin("home.example")
CAPACITY = 10**9


@dataclass
class Pair:
    """home: publishes at `url` in the namespace `alice`; node: trusts the federation of both and offers capacity.

    site: folder of the home's files, if a web server that knows nothing stands at `url`.
    """

    home: Node
    node: Node
    url: str
    publisher: Publisher
    site: Path | None = None

    def publish(self, files: dict[str, bytes], *, name: str = "alice/m") -> str:
        """Publish and settle a revision at home, which the copying node reads in its log; return the commit id."""
        if self.publisher.repo is not None and self.publisher.repo.repo.path != name:
            self.publisher.repo = None
        rev = self.publisher.publish(files, name=name)
        if self.site is not None:
            publish_static(self.home, site_at(str(self.site)))
        self.follow()
        return rev

    def follow(self) -> None:
        """Mirror the home's log as far as it goes."""
        with closing(PeerClient()) as client:
            assert self.node.replays is not None
            Follower(self.node, client, self.node.replays).follow(find_log(self.node, HOME))

    def say(self, *entries: bytes, start: int = 10_000, log: Origin = HOME) -> None:
        """Take down leaves of somebody's log."""
        sightings.note(self.node.db, log, start, entries)
        withdrawals.note(self.node.db, log, entries, self.node.clock.now())

    def copier(self, setup: Setup | None = None) -> Copier:
        """Return what makes copies; two copies are wanted of everything."""
        return Copier(self.node, setup or Setup(rules=Copies(2)))

    def view(self) -> View:
        """Return who is there."""
        found = self.copier().look()
        assert found is not None
        return found

    def rows(self) -> list[Copy]:
        """Return all rows about copies."""
        states = [copies.WANTED, copies.LEFT, copies.HELD, copies.REFUSED, copies.WITHDRAWN, copies.RELEASED]
        with self.node.db.read() as conn:
            return copies.in_state(conn, states, 1000)


def listed(home: Node, node: Node, url: str, *more: Founder, capacity: int = CAPACITY, static: bool = False) -> Federation:
    """Return a federation of a home at an address, a node that offers capacity, and others."""
    first, second = Founder(home.origin), Founder(node.origin)
    publisher = replace(own_member(home, "Home", (url,), namespaces=("alice",)), static=static)
    made = begin(NAME, publisher, first.own, NOW - 1000)
    copier = own_member(node, "Copier", ("http://127.0.0.1:9",), capacity=capacity)
    asked = [Request(NAME, copier, second.own.public), *(one.request() for one in more)]
    return changed(made, Change(add=tuple(asked), need=2), first, second, *more)


@contextmanager
def pair(folder: Path, *more: Founder, capacity: int = CAPACITY, static: bool = False) -> Iterator[Pair]:
    """Run both for the length of a `with` block.

    more: further members of the federation, who answer nothing; static: home publishes files only.
    """
    made = []
    for name, origin in (("home", HOME), ("copier", ORIGIN)):
        (folder / name).mkdir()
        files = FederationFiles(folder / name / "federation")
        database = fresh_catalogue(folder / name)
        made.append(replace(make_node(database, folder / name / "data" / "objects", origin=origin), federations=files))
    home, node = made
    with ExitStack() as stack:
        for one in made:
            stack.enter_context(running(one))
        site = folder / "site" if static else None
        if site is not None:
            site.mkdir()
        url = stack.enter_context(served(home) if site is None else nginx_files(site, folder / "nginx"))
        assert node.federations is not None
        trust(node.federations.folder, listed(home, node, url, *more, capacity=capacity, static=static))
        add_log(node, [home.log.key.text], f"{url}/log")
        yield Pair(home, node, url, Publisher(home, url), site)
    for one in made:
        one.db.close()
