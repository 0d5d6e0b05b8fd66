"""What has to hold in the simulation, whatever happens: the safety of everybody who is honest, step by step and as a whole."""

from __future__ import annotations

from hashlib import sha256
from itertools import combinations

from tests.support.simulation.lineage import Unkept
from tests.support.simulation.member import SimMember
from tests.support.simulation.reader import DAY, SimReader, Taken, faulty, quorum, warners
from tests.support.simulation.world import Simulation

from hanse.db.witnesses import WitnessedLog
from hanse.flows.federation.newer import withheld
from hanse.model.leaf import parse_leaf
from hanse.model.trust_leaf import MemberLeaf

SLACK = 1_200
"""Seconds: clocks of honest cosigners and readers are apart by less."""


def check_taken(world: Simulation, taken: Taken, reader: SimReader) -> None:
    """Fail if a reader accepted as the latest what is false, what is older than he saw, or what was known to be old for a day."""
    earlier = [one.seq for one in reader.taken[:-1] if one.origin == taken.origin]
    assert taken.seq >= max(earlier, default=0), f"{reader.name} went back at {taken.origin}"
    _check_one_story(world, taken)
    _check_warnings(world, taken)
    if world.members[taken.origin].corrupt:
        return
    told = world.truth[taken.origin]
    mine = next((one for one in told if (one.revision.rev, one.revision.tree) == (taken.rev, taken.tree)), None)
    assert mine is not None, f"{reader.name} accepted {taken.rev} of {taken.origin}, which never published it"
    for later in told:
        if later.revision.seq > mine.revision.seq:
            known = _known(world, taken, taken.origin, later.size)
            assert not known, f"{reader.name} takes {mine.at} for new, and a quorum knew {later.at}"


def _known(world: Simulation, taken: Taken, origin: str, size: int) -> bool:
    """Tell whether nobody can show a log as it was before a size, as new: so many have stood at more of it for a day."""
    before = taken.at - DAY - SLACK
    knew = {one for one in taken.members - {origin} if _stood(world.members[one], origin, size, before)}
    return len(taken.members) - 1 - len(knew) < quorum(len(taken.members))


def _check_warnings(world: Simulation, taken: Taken) -> None:
    """Fail if a revision was taken that its publisher warns of, or so many honest members as refuse, for a day and longer."""
    warned = {
        one.by
        for one in world.warned
        if one.concerns(taken.origin, taken.rev) and one.by in taken.members and _known(world, taken, one.by, one.size)
    }
    assert taken.origin not in warned, f"{taken.reader} takes what {taken.origin} itself warns of"
    assert len(warned) < warners(len(taken.members)), f"{taken.reader} takes what {sorted(warned)} warn of"


def _stood(member: SimMember, origin: str, size: int, before: int) -> bool:
    return not member.corrupt and any(at <= before and have >= size for at, have, _ in member.stood.get(origin, ()))


def _check_one_story(world: Simulation, taken: Taken) -> None:
    """Fail if two readers were told two stories of one log, under lists whose quorums share somebody honest."""
    for other in (one for reader in world.readers for one in reader.taken):
        if other is taken or not _overlap(taken.members, other.members):
            continue
        if other.origin == taken.origin and other.seq == taken.seq:
            assert (other.rev, other.tree) == (taken.rev, taken.tree), f"two revisions at seq {taken.seq} of {taken.origin}"
        for origin in taken.heads.keys() & other.heads.keys():
            pair = taken.heads[origin], other.heads[origin]
            assert one_log(world, origin, *pair), f"{taken.reader} and {other.reader} have two stories of {origin}"


def _overlap(one: frozenset[str], other: frozenset[str]) -> bool:
    """Tell whether any two quorums of these lists, for a log of both, share more than the liars that there may be."""
    most = max(faulty(len(one)), faulty(len(other)))
    return quorum(len(one)) + quorum(len(other)) - (len(one | other) - 1) > most


def one_log(world: Simulation, origin: str, *heads: tuple[int, bytes]) -> bool:
    """Tell whether one branch of a member's log had all these heads."""
    return any(all(branch.has(*head) for head in heads) for branch in world.members[origin].branches)


def check_mirror(world: Simulation, member: SimMember, log: WitnessedLog) -> None:
    """Fail if an honest mirror cosigned a checkpoint of a log whose maps were false there."""
    if member.corrupt or not log.mirror_note or (log.mirrored, log.mirrored_root) != (log.size, log.root):
        return
    branch = world.branch_of(log.origin, log.mirrored, bytes.fromhex(log.mirrored_root))
    assert branch is not None, f"{member.origin} mirrors a log that {log.origin} never had"
    moment = branch.moments.get(log.mirrored)
    assert moment is None or not moment.false, f"{member.origin} cosigned a false map of {log.origin}"


def check_lists(world: Simulation, member: SimMember) -> None:
    """Fail unless a member logged the lists that a threshold made, as it came to know them, and no false one troubles it."""
    said = {leaf.payload.sha256 for data in member.log.log.leaves if isinstance(leaf := parse_leaf(data), MemberLeaf)}
    states = [one.trusted for one in world.lineage.states]
    made = {sha256(data).hexdigest() for one in states for data in (one.root_data, one.targets_data)}
    assert said <= made, f"{member.origin} logged a list that nobody made"
    known = member.known.federation
    assert not said or sha256(known.trusted.targets_data).hexdigest() in said, (
        f"{member.origin} did not log the list that it trusts"
    )
    if known == world.lineage.newest:
        told = withheld(member.node, Unkept(), known)
        assert not told, f"{member.origin} has the newest list, and is told {told}"


def check_world(world: Simulation) -> None:
    """Look at everything: what honest cosigners stood at, what they hold, what readers took, which lists are trusted."""
    for member in world.members.values():
        if member.corrupt:
            continue
        for origin, heads in member.stood.items():
            seen = [(size, root) for _, size, root in heads if size]
            assert one_log(world, origin, *seen), f"{member.origin} witnessed two stories of {origin}"
        for log in member.stands():
            check_mirror(world, member, log)
        check_lists(world, member)
    for reader in world.readers:
        for one, other in combinations(reader.taken, 2):
            assert one.origin != other.origin or other.seq >= one.seq
    for known in [*(one.known for one in world.members.values()), *(one.known for one in world.readers)]:
        assert known.federation.trusted.root_data in {one.trusted.root_data for one in world.lineage.states}, "a forged root"
        listed = {one.trusted.targets_data for one in world.lineage.states}
        assert known.federation.trusted.targets_data in listed, "a forged list of members"
