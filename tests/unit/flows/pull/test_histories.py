"""Two checkpoints of a log are of one history, or it is proven that they are not; nobody else's word makes it so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.support.evidence import Member, Revision
from tests.support.parties import Institution

from hanse.flows.pins import Pins
from hanse.flows.pull.histories import two_histories
from hanse.flows.pull.merge import Shown
from hanse.model.evidence import LogEvidence
from hanse.model.repo import Origin
from hanse.tlog.checkpoint import VerifiedCheckpoint, open_checkpoint, sign_checkpoint
from hanse.tlog.proof import verify_consistency


@dataclass(frozen=True)
class Source:
    """A node that has the tiles of one log, or none; spoilt: it sends another proof."""

    log: Member | None = None
    spoilt: bool = False

    def growth(self, logs: Iterable[LogEvidence], pins: Mapping[Origin, Pins]) -> Mapping[Origin, Sequence[bytes]]:
        """Return the proof, as far as it is there."""
        ((shown, pin),) = [(one, pins[one.origin].log) for one in logs]
        old, new = sorted((int(shown.checkpoint.split(b"\n")[1]), pin.size if pin else 0))
        if self.log is None or new > len(self.log.log.leaves):
            return {}
        path = self.log.growth(old, new)
        return {shown.origin: [bytes(32), *path[1:]] if self.spoilt else path}


def _forked() -> tuple[Institution, Institution, Revision]:
    """Return a log, a shorter one that differs from it in the end, and a revision that both have."""
    home = Institution(Origin("a.example"))
    revision = home.publish("org/name", {"x": b"1"})
    branch = home.branch()
    branch.publish("org/name", {"x": b"fork"})
    for content in (b"2", b"3"):
        home.publish("org/name", {"x": content})
    return home, branch, revision


def _head(log: Institution) -> VerifiedCheckpoint:
    return open_checkpoint(log.signed_head, log.vkey)


def test_a_fork_is_proven_by_whoever_has_the_longer_log() -> None:
    """From either checkpoint the other one is excluded, whichever source has the tiles."""
    home, branch, revision = _forked()
    for mine, theirs in ((home, branch), (branch, home)):
        shown = [Shown("n", theirs.evidence(revision, theirs.signed_head))]
        for sources in ([Source(home)], [Source(), Source(home)], [Source(home, spoilt=True), Source(home)]):
            assert two_histories(_head(mine), shown, sources) == theirs.signed_head


def test_nothing_is_proven_by_less() -> None:
    """Not without tiles, not by a proof that leads elsewhere, not of a log that only goes on, not by who has another key."""
    home, branch, revision = _forked()
    shown = [Shown("n", branch.evidence(revision, branch.signed_head)), Shown("m", b"{"), Shown("o", home.evidence(revision))]
    for sources in ([], [Source()], [Source(branch)], [Source(home, spoilt=True)]):
        assert two_histories(_head(home), shown, sources) is None
    older = home.branch()
    home.publish("org/name", {"x": b"4"})
    old, new = _head(older).checkpoint, _head(home).checkpoint
    verify_consistency(old.size, old.root, new.size, new.root, home.growth(old.size, new.size))
    assert two_histories(_head(home), [Shown("n", older.evidence(revision, older.signed_head))], [Source(home)]) is None
    false = sign_checkpoint(branch.log.head(), Institution("b.example").log_signer)
    assert two_histories(_head(home), [Shown("n", branch.evidence(revision, false))], [Source(home)]) is None
