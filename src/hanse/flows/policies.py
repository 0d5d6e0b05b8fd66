"""Finding policies: by preset, file, federation, or name below `HANSE_HOME`; and what is to be said about one before it is used.

A policy that cannot be read is an error here, never a default: whoever asked for it gets a refusal.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hanse.errors import HanseError, NotFoundError, PolicyError, TooLarge
from hanse.flows.bounded import read_bounded
from hanse.flows.loaded_policy import LoadedPolicy, complete
from hanse.flows.own_policy import DEFAULT, FILE, is_there
from hanse.policy.presets import PRESETS
from hanse.policy.rules import ANYONE, Policy, Threshold, flatten

# Most policies are presets without a log of their own: a program that runs under one does not wait for what parses the others.

FOLDER = "policies"
FEDERATION = "federation:"
"""What the name of a policy begins with that a trusted federation lists; its name follows."""


def load_policy(name: str | None, home: Path) -> LoadedPolicy:
    """Return the policy called `name`: a preset, `federation:NAME`, a file in `home/policies` without its `.toml`, or a path.

    None: `home/policy.toml` if there is one, else what the federations trusted in `home` list for their readers, else the preset
    `open`. Raises NotFoundError, and PolicyError with everything that is wrong with it; StorageError if `home` cannot be looked
    into.
    """
    if name in PRESETS:
        return LoadedPolicy(PRESETS[name], f"preset {name}")
    if name is None:
        path = home / FILE
        return load_file(path) if is_there(path) else _listed(home) or LoadedPolicy(PRESETS[DEFAULT], f"preset {DEFAULT}")
    listed = name.removeprefix(FEDERATION)
    if listed not in {name, ""} and (found := _listed(home, listed)):
        return found
    path = Path(name) if "/" in name or name.endswith(".toml") else home / FOLDER / f"{name}.toml"
    if is_there(path):
        return load_file(path)
    raise NotFoundError(
        f"there is no policy {name[:200]!r}", hint=f"presets: {', '.join(PRESETS)}; others: a file, or a name in {home / FOLDER}"
    )


def _listed(home: Path, name: str = "") -> LoadedPolicy | None:
    """Return what trusted federations list, None if nothing; what verifies federations is loaded only where there are some."""
    from hanse.flows.federation.seen import FOLDER as FEDERATIONS  # noqa: PLC0415 see above
    from hanse.flows.federation.seen import seen_in  # noqa: PLC0415 see above

    seen = seen_in(home / FEDERATIONS)
    if not seen and not name:
        return None
    from hanse.flows.federation.defaults import default_policy  # noqa: PLC0415 see above

    return default_policy(home / FEDERATIONS, seen, name)


def load_file(path: Path) -> LoadedPolicy:
    """Return the policy in a file; files that it names are relative to its folder. Raises PolicyError, NotFoundError."""
    from hanse.policy.parse import MAX_POLICY_BYTES, parse_policy  # noqa: PLC0415 see above

    try:
        text = read_bounded(path, MAX_POLICY_BYTES).decode()
    except TooLarge as error:
        raise PolicyError(error.message) from error
    except UnicodeDecodeError as error:
        raise PolicyError(f"policy {path} is not UTF-8, so it refuses everything") from error
    return complete(parse_policy(text, path.stem), str(path), path.parent)


def policy_or_refusal(name: str | None, home: Path) -> LoadedPolicy:
    """Return the policy called `name`, or the one that refuses everything and says why this one cannot be used."""
    from hanse.policy.parse import unusable  # noqa: PLC0415 see above

    try:
        return load_policy(name, home)
    except HanseError as error:
        return LoadedPolicy(unusable(error.message), "unusable")


def known_policies(home: Path) -> list[tuple[str, str]]:
    """Return name and place of every policy that can be named: presets, then files below `home`."""
    found = [(name, "preset") for name in PRESETS]
    found += [(path.stem, str(path)) for path in sorted((home / FOLDER).glob("*.toml")) if path.stem not in PRESETS]
    found += [(f"{FEDERATION}{name}", "federation") for name in _federations(home)]
    return found + ([("(default)", str(home / FILE))] if is_there(home / FILE) else [])


def _federations(home: Path) -> list[str]:
    """Return the trusted federations that list a policy."""
    from hanse.flows.federation.seen import FOLDER as FEDERATIONS  # noqa: PLC0415 see above
    from hanse.flows.federation.seen import seen_in  # noqa: PLC0415 see above

    seen = seen_in(home / FEDERATIONS)
    if not seen:
        return []
    from hanse.flows.federation.kept import POLICY  # noqa: PLC0415 see above
    from hanse.flows.federation.trusted import federations_seen  # noqa: PLC0415 see above

    return [str(one.name) for one in federations_seen(home / FEDERATIONS, seen) if POLICY in one.files]


def cautions(loaded: LoadedPolicy, faulty: int = 1) -> tuple[str, ...]:
    """Return what is to be said about a policy before it is used, where up to `faulty` cosigners lie."""
    from hanse.tlog.tlogpolicy import overlap_warnings  # noqa: PLC0415 see above

    policy = loaded.policy
    found: list[str] = []
    for table, quorum, parsed in (("witness", policy.witness, loaded.witness), ("mirror", policy.mirror, loaded.mirror)):
        for part in quorum.parts:
            rest = "of all other logs, " if quorum.logs else ""
            found += [f"{table}: {rest}{one}" for one in _of_group(policy, part, faulty)]
        for origin, one in parsed.items():
            found += [f"{table}.logs.{origin}: {text}" for text in overlap_warnings(one, faulty)]
    if not policy.witness.parts and not policy.witness.logs:
        found.append("witness: no cosignature is asked for, so a log can show two readers different contents")
    return tuple(found)


def _of_group(policy: Policy, part: Threshold, faulty: int) -> Iterable[str]:
    """Yield what follows from `need` of a group, of which each log's own operator does not count."""
    if part.of == ANYONE:
        yield f"{part.need} of anyone: two quorums need not share an honest cosigner; name a group"
        return
    everyone = flatten(policy.groups, part.of)
    size = len(everyone.members) + len(everyone.keys)
    for count, where in ((size, ""), (size - 1, " for logs of its own members")):
        if 2 * part.need - count <= faulty:
            least = _smallest(count, faulty)
            yield (
                f"{part.need} of the {count} of group {part.of!r}{where}: two quorums need not share an honest cosigner "
                f"if {faulty} may lie; " + (f"{least} would" if least else f"{count} are too few for that")
            )
            return


def _smallest(count: int, faulty: int) -> int | None:
    from hanse.tlog.tlogpolicy import smallest_quorum  # noqa: PLC0415 see above

    try:
        return smallest_quorum(count, faulty)
    except PolicyError:
        return None
