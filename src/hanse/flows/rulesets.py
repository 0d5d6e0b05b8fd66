"""The ruleset in force: the one that ships with Hanse, or one from a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from hanse import rules as shipped
from hanse.errors import BadFormat, StorageError
from hanse.scan.ruleset import Ruleset, parse_ruleset, read_ruleset

COMPILED = "ruleset.json"
MAX_RULESET_BYTES = 8 * 1024 * 1024
_FOLDER = Path(next(iter(shipped.__path__)))  # importlib.resources takes as long to import as the ruleset to be read


@cache
def builtin_ruleset() -> Ruleset:
    """Return the ruleset that ships with this version: `ruleset.json`, compiled from the TOML files beside it."""
    compiled = _FOLDER / COMPILED
    return read_ruleset(compiled.read_bytes()) if compiled.is_file() else parse_ruleset(builtin_parts())


def builtin_parts() -> Iterator[dict[str, Any]]:
    """Yield the TOML files that ship with this version, in order of name."""
    import tomllib  # noqa: PLC0415 needed only where the compiled ruleset is not used

    for one in sorted(_FOLDER.glob("*.toml")):
        yield tomllib.loads(one.read_text(encoding="utf-8"))


def load_ruleset(path: Path) -> Ruleset:
    """Return the ruleset in a TOML or JSON file, or in all TOML files of a folder; raises BadFormat or StorageError.

    It must have every rule and every list that this version of the scanner asks for.
    """
    try:
        files = sorted(path.glob("*.toml")) if path.is_dir() else [path]
        parts = [_part(one) for one in files]
    except OSError as error:
        raise StorageError(f"cannot read ruleset {path}: {error.strerror}") from error
    found = parse_ruleset(parts)
    _check(found)
    return found


def _check(rules: Ruleset) -> None:
    """Refuse a ruleset of another version of the scanner, or a part of one, before a file meets what it lacks."""
    own = builtin_ruleset()
    absent = sorted(own.rules.keys() - rules.rules.keys())
    for area, table in sorted(own.data.items()):
        given = rules.data.get(area)
        absent += [f"data.{area}.{key}" for key in sorted(table) if not isinstance(given, dict) or key not in given]
    if absent:
        more = f" and {len(absent) - 5} more" if len(absent) > 5 else ""
        raise BadFormat(
            f"ruleset {rules.version[:40]!r} lacks {', '.join(absent[:5])}{more}, which this version of the scanner asks for",
            hint="begin with the ruleset that ships with Hanse, all of it, and change what should differ",
        )


def _part(path: Path) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 as above

    data = path.read_bytes()
    if len(data) > MAX_RULESET_BYTES:
        raise BadFormat(f"ruleset {path.name} is larger than {MAX_RULESET_BYTES} bytes")
    try:
        value = json.loads(data) if path.suffix == ".json" else tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadFormat(f"ruleset {path.name}: {str(error)[:200]}") from error
    if not isinstance(value, dict):
        raise BadFormat(f"ruleset {path.name} must be a table")
    return value
