"""What an audit asks: what is known of a revision (`Puller`), and what a scan found in bytes like these."""

from __future__ import annotations

from pathlib import Path

from hanse.errors import AccessError, NotFoundError, PeerError, PolicyError, Recalled
from hanse.flows.audit.hashing import Hashed
from hanse.flows.pull.asked import PulledRevision
from hanse.flows.pull.judge import Judge, flags, scanned_elsewhere
from hanse.flows.pull.puller import Puller
from hanse.model.decision import EvidenceFacts, NameKind, Want
from hanse.model.digest import NO_GIT_OID
from hanse.model.filepin import FilePin
from hanse.model.repo import RepoType
from hanse.store.held.heldfile import HeldFile


class Knowledge:
    """What a puller knows, and can ask if its settings are not offline. Close it when it is no longer needed.

    What only some may see is known, too: by this user's own token for the home server, else as it was shown here before, to
    whatever token. Whoever has the bytes already learns nothing by it, and a token that is not set today alters no bytes.
    scan: scan files that were never scanned, unless the policy counts a scan of somebody else's; now: seconds since 1970; token:
    for the home server in place of this user's, empty for his.
    """

    def __init__(self, puller: Puller, now: int, *, scan: bool = False, token: str = "") -> None:
        self._puller = puller
        self._token = token
        self._policy = puller.settings.policy
        self._judge = Judge(self._policy, puller.settings.rules, puller.held)
        self._flagged = frozenset(flags(puller.held))
        self._scan = scan
        self._now = now

    def close(self) -> None:
        """End the workers; the puller is the caller's."""
        self._judge.close()

    def resolve(self, kind: RepoType, name: str, rev: str) -> PulledRevision:
        """Return what is known of a revision to anybody, else to this user; raises as `Puller.revision`."""
        settings = self._puller.settings
        own = self._token or (settings.token_for(settings.home_node) if settings.home_node else "")
        try:
            try:
                return self._puller.revision(kind, name, rev)
            except (NotFoundError, AccessError, PeerError):
                if not own:
                    raise
                return self._puller.revision(kind, name, rev, token=own)
        except (NotFoundError, AccessError, PeerError) as error:
            try:
                return self._puller.kept(kind, name, rev)
            except Recalled:
                raise
            except NotFoundError:
                raise error from None

    def judge(self, known: PulledRevision | None, path: str, place: str, hashed: Hashed) -> str:
        """Return why the policy refuses a file under its path, empty if it does not, or if nothing was ever found in it."""
        if hashed.digests is None or hashed.identity is None:
            return ""
        if not self._scan and hashed.digests.sha256 not in self._flagged:
            return ""
        if known is not None and scanned_elsewhere(self._policy, known.facts):
            return ""
        facts = known.facts if known else EvidenceFacts(self._now, Want.REVISION, NameKind.BARE)
        file = HeldFile(Path(place), hashed.size, *hashed.digests, True, hashed.identity)
        try:
            if self._scan:
                self._judge.require(facts, self._judge.outcome(file, path, self._now), path)
            else:
                pin = FilePin(path, file.size, file.git_oid or NO_GIT_OID, False, file.sha256)
                self._judge.check_flagged([pin], facts)
        except PolicyError as error:
            return error.message
        return ""
