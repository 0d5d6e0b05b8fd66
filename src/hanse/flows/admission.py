"""Admission: what commits may bring in and what readers get, by the verdict on each file.

Commits: every file that a commit puts is judged before anything of the commit is stored. What the policy refuses refuses the
commit; everything else about which there is something to say is flagged in the transaction that queues it. Readers: a file
asked for by path is judged there and then (from facts in memory or in the catalogue); where only a content is named (Xet, LFS),
the flags of the repository count. Writers of the namespace get what is held; nobody gets what is refused.

How refusals reach clients (DESIGN.md section 9): 403 with code GatedRepo shows the reason to whoever has no copy. What others
could have before it was blocked is *recalled*: revisions with it are answered 404 RevisionNotFound, which caches do not hide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection

from hanse.db import flags, revisions, scans, waivers
from hanse.db.blobs import FileRow
from hanse.db.flags import Flag
from hanse.db.repos import Repo
from hanse.db.state import get_fact
from hanse.db.waivers import Waiver
from hanse.errors import BlobNotFound, HanseError, Held, PolicyError, Recalled
from hanse.flows.listing import RevisionListing
from hanse.flows.node import Node
from hanse.flows.scans import facts_of, try_scan
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.admission import Action, Outcome, blocking_rules, decide, outcome_of
from hanse.model.digest import GitOid, Sha256
from hanse.model.entry import Entry
from hanse.model.finding import Coverage, Judgement, Verdict
from hanse.scan.verdict import judge
from hanse.scan.versions import SCANNER

SETTLED = "scan_settled"
"""Fact of the node: what everything that is published was judged by."""
_BATCH = 200
_SHOWN = 5


def outcomes(node: Node, entries: Iterable[Entry]) -> dict[Entry, Outcome]:
    """Return what is to be said about files, judging those that were not judged lately; bytes that are gone are left out."""
    scanning = node.scanning
    if scanning is None:
        return {}
    found: dict[Entry, Outcome] = {}
    missing: list[Entry] = []
    for entry in entries:
        kept = scanning.outcomes.get((entry.sha256, entry.path))
        if kept is None:
            missing.append(entry)
        else:
            found[entry] = kept
    for at in range(0, len(missing), _BATCH):
        some = missing[at : at + _BATCH]
        facts = facts_of(node, [entry.sha256 for entry in some])
        for entry in some:
            if entry.sha256 in facts:
                outcome = outcome_of(judge(facts[entry.sha256], entry.path, scanning.rules))
                scanning.outcomes.put((entry.sha256, entry.path), outcome)
                found[entry] = outcome
    return found


def judgement(node: Node, digest: Sha256, path: str) -> Judgement:
    """Return the whole judgement on a stored content under a path; raises BlobNotFound if its bytes are gone."""
    assert node.scanning is not None
    facts = facts_of(node, [digest]).get(digest)
    if facts is None:
        raise BlobNotFound(f"the bytes of {digest} are not here")
    return judge(facts, path, node.scanning.rules)


def waived(found: Sequence[Waiver]) -> dict[str, bool]:
    """Return the rules that waivers put aside -> whether an operator of the node gave one for it."""
    names: dict[str, bool] = {}
    for one in found:
        for name in one.rules:
            names[name] = names.get(name, False) or one.operator
    return names


# Commits.


def admit(node: Node, repo: Repo, puts: Sequence[Entry]) -> list[Flag]:
    """Judge the files that a commit puts and return what is to be flagged.

    Raises PolicyError, which names file, finding, remedy and the command that would waive it, if the policy refuses one.
    """
    scanning = node.scanning
    if scanning is None:
        return []
    judged = {entry: outcome for entry, outcome in outcomes(node, puts).items() if not outcome.clean}
    if not judged:
        return []
    with node.db.read() as conn:
        given = _by_content(waivers.of_contents(conn, repo.id, sorted({entry.sha256 for entry in judged}), node.clock.now()))
    refused = [
        (entry, outcome)
        for entry, outcome in judged.items()
        if decide(outcome, scanning.policy, waived(given.get(entry.sha256, []))) is Action.REFUSE
    ]
    if refused:
        raise _refusal(node, repo, refused)
    return [flag_of(node, repo.id, entry, outcome, given.get(entry.sha256, [])) for entry, outcome in judged.items()]


def _by_content(found: Iterable[Waiver]) -> dict[Sha256, list[Waiver]]:
    grouped: dict[Sha256, list[Waiver]] = {}
    for one in found:
        grouped.setdefault(one.sha256, []).append(one)
    return grouped


def flag_of(node: Node, repo: int, entry: Entry, outcome: Outcome, given: Sequence[Waiver]) -> Flag:
    """Return the flag for a file; what is served in spite of it counts as recalled once it is not."""
    assert node.scanning is not None
    policy = node.scanning.policy
    blocked = decide(outcome, policy).blocks
    passes = blocked and not decide(outcome, policy, waived(given)).blocks
    until = min((one.ends_at for one in given), default=None) if passes else None
    served = not blocked or passes
    return Flag(repo, entry.sha256, entry.path, node.scanning.rules.digest, outcome, blocked, served, until)


def _refusal(node: Node, repo: Repo, refused: Sequence[tuple[Entry, Outcome]]) -> PolicyError:
    assert node.scanning is not None
    lines = [f"{_reason(entry.path, outcome)}{_remedy(outcome)}" for entry, outcome in refused[:_SHOWN]]
    more = f" and {len(refused) - _SHOWN} more files" if len(refused) > _SHOWN else ""
    entry, outcome = refused[0]
    return PolicyError(
        f"the scanner refuses this commit: {' | '.join(lines)}{more}",
        failed=tuple(f"{entry.path}: {name}" for entry, outcome in refused for name, _ in outcome.rules[:3])[:50],
        hint=f"report: /api/scan/{entry.sha256}; an operator of this node may let it pass with: "
        f"{waive_command(repo, entry.sha256, blocking_rules(outcome, node.scanning.policy))}",
    )


def _reason(path: str, outcome: Outcome) -> str:
    """Return one sentence: file, verdict, rule, and what would happen."""
    partly = outcome.coverage is not Coverage.COMPLETE and outcome.verdict.rank < Verdict.SUSPICIOUS.rank
    word = outcome.coverage.value if partly else outcome.verdict.value
    rule = f" ({outcome.rules[0][0]})" if outcome.rules else ""
    return f"{path[:200]!r} is {word}{rule}: {outcome.says or 'it could not be judged'}"


def _remedy(outcome: Outcome) -> str:
    return f". Remedy: {outcome.remedy}" if outcome.remedy else ""


def waive_command(repo: Repo, digest: Sha256, rules: Sequence[str]) -> str:
    """Return the command that waives rules for a content of a repository."""
    named = " ".join(f"--rule {name}" for name in rules)
    return f'hanse waive {repo.repo.type.value} {repo.repo.path} {digest} {named} --reason "..." --until YYYY-MM-DD'


# Readers.


def require_file(node: Node, actor: Actor, repo: Repo, entry: Entry) -> str:
    """Return what to warn of when a file is served, "" for nothing.

    Raises Held or RevisionNotFound if the caller does not get it.
    """
    scanning = node.scanning
    if scanning is None:
        return ""
    outcome = outcomes(node, [entry]).get(entry)
    if outcome is None or outcome.clean:
        return ""
    action, flag = decide(outcome, scanning.policy), None
    if action.blocks:
        now = node.clock.now()
        with node.db.read() as conn:
            given = waivers.of_contents(conn, repo.id, [entry.sha256], now)
            flag = flags.of_file(conn, repo.id, entry.sha256, entry.path)
        action = decide(outcome, scanning.policy, waived(given))
    if action.blocks and not (action is Action.HOLD and actor.is_writer(repo.people)):
        # A file that nobody flagged yet was served under an older ruleset.
        raise _withheld(node, actor, repo, (entry.sha256, entry.path), outcome, recalled=flag is None or flag.recalled)
    return warning(entry.path, outcome)


def is_open(node: Node, repo: Repo, entry: Entry) -> bool:
    """Tell whether strangers get a file, as far as the scanner goes."""
    try:
        require_file(node, ANONYMOUS, repo, entry)
    except HanseError:
        return False
    return True


def warning(path: str, outcome: Outcome) -> str:
    """Return the text of the `X-HF-Warning` for a file that is served in spite of what was found.

    Clients print one text for each topic, which stands before the semicolon: here the file.
    """
    shown = outcome.rules[0][0] if outcome.rules else outcome.coverage.value
    name = path[:200].replace(";", " ")
    return f"{name}; {name}: {outcome.says or 'not judged to its end'} [{shown}]"


def _withheld(
    node: Node, actor: Actor, repo: Repo, entry: tuple[Sha256, str], outcome: Outcome, *, recalled: bool, rev: str = ""
) -> HanseError:
    """Return the refusal of a file (content, path) in the form that reaches clients; rev: of which revision, if that is known."""
    digest, path = entry
    reason = f"{repo.repo.path} is withheld by this node's scanner: {_reason(path, outcome)}"
    if actor.is_writer(repo.people):
        assert node.scanning is not None
        rules = blocking_rules(outcome, node.scanning.policy)
        return Held(reason, hint=f"{outcome.remedy} To let it pass: {waive_command(repo, digest, rules)}".strip())
    if recalled:
        return Recalled(reason, rev=rev, hint="ask its owners for another revision")
    return Held(reason, hint="ask its owners")


def withheld(node: Node, actor: Actor, repo: Repo) -> list[Flag]:
    """Return the flags for the files of a repository that the caller does not get; writers are shown all they may tend to."""
    if node.scanning is None or actor.is_writer(repo.people):
        return []
    with node.db.read() as conn:
        return flags.blocked(conn, repo.id, node.clock.now())


def require_revision(node: Node, actor: Actor, repo: Repo, rev: GitOid, listing: RevisionListing) -> None:
    """Raise RevisionNotFound for a revision that has a recalled file, unless the caller writes to the repository."""
    for flag in withheld(node, actor, repo):
        entry = listing.directory.file(flag.path) if flag.recalled else None
        if entry is not None and entry.sha256 == flag.sha256:
            named = (flag.sha256, f"{flag.path} at {rev[:12]}")
            raise _withheld(node, actor, repo, named, flag.outcome, recalled=True, rev=rev)


def require_whole(node: Node, actor: Actor, repo: Repo, listing: RevisionListing) -> None:
    """Raise Held or Recalled if the caller does not get a file of a revision; for what is said about all its files together."""
    for flag in withheld(node, actor, repo):
        entry = listing.directory.file(flag.path)
        if entry is not None and entry.sha256 == flag.sha256:
            raise _withheld(node, actor, repo, (flag.sha256, flag.path), flag.outcome, recalled=flag.recalled)


def withheld_contents(node: Node, actor: Actor, repo: Repo, rows: Sequence[FileRow]) -> dict[Sha256, HanseError]:
    """Return the refusals for those contents of a repository that the caller does not get, whatever path they have."""
    if node.scanning is None or not rows:
        return {}
    judge_unsettled(node, repo, rows)
    writer = actor.is_writer(repo.people)
    with node.db.read() as conn:
        found = flags.blocked_contents(conn, repo.id, [row.sha256 for row in rows], node.clock.now())
    return {
        digest: _withheld(node, actor, repo, (digest, flag.path), flag.outcome, recalled=False)
        for digest, flag in found.items()
        if not (writer and decide(flag.outcome, node.scanning.policy) is Action.HOLD)
    }


def require_content(node: Node, actor: Actor, repo: Repo, row: FileRow) -> None:
    """Raise Held if the caller does not get a content of a repository."""
    for error in withheld_contents(node, actor, repo, [row]).values():
        raise error


def is_settled(node: Node) -> bool:
    """Tell whether everything that is published was judged by the present scanner, ruleset and policy."""
    scanning = node.scanning
    if scanning is None or scanning.settled:
        return True
    with node.db.read() as conn:
        scanning.settled = get_fact(conn, SETTLED) == scanning.basis
    return scanning.settled


def judge_unsettled(node: Node, repo: Repo, rows: Sequence[FileRow]) -> None:
    """Judge contents that were never scanned, under the paths that the repository's heads give them, and flag them.

    Only while not everything was judged yet: after an upgrade or a rebuild.
    """
    if is_settled(node):
        return
    with node.db.read() as conn:
        known = scans.known(conn, [row.sha256 for row in rows], SCANNER)
    missing = {row.sha256 for row in rows if row.sha256 not in known and try_scan(node, row)}
    if missing:
        flag_entries(node, repo.id, [entry for entry in head_entries(node, repo.id) if entry.sha256 in missing])


def head_entries(node: Node, repo: int) -> Iterable[Entry]:
    """Yield every (content, path) that the heads of a repository's refs have, each once."""
    with node.db.read() as conn:
        heads = {row.rev for row in revisions.all_refs(conn, repo)}
        objects = [found.object for rev in sorted(heads) if (found := revisions.get(conn, repo, rev)) is not None]
    seen = set[tuple[Sha256, str]]()
    for name in dict.fromkeys(objects):
        for entry in node.listings.get(node.store, name).directory.entries():
            if (entry.sha256, entry.path) not in seen:
                seen.add((entry.sha256, entry.path))
                yield entry


