"""What can happen in the simulation, each as one step that a schedule chooses; an action that makes no sense now does nothing.

Numbers come from `choose`, so that one seed is one history, and a failing one can be made smaller.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.support.evidence import Revision
from tests.support.simulation.checks import check_mirror, check_taken
from tests.support.simulation.member import SimMember
from tests.support.simulation.reader import Bag, SimReader
from tests.support.simulation.world import MOST, Choose, Simulation, Truth

from hanse.db.witnesses import WitnessedLog
from hanse.errors import HanseError, IntegrityError
from hanse.flows.federation.change import Change
from hanse.model.key_leaf import KeyUse

Action = Callable[[Simulation, Choose], bool]
"""Returns whether something happened."""
_SKEWS = (-300, 0, 0, 300)
_TICKS = (1, 60, 3_600, 6 * 3_600, 86_400)


def _one(members: list[SimMember], choose: Choose) -> SimMember | None:
    return members[choose(len(members))] if members else None


def _up(world: Simulation) -> list[SimMember]:
    return world.present()


def publish(world: Simulation, choose: Choose) -> bool:
    """Let an honest member publish a revision."""
    member = _one([one for one in _up(world) if not one.corrupt], choose)
    if member is not None:
        tell(world, member, b"%d" % choose(1_000_000))
    return member is not None


def tell(world: Simulation, member: SimMember, content: bytes) -> None:
    """Let an honest member publish, and remember that it did."""
    made = member.log.put(content + member.origin.encode(), world.now)
    world.truth.setdefault(member.origin, []).append(Truth(world.now, len(member.log.log.leaves), made))


def follow(world: Simulation, choose: Choose) -> bool:
    """Let a member follow another one's log."""
    up = _up(world)
    member = _one(up, choose)
    logs = [one for one in member.stands() if one.url] if member else []
    if member is None or not logs:
        return False
    follow_one(world, member, logs[choose(len(logs))].origin)
    return True


def follow_one(world: Simulation, member: SimMember, origin: str) -> None:
    """Let a member follow a log; an honest log is never found to be false."""
    other = world.members[origin]
    try:
        check_mirror(world, member, member.follow(origin))
    except HanseError as error:
        knows = other.log.vkey.text in next(one.vkeys for one in member.stands() if one.origin == origin)
        if isinstance(error, IntegrityError) and knows and not other.corrupt:
            raise AssertionError(f"{member.origin} finds {origin} false: {error.message}") from error


def gather(world: Simulation, choose: Choose) -> bool:
    """Let a member ask others for cosignatures."""
    member = _one(_up(world), choose)
    if member is not None:
        member.gather(1 + choose(4), choose(MOST))
    return member is not None


def attest(world: Simulation, choose: Choose) -> bool:
    """Let a member attest what it holds of another one."""
    member = _one(_up(world), choose)
    logs = [one.origin for one in member.stands() if _held(world, member, one)] if member else []
    return bool(member and logs and attest_one(world, member, logs[choose(len(logs))]))


def attest_one(world: Simulation, member: SimMember, origin: str) -> bool:
    """Let a member attest another one's main, as far as it replayed the log; tell whether it did."""
    revision = _held(world, member, next(one for one in member.stands() if one.origin == origin))
    if revision is not None:
        member.log.second(revision, world.now)
    return revision is not None


def _held(world: Simulation, member: SimMember, log: WitnessedLog) -> Revision | None:
    """Return what main is in a log as far as a member replayed it, None if it attested that before."""
    branch = world.branch_of(log.origin, log.mirrored, bytes.fromhex(log.mirrored_root)) if log.mirrored else None
    moment = branch.moments.get(log.mirrored) if branch else None
    revision = moment.revision if moment else None
    return revision if revision and revision.rev not in member.log.attested else None


def refresh(world: Simulation, choose: Choose) -> bool:
    """Let a member have the last checkpoint of a silent log cosigned again."""
    member = _one(_up(world), choose)
    silent = [one for one in member.stands() if one.note and world.now - one.time > DAY_PART] if member else []
    if member is None or not silent:
        return False
    member.refresh(silent[choose(len(silent))].origin, 1 + choose(4))
    return True


DAY_PART = 6 * 3_600


def read(world: Simulation, choose: Choose) -> bool:
    """Let a reader read a member's main, as any member shows it."""
    carrier, publisher = _one(_up(world), choose), _one(list(world.members.values()), choose)
    reader = world.readers[choose(len(world.readers))]
    if carrier is None or publisher is None:
        return False
    return read_one(world, reader, publisher, carrier) is not None


def read_one(world: Simulation, reader: SimReader, publisher: SimMember, carrier: SimMember) -> bool | None:
    """Let a reader read; return whether he accepted, None if there was nothing to show."""
    if not world.network.reaches(reader.name, carrier.origin):
        return None
    bag = world.carry(carrier, publisher.origin, reader)
    if carrier.corrupt:
        bag = _old(carrier, publisher.origin, bag)
    if bag is None:
        return None
    return check_read(world, reader, publisher, bag)


def check_read(world: Simulation, reader: SimReader, publisher: SimMember, bag: Bag) -> bool:
    """Let a reader read what is carried to him; return whether he accepted, which then has to be right."""
    if reader.read(publisher.log.repo(publisher.log.model), bag, world.now) is None:
        return False
    check_taken(world, reader.taken[-1], reader)
    return True


