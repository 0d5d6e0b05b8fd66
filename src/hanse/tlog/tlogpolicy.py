"""C2SP tlog-policy: which logs and witnesses are known, and which sets of cosignatures are enough.

A policy is text, one statement a line: `log VKEY [URL]`, `witness NAME VKEY [URL]`, `group NAME (all|any|K) NAME...` and exactly
one `quorum (NAME|none)`. Names are opaque octets and belong to the file alone; keys are what counts. A name is a member of one
group at most, so a quorum is a tree of thresholds in which every witness stands once: that makes the questions about pairs of
quorums below answerable exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from hanse.errors import BadFormat, HanseError, PolicyError, TooLarge
from hanse.model.decision import runs
from hanse.tlog.note import COSIGNATURE, ED25519, ML_DSA_COSIGNATURE, NoteKey, parse_vkey

MAX_BYTES = 1 << 18
MAX_ENTRIES = 128
"""Of each kind: logs, witnesses, groups; the specification asks for at least 32."""
NONE = "none"
LOG_KINDS = (ED25519, ML_DSA_COSIGNATURE)
WITNESS_KINDS = (COSIGNATURE, ML_DSA_COSIGNATURE)
_CONTROL = frozenset(range(0x20)) - {0x09, 0x0A} | {0x7F}


@dataclass(frozen=True, slots=True)
class PolicyKey:
    """A log or witness line: its key, and where to reach it, empty if not said."""

    key: NoteKey
    url: str = ""


@dataclass(frozen=True, slots=True)
class PolicyGroup:
    """A group line: at least `need` of the named witnesses and groups."""

    need: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TlogPolicy:
    """A parsed policy. witnesses, groups: by name, in the order of their lines; quorum: a name, or `none`."""

    logs: tuple[PolicyKey, ...] = ()
    witnesses: Mapping[str, PolicyKey] = field(default_factory=dict)
    groups: Mapping[str, PolicyGroup] = field(default_factory=dict)
    quorum: str = NONE

    @property
    def counted(self) -> frozenset[str]:
        """Names of the witnesses that the quorum can rest on."""
        found: set[str] = set()
        waiting = [self.quorum]
        while waiting:
            name = waiting.pop()
            if name in self.witnesses:
                found.add(name)
            elif name in self.groups:
                waiting += self.groups[name].members
        return frozenset(found)

    def names(self, keys: Iterable[NoteKey]) -> frozenset[str]:
        """Return the policy's names for keys that cosigned; keys that it does not know are left out."""
        by_key = {one.key: name for name, one in self.witnesses.items()}
        return frozenset(by_key[key] for key in keys if key in by_key)

    def satisfied(self, cosigners: AbstractSet[str]) -> bool:
        """Tell whether the witnesses with these names are a quorum."""
        if self.quorum == NONE:
            return True
        holds = {name: name in cosigners for name in self.witnesses}
        for name, group in self.groups.items():
            holds[name] = sum(holds[one] for one in group.members) >= group.need
        return holds[self.quorum]

    def since(self, times: Mapping[str, int]) -> int | None:
        """Return the newest T such that the witnesses that cosigned at T or later are a quorum, None if all are not.

        times: name of a witness -> time of its newest cosignature. Where no quorum is asked for: the newest of them.
        """
        taken: set[str] = set()
        for name, time in sorted(times.items(), key=lambda item: -item[1]):
            taken.add(name)
            if self.satisfied(taken):
                return time
        return None


def parse_tlog_policy(data: str | bytes) -> TlogPolicy:
    """Return the policy in a text.

    Raises BadFormat, with the number of the line, for anything that the specification does not allow; TooLarge.
    """
    octets = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    if len(octets) > MAX_BYTES:
        raise TooLarge(f"a tlog-policy has at most {MAX_BYTES} bytes, got {len(octets)}")
    if octets and not octets.endswith(b"\n"):
        raise BadFormat("the last line of a tlog-policy must end in a newline")
    policy = TlogPolicy()
    seen = _Seen()
    for number, line in enumerate(octets.split(b"\n"), 1):
        try:
            policy = _line(policy, line, seen)
        except HanseError as error:
            raise type(error)(f"line {number} of the tlog-policy: {error.message}", hint=error.hint) from error
    if not seen.quorum:
        raise BadFormat("a tlog-policy must have a quorum line", hint="add `quorum NAME`, or `quorum none` to ask for no witness")
    return policy


@dataclass
class _Seen:
    """What earlier lines used up: names that are in a group, and whether the quorum was said."""

    members: set[str] = field(default_factory=set)
    quorum: bool = False


