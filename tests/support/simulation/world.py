"""The whole simulated federation: members, readers, the network, and what is true, so that everything can be checked.

`Simulation` holds the state; `actions` changes it, one step at a time; `checks` says after each step whether everybody who is
honest is safe, and `calm` whether those who can reach a quorum get what they want.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.evidence import Revision
from tests.support.parties import START
from tests.support.simulation.lineage import Lineage
from tests.support.simulation.member import SimMember
from tests.support.simulation.network import Network
from tests.support.simulation.reader import Bag, SimReader, faulty, quorum
from tests.support.simulation.simlog import SimLog
from tests.support.warning import listed

from hanse.db.engine import Database, sqlite_url
from hanse.keys.files import FileSigner, generate
from hanse.model.publickey import Scheme

MOST = 15
Choose = Callable[[int], int]
"""Returns a whole number below the given one."""
_KEYS: list[FileSigner] = []


def federation_key(number: int) -> FileSigner:
    """Return a key that signs a federation's changes; made once, since nothing depends on which it is."""
    while len(_KEYS) <= number:
        _KEYS.append(generate(Scheme.ED25519))
    return _KEYS[number]


def corrupt(members: Sequence[SimMember]) -> None:
    """Let these members lie, together."""
    for one in members:
        one.corrupt, one.accomplices = True, [other for other in members if other is not one]


def make_template(folder: Path) -> Path:
    """Return the file of an empty catalogue that every member's begins as."""
    path = folder / "template.db"
    database = Database(sqlite_url(path))
    database.migrate()
    database.close()
    return path


@dataclass
class Truth:
    """What an honest member published: time, size of its log from which it holds, and the revision."""

    at: int
    size: int
    revision: Revision


@dataclass
class Warned:
    """An advisory of an honest member about another one's model, or its own.

    size: of the log from which it holds; rev: the revision, "" for all of them; ended: when it was taken back.
    """

    by: str
    name: str
    about: str
    rev: str
    size: int
    ended: int | None = None

    def concerns(self, publisher: str, rev: str) -> bool:
        """Tell whether it is in force about a revision of a member's model."""
        return self.ended is None and self.about == publisher and self.rev in {"", rev}


@dataclass
class Simulation:
    """Everybody.

    size: members at first; liars: of those; truth: what honest members published, by origin; warned: their advisories.
    """

    folder: Path
    template: Path
    size: int
    liars: int
    network: Network = field(default_factory=Network)
    time: list[int] = field(default_factory=lambda: [START])
    members: dict[str, SimMember] = field(default_factory=dict)
    readers: list[SimReader] = field(default_factory=list)
    truth: dict[str, list[Truth]] = field(default_factory=dict)
    warned: list[Warned] = field(default_factory=list)

    def __post_init__(self) -> None:
        assert self.liars <= faulty(self.size), "more liars than the policy of readers stands"
        self.lineage = Lineage(self.time)
        first, *others = [self.add_member() for _ in range(self.size)]
        listed = [(one.listed, self.key(one), one.log.log_signer) for one in others]
        self.lineage.begin(first.listed, self.key(first), listed)
        for one in self.members.values():
            one.enact()
        corrupt(others[: self.liars])
        for number in range(2):
            self.readers.append(SimReader(f"reader{number}", self.folder, self.network, self.lineage))

    def add_member(self) -> SimMember:
        """Make one more institution, which nobody lists yet."""
        origin = f"m{len(self.members)}.example"
        self.members[origin] = SimMember(origin, self.folder, self.template, self.network, self.lineage)
        return self.members[origin]

    def key(self, member: SimMember) -> FileSigner:
        """Return a member's key for the federation's changes."""
        return federation_key(int(member.origin.partition(".")[0][1:]))

    @property
    def now(self) -> int:
        """The time."""
        return self.time[0]

    # Who is who.

    def listed(self) -> list[SimMember]:
        """Return the present members."""
        return [self.members[origin] for origin in self.lineage.newest.members.members]

    def alive(self) -> list[SimMember]:
        """Return the present members that are there, liars included."""
        return [one for one in self.listed() if not one.gone]

    def honest(self) -> list[SimMember]:
        """Return the present members that are there and tell the truth."""
        return [one for one in self.alive() if not one.corrupt]

    def present(self) -> list[SimMember]:
        """Return the present members that answer now, liars included."""
        return [one for one in self.alive() if one.origin not in self.network.down]

    def helpful(self) -> list[SimMember]:
        """Return the present members that answer now and tell the truth."""
        return [one for one in self.present() if not one.corrupt]

    def quorate(self, publisher: str) -> bool:
        """Tell whether enough others answer for a member's log to be cosigned as readers ask."""
        others = [one for one in self.present() if one.origin != publisher]
        return len(others) >= quorum(len(self.listed()))

    @property
    def least(self) -> int:
        """How few members there may be, so that readers' policies stand the liars."""
        return 3 * self.liars + 2 if self.liars else 3

    def spare(self) -> bool:
        """Tell whether one member less leaves a federation in which everything still works."""
        count = len(self.listed())
        return count > self.least and len(self.honest()) > quorum(count) + 1

    # What is carried to whom.

    def branch_of(self, origin: str, size: int, root: bytes) -> SimLog | None:
        """Return the branch of a member's log that had this root."""
        return next((one for one in self.members[origin].branches if one.has(size, root)), None)

    def carry(self, carrier: SimMember, publisher: str, reader: SimReader) -> Bag | None:
        """Return what a member has to show a reader of another one's model, None for nothing."""
        bag, members = Bag(), reader.members
        main = self._shown(carrier, publisher, reader)
        if main is None or (revision := main[0].moments[main[1]].revision) is None:
            return None
        self._put(bag, *main, home=True)
        bag.bundles.append(revision.bundle.encode())
        for origin in sorted(members - {publisher}):
            second = self._shown(carrier, origin, reader)
            given = second[0].attested.get(revision.rev) if second else None
            if second and given and given[1] < second[1]:
                self._put(bag, *second, extra=(given[1],))
                bag.bundles.append(given[0])
            elif second:
                self._put(bag, *second)
        return bag

    def _shown(self, carrier: SimMember, origin: str, reader: SimReader) -> tuple[SimLog, int, bytes] | None:
        found = carrier.best_note(origin, quorum(len(reader.members)), reader.name)
        if found is None:
            return None
        size, root, note = found
        branch = self.branch_of(origin, size, root)
        return (branch, size, note) if branch is not None and size in branch.moments else None

    @staticmethod
    def _put(bag: Bag, branch: SimLog, size: int, note: bytes, extra: tuple[int, ...] = (), *, home: bool = False) -> None:
        shown, proof = branch.show(size, note, extra, home=home)
        if said := branch.moments[size].said:
            bag.advisories.append(listed(branch, said))
        bag.logs.append(shown)
        bag.maps += [proof] if proof else []
        bag.branches[branch.origin] = branch, size

    def close(self) -> None:
        """Close all catalogues."""
        for one in self.members.values():
            one.close()
        for reader in self.readers:
            reader.wire.close()
