"""Reading policies: TOML in, a `Policy` or every reason why there is none.

Nothing is guessed: an empty text, an unknown key, a value out of bounds, a group that cannot reach its threshold, or a name that
is kept for later is an error, and a policy with an error is no policy.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from hanse.errors import HanseError, PolicyError
from hanse.model.decision import AGREED, Rung
from hanse.model.digest import parse_sha256
from hanse.model.repo import parse_origin
from hanse.policy.evidence_form import read_evidence
from hanse.policy.form import BY_PATH, GROUP_NAME, KEYS, RESERVED, RESERVED_GROUPS, TABLES
from hanse.policy.presets import PRESETS, STRICT
from hanse.policy.rules import ANYONE, FORM, Group, Policy, Quorum, Threshold, flatten

MAX_POLICY_BYTES = 1 << 20
MAX_GROUPS = 100
MAX_IN_GROUP = 1000
MAX_LOGS = 100
MAX_ORIGIN = 255
MAX_NAME = 64
MAX_PROBLEMS = 50
_HEAD = ("policy", "base", "name")
_OTHERS = ("groups", "witness.logs", "mirror.logs")


def unusable(reason: str) -> Policy:
    """Return the policy that refuses everything, because of `reason`."""
    return replace(STRICT, name="none", broken=reason)


def parse_policy(text: str, name: str = "policy") -> Policy:
    """Return the policy in a TOML text; `name` is its name if it gives none.

    Raises PolicyError, which lists everything that is wrong with it.
    """
    found = _Reader(name)
    policy = found.read(text)
    if found.problems or policy is None:
        listed = tuple(found.problems[:MAX_PROBLEMS])
        raise PolicyError(
            f"policy {name[:80]!r} cannot be used, so it refuses everything: {'; '.join(listed[:5])}",
            failed=listed,
            hint="hanse policy check FILE lists what is wrong; hanse policy show PRESET prints one to start from",
        )
    return policy


class _Reader:
    """Reads one text and collects what is wrong with it."""

    def __init__(self, name: str) -> None:
        self.problems: list[str] = []
        self.name = name

    def wrong(self, what: str) -> None:
        self.problems.append(what)

    def read(self, text: str) -> Policy | None:
        """Return the policy, or None; then `problems` says why."""
        table = self._toml(text)
        if table is None:
            return None
        self._head(table)
        values = self._values(table)
        groups = self._groups(table.get("groups", {}))
        evidence = read_evidence(table.get("evidence", []), self.wrong)
        base = PRESETS.get(base) if isinstance(base := table.get("base"), str) else None
        if base is None:
            return None
        policy = _built(base, values)
        witness = self._logs(policy.witness, "witness", table)
        mirror = self._logs(policy.mirror, "mirror", table)
        policy = replace(policy, name=table.get("name", self.name), groups=groups, evidence=evidence)
        policy = replace(policy, witness=witness, mirror=mirror)
        if not self.problems:
            self._together(policy)
        return policy

    def _toml(self, text: str) -> dict[str, Any] | None:
        table: dict[str, Any] = {}
        if len(text) > MAX_POLICY_BYTES:
            self.wrong(f"a policy has at most {MAX_POLICY_BYTES} characters, got {len(text)}")
            return None
        try:
            table = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            self.wrong(f"it is no TOML: {error}")
            return None
        if not table:
            self.wrong("it is empty")
        return table or None

    def _head(self, table: Mapping[str, Any]) -> None:
        if (form := table.get("policy")) != FORM or isinstance(form, bool):
            self.wrong(f"policy must be {FORM}, the version of the form, got {form!r:.40}")
        base = table.get("base")
        if not isinstance(base, str) or base not in PRESETS:
            self.wrong(f"base must be the preset that fills in the rest, one of {', '.join(PRESETS)}, got {base!r:.40}")
        name = table.get("name", "policy")
        if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME or not name.isprintable():
            self.wrong(f"name must be a printable text of 1 to {MAX_NAME} characters")

    def _values(self, table: Mapping[str, Any]) -> dict[str, Any]:
        """Return path -> value of every key that is given and right."""
        values: dict[str, Any] = {}
        for path, raw in self._paths(table):
            key = BY_PATH.get(path)
            if key is None:
                self._unknown(path)
                continue
            try:
                values[path] = key.parse(raw)
            except ValueError as error:
                self.wrong(f"{path} must be {error}, got {raw!r:.80}")
        return values

    def _paths(self, table: Mapping[str, Any]) -> list[tuple[str, Any]]:
        rows: list[tuple[str, Any]] = []
        for name, raw in table.items():
            if name in _HEAD or name in {"groups", "evidence"}:
                continue
            if "." in name:  # a quoted key must not pass for the path it looks like
                self.wrong(f"there is no {name[:80]!r}; write [TABLE] and the key below it")
            elif name not in TABLES:
                rows.append((name, raw))
            elif isinstance(raw, dict):
                rows += [(f"{name}.{key}", value) for key, value in raw.items() if f"{name}.{key}" not in _OTHERS]
            else:
                self.wrong(f"{name} must be a table, got {raw!r:.80}")
        return rows

    def _unknown(self, path: str) -> None:
        if path in RESERVED:
            self.wrong(f"{path} is kept for later ({RESERVED[path]}); this version cannot enforce it")
            return
        near = get_close_matches(path, [*BY_PATH, *TABLES, *_HEAD, *_OTHERS, "evidence"], n=1)
        self.wrong(f"there is no {path[:80]!r}" + (f"; did you mean {near[0]}?" if near else ""))

    def _groups(self, raw: Any) -> dict[str, Group]:
        if not isinstance(raw, dict) or len(raw) > MAX_GROUPS:
            self.wrong(f"groups must be at most {MAX_GROUPS} tables")
            return {}
        groups = {name: self._group(name, one) for name, one in raw.items()}
        for name, group in groups.items():
            for other in sorted(group.groups - groups.keys()):
                self.wrong(f"groups.{name} names a group {other[:64]!r} that there is not")
            if _reaches_itself(groups, name):
                self.wrong(f"groups.{name} is a part of itself")
        return groups

    def _group(self, name: str, raw: Any) -> Group:
        where = f"groups.{name[:64]}"
        if not GROUP_NAME.fullmatch(name) or name == ANYONE:
            self.wrong(f"{where}: a group is named by a-z, 0-9 and '-', starting with a letter, and not 'anyone'")
        if name in RESERVED_GROUPS:
            self.wrong(f"{where} is kept for later ({RESERVED_GROUPS[name]})")
        if not isinstance(raw, dict):
            self.wrong(f"{where} must be a table with members, keys or groups")
            return Group()
        for key in sorted(raw.keys() - {"members", "keys", "groups"}):
            near = get_close_matches(key, ["members", "keys", "groups"], n=1)
            self.wrong(f"there is no {where}.{key[:64]}" + (f"; did you mean {near[0]}?" if near else ""))
        members = self._strings(f"{where}.members", raw.get("members", []), parse_origin)
        keys = self._strings(f"{where}.keys", raw.get("keys", []), parse_sha256)
        return Group(members, keys, self._strings(f"{where}.groups", raw.get("groups", []), str))

    def _strings(self, where: str, raw: Any, parse: Any) -> frozenset[str]:
        if not isinstance(raw, list) or len(raw) > MAX_IN_GROUP or not all(isinstance(one, str) for one in raw):
            self.wrong(f"{where} must be a list of at most {MAX_IN_GROUP} texts")
            return frozenset()
        found = set()
        for one in raw:
            try:
                found.add(str(parse(one)))
            except HanseError as error:
                self.wrong(f"{where}: {error.message}")
        return frozenset(found)

    def _logs(self, quorum: Quorum, name: str, table: Mapping[str, Any]) -> Quorum:
        """Return the quorum with the tlog-policies that the file gives for single logs."""
        place = table.get(name, {})
        raw = place.get("logs", {}) if isinstance(place, dict) else {}
        where = f"{name}.logs"
        if not isinstance(raw, dict) or len(raw) > MAX_LOGS:
            self.wrong(f"{where} must be a table of at most {MAX_LOGS} logs")
            return quorum
        logs: dict[str, str] = {}
        files: dict[str, str] = {}
        for origin, one in raw.items():
            if not 1 <= len(origin) <= MAX_ORIGIN or not origin.isprintable():
                self.wrong(f"{where}: {origin!r:.80} is no origin of a log")
            elif isinstance(one, str) and one.strip():
                logs[origin] = one
            elif isinstance(one, dict) and set(one) == {"file"} and isinstance(one["file"], str) and one["file"]:
                files[origin] = one["file"]
            else:
                self.wrong(f"{where}.{origin[:80]!r} must be the text of a tlog-policy or {{ file = 'NAME' }}")
        return replace(quorum, logs=logs, files=files)

    def _together(self, policy: Policy) -> None:
        """Find what is wrong although each value is right."""
        if policy.freshness.warn_age > policy.freshness.max_age:
            self.wrong("freshness.warn_age must be at most freshness.max_age")
        for name, quorum in (("signers", policy.signers), ("witness", policy.witness), ("mirror", policy.mirror)):
            parts = (Threshold(quorum.need, quorum.of), *quorum.also)
            for part in parts:
                self._reachable(name, part, policy.groups)
            if not quorum.need and quorum.of != ANYONE:
                self.wrong(f"{name}.of names a group, but {name}.need is 0: say how many of it are needed")
        for one in policy.evidence:
            self._reachable("evidence", Threshold(one.institutions, one.of), policy.groups)
        self._known("scan.of", policy.scan.of, policy.groups)
        self._reachable("advisories", Threshold(policy.advisories.need, policy.advisories.of), policy.groups)
        for each in policy.advisories.obey:
            self._known("advisories.obey", each.of, policy.groups)
        if policy.rung.rank >= Rung.AGREED.rank and policy.signers.of != ANYONE:
            self._reachable("rung", Threshold(AGREED, policy.signers.of), policy.groups)

    def _known(self, where: str, group: str, groups: Mapping[str, Group]) -> bool:
        if group == ANYONE or group in groups:
            return True
        near = get_close_matches(group, [*groups, ANYONE], n=1)
        later = f"; that name is kept for later ({RESERVED_GROUPS[group]})" if group in RESERVED_GROUPS else ""
        self.wrong(f"{where}: there is no group {group!r}" + (f"; did you mean {near[0]}?" if near else later))
        return False

    def _reachable(self, where: str, part: Threshold, groups: Mapping[str, Group]) -> None:
        if not self._known(where, part.of, groups) or part.of == ANYONE:
            return
        everyone = flatten(groups, part.of)
        size = len(everyone.members) + len(everyone.keys)
        if part.need > size:
            self.wrong(f"{where} needs {part.need} of the group {part.of!r}, which has only {size}")


def _reaches_itself(groups: Mapping[str, Group], name: str) -> bool:
    seen: set[str] = set()
    waiting = list(groups[name].groups)
    while waiting:
        current = waiting.pop()
        if current == name:
            return True
        if current not in seen and current in groups:
            seen.add(current)
            waiting += groups[current].groups
    return False


def _built(base: Policy, values: Mapping[str, Any]) -> Policy:
    """Return `base` with the values of some keys replaced."""
    changed: dict[str, Any] = {}
    for key in KEYS:
        if key.path in values:
            table, _, name = key.path.partition(".")
            if not name:
                changed[table] = values[key.path]
                continue
            part = changed.get(table, getattr(base, table))
            changed[table] = dataclasses.replace(part, **{name: values[key.path]})
    return replace(base, base=base.name, **changed)