def _line(policy: TlogPolicy, line: bytes, seen: _Seen) -> TlogPolicy:
    if _CONTROL.intersection(line):
        raise BadFormat("control characters other than tab are not allowed")
    items = [item.decode("utf-8", "surrogateescape") for item in line.replace(b"\t", b" ").split(b" ") if item]
    if not items or items[0].startswith("#"):
        return policy
    word, *rest = items
    if word == "log" and 1 <= len(rest) <= 2:
        return replace(policy, logs=_add_log(policy, *rest))
    if word == "witness" and 2 <= len(rest) <= 3:
        return replace(policy, witnesses=_add_witness(policy, *rest))
    if word == "group" and len(rest) >= 3:
        return replace(policy, groups=_add_group(policy, rest[0], rest[1], rest[2:], seen))
    if word == "quorum" and len(rest) == 1:
        return replace(policy, quorum=_quorum(policy, rest[0], seen))
    raise BadFormat(f"expected log, witness, group or quorum with its parts, got {' '.join(items)[:80]!r}")


def _key(text: str, kinds: Sequence[int], others: Iterable[PolicyKey], what: str) -> NoteKey:
    key = parse_vkey(text)
    if key.kind not in kinds:
        listed = " or ".join(f"{kind:#04x}" for kind in kinds)
        raise BadFormat(f"the key of a {what} must be of kind {listed}, got {key.kind:#04x}")
    if any(one.key.public == key.public for one in others):
        raise BadFormat(f"the key of {key.name[:80]!r} is in an earlier line for a {what}")
    return key


def _add_log(policy: TlogPolicy, vkey: str, url: str = "") -> tuple[PolicyKey, ...]:
    _bounded(len(policy.logs), "logs")
    return (*policy.logs, PolicyKey(_key(vkey, LOG_KINDS, policy.logs, "log"), url))


def _add_witness(policy: TlogPolicy, name: str, vkey: str, url: str = "") -> dict[str, PolicyKey]:
    _bounded(len(policy.witnesses), "witnesses")
    _fresh(policy, name)
    key = _key(vkey, WITNESS_KINDS, policy.witnesses.values(), "witness")
    return {**policy.witnesses, name: PolicyKey(key, url)}


def _add_group(policy: TlogPolicy, name: str, need: str, members: list[str], seen: _Seen) -> dict[str, PolicyGroup]:
    _bounded(len(policy.groups), "groups")
    _fresh(policy, name)
    for member in members:
        if member not in policy.witnesses and member not in policy.groups:
            raise BadFormat(f"{member[:80]!r} is no witness or group of an earlier line")
        if member in seen.members:
            raise BadFormat(f"{member[:80]!r} is in a group already, and may be in one only, once")
        seen.members.add(member)
    count = {"all": len(members), "any": 1}.get(need)
    if count is None:
        count = int(need) if need.isascii() and need.isdecimal() and len(need) <= 6 else 0
    if not 1 <= count <= len(members):
        raise BadFormat(f"a group of {len(members)} needs `all`, `any` or 1 to {len(members)} of them, got {need[:20]!r}")
    return {**policy.groups, name: PolicyGroup(count, tuple(members))}


def _quorum(policy: TlogPolicy, name: str, seen: _Seen) -> str:
    if seen.quorum:
        raise BadFormat("there is a quorum line already")
    if name != NONE and name not in policy.witnesses and name not in policy.groups:
        raise BadFormat(f"{name[:80]!r} is no witness or group of an earlier line")
    seen.quorum = True
    return name


def _fresh(policy: TlogPolicy, name: str) -> None:
    if name == NONE or name in policy.witnesses or name in policy.groups:
        raise BadFormat(f"the name {name[:80]!r} is taken")


def _bounded(count: int, what: str) -> None:
    if count >= MAX_ENTRIES:
        raise TooLarge(f"a tlog-policy has at most {MAX_ENTRIES} {what} here")


# Who may witness whom.


def check_operator(policy: TlogPolicy, origin: str, own: Iterable[str] = ()) -> None:
    """Check that nobody whom the quorum rests on is the operator of log `origin`: by name or by key.

    own: fingerprints of keys that are the operator's. Raises PolicyError, which lists every such witness.
    """
    keys = set(own) | {one.key.public.fingerprint for one in policy.logs if one.key.name == origin}
    failed = []
    for name in sorted(policy.counted):
        key = policy.witnesses[name].key
        if runs(origin, key.name) or runs(origin, name):
            failed.append(f"witness {name[:80]!r} ({key.name[:80]}) is named after the log {origin}")
        elif key.public.fingerprint in keys:
            failed.append(f"witness {name[:80]!r} ({key.name[:80]}) has a key of the operator of {origin}")
    if failed:
        raise PolicyError(
            f"the operator of {origin} cannot witness itself: {'; '.join(failed)}",
            failed=tuple(failed),
            hint="write one tlog-policy for each log, without that log's operator among its witnesses",
        )


