"""Policies and decisions in words: a policy printed in full as TOML, a decision as the lines of one screen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import Enum
from typing import Any

from hanse.model.decision import Decision, Result, State
from hanse.policy.evidence_form import EVIDENCE_KEYS, plain_evidence
from hanse.policy.form import KEYS, QUORUM, Key, duration
from hanse.policy.rules import FORM, Evidence, Group, Obeyed, Policy, Quorum, Threshold

RULES = {
    "policy": "There is a policy, and it can be used.",
    "tree": "The revision has the same tree as ever.",
    "signers": "Enough different members signed this very tree.",
    "owner": "The owner of the name is among them.",
    "owner-held": "The owner holds the key of the name himself.",
    "first-use": "The keys of logs and owner were met before, or are named by a trust root or the policy.",
    "pins": "They are the same as at first use.",
    "owner-change": "The owner key of the name never changed without a transfer.",
    "witness": "Others cosigned the logs of enough of these signatures.",
    "latest": "A log that may say so proves that the ref points at the revision now.",
    "mirror": "Others replayed that log and cosigned.",
    "agreement": "For upstream's names: more observers say so than say otherwise.",
    "freshness": "Enough others vouched for it lately.",
    "list": "Not enough members' logs name a newer list of members than the known one.",
    "advisories": "Enough maps of advisories are known and not stale.",
    "advised": "No advisory in force refuses it: the publisher's, those of enough members, or of whom the policy obeys.",
    "scan": "What scans found is tolerated.",
    "evidence": "Evaluations are as many, as good and as well checked as is asked for.",
    "rung": "The evidence reaches the step of the ladder that is asked for.",
    "silent": "The publisher is still writing to its log.",
    "clock": "The clocks of cosigners and of this machine agree.",
}
"""Every rule by its stable name, in the order in which they are applied, with what holds where it passes."""
_MARKS = {Result.PASSED: "ok", Result.WARNED: "warning", Result.FAILED: "FAILED"}
_STATES = {State.ACCEPTED: "accepted", State.STALE: "accepted, but stale", State.REFUSED: "REFUSED"}


def to_toml(policy: Policy) -> str:
    """Return a policy in full, with what each key means; `parse_policy` makes the same policy of it."""
    if policy.broken:
        return f"# There is no usable policy, so everything is refused: {policy.broken[:200].splitlines()[0]}\n"
    lines = [
        f"policy = {FORM}  # Version of this form.",
        f"base = {_text(policy.base)}  # Preset that gives what a policy leaves out.",
        f"name = {_text(policy.name)}",
    ]
    table = ""
    for key in KEYS:
        head, _, name = key.path.partition(".")
        if name and head != table:
            lines += _logs(policy, table)
            lines += ["", f"[{head}]"]
            table = head
        lines += [f"# {key.text}", f"{name or head} = {_value(key, policy)}"]
    for name, group in sorted(policy.groups.items()):
        lines += ["", f"[groups.{name}]", *_group(group)]
    for one in policy.evidence:
        lines += ["", "[[evidence]]", *_evidence(one)]
    return "\n".join(lines) + "\n"


def to_json(policy: Policy) -> dict[str, Any]:
    """Return a policy in full as the JSON form of its TOML."""
    found: dict[str, Any] = {"policy": FORM, "base": policy.base, "name": policy.name}
    for key in KEYS:
        head, _, name = key.path.partition(".")
        (found.setdefault(head, {}) if name else found)[name or head] = _plain(key, policy)
    for head, quorum in (("witness", policy.witness), ("mirror", policy.mirror)):
        found[head]["logs"] = _plain_logs(quorum)
    found["groups"] = {
        name: {"members": sorted(one.members), "keys": sorted(one.keys), "groups": sorted(one.groups)}
        for name, one in sorted(policy.groups.items())
    }
    if policy.evidence:
        found["evidence"] = [plain_evidence(one) for one in policy.evidence]
    return found


def explain(decision: Decision) -> tuple[str, ...]:
    """Return the lines that tell a person what was decided and why, failures first."""
    order = (Result.FAILED, Result.WARNED, Result.PASSED)
    lines = [f"{_STATES[decision.state]} under policy {decision.policy!r}; reached: {decision.rung.value}"]
    for one in sorted(decision.results, key=lambda found: order.index(found.result)):
        lines.append(f"  {_MARKS[one.result]:8} {one.rule}: {one.says}")
        if one.remedy:
            lines.append(f"           to pass: {one.remedy}")
    return tuple(lines)


def _plain(key: Key, policy: Policy) -> Any:
    value = key.of(policy)
    if key.path.endswith("_age"):
        return duration(value)
    if key.path == "advisories.maps" and not value:
        return QUORUM
    if isinstance(value, tuple):
        return [_plain_part(one) for one in value]
    return value.value if isinstance(value, Enum) else value


def _plain_part(one: Threshold | Obeyed) -> dict[str, Any]:
    if isinstance(one, Threshold):
        return {"need": one.need, "of": one.of}
    return {"of": one.of} | ({"kinds": sorted(one.kinds)} if one.kinds else {})


def _plain_logs(quorum: Quorum) -> dict[str, Any]:
    files: dict[str, Any] = {origin: {"file": name} for origin, name in quorum.files.items() if origin not in quorum.logs}
    return dict(sorted((files | dict(quorum.logs)).items()))


def _value(key: Key, policy: Policy) -> str:
    value = key.of(policy)
    if isinstance(value, tuple):
        return f"[{', '.join(_inline(_plain_part(one)) for one in value)}]"
    plain = _plain(key, policy)
    return _text(plain) if isinstance(plain, str) else json.dumps(plain)


def _inline(table: dict[str, Any]) -> str:
    """Return an inline table of texts, numbers and lists of plain words."""
    parts = [f"{name} = {_text(value) if isinstance(value, str) else json.dumps(value)}" for name, value in table.items()]
    return f"{{ {', '.join(parts)} }}"


def _logs(policy: Policy, table: str) -> Iterator[str]:
    """Yield the tlog-policies of a table that is complete otherwise."""
    quorum = {"witness": policy.witness, "mirror": policy.mirror}.get(table)
    logs = _plain_logs(quorum) if quorum else {}
    if not logs:
        return
    yield ""
    yield f"[{table}.logs]"
    for origin, one in logs.items():
        written = _text(one) if isinstance(one, str) else f"{{ file = {_text(one['file'])} }}"
        yield f"{_text(origin)} = {written}"


def _group(group: Group) -> Iterator[str]:
    for name, values in (("members", group.members), ("keys", group.keys), ("groups", group.groups)):
        if values:
            yield f"{name} = [{', '.join(_text(one) for one in sorted(values))}]"


def _evidence(one: Evidence) -> Iterator[str]:
    plain = plain_evidence(one)
    for key in EVIDENCE_KEYS:
        if key.name in plain:
            value = plain[key.name]
            yield f"# {key.text}"
            yield f"{key.name} = {_text(value) if isinstance(value, str) else json.dumps(value)}"


def _text(value: str) -> str:
    """Return a TOML string; its escapes are those of JSON, and DEL."""
    quoted = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if "\n" not in value or '"""' in value or "\\" in value:
        return quoted
    return '"""\n' + quoted[1:-1].replace("\\n", "\n").replace('\\"', '"') + '"""'
