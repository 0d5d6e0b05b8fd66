"""The policy of a federation's readers, as far as they have none of their own: its `policy.toml` with its tlog-policies.

Where `policy.toml` asks for witnesses of anyone, the federation's tlog-policy for a log says which of them are enough for that
log, unless it asks for fewer. A log that `policy.toml` has a tlog-policy for keeps that one, and where no witness is asked for,
none is. What a federation lists counts also after it has expired: then nothing of it is resolved, and least of all by less.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from hanse.errors import NotFoundError, PolicyError
from hanse.flows.federation.kept import POLICY, Federation, tlog_policy_name
from hanse.flows.federation.seen import Seen
from hanse.flows.federation.trusted import federations_seen
from hanse.flows.loaded_policy import LoadedPolicy, complete
from hanse.policy.parse import MAX_NAME, parse_policy
from hanse.policy.rules import ANYONE, Policy
from hanse.tlog.tlogpolicy import TlogPolicy, parse_tlog_policy, quorum_size

_NOWHERE = Path("/nonexistent")
"""Where a policy of a federation finds the files that it names: it has to have everything in itself."""


def default_policy(folder: Path, seen: Seen, name: str = "") -> LoadedPolicy | None:
    """Return the policy that the federations kept in a folder list for their readers, None if none of them lists one.

    name: of the only federation that is asked. Raises PolicyError for one that cannot be used, or if two federations list
    different ones; NotFoundError for a federation that is not kept or lists none; StorageError if what is kept is damaged.
    """
    federations = [one for one in federations_seen(folder, seen) if name in ("", one.name)]
    if name and not any(POLICY in one.files for one in federations):
        raise NotFoundError(f"no federation {name[:80]!r} that is trusted here lists a policy", hint="hanse trust list")
    return joined(federations)


def joined(federations: Iterable[Federation]) -> LoadedPolicy | None:
    """Return the policy of federations that list the same one, each for its own logs, None if none lists any.

    Raises PolicyError as `default_policy`.
    """
    listing = [one for one in federations if POLICY in one.files]
    if len({one.files[POLICY] for one in listing}) > 1:
        raise PolicyError(
            f"the federations {', '.join(one.name for one in listing)} list different policies"[:400],
            hint="choose one: --policy federation:NAME, or write a policy.toml of your own into HANSE_HOME",
        )
    found = None
    for one in listing:
        found = _joined(found, policy_of(one))
    return found


def policy_of(federation: Federation) -> LoadedPolicy:
    """Return the policy that a federation lists, with its tlog-policies; raises PolicyError if it cannot be used."""
    loaded = check_policy(federation.files[POLICY], federation.name)
    source = f"federation {federation.name}, version {federation.trusted.targets_version}"
    asked = [part for part in loaded.policy.witness.parts if part.of == ANYONE]
    if not asked or len(asked) < len(loaded.policy.witness.parts):
        return replace(loaded, source=source)
    need = max(part.need for part in asked)
    texts = {}
    for origin in federation.members.members:
        text = federation.files.get(tlog_policy_name(origin), b"").decode("utf-8", "surrogateescape")
        if text and not loaded.policy.witness.own(origin) and quorum_size(parse_tlog_policy(text)) >= need:
            texts[str(origin)] = text
    return complete(_with_logs(loaded.policy, texts), source, _NOWHERE)


def check_policy(data: bytes, name: str) -> LoadedPolicy:
    """Return the policy in a federation's `policy.toml`; raises PolicyError with everything that is wrong with it."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise PolicyError(f"the policy of {name[:80]} is not UTF-8, so it refuses everything") from error
    return complete(parse_policy(text, name[:MAX_NAME]), name, _NOWHERE)


def _with_logs(policy: Policy, texts: dict[str, str]) -> Policy:
    return replace(policy, witness=replace(policy.witness, logs={**texts, **policy.witness.logs}))


def _joined(first: LoadedPolicy | None, second: LoadedPolicy) -> LoadedPolicy:
    """Return two policies of the same text as one, which has the tlog-policies of both; the first's where both have one."""
    if first is None:
        return second
    witness: dict[str, TlogPolicy] = {**second.witness, **first.witness}
    policy = _with_logs(first.policy, dict(second.policy.witness.logs))
    return LoadedPolicy(policy, f"{first.source}; {second.source}", witness, first.mirror)