# What quorums have in common.


def quorum_size(policy: TlogPolicy) -> int:
    """Return how many witnesses the smallest quorum has."""
    return _cheapest(policy, lambda need, costs: sum(sorted(costs)[:need]))


def overlap(policy: TlogPolicy) -> int:
    """Return how many witnesses any two quorums share at least; k of n: 2k - n.

    Exact for nested groups: two sets that each satisfy a threshold share at least 2k - n of its members, at worst the cheapest.
    """
    return _cheapest(policy, lambda need, costs: sum(sorted(costs)[: max(0, 2 * need - len(costs))]))


def blocking(policy: TlogPolicy) -> int:
    """Return how many witnesses must be silent before there is no quorum any more; k of n: n - k + 1."""
    return _cheapest(policy, lambda need, costs: sum(sorted(costs)[: len(costs) - need + 1]))


def _cheapest(policy: TlogPolicy, combine: Callable[[int, list[int]], int]) -> int:
    """Return the cost of the quorum, where a witness costs 1 and a group what `combine` makes of its members' costs."""
    if policy.quorum == NONE:
        return 0
    costs = dict.fromkeys(policy.witnesses, 1)
    for name, group in policy.groups.items():
        costs[name] = combine(group.need, [costs[one] for one in group.members])
    return costs[policy.quorum]


def overlap_warnings(policy: TlogPolicy, faulty: int = 0) -> tuple[str, ...]:
    """Return what is to be said where `faulty` witnesses lie or are silent; empty if the policy stands that.

    Two readers cannot be shown different logs if any two quorums share an honest witness: overlap > faulty.
    """
    if policy.quorum == NONE:
        return ("no cosignature is asked for: the log alone decides what each reader sees",)
    found = []
    shared = overlap(policy)
    if shared <= faulty:
        found.append(
            f"two quorums need not share an honest witness: they share at least {shared}, of which {faulty} may lie; "
            "a log and those could show two readers different contents"
        )
    if faulty and blocking(policy) <= faulty:
        silent = blocking(policy)
        found.append(f"{silent} silent witness{' is' if silent == 1 else 'es are'} enough to stop it")
    run: dict[str, list[str]] = {}
    for name in sorted(policy.counted):
        run.setdefault(policy.witnesses[name].key.name.partition("/")[0].lower(), []).append(name)
    found += [f"{' and '.join(names)} are of one operator, {host}" for host, names in run.items() if len(names) > 1]
    return tuple(found)


def smallest_quorum(witnesses: int, faulty: int = 0) -> int:
    """Return the smallest k of n such that any two quorums share an honest witness: 2k - n > f; raises PolicyError.

    There is none that f silent witnesses could not stop if k > n - f.
    """
    need = (witnesses + faulty) // 2 + 1
    if not witnesses or need > witnesses - faulty:
        raise PolicyError(
            f"{witnesses} witnesses cannot stand {faulty} that lie or are silent",
            failed=(f"{need} of {witnesses} would have to cosign, and {max(0, witnesses - faulty)} are sure to",),
            hint=f"find {3 * faulty + 1 - witnesses} more" if witnesses else "find a witness",
        )
    return need


def monitor_quorum(witnesses: int, client: int, faulty: int) -> int:
    """Return how many cosignatures a monitor needs so that its quorum shares an honest witness with each client's."""
    return witnesses + faulty - client + 1


def make_tlog_policy(log: NoteKey, witnesses: Mapping[str, NoteKey], need: int, url: str = "") -> str:
    """Return the text of a policy: `need` of the named witnesses for one log.

    Raises PolicyError if one of them is the log's own operator, BadFormat if there is no such policy.
    """
    lines = [f"log {log.text}{' ' + url if url else ''}"]
    lines += [f"witness {name} {key.text}" for name, key in witnesses.items()]
    if need:
        group = next(name for name in ("witnesses", "quorum", "group", *map(str, range(MAX_ENTRIES))) if name not in witnesses)
        lines += [f"group {group} {need} {' '.join(witnesses)}", f"quorum {group}"]
    else:
        lines.append(f"quorum {NONE}")
    text = "\n".join(lines) + "\n"
    check_operator(parse_tlog_policy(text), log.name)
    return text
