"""What a liar does in the simulation: two stories, false maps, hidden advisories, old states, forged lists and leaves."""

from __future__ import annotations

from hashlib import sha256

from tests.support.simulation.actions import HONEST, Action
from tests.support.simulation.lineage import NAME
from tests.support.simulation.member import SimMember
from tests.support.simulation.simlog import SimLog
from tests.support.simulation.world import Choose, Simulation

from hanse.flows.federation.change import Change, propose
from hanse.model.digest import Sha256
from hanse.model.leaf import encode_leaf
from hanse.model.leaf_fields import Payload
from hanse.model.trust_leaf import MemberLeaf, MemberRole
from hanse.sign.federation import ROOT, TARGETS
from hanse.sign.proposal import sign_proposal

MOST_BRANCHES = 12


def _liar(world: Simulation, choose: Choose) -> SimMember | None:
    liars = [one for one in world.alive() if one.corrupt]
    return liars[choose(len(liars))] if liars else None


def _show(world: Simulation, liar: SimMember, branch: SimLog, choose: Choose) -> None:
    """Show a branch to some, and what they were shown before to the others."""
    if branch not in liar.branches:
        liar.branches.append(branch)
    for name in (*world.members, *(one.name for one in world.readers)):
        if choose(2):
            liar.shown[name] = branch


def grow(world: Simulation, choose: Choose) -> bool:
    """Let a liar publish in the log that it shows to whoever is shown no other."""
    liar = _liar(world, choose)
    if liar is not None:
        liar.log.put(b"%d" % choose(1_000), world.now)
    return liar is not None


def fork(world: Simulation, choose: Choose) -> bool:
    """Let a liar go on in two ways."""
    liar = _liar(world, choose)
    if liar is None or len(liar.branches) >= MOST_BRANCHES:
        return False
    branch = liar.branches[choose(len(liar.branches))].fork()
    branch.put(b"fork %d" % choose(1_000), world.now)
    _show(world, liar, branch, choose)
    return True


def old_state(world: Simulation, choose: Choose) -> bool:
    """Let a liar show some an older state, or what it shows others."""
    liar = _liar(world, choose)
    if liar is None or len(liar.branches) >= MOST_BRANCHES:
        return False
    liar.branches.append(liar.log.fork())
    _show(world, liar, liar.branches[choose(len(liar.branches))], choose)
    return True


def false_map(world: Simulation, choose: Choose) -> bool:
    """Let a liar's map of refs stand still, or leave its model out."""
    liar = _liar(world, choose)
    if liar is None or len(liar.branches) >= MOST_BRANCHES or (old := liar.log.main) is None:
        return False
    branch = liar.log.fork()
    branch.stand_still(old, b"hidden %d" % choose(1_000), world.now, omit=bool(choose(2)))
    _show(world, liar, branch, choose)
    return True


def hidden_advisory(world: Simulation, choose: Choose) -> bool:
    """Let a liar publish an advisory that its map does not have."""
    liar = _liar(world, choose)
    if liar is None or len(liar.branches) >= MOST_BRANCHES:
        return False
    branch = liar.log.fork()
    name = f"HANSE-2027-{choose(1_000)}"
    branch.hidden.add(name)
    branch.advise(name)
    branch.note_moment(branch.main, false=True)
    _show(world, liar, branch, choose)
    return True


def forge_list(world: Simulation, choose: Choose) -> bool:
    """Let a liar sign a list without somebody, alone, and hand it to everybody who asks."""
    liar = _liar(world, choose)
    if liar is None:
        return False
    known = world.lineage.newest
    victim = sorted(known.members.members)[choose(len(known.members.members))]
    made = sign_proposal(propose(known, Change(remove=(victim,), need=2 if choose(2) else None), world.now), world.key(liar))
    trusted = known.trusted
    jump = choose(3) * 1_000
    liar.known.forged = {f"{NAME}/{TARGETS}/{trusted.targets_version + 1 + jump}.json": made.targets}
    if made.root:
        liar.known.forged[f"{NAME}/{ROOT}/{trusted.root_version + 1}.json"] = made.root
    liar.known.forged |= {f"{NAME}/files/{sha256(data).hexdigest()}": data for data in made.files.values()}
    return True


def false_leaf(world: Simulation, choose: Choose) -> bool:
    """Let a liar's log name a version of the list that there is not."""
    liar = _liar(world, choose)
    if liar is not None:
        data = b"no list %d" % choose(1_000)
        listed = Payload(Sha256(sha256(data).hexdigest()), len(data))
        version = world.lineage.newest.trusted.targets_version + 1 + choose(1_000)
        named = Sha256(world.lineage.newest.first)
        liar.log.carry([encode_leaf(MemberLeaf(world.now, MemberRole.TARGETS, version, listed, named))])
    return liar is not None


LIES: dict[str, Action] = {
    "lie: grow": grow,
    "lie: fork": fork,
    "lie: old state": old_state,
    "lie: false map": false_map,
    "lie: hidden advisory": hidden_advisory,
    "lie: forged list": forge_list,
    "lie: false member leaf": false_leaf,
}
ACTIONS: dict[str, Action] = HONEST | LIES
