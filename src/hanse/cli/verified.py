"""How the outcome of `hanse verify` is shown: one screen for people, one JSON object for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from hanse.cli.printable import clean
from hanse.clock import rfc3339
from hanse.errors import HanseError

if TYPE_CHECKING:
    from hanse.flows.attested import Attested
    from hanse.flows.local_files import Checked
    from hanse.flows.shown_log import ShownLog
    from hanse.flows.verify import VerifiedRevision
    from hanse.flows.verify_folder import Outcome

_SHOWN = 20
_WORDS = {
    "https://model_signing/signature/v1.0": "manifest",
    "https://in-toto.io/attestation/vulns/v0.2": "scan",
    "https://in-toto.io/attestation/svr/v0.1": "review",
    "https://hanse/observation/v1": "observation",
    "https://hanse/ref/v1": "position of a ref",
}


def failures(outcome: Outcome, *, complete: bool) -> tuple[str, ...]:
    """Return one line for everything about the files that makes verification fail."""
    return file_failures(outcome.files, complete=complete)


def file_failures(files: Checked, *, complete: bool) -> tuple[str, ...]:
    """Return one line for every file that is not what it must be, and for those that are absent if all must be there."""
    failed = tuple(f"file {line}" for line in files.failed)
    if not files.verified and not failed:
        failed += ("files: none of the manifest's files is there",)
    absent = tuple(f"file {name}: absent" for name in files.absent) if complete else ()
    return failed + absent


def refusal_json(error: HanseError) -> dict[str, Any]:
    """Return the JSON object of a revision that was not verified."""
    failed = list(getattr(error, "failed", ())) or [error.message]
    return {"verified": False, "code": error.code, "failed": failed, "hint": error.hint}


def refusal_text(error: HanseError) -> str:
    """Return the screen of a revision that was not verified."""
    failed = getattr(error, "failed", ()) or (error.message,)
    refused = error.code == "Policy"
    head = "REFUSED by the policy, though all of it is true" if refused else "NOT VERIFIED"
    return "\n".join([head, *failed_rows(failed), *(rows("to pass" if refused else "so", [error.hint]) if error.hint else [])])


def to_json(outcome: Outcome, failed: Sequence[str]) -> dict[str, Any]:
    """Return the JSON object of a verified revision and its files."""
    found, files = outcome.revision, outcome.files
    position = found.position
    return {
        "verified": not failed,
        "failed": list(failed),
        "repo": str(found.repo) if found.repo else None,
        "rev": found.rev or None,
        "tree": found.tree or None,
        "ref": None if position is None else {"name": position.ref, "seq": position.seq, "log": position.log.origin},
        "files": {
            "total": len(found.files),
            "verified": files.verified,
            "bytes": files.size,
            "hashed": files.read,
            "absent": list(files.absent),
            "partial": bool(files.absent),
        },
        "owner": _owner_json(found),
        "signed": [
            {"by": one.member or None, "key": one.verified.key.fingerprint, "predicate": one.statement.predicate_type}
            | ({} if one.observed is None else {"ref": one.observed[0], "at": one.observed[1]})
            for one in found.attested
        ],
        "logs": [_log_json(log) for log in found.logs],
        "decision": found.decision.to_json(),
        "notices": list(found.notices),
    }


def _owner_json(found: VerifiedRevision) -> dict[str, Any] | None:
    owner = found.owner
    if owner is None:
        return None
    return {"key": owner.public.fingerprint, "holder": owner.holder.value if owner.holder else None}


def _log_json(log: ShownLog) -> dict[str, Any]:
    return {
        "origin": log.origin,
        "size": log.checkpoint.size,
        "root": log.checkpoint.root.hex(),
        "known": log.known.value,
        "keys": [key.text for key in log.keys],
        "consistent": log.consistent,
        "time": None if log.time is None else rfc3339(log.time),
        "witnesses": [{"name": one.key.name, "time": rfc3339(time)} for one, time in log.witnesses],
        "mirrors": [{"name": one.key.name, "time": rfc3339(time)} for one, time in log.mirrors],
        "unknown": list(log.unknown),
    }


def to_text(outcome: Outcome, failed: Sequence[str], now: int) -> str:
    """Return the screen of a verified revision and its files."""
    found, files = outcome.revision, outcome.files
    name = f"{found.repo.path} at {found.rev[:12]}" if found.repo else "a bundle that names no repository"
    total = len(found.files)
    state = "NOT VERIFIED" if failed else "partial" if files.absent else "verified"
    count = f"{files.verified} of {total} files verified" if files.absent else f"{total} files"
    lines = [f"{state}: {clean(name)}, {count}"]
    lines += rows("files", [_files(outcome)])
    if found.repo is not None:
        lines += rows("name", [_name(found)])
        lines += rows("ref", [_ref(found)] if found.position else [])
    lines += rows("signed", [_signed(one) for one in found.attested])
    lines += rows("log", [_log(log) for log in found.logs])
    lines += rows("cosigned", [_cosigned(log, now) for log in found.logs])
    decision = found.decision
    lines += rows("fresh", [one.says for one in decision.results if one.rule == "freshness"])
    lines += rows("rung", [f"{decision.rung.value}; policy {decision.policy} {_state(found)}"])
    lines += rows(
        "note", [f"{one.rule}: {one.says}" for one in decision.warnings if one.rule != "freshness"] + list(found.notices)
    )
    return "\n".join(lines + list(failed_rows(failed)))


def rows(title: str, texts: Iterable[str]) -> list[str]:
    """Return the lines of one part of a screen, its title before the first."""
    return [f"  {title if at == 0 else '':9} {clean(text)}" for at, text in enumerate(texts)]


def counted(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun; many: the plural, if it is not the noun with an s."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def failed_rows(failed: Sequence[str]) -> list[str]:
    """Return the lines that say what failed, not too many of them."""
    shown = rows("failed", failed[:_SHOWN])
    return shown + ([f"            and {len(failed) - _SHOWN} more"] if len(failed) > _SHOWN else [])


def _files(outcome: Outcome) -> str:
    files = outcome.files
    known = files.size - files.read
    before = f", {bytes_text(known)} of them unchanged since they were hashed before" if known > 0 else ""
    absent = f"; absent: {', '.join(files.absent[:5])}" if files.absent else ""
    more = f" and {len(files.absent) - 5} more" if len(files.absent) > 5 else ""
    return f"{files.verified} are what was signed, {bytes_text(files.size)}{before}{absent}{more}"


def _name(found: VerifiedRevision) -> str:
    repo, owner = found.repo, found.owner
    if repo is None:
        return ""
    if found.facts.kind.value == "mirrored":
        return f"{repo}, an upstream's name: observers answer for what it means"
    if found.facts.kind.value == "private":
        return f"{repo}, not public: its node alone answers for it"
    if owner is None:
        return f"{repo}; it is not shown who holds the key of the namespace"
    key = f"key {owner.public.fingerprint[:16]}"
    if owner.holder is not None and owner.holder.value == "owner":
        return f"{repo}; the owner of {repo.namespace} holds his key himself ({key})"
    from hanse.flows.verified_facts import present_owner

    present = present_owner(found.logs, repo, owner)
    if present is not owner:
        whose = "another key of his answers" if present.holder is owner.holder else "its owner holds it himself"
        later = f"since leaf {present.start} {whose}"
        return f"{repo}; published while the node's operator held the key of {repo.namespace} ({key}); {later}"
    return f"{repo}; the node's operator holds the key of {repo.namespace} and can sign anything for it ({key})"


def _ref(found: VerifiedRevision) -> str:
    position = found.position
    if position is None:
        return ""
    return f"{position.ref} points at it, position {position.seq} in the log {position.log.origin}"


def _signed(one: Attested) -> str:
    word = _WORDS.get(one.statement.predicate_type, one.statement.predicate_type)
    key = f"key {one.verified.key.fingerprint[:16]}"
    if one.observed is not None:
        word = f"{word} of {one.observed[0]} upstream on {one.observed[1]}"
    if one.place is None:
        return f"{word} by {key}, named by hand, in no log"
    who = "the owner" if one.record is not None and one.record.holder is not None else one.member
    return f"{word} by {who}, {key}, leaf {one.place.index} of {one.member}"


def _log(log: ShownLog) -> str:
    words = {"new": "first contact, unauthenticated", "pinned": "known from before", "configured": "configured"}
    known = words.get(log.known.value, "ITS KEY CHANGED")
    newest = f", newest leaf shown {rfc3339(log.time)}" if log.time is not None else ""
    return f"{log.origin}, {log.checkpoint.size:,} leaves{newest}; {known} (key {log.keys[0].public.fingerprint[:16]})"


def _cosigned(log: ShownLog, now: int) -> str:
    told = []
    for title, pairs in (("witnessed by", log.witnesses), ("mirrored by", log.mirrors)):
        if pairs:
            told.append(f"{title} {', '.join(f'{one.key.name} {_ago(now - time)}' for one, time in pairs)}")
    if log.unknown:
        told.append(f"{len(log.unknown)} by names that are not known here")
    return f"{log.origin}: {'; '.join(told) or 'by nobody, not yet witnessed'}"


def _state(found: VerifiedRevision) -> str:
    since = found.decision.stale_since
    return "is met" if since is None else f"lets it pass, but it is stale since {rfc3339(since)}"


def _ago(seconds: int) -> str:
    for size, word in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {word} ago"
    return "just now"


def bytes_text(count: int) -> str:
    """Return a number of bytes as people read it, such as `1.5 kB`."""
    for size, word in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= size:
            return f"{count / size:.1f} {word}"
    return f"{count} bytes"
