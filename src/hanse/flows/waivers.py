"""Waivers: a person lets a file pass in spite of what the scanner found, with a reason and until a date.

A waiver is for one content in one repository and names rules; what else is found in the file still counts. Whoever administers
the namespace gives one; malicious findings need an operator of the node. What is served under a waiver carries a warning.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import Connection

from hanse.db import flags, repos, waivers
from hanse.db.repos import Repo
from hanse.db.waivers import Waiver
from hanse.errors import InputError, NotAllowed, NotFoundError
from hanse.flows import access
from hanse.flows.admission import waived
from hanse.flows.node import Node
from hanse.flows.rejudge import new_epoch
from hanse.model.actor import Actor
from hanse.model.admission import ERROR, INCONCLUSIVE, MAX_RULES, decide
from hanse.model.digest import Sha256
from hanse.model.finding import Verdict

MAX_SECONDS = 3 * 366 * 86400
MAX_REASON = 1000
_RULE = re.compile(r"[A-Z0-9]+(-[A-Z0-9]+)+")


def waive(
    node: Node, actor: Actor, repo: Repo, digest: Sha256, *, rules: Sequence[str], reason: str, ends_at: int, author: str = ""
) -> Waiver:
    """Record a waiver and return it; it holds at once.

    ends_at: seconds since 1970, at most three years away; author: whose decision it is, if the command line speaks for somebody.
    Raises NotAllowed, InputError.
    """
    access.require_admin(actor, repo)
    now = node.clock.now()
    _check(node, rules, reason, ends_at, now)
    _require_operator(node, actor, rules)
    name = (author or actor.name or "operator")[:96]
    made = Waiver(0, repo.id, digest, tuple(dict.fromkeys(rules)), reason.strip(), name, actor.admin, now, ends_at)
    with node.db.write() as conn:
        kept = waivers.add(conn, made)
        _apply(node, conn, repo.id, digest)
        repos.update_columns(conn, repo.id, indexed=None)
    return kept


def _check(node: Node, rules: Sequence[str], reason: str, ends_at: int, now: int) -> None:
    """Raise InputError unless a waiver says something that can hold."""
    known = set() if node.scanning is None else set(node.scanning.rules.rules)
    if not 0 < len(rules) <= MAX_RULES or not all(_RULE.fullmatch(name) for name in rules):
        raise InputError(f"a waiver names 1 to {MAX_RULES} rules", hint="the refusal says which")
    unknown = [name for name in rules if known and name not in known and name not in (ERROR, INCONCLUSIVE)]
    if unknown:
        raise InputError(f"there is no rule {unknown[0]}", hint="hanse scan explain lists the rules")
    if not 3 <= len(reason.strip()) <= MAX_REASON or "\0" in reason:
        raise InputError(f"a waiver needs a reason of 3 to {MAX_REASON} characters")
    if not now < ends_at <= now + MAX_SECONDS:
        raise InputError("a waiver ends at a time to come, at most three years away")


def _require_operator(node: Node, actor: Actor, rules: Sequence[str]) -> None:
    """Raise NotAllowed if a rule is about malicious files and the caller is no operator of the node."""
    if actor.admin or node.scanning is None:
        return
    known = node.scanning.rules.rules
    for name in rules:
        if name in known and known[name].severity is Verdict.MALICIOUS:
            raise NotAllowed(f"{name} is about malicious files", hint="ask an operator of this node to waive it")


def _apply(node: Node, conn: Connection, repo: int, digest: Sha256) -> None:
    """Bring what is said about a content's files in line with the waivers that hold."""
    if node.scanning is None:
        return
    given = waivers.of_contents(conn, repo, [digest], node.clock.now())
    for flag in flags.of_contents(conn, repo, [digest]):
        passes = flag.blocked and not decide(flag.outcome, node.scanning.policy, waived(given)).blocks
        flags.set_waived(conn, flag, min((one.ends_at for one in given), default=None) if passes else None)


def list_waivers(node: Node, actor: Actor, repo: Repo) -> list[Waiver]:
    """Return the waivers of a repository that the caller may see: they are no secret."""
    if not access.may_see(actor, repo):
        raise access.missing(repo.repo)
    with node.db.read() as conn:
        return waivers.of_repo(conn, repo.id)


def withdraw(node: Node, actor: Actor, repo: Repo, number: int) -> None:
    """Take a waiver back; what it let pass is withheld from then on. Raises NotAllowed, NotFoundError."""
    access.require_admin(actor, repo)
    with node.db.write() as conn:
        found = waivers.find(conn, repo.id, number)
        if found is None:
            raise NotFoundError(f"there is no waiver number {number} for {repo.repo.path}")
        if found.operator and not actor.admin:
            raise NotAllowed("an operator of this node gave this waiver, and only one takes it back")
        waivers.remove(conn, number)
        _apply(node, conn, repo.id, found.sha256)
        repos.update_columns(conn, repo.id, indexed=None)
        new_epoch(conn)
