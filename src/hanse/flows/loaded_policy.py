"""A policy ready for use: its tlog-policies read and parsed, its suites found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hanse.errors import HanseError, PolicyError
from hanse.flows.bounded import read_bounded
from hanse.model import decision
from hanse.policy.rules import Evidence, Policy, Quorum

# Most policies are presets without a log of their own: a program that runs under one does not wait for what parses the others.
if TYPE_CHECKING:
    from hanse.tlog.note import NoteKey
    from hanse.tlog.tlogpolicy import TlogPolicy


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A policy ready for use. source: where it is from; witness, mirror: the parsed tlog-policies, by origin of the log."""

    policy: Policy
    source: str
    witness: Mapping[str, TlogPolicy] = field(default_factory=dict)
    mirror: Mapping[str, TlogPolicy] = field(default_factory=dict)

    def quorum(
        self, origin: str, times: Mapping[NoteKey, int], *, mirror: bool, log_time: int | None = None
    ) -> decision.Quorum | None:
        """Return how cosignatures (key -> time) stand to the tlog-policy for a log; None if it has none of its own.

        log_time: of the log's newest leaf, which counts where the tlog-policy asks for no witness.
        """
        policy = (self.mirror if mirror else self.witness).get(origin)
        if policy is None:
            return None
        from hanse.tlog.tlogpolicy import NONE  # noqa: PLC0415 see above

        named = {name: times[one.key] for name, one in policy.witnesses.items() if one.key in times}
        if policy.quorum == NONE:
            return decision.Quorum(max([*named.values(), *([] if log_time is None else [log_time])], default=None))
        here = policy.counted & named.keys()
        says = f"cosigned by {', '.join(sorted(here)) or 'none'} of {', '.join(sorted(policy.counted))}"
        return decision.Quorum(policy.since(named), says)


def complete(policy: Policy, source: str, folder: Path) -> LoadedPolicy:
    """Return a policy with its tlog-policies read and parsed.

    Suites that are named get their digests. Raises PolicyError if a tlog-policy is wrong or lets an operator witness itself, or a
    suite is not known.
    """
    problems: list[str] = []
    witness, parsed_witness = _logs(policy.witness, "witness", folder, problems)
    mirror, parsed_mirror = _logs(policy.mirror, "mirror", folder, problems)
    evidence = tuple(_named(one, problems) for one in policy.evidence)
    if problems:
        raise PolicyError(
            f"policy {policy.name!r} cannot be used, so it refuses everything: {'; '.join(problems[:5])}",
            failed=tuple(problems),
            hint="docs/policy.md says what a tlog-policy looks like",
        )
    return LoadedPolicy(replace(policy, witness=witness, mirror=mirror, evidence=evidence), source, parsed_witness, parsed_mirror)


def _named(one: Evidence, problems: list[str]) -> Evidence:
    """Return what is asked of evaluations with the digest of the suite that ships under a name, or is installed."""
    if one.digest:
        return one
    from hanse.flows.suites.find import digest_of  # noqa: PLC0415 see above

    try:
        return replace(one, digest=digest_of(one.suite))
    except HanseError as error:
        problems.append(f"evidence: {error.message}; hanse suite show prints the digest of a suite: name it by that")
        return one


def _logs(quorum: Quorum, table: str, folder: Path, problems: list[str]) -> tuple[Quorum, dict[str, TlogPolicy]]:
    from hanse.tlog.tlogpolicy import MAX_BYTES, parse_tlog_policy  # noqa: PLC0415 see above

    texts: dict[str, str] = dict(quorum.logs)
    parsed: dict[str, TlogPolicy] = {}
    for origin in (*quorum.files, *quorum.logs):
        try:
            if origin in quorum.files:
                texts[origin] = read_bounded(folder / quorum.files[origin], MAX_BYTES).decode("utf-8", "surrogateescape")
            text = texts[origin]
            parsed[origin] = parse_tlog_policy(text if text.endswith("\n") else text + "\n")
            _check(parsed[origin], origin)
        except HanseError as error:
            problems.append(f"{table}.logs.{origin!r}: {error.message}")
    return replace(quorum, logs=texts), parsed


def _check(policy: TlogPolicy, origin: str) -> None:
    if policy.logs and all(one.key.name != origin for one in policy.logs):
        raise PolicyError(f"it lists {', '.join(one.key.name for one in policy.logs)[:200]}, not the log {origin}")
    from hanse.tlog.tlogpolicy import check_operator  # noqa: PLC0415 see above

    check_operator(policy, origin)