def flag_entries(node: Node, repo: int, entries: Sequence[Entry]) -> int:
    """Judge files that are published already and bring their flags up to date; return how many became blocked by it."""
    judged = outcomes(node, entries)
    with node.db.write() as conn:
        return flag_judged(node, conn, repo, judged)


def flag_judged(node: Node, conn: Connection, repo: int, judged: Mapping[Entry, Outcome]) -> int:
    """Bring the flags of published files up to date with what was judged; return how many became blocked by it."""
    digests = sorted({entry.sha256 for entry in judged})
    before = {(flag.sha256, flag.path): flag for flag in flags.of_contents(conn, repo, digests)}
    wanted = {(entry.sha256, entry.path): (entry, outcome) for entry, outcome in judged.items() if not outcome.clean}
    given = _by_content(waivers.of_contents(conn, repo, sorted({digest for digest, _ in wanted}), node.clock.now()))
    made = [flag_of(node, repo, entry, outcome, given.get(entry.sha256, [])) for entry, outcome in wanted.values()]
    fresh = 0
    for at, flag in enumerate(made):
        old = before.get((flag.sha256, flag.path))
        if flag.blocked and (old is None or not old.blocked):
            made[at] = Flag(
                repo,
                flag.sha256,
                flag.path,
                flag.ruleset,
                flag.outcome,
                blocked=True,
                recalled=True,
                waived_until=flag.waived_until,
            )
            fresh += 1
    flags.put(conn, made)
    flags.drop(conn, repo, [key for key in before if key not in wanted and key in _keys(judged)])
    return fresh


def _keys(judged: Mapping[Entry, Outcome]) -> set[tuple[Sha256, str]]:
    return {(entry.sha256, entry.path) for entry in judged}
