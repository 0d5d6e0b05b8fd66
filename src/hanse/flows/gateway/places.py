"""What clients return from places that only the program names is checked before the program gets it.

A Hub client takes what it finds in a folder of `local_dir`, or in a cache that a program names, without asking for it. So the
gateway compares it with the revision that it is said to be of, as an audit does, once the client has returned it. What is altered
is moved to the quarantine, and the client asked again; what the policy refuses, or nobody vouches for, the program does not get.
"""

from __future__ import annotations

import os
import shlex
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from hanse.errors import HanseError, PolicyError
from hanse.flows.adopt.found import noted
from hanse.flows.adopt.given import Given, given_revisions
from hanse.flows.audit.folder import Audited, AuditedFile, AuditReport, State, audit
from hanse.flows.audit.hashing import AuditHashing
from hanse.flows.audit.known import Knowledge
from hanse.flows.audit.moves import quarantine
from hanse.flows.found import FoundRevision, Paths
from hanse.flows.gateway.session import Session
from hanse.flows.pull.puller import Puller
from hanse.store.held.store import Held

_TOLD = 5


class Places:
    """Checks what clients returned. Safe for threads.

    home: whose quarantine takes what is altered; session: is told what was found; now: returns seconds since 1970.
    """

    def __init__(self, puller: Puller, held: Held, home: Path, session: Session, now: Callable[[], int]) -> None:
        self._puller = puller
        self._held = held
        self._home = home
        self._session = session
        self._now = now
        self._lock = threading.Lock()

    def check(self, given: Given, token: str = "") -> str:
        """Return what was altered and is moved away, so that the client is to be asked again; empty if all is as it must be.

        token: the caller's, for the home node alone. Raises PolicyError for what must not be used, StorageError if something
        altered cannot be moved, and what resolving the revision raises.
        """
        # Hashing takes every core by itself; one look after another also moves nothing twice.
        with self._lock, closing(Knowledge(self._puller, self._now(), scan=True, token=token)) as knowledge:
            try:
                found = given_revisions(given, knowledge.resolve)
            except PolicyError as error:
                error.message = _printable(error.message)
                self._session.refused(given.repo, given.revision, error.message)
                raise
            report = self._audited(found, knowledge)
            altered = self._moved(report, given)
        if not altered:
            for one in report.revisions:
                if one.state is not State.VERIFIED:
                    self._refuse(one, given)
            self._session.checked(sum(len(one.files) for one in report.revisions))
        return altered

    def _audited(self, found: list[FoundRevision], knowledge: Knowledge) -> AuditReport:
        """Return what was found; a file of another size, which may have no end, is not hashed to find that it is another one."""
        bad = [_missized(one, knowledge) for one in found]
        rest = [replace(one, files=_without(one, files)) for one, files in zip(found, bad, strict=True)]
        report = audit(rest, AuditHashing(self._held), knowledge.resolve, knowledge.judge)
        revisions = [
            replace(audited, found=one, state=State.ALTERED, files=audited.files + files) if files else audited
            for audited, one, files in zip(report.revisions, found, bad, strict=True)
        ]
        return replace(report, revisions=tuple(revisions))

    def _moved(self, report: AuditReport, given: Given) -> str:
        """Move what is altered out of reach, if a client downloaded it; return what that was, empty if nothing was."""
        root = given.root
        altered = tuple(replace(one, files=bad) for one in report.revisions if (bad := _altered(one, given)))
        if not altered:
            return ""
        quarantine(replace(report, revisions=altered), root, self._home, self._now(), whole=False)
        told = [f"{one.path}: {one.says}" for each in altered for one in each.files]
        text = _printable(f"{'; '.join(told[:_TOLD])}{f' and {len(told) - _TOLD} more' if len(told) > _TOLD else ''}")
        self._session.waits(
            f"altered in {root}, moved out of reach and asked for anew: {text}; "
            f"`hanse audit {shlex.quote(os.fspath(root))} --restore` puts it back"
        )
        return text

    def _refuse(self, one: Audited, given: Given) -> None:
        bad = [each for each in one.files if each.state is not State.VERIFIED][:_TOLD]
        told = "; ".join([one.says] if one.says else [f"{each.path}: {each.says}" for each in bad])
        text = _printable(f"what lies in {given.root} must not be used: {told}")
        self._session.refused(given.repo, given.revision, text)
        command = _printable(f"hanse audit {shlex.quote(os.fspath(given.root))}")
        raise PolicyError(text, hint=f"name another folder, or say what is there: {command}")


def _printable(text: str) -> str:
    """Return a text without halves of characters, which names of files may have and no answer can."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _missized(found: FoundRevision, knowledge: Knowledge) -> tuple[AuditedFile, ...]:
    """Return the files that are not of the size that the revision says, or that it does not have; none if it is not known."""
    if found.type is None or found.rev is None:
        return ()
    bad = []
    try:
        known = knowledge.resolve(found.type, found.repo, found.rev)
        sizes = {path: Path(place).stat().st_size for path, place in found.places().items()}
    except (HanseError, OSError):
        return ()  # the audit tells why
    for path, size in sizes.items():
        pin = known.files.get(path)
        if pin is None or pin.size not in (None, size):
            why = f"it must have {pin.size:,} bytes, it has {size:,}" if pin else "added, the revision does not have it"
            bad.append(AuditedFile(path, State.ALTERED, size, why))
    return tuple(bad)


def _without(found: FoundRevision, files: tuple[AuditedFile, ...]) -> Paths:
    bad = {one.path for one in files}
    return Paths({path: place for path, place in found.places().items() if path not in bad})


def _altered(one: Audited, given: Given) -> tuple[AuditedFile, ...]:
    """Return what is altered, without files of a folder that no client downloaded there: those are the person's own."""
    bad = [each for each in one.files if each.state is State.ALTERED]
    return tuple(each for each in bad if not given.local or noted(given.root, each.path)[0] is not None)
