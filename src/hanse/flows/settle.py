"""Judging whole revisions: the newest one of each ref, once it rested, since clients split an upload over several commits.

1. The next head of a ref that did not move for a while and whose verdict by the present ruleset is not known.
2. All its files are judged together, from facts (`hanse.scan.repository`).
3. The verdict is kept, by repository, revision and ruleset; one too big to be kept is cut and counts as inconclusive.

Nothing here blocks anything. What is to be done is read from the catalogue, so a killed process leaves nothing to tidy up: the
next one finds the same head again, and two that judge the same write the same. Rows are evidence and no more than a cache.
"""

from __future__ import annotations

import logging
import threading
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from hanse.db import repos, repository_scans, revisions
from hanse.db.repository_scans import Head, RepositoryScan
from hanse.errors import HanseError
from hanse.flows.admission import is_settled
from hanse.flows.node import Node
from hanse.flows.rejudge import judge_repo
from hanse.flows.scans import facts_of
from hanse.model.canonical import canonical
from hanse.model.digest import Sha256
from hanse.model.entry import Entry
from hanse.model.finding import Coverage, Judgement, RepositoryJudgement, worst
from hanse.scan.facts import Facts
from hanse.scan.limits import too_much, unread
from hanse.scan.repository import MAX_FINDINGS, judge_repository
from hanse.scan.ruleset import Hit, Ruleset
from hanse.scan.verdict import judge
from hanse.scan.versions import SCANNER

MAX_FILES = 20_000
MAX_OBSERVATIONS = 1_000_000
MAX_REPORT = 1024 * 1024
"""Bounds of one revision: files, observations in their facts, bytes of the verdict's canonical JSON."""
START = (0, "")
_BATCH = 200
_RETRY_SECONDS = 60
_log = logging.getLogger(__name__)

Step = Callable[[tuple[int, str]], tuple[int, str] | None]
"""Does the next piece of work behind a place (of most: repository, ref) and returns its place; None if there is none."""


def judge_next(node: Node, rest: int, after: tuple[int, str] = START) -> tuple[int, str] | None:
    """Judge the next head behind `after` (repository, ref) that did not move for `rest` seconds, and return its place."""
    scanning = node.scanning
    if scanning is None:
        return None
    with node.db.read() as conn:
        head = repository_scans.unjudged(conn, scanning.rules.digest, SCANNER, node.clock.now() - rest, after)
    if head is None:
        return None
    try:
        judge_head(node, head)
    except HanseError as error:
        _log.warning("settle: %s of repository %d: %s", head.rev, head.repo_id, error.message)
    return head.repo_id, head.ref


def entries_of(node: Node, head: Head) -> list[Entry] | None:
    """Return the files of a head; None if it is not there any more."""
    with node.db.read() as conn:
        revision = revisions.get(conn, head.repo_id, head.rev)
    if revision is None or revision.state != "live":
        return None
    return list(node.listings.get(node.store, revision.object).directory.entries())


def judge_head(node: Node, head: Head) -> None:
    """Judge a revision as a whole and keep the verdict; its files are judged and flagged first if that is still to be done."""
    assert node.scanning is not None
    entries = entries_of(node, head)
    with node.db.read() as conn:
        repo = repos.get(conn, head.repo_id)
    if entries is None or repo is None:
        return
    if not is_settled(node):
        judge_repo(node, head.repo_id)
    report = bounded(judge_entries(node, entries, repo.repo.name), node.scanning.rules)
    row = RepositoryScan(
        head.repo_id, head.rev, node.scanning.rules.digest, SCANNER, zlib.compress(report, 6), "", node.clock.now()
    )
    with node.db.write() as conn:
        repository_scans.put(conn, row)


def judge_entries(node: Node, entries: Sequence[Entry], name: str) -> RepositoryJudgement:
    """Return the verdict on files together; name: the repository's, without its namespace.

    Too many files, or too much in them, are inconclusive; files whose bytes are gone are an error.
    """
    assert node.scanning is not None
    rules = node.scanning.rules
    known: dict[Sha256, Facts] = {}
    observed = 0
    digests = list(dict.fromkeys(entry.sha256 for entry in entries))
    for at in range(0, len(digests), _BATCH):
        if len(entries) > MAX_FILES:
            return _unread(len(entries), rules, too_much("files", MAX_FILES))
        if observed > MAX_OBSERVATIONS:
            return _unread(len(entries), rules, too_much("things to be noted in its files", MAX_OBSERVATIONS))
        made = facts_of(node, digests[at : at + _BATCH])
        observed += sum(len(view.observations) for facts in made.values() for view in facts.views)
        known |= made
    files = {entry.path: known[entry.sha256] for entry in entries if entry.sha256 in known}
    judgements: dict[str, Judgement] = {path: judge(facts, path, rules) for path, facts in files.items()}
    found = judge_repository(files, rules, judgements, name=name, digests={entry.path: entry.sha256 for entry in entries})
    return _without(found, [entry.path for entry in entries if entry.path not in files], rules)


def _without(found: RepositoryJudgement, gone: Sequence[str], rules: Ruleset) -> RepositoryJudgement:
    """Add to a verdict that the bytes of some files are gone."""
    if not gone:
        return found
    more = tuple(rules.finding(unread(path, "its content is not held")) for path in gone[:MAX_FINDINGS])
    verdict = worst([found.verdict, *(one.severity for one in more)])
    return replace(found, verdict=verdict, coverage=Coverage.ERROR, findings=(more + found.findings)[:MAX_FINDINGS])


def _unread(files: int, rules: Ruleset, hit: Hit) -> RepositoryJudgement:
    finding = rules.finding(hit)
    return RepositoryJudgement(finding.severity, Coverage.INCONCLUSIVE, (finding,), (), files, SCANNER, rules.digest)


def bounded(found: RepositoryJudgement, rules: Ruleset) -> bytes:
    """Return a verdict's canonical JSON, its lists halved until it is short enough; that it was cut is a finding."""
    data = canonical(found.to_json())
    if len(data) > MAX_REPORT:
        cut = rules.finding(too_much("bytes in its verdict", MAX_REPORT))
        found = replace(found, verdict=worst([found.verdict, cut.severity]), findings=(cut, *found.findings))
    while len(data) > MAX_REPORT:
        findings, reached = found.findings[: len(found.findings) // 2], found.reached[: len(found.reached) // 2]
        found = replace(found, findings=findings, reached=reached, coverage=max(found.coverage, Coverage.INCONCLUSIVE, key=_RANK))
        data = canonical(found.to_json())
    return data


_RANK = [Coverage.COMPLETE, Coverage.INCONCLUSIVE, Coverage.ERROR].index


@dataclass(eq=False)
class Settling:
    """Runs steps again and again, each kind in a thread of its own, with a pause where there is nothing to do.

    round_seconds: length of that pause; between two pieces of work it is short; stopping: set when they are to end.
    """

    steps: Sequence[Step]
    round_seconds: float
    stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._threads = [threading.Thread(target=self._run, args=(step,), name="settle", daemon=True) for step in self.steps]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads after the pieces of work that they do."""
        self.stopping.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=30)

    def _run(self, step: Step) -> None:
        after = START
        while not self.stopping.is_set():
            pause = 0.05
            try:
                found = step(after)
                # From the start again: what failed is tried again, once in each round.
                after, pause = (START, self.round_seconds) if found is None else (found, pause)
            except HanseError as error:
                _log.warning("settle: %s", error.message)
                pause = _RETRY_SECONDS
            except RuntimeError:  # the pool was closed: the node stops
                return
            self.stopping.wait(pause)
