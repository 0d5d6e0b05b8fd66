"""One audit of one member.

1. What to ask for is drawn; if there is nothing to draw from, nothing is asked.
2. The member is asked as anybody could ask: audits have no route of their own, and no credentials.
3. False bytes are an alarm. Its evidence is the member's leaf and what came instead of the chunk; the answer itself is signed by
   nobody, so it tells others where to look and proves nothing to them.
4. The outcome is counted.
5. A statement about it goes into this node's log: the first one, whenever the member begins or ceases to fail, every false
   answer, and otherwise one a day.

A crash before step 4 leaves no trace but the alarm, one before step 5 leaves the statement to the next audit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hanse.db import audits, revisions
from hanse.db.alarms import Alarm
from hanse.db.audits import Audited
from hanse.flows import bundles
from hanse.flows.attest import enter
from hanse.flows.audits.ask import Answer, ask, worst
from hanse.flows.audits.draw import Drawn, draw
from hanse.flows.audits.tally import Outcome, after
from hanse.flows.node import Node
from hanse.flows.witness import raise_alarm
from hanse.model.canonical import canonical
from hanse.model.predicates import AUDIT
from hanse.model.repo import Origin
from hanse.peers.place import Place
from hanse.sign.audit import Record, audit_statement

LOG_SECONDS = 86_400
ALARM = "false-bytes"


def audit(node: Node, member: Origin, place: Place) -> Audited | None:
    """Audit a member at a place that answers for it, and return how its audits stand; None if there is nothing to ask for.

    Raises what the catalogue, the store or signing raise; never what the member does.
    """
    # 1. Draw.
    with node.db.read() as conn:
        before = audits.get(conn, member)
    drawn = draw(node, member, before.asked)
    if drawn is None or not drawn.pieces:
        return None
    # 2. Ask.
    answers = ask(place, drawn.pieces)
    bad = worst(answers)
    # 3. Alarm.
    if bad.outcome is Outcome.FALSE:
        raise_alarm(node, _alarm(node, drawn, bad))
    # 4. Count.
    now = after(before, bad.outcome, bad.says, node.clock.now())
    with node.db.write() as conn:
        audits.put(conn, now)
    # 5. Log.
    if _is_news(before, now, bad.outcome) and _log(node, drawn, answers, now):
        now = replace(now, logged_at=node.clock.now())
        with node.db.write() as conn:
            audits.put(conn, now)
    return now


def _is_news(before: Audited, now: Audited, outcome: Outcome) -> bool:
    due = now.asked_at - before.logged_at >= LOG_SECONDS  # never logged: at once
    return due or before.failing is not now.failing or outcome is Outcome.FALSE


def _alarm(node: Node, drawn: Drawn, bad: Answer) -> Alarm:
    repo, sample = drawn.repo.repo, bad.sample
    says = f"{drawn.seed.member} served false bytes of {repo.path}, which its log says it holds: {bad.says}"
    told = {
        "seed": drawn.seed.json(),
        "leaf": drawn.index,
        "repo": {"origin": repo.origin, "type": repo.type.value, "repo": repo.path, "rev": drawn.rev, "tree": drawn.tree},
        "sample": {"path": sample.path, "xet": sample.xet, "start": sample.start, "end": sample.end},
        "chunkServed": bad.got,
        "chunks": [value.hex() for value, _ in bad.piece.chunks],
    }
    return Alarm(ALARM, drawn.seed.member, says[:1000], canonical(told), node.clock.now(), repo.type.value, repo.path)


def _log(node: Node, drawn: Drawn, answers: Sequence[Answer], now: Audited) -> bool:
    """Sign and queue the statement; tell whether it was queued: what was audited may be gone from here meanwhile."""
    with node.db.read() as conn:
        revision = revisions.get(conn, drawn.repo.id, drawn.rev)
    if revision is None:
        return False
    statement = audit_statement(
        drawn.repo.repo,
        drawn.rev,
        drawn.tree,
        seed=drawn.seed,
        samples=[one.sample for one in answers],
        record=Record(now.asked, now.served, now.failed_row or now.served_row, now.failing),
        time=now.asked_at,
    )
    bundle = bundles.sign(node.store, statement, node.keys.attest)
    return enter(node, drawn.repo, revision, bundle, AUDIT) is not None
