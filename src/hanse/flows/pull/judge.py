"""Judging files here before their first byte leaves: facts from a worker, a verdict, and what the policy makes of it.

Facts depend on content and scanner alone and are kept in the held store. A verdict is facts, path and ruleset together, so it is
made again where it is needed. What turned out to be worth a word is flagged by its digests: a revision with such a file is
refused as a whole, if the policy refuses the file, also before anything of it is fetched.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from hanse.errors import PolicyError, StorageError
from hanse.flows.loaded_policy import LoadedPolicy
from hanse.flows.pull.known import Records
from hanse.jobs.handle import OpenFile
from hanse.jobs.pool import ScanPool, parse_facts
from hanse.jobs.wire import MAX_BATCH
from hanse.model.admission import Outcome, outcome_of
from hanse.model.decision import EvidenceFacts, Scanned
from hanse.model.digest import Sha256
from hanse.model.filepin import FilePin
from hanse.model.finding import Coverage, Verdict
from hanse.policy.decide import decide
from hanse.policy.rules import is_in
from hanse.scan.facts import Facts
from hanse.scan.ruleset import Ruleset
from hanse.scan.verdict import judge
from hanse.scan.versions import SCANNER

MAX_FACTS_BYTES = 32 * 1024 * 1024
MAX_KEPT = 100_000
PENDING = Scanned("", Verdict.SAFE, Coverage.COMPLETE)
"""Stands for the scans made here until they are made: every file is judged by its own before its first byte leaves."""
_FLAGGED = "flagged"
_GIT = "git:"
_HEAD = 4
"""Bytes that a file takes in a group beside its own."""


class Content(Protocol):
    """A verified file of the held store."""

    @property
    def sha256(self) -> Sha256:
        """Digest of the content."""
        ...

    @property
    def git_oid(self) -> str | None:
        """Git blob id of the content, if it was computed."""
        ...

    @property
    def size(self) -> int:
        """Bytes."""
        ...

    def open(self) -> int:
        """Return a descriptor of the very file."""
        ...


class FactStore(Records, Protocol):
    """Where facts are kept: the held store."""

    def put_verdicts(self, ruleset: str, found: Mapping[Sha256, bytes], /) -> None:
        """Store facts of contents."""
        ...

    def facts(self, sha256: Sha256, ruleset: str, /) -> bytes | None:
        """Return the facts of a content."""
        ...


def scanned_elsewhere(policy: LoadedPolicy, facts: EvidenceFacts) -> bool:
    """Tell whether a scan that the policy counts has read the whole revision, so that it need not be scanned here."""
    rule, groups = policy.policy.scan, policy.policy.groups
    return any(
        one.coverage is Coverage.COMPLETE and (one.member or one.key) and is_in(groups, rule.of, one.member, one.key)
        for one in facts.scans
    )


class Judge:
    """Scans and judges files under one policy and one ruleset. Safe for threads; the workers start with the first file.

    workers: processes at most.
    """

    def __init__(self, policy: LoadedPolicy, rules: Ruleset, store: FactStore, *, workers: int = 2) -> None:
        self._policy = policy
        self._rules = rules
        self._store = store
        self._size = workers
        self._pool: ScanPool | None = None
        self._lock = threading.Lock()
        self._kept: dict[tuple[Sha256, str], Outcome] = {}

    def close(self) -> None:
        """End the workers."""
        with self._lock:
            if self._pool is not None:
                self._pool.close()
                self._pool = None

    def prepare(self) -> None:
        """Begin to load what the first file needs that comes from elsewhere, while it is on its way."""
        self._workers().warm()

    def outcome(self, content: Content, path: str, now: int) -> Outcome:
        """Return what is to be said about a content under a path, scanned now if it never was; flags what is worth a word.

        Raises StorageError if the file cannot be read.
        """
        kept = self._kept.get((content.sha256, path))
        if kept is not None:
            return kept
        facts = self._known(content.sha256) or self._scan(content)
        found = outcome_of(judge(facts, path, self._rules))
        if len(self._kept) < MAX_KEPT:
            self._kept[content.sha256, path] = found
        if not found.clean:
            self._flag(content, now)
        return found

    def look(self, contents: Iterable[Content]) -> None:
        """Scan small files, many at a time, so that `outcome` finds what it needs; raises as `outcome`."""
        missing = {one.sha256: one for one in contents if self._store.facts(one.sha256, SCANNER) is None}
        for group in _groups(missing.values()):
            found = self._workers().submit_batch([_read(one) for one in group]).result()
            facts = {one.sha256: zlib.compress(data, 6) for one, data in zip(group, found, strict=True)}
            self._store.put_verdicts(SCANNER, facts)

    def require(self, facts: EvidenceFacts, outcome: Outcome, path: str) -> None:
        """Return if the policy lets a file pass with what was found in it; raises PolicyError with finding and remedy."""
        says = self.refusal(facts, outcome, path)
        if says is not None:
            raise says

    def refusal(self, facts: EvidenceFacts, outcome: Outcome, path: str) -> PolicyError | None:
        """Return why the policy refuses a file, None if it does not."""
        mine = Scanned("", outcome.verdict, outcome.coverage)
        decision = decide(self._policy.policy, replace(facts, scans=(mine, *facts.scans)))
        failed = [one for one in decision.failed if one.rule == "scan"]
        if not failed:
            return None
        word = outcome.verdict.value if outcome.rules else outcome.coverage.value
        rule = f" ({outcome.rules[0][0]})" if outcome.rules else ""
        says = outcome.says or "it could not be judged to its end"
        remedy = outcome.remedy or "use another revision or a format that can be read whole, such as safetensors"
        return PolicyError(
            f"policy {decision.policy!r} refuses {path[:200]!r}: it is {word}{rule}: {says}"[:1500],
            failed=tuple(f"scan: {path[:200]}: {name}" for name, _ in outcome.rules[:5]) or (f"scan: {path[:200]}: {word}",),
            hint=f"{remedy}; or let it pass with a policy of yours: hanse policy show {decision.policy}",
        )

    def check_flagged(
        self, files: Iterable[FilePin], facts: EvidenceFacts, checked: frozenset[str] = frozenset()
    ) -> frozenset[str]:
        """Raise PolicyError if a file of a revision is known to be what the policy refuses.

        Returns what was flagged when it looked, which need not be looked for in the same files again: `checked`.
        """
        flagged = frozenset(self._store.keys(_FLAGGED))
        if flagged <= checked:
            return flagged
        for pin in files:
            sha256 = self._flagged_as(pin, flagged)
            known = self._known(sha256) if sha256 else None
            if known is not None:
                self.require(facts, outcome_of(judge(known, pin.path, self._rules)), pin.path)
        return flagged

    def _flagged_as(self, pin: FilePin, flagged: frozenset[str]) -> Sha256 | None:
        """Return the SHA-256 under which a pinned file is flagged."""
        if pin.sha256 is not None:
            return pin.sha256 if pin.sha256 in flagged else None
        key = f"{_GIT}{pin.git_oid}:{pin.size}"
        found = self._store.get(_FLAGGED, key) if key in flagged else None
        return Sha256(found[0].decode()) if found else None

    def _flag(self, content: Content, now: int) -> None:
        data = content.sha256.encode()
        self._store.put(_FLAGGED, content.sha256, data, now)
        if content.git_oid is not None:
            self._store.put(_FLAGGED, f"{_GIT}{content.git_oid}:{content.size}", data, now)

    def _known(self, sha256: Sha256) -> Facts | None:
        data = self._store.facts(sha256, SCANNER)
        if data is None:
            return None
        with suppress(ValueError, KeyError, TypeError, zlib.error):
            return parse_facts(zlib.decompressobj().decompress(data, MAX_FACTS_BYTES))
        return None

    def _scan(self, content: Content) -> Facts:
        descriptor = content.open()
        try:
            # The descriptor is of the very file that was verified, whatever its name leads to by now.
            data = self._workers().submit(OpenFile(Path(f"/dev/fd/{descriptor}"), content.size)).result()[0]
        except OSError as error:
            raise StorageError(f"cannot read a held file: {error.strerror}") from error
        finally:
            os.close(descriptor)
        self._store.put_verdicts(SCANNER, {content.sha256: zlib.compress(data, 6)})
        return parse_facts(data, content.size)

    def _workers(self) -> ScanPool:
        with self._lock:
            if self._pool is None:
                self._pool = ScanPool(self._size)
            return self._pool


def _groups(contents: Iterable[Content]) -> Iterator[list[Content]]:
    """Yield groups of files that a worker can be given at once."""
    group, size = list[Content](), 0
    for one in contents:
        if group and size + one.size + _HEAD > MAX_BATCH:
            yield group
            group, size = [], 0
        group.append(one)
        size += one.size + _HEAD
    if group:
        yield group


def _read(content: Content) -> bytes:
    """Return a small file whole; raises StorageError."""
    descriptor = content.open()
    try:
        data = os.pread(descriptor, content.size, 0)
    except OSError as error:
        raise StorageError(f"cannot read a held file: {error.strerror}") from error
    finally:
        os.close(descriptor)
    if len(data) != content.size:
        raise StorageError("a held file became shorter while it was read", hint="fetch it again")
    return data


def flags(store: Records) -> Mapping[str, int]:
    """Return the digests of contents that something is to be said about, with when it was found."""
    return {key: found[1] for key in store.keys(_FLAGGED) if not key.startswith(_GIT) and (found := store.get(_FLAGGED, key))}