def _old(carrier: SimMember, origin: str, bag: Bag | None) -> Bag | None:
    """Return what a liar shows: something that it kept from before, as long as it has something."""
    kept = carrier.kept.setdefault(origin, [])
    if bag is not None:
        kept.append(bag)
    return kept[len(kept) // 3] if kept else None


def tick(world: Simulation, choose: Choose) -> bool:
    """Let time pass."""
    world.time[0] += _TICKS[choose(len(_TICKS))]
    return True


def skew(world: Simulation, choose: Choose) -> bool:
    """Set the clock of an honest member wrong, by less than what others bear."""
    member = _one(world.honest(), choose)
    if member is not None:
        member.clock.skew = _SKEWS[choose(len(_SKEWS))]
    return member is not None


def part(world: Simulation, choose: Choose) -> bool:
    """Part two parties, or let them reach each other again."""
    if world.network.cut and choose(3):
        world.network.cut.discard(sorted(world.network.cut, key=sorted)[choose(len(world.network.cut))])
        return True
    names = [*world.members, *(one.name for one in world.readers)]
    pair = frozenset((names[choose(len(names))], names[choose(len(names))]))
    if len(pair) == 2:
        world.network.cut ^= {pair}
    return len(pair) == 2


def crash(world: Simulation, choose: Choose) -> bool:
    """Stop a member, or start it again without what was only in memory."""
    down = [one for one in world.alive() if one.origin in world.network.down]
    member = _one(down if down and choose(3) else world.alive(), choose)
    if member is None:
        return False
    if member.origin in world.network.down:
        world.network.down.discard(member.origin)
        member.restart()
    else:
        world.network.down.add(member.origin)
    return True


def die(world: Simulation, choose: Choose) -> bool:
    """Let a member be gone for good; it stays on the list."""
    member = _one(world.honest(), choose)
    if member is None or not world.spare():
        return False
    member.gone = True
    world.network.down.add(member.origin)
    return True


def join(world: Simulation, choose: Choose) -> bool:
    """Let another institution join."""
    if len(world.members) >= MOST:
        return False
    member = world.add_member()
    request = world.lineage.request(member.listed, world.key(member), member.log.log_signer)
    need = (len(world.lineage.keys) + 1) // 2 + 1
    if not world.lineage.propose(Change(add=(request,), need=need), _signers(world, choose)):
        del world.members[member.origin]
        world.network.servers.pop(member.origin)
        member.close()
        return False
    world.lineage.keys[member.origin] = world.key(member)
    enacted(world)
    return True


def enacted(world: Simulation) -> None:
    """Let one honest member have the newest list, from whom the others get it."""
    one = next(iter(world.helpful() or world.honest()))
    one.known.trust_newest()
    one.enact()


def leave(world: Simulation, choose: Choose) -> bool:
    """Take a member off the list; it may go on as if nothing had happened."""
    member = _one([one for one in world.listed() if not one.corrupt], choose)
    if member is None or not (world.spare() or member.gone):
        return False
    key = world.lineage.keys[member.origin]
    count = len(world.lineage.keys) - 1
    wanted = Change(remove=(member.origin,), retire=(key.public.fingerprint,), need=count // 2 + 1)
    by = [one for one in _signers(world, choose) if one != member.origin]
    if len(world.listed()) <= world.least or not world.lineage.propose(wanted, by):
        return False
    del world.lineage.keys[member.origin]
    enacted(world)
    return True


def rotate(world: Simulation, choose: Choose) -> bool:
    """Let a member change one of its keys, and have it listed."""
    member = _one([one for one in _up(world) if not one.corrupt], choose)
    if member is None or member.turned >= 3:
        return False
    member.turned += 1
    member.rotate((KeyUse.LOG, KeyUse.WITNESS, KeyUse.MIRROR)[choose(3)])
    request = world.lineage.request(member.listed, world.key(member), member.log.log_signer)
    assert world.lineage.propose(Change(add=(request,)), world.lineage.keys)
    enacted(world)
    return True


def _signers(world: Simulation, choose: Choose) -> list[str]:
    """Return who signs a change: all honest members, or one alone, who then cannot carry it out."""
    honest = [str(one.origin) for one in world.honest()]
    return honest if choose(4) else honest[:1]


def learn(world: Simulation, choose: Choose) -> bool:
    """Let a member or a reader look for a newer list."""
    carriers = [one.origin for one in _up(world)]
    if not carriers:
        return False
    other = carriers[choose(len(carriers))]
    at = choose(len(carriers) + len(world.readers))
    if at < len(carriers):
        world.members[carriers[at]].learn(other)
    else:
        world.readers[at - len(carriers)].update(other)
    return True


HONEST: dict[str, Action] = {
    "publish": publish,
    "follow": follow,
    "gather": gather,
    "attest": attest,
    "refresh": refresh,
    "read": read,
    "tick": tick,
    "skew": skew,
    "part": part,
    "crash": crash,
    "die": die,
    "join": join,
    "leave": leave,
    "rotate": rotate,
    "learn": learn,
}
