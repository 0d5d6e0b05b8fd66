"""Liveness: once nothing is in the way, everybody who can reach a quorum gets the newest that there is."""

from __future__ import annotations

from tests.support.simulation.actions import attest_one, enacted, follow_one, read_one
from tests.support.simulation.member import SimMember
from tests.support.simulation.reader import faulty, quorum
from tests.support.simulation.world import Simulation


def calm(world: Simulation) -> int:
    """Mend the network, let everybody do his work, and fail unless readers get what they should; return how much they read."""
    world.network.cut.clear()
    for one in world.alive():
        if one.origin in world.network.down:
            world.network.down.discard(one.origin)
            one.restart()
        one.clock.skew = 0
    world.time[0] += 3_600
    enacted(world)
    alive = [one.origin for one in world.honest()]
    for one in (*world.honest(), *(one for one in world.alive() if one.corrupt)):
        one.learn(*alive)
    _follow(world)
    _attest(world)
    _follow(world)
    _cosign(world)
    for reader in world.readers:
        reader.update(*alive)
    return sum(_must_read(world, one) for one in world.listed())


def _follow(world: Simulation) -> None:
    names = {one.origin for one in world.listed()}
    for member in world.honest():
        for log in member.stands():
            if log.url and log.origin in names:
                follow_one(world, member, log.origin)


def _attest(world: Simulation) -> None:
    """Let everybody attest what he holds, as far as readers ask for more than the publisher's word."""
    names = {one.origin for one in world.listed() if not one.corrupt}
    for member in world.honest() if faulty(len(world.listed())) else ():
        for log in member.stands():
            if log.origin in names:
                attest_one(world, member, log.origin)


def _cosign(world: Simulation) -> None:
    """Let everybody have his log cosigned, and two the logs of those who are gone; then tell the others of it."""
    for member in world.honest():
        member.gather()
    for gone in (one for one in world.listed() if one.gone):
        for member in (_holders(world, gone.origin) or world.honest())[:2]:
            member.refresh(gone.origin)
    for member in world.honest():
        for other in world.honest():
            if other is not member:
                member.fetch_note(other.origin)


def _must_read(world: Simulation, publisher: SimMember) -> bool:
    """Fail unless every reader gets the newest that an honest publisher said, or that enough others hold of it."""
    told = world.truth.get(publisher.origin)
    if publisher.corrupt or not told or not world.quorate(publisher.origin):
        return False
    carriers = _holders(world, publisher.origin) if publisher.gone else [publisher]
    if not carriers:
        return False
    for reader in world.readers:
        before = len(reader.refused)
        got = [read_one(world, reader, publisher, one) for one in carriers]
        said = [error.message for error in reader.refused[before:]]
        assert any(got), f"{reader.name} cannot read {publisher.origin} from {[one.origin for one in carriers]}: {said}"
        if not publisher.gone:
            assert reader.taken[-1].rev == told[-1].revision.rev, f"{reader.name} gets an old {publisher.origin}"
    return True


def _holders(world: Simulation, origin: str) -> list[SimMember]:
    """Return who holds all that anybody saw of a log that is gone, if they are enough for a quorum of mirrors."""
    stands = {one.origin: log for one in world.honest() for log in one.stands() if log.origin == origin}
    most = max((log.size for log in stands.values()), default=0)
    holders = [world.members[name] for name, log in stands.items() if log.mirrored == most]
    moments = world.members[origin].log.moments
    settled = (
        most in moments
        and (found := moments[most].revision) is not None
        and any(found.rev in one.log.attested for one in holders)
    )
    return holders if settled and len(holders) >= quorum(len(world.listed())) else []
