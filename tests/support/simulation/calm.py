"""Liveness: once a quorum is there and connected, everybody who can reach it gets the newest that there is.

Not everybody has to be there: liars may be silent, and so many others be cut off as the quorums that readers ask for can spare.
"""

from __future__ import annotations

from tests.support.simulation.actions import attest_one, enacted, follow_one, read_one
from tests.support.simulation.member import SimMember
from tests.support.simulation.reader import faulty, quorum, warners
from tests.support.simulation.world import Choose, Simulation


def calm(world: Simulation, choose: Choose | None = None) -> int:
    """Mend the network, let everybody do his work, and fail unless readers get what they should; return how much they read.

    choose: says who stays away: liars, and others as far as a quorum is left without them; nobody if it is None.
    """
    world.network.cut.clear()
    for one in world.alive():
        if one.origin in world.network.down:
            world.network.down.discard(one.origin)
            one.restart()
        one.clock.skew = 0
    world.time[0] += 3_600
    if choose is not None:
        world.network.down |= _away(world, choose)
    enacted(world)
    there = [one.origin for one in world.helpful()]
    for one in (*world.helpful(), *(one for one in world.present() if one.corrupt)):
        one.learn(*there)
    _follow(world)
    _attest(world)
    _follow(world)
    _cosign(world)
    for reader in world.readers:
        reader.update(*there)
    return sum(_must_read(world, one) for one in world.listed())


def _away(world: Simulation, choose: Choose) -> set[str]:
    """Return who answers nobody: all liars or none, and of the others one to all that can be spared, or nobody."""
    away = {str(one.origin) for one in world.alive() if one.corrupt} if choose(2) else set()
    honest = [str(one.origin) for one in world.honest()]
    spare = len(honest) - 1 - quorum(len(world.listed()))
    for _ in range(choose(spare + 1) if spare > 0 else 0):
        away.add(honest.pop(choose(len(honest))))
    return away


def _follow(world: Simulation) -> None:
    names = {one.origin for one in world.listed()}
    for member in world.helpful():
        for log in member.stands():
            if log.url and log.origin in names:
                follow_one(world, member, log.origin)


def _attest(world: Simulation) -> None:
    """Let everybody attest what he holds, as far as readers ask for more than the publisher's word."""
    names = {one.origin for one in world.listed() if not one.corrupt}
    for member in world.helpful() if faulty(len(world.listed())) else ():
        for log in member.stands():
            if log.origin in names:
                attest_one(world, member, log.origin)


def _cosign(world: Simulation) -> None:
    """Let everybody have his log cosigned, and two the logs of those who are silent; then tell the others of it."""
    for member in world.helpful():
        member.gather()
    for silent in _silent(world):
        for member in (_held(world, silent.origin) or world.helpful())[:2]:
            member.refresh(silent.origin)
    for member in world.helpful():
        for other in world.helpful():
            if other is not member:
                member.fetch_note(other.origin)


def _silent(world: Simulation) -> list[SimMember]:
    return [one for one in world.listed() if one.gone or one.origin in world.network.down]


def _must_read(world: Simulation, publisher: SimMember) -> bool:
    """Fail unless every reader gets the newest that an honest publisher said, or that enough others hold of it."""
    told = world.truth.get(publisher.origin)
    if publisher.corrupt or not told or not world.quorate(publisher.origin):
        return False
    silent = publisher in _silent(world)
    carriers = _holders(world, publisher.origin) if silent else [publisher, *world.helpful()[:2]]
    rev = _shown(world, publisher) if silent else told[-1].revision.rev
    if carriers and _warned(world, publisher, rev):
        assert not any(read_one(world, reader, publisher, one) for reader in world.readers for one in carriers), (
            f"readers take what is warned of: {publisher.origin} {rev}"
        )
        return False
    if not carriers or _doubtful(world, publisher, rev):
        return False
    for reader in world.readers:
        before = len(reader.refused)
        got = [True for one in carriers if read_one(world, reader, publisher, one)]
        said = [error.message for error in reader.refused[before:]]
        assert any(got), f"{reader.name} cannot read {publisher.origin} from {[one.origin for one in carriers]}: {said}"
        if not silent:
            assert reader.taken[-1].rev == told[-1].revision.rev, f"{reader.name} gets an old {publisher.origin}"
    return True


def _holders(world: Simulation, origin: str) -> list[SimMember]:
    """Return who holds all that anybody present saw of a silent log, if they are enough for a quorum of mirrors."""
    holders = _held(world, origin)
    rev = _shown(world, world.members[origin])
    return holders if rev and any(rev in one.log.attested for one in holders) else []


def _held(world: Simulation, origin: str) -> list[SimMember]:
    stands = {one.origin: log for one in world.helpful() for log in one.stands() if log.origin == origin}
    most = max((log.size for log in stands.values()), default=0)
    holders = [world.members[name] for name, log in stands.items() if log.mirrored == most]
    return holders if most in world.members[origin].log.moments and len(holders) >= quorum(len(world.listed())) else []


def _shown(world: Simulation, silent: SimMember) -> str:
    """Return what main is in a silent log as far as anybody present saw it, "" for nothing."""
    sizes = (log.size for one in world.helpful() for log in one.stands() if log.origin == silent.origin)
    moment = silent.log.moments.get(max(sizes, default=0))
    return moment.revision.rev if moment and moment.revision else ""


def _warned(world: Simulation, publisher: SimMember, rev: str) -> bool:
    """Tell whether the publisher warns of a revision, or so many others who are heard that nobody may take it."""
    heard = {one.origin for one in world.helpful()}
    warned = {one.by for one in world.warned if one.concerns(publisher.origin, rev)} & heard
    return publisher.origin in warned or len(warned) >= warners(len(world.listed()))


def _doubtful(world: Simulation, publisher: SimMember, rev: str) -> bool:
    """Tell whether the publisher warns of a revision, or so many who do or are not heard that readers may have to refuse it."""
    warned = {one.by for one in world.warned if one.concerns(publisher.origin, rev)}
    unheard = {one.origin for one in _silent(world) if not _held(world, one.origin)}
    liars = {one.origin for one in world.listed() if one.corrupt}
    listed = {one.origin for one in world.listed()}
    doubt = ({*warned} | unheard | liars) & listed
    return publisher.origin in warned or len(doubt - {publisher.origin}) >= warners(len(listed))
