"""How settings are read: parsers that turn raw values into checked ones, and fields that carry parser and documentation.

A parser takes what a flag, an environment variable or the settings file gave and returns the value, or raises ValueError with
what it must be, as it reads after "must be".
"""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from hanse.errors import HanseError
from hanse.flows.replicate.pace import parse_hours
from hanse.model.limits import GIB, KIB, MIB
from hanse.model.repo import Origin, parse_name, parse_origin

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
UNITS = {
    "": 1,
    "b": 1,
    "kib": KIB,
    "mib": MIB,
    "gib": GIB,
    "tib": 1024 * GIB,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
}
TIMES = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}

KEY_SCHEMES = ("hsm", "awskms", "gcpkms", "azurekms", "hv")


class Doc(NamedTuple):
    """What `docs/settings.md` says about one setting; `default` is the text shown there."""

    text: str
    default: str = ""


def text(raw: object) -> str:
    """Return `raw` as text of 1 to 4,096 printable characters."""
    if not isinstance(raw, str | Path) or not 1 <= len(str(raw)) <= 4096 or not str(raw).isprintable():
        raise ValueError("text of 1 to 4,096 printable characters")
    return str(raw)


def boolean(raw: object) -> bool:
    """Return `raw` as a truth value; text may be true, false, 1, 0, yes or no."""
    if isinstance(raw, bool):
        return raw
    known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if isinstance(raw, str) and raw.lower() in known:
        return known[raw.lower()]
    raise ValueError("true or false")


def scaled(raw: object, units: Mapping[str, int]) -> int:
    """Return a whole number, or text such as `10 MiB` or `28d`, as a number of base units; raises ValueError."""
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    said = text(raw).replace(" ", "").replace("_", "").lower()
    digits = said.rstrip("abcdefghijklmnopqrstuvwxyz")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 18 or said[len(digits) :] not in units:
        raise ValueError("a number")
    return int(digits) * units[said[len(digits) :]]


def whole(low: int, high: int, units: Mapping[str, int] | None = None) -> Callable[[object], int]:
    """Return a parser of whole numbers from `low` to `high`, with `units` as allowed suffixes."""

    def parse(raw: object) -> int:
        wanted = f"a whole number from {low:,} to {high:,}"
        if units:
            wanted += f", or one with a unit ({', '.join(unit for unit in units if unit)})"
        try:
            value = scaled(raw, units or {"": 1})
        except ValueError:
            raise ValueError(wanted) from None
        if not low <= value <= high:
            raise ValueError(wanted)
        return value

    return parse


def choice(*allowed: str) -> Callable[[object], str]:
    """Return a parser that accepts exactly the texts in `allowed`."""

    def parse(raw: object) -> str:
        if raw not in allowed:
            raise ValueError(f"one of {', '.join(allowed)}")
        return str(raw)

    return parse


def clamd(raw: object) -> str:
    """Return the address of a clamd: `unix:/path` or `host:port`."""
    said = text(raw)
    host, _, port = said.rpartition(":")
    if not said.startswith("unix:/") and not (host and port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
        raise ValueError("an address such as unix:/run/clamav/clamd.ctl or 127.0.0.1:3310")
    return said


def command(raw: object) -> str:
    """Return a command line in which `{file}` stands for a file."""
    said = text(raw)
    try:
        words = shlex.split(said)
    except ValueError:
        words = []
    if "{file}" in words[:1] or not any("{file}" in word for word in words):
        raise ValueError("a command with {file} in it, such as modelaudit scan --format json {file}")
    return said


ACTION = choice("refuse", "hold", "warn")
"""What is done with a file of some verdict."""


def path(raw: object) -> Path:
    """Return an absolute path; `~` is the home folder."""
    return Path(text(raw)).expanduser().absolute()


def place(raw: object) -> str:
    """Return where a key is: an address such as `hsm:2?label=TOKEN` as it is, or an absolute path."""
    said = text(raw)
    scheme, colon, rest = said.partition(":")
    if colon and "/" not in scheme:
        if scheme not in KEY_SCHEMES or not (rest or scheme == "hsm"):
            raise ValueError(f"a path, or an address that starts with {', '.join(f'{one}:' for one in KEY_SCHEMES)}")
        return said
    return str(path(said))


def url(raw: object) -> str:
    """Return an http or https address without a trailing slash, query or credentials."""
    said = text(raw).rstrip("/")
    expected = "an address such as https://models.example.org"
    try:
        parts = urlsplit(said)
        _ = parts.port
    except ValueError as error:  # unbalanced brackets, no such port
        raise ValueError(expected) from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError(expected)
    return said


def upstream(raw: object) -> str:
    """Return the name or the address of a hub."""
    said = text(raw)
    return said if said == "huggingface" else url(said)


def database(raw: object) -> str:
    """Return a database address; `postgresql://` means the psycopg driver."""
    said = text(raw)
    if said.startswith(("sqlite:///", "postgresql+psycopg://")):
        return said
    if said.startswith(("postgresql://", "postgres://")):
        return "postgresql+psycopg://" + said.partition("://")[2]
    raise ValueError("postgresql://USER@HOST/NAME or sqlite:///FILE")


def networks(raw: object) -> tuple[Network, ...]:
    """Return networks from a list, or from text with commas."""
    parts = raw if isinstance(raw, list | tuple) else [part for part in text(raw).split(",") if part.strip()]
    try:
        return tuple(ipaddress.ip_network(text(part).strip()) for part in parts)
    except ValueError:
        raise ValueError("networks such as 127.0.0.1/32, 10.0.0.0/8 or ::1/128, separated by commas") from None


def table(key: Callable[[str], str], value: Callable[[str], str], example: str) -> Callable[[object], dict[str, str]]:
    """Return a parser of tables: TOML tables, or text such as `a=b,c=d`; at most 10,000 rows."""

    def parse(raw: object) -> dict[str, str]:
        rows = raw
        if isinstance(raw, str):
            rows = dict(part.strip().partition("=")[::2] for part in raw.split(",") if part.strip())
        if not isinstance(rows, Mapping) or len(rows) > 10_000:
            raise ValueError(f"a table such as {example}")
        try:
            return {key(text(left)): value(text(right)) for left, right in rows.items()}
        except (HanseError, ValueError) as error:
            raise ValueError(f"a table such as {example} ({error})") from None

    return parse


def patterns(raw: object) -> tuple[str, ...]:
    """Return at most 1,000 shell patterns over repository names from a list, or from text with commas."""
    parts = raw if isinstance(raw, list | tuple) else text(raw).split(",")
    found = tuple(text(part).strip() for part in parts if part)
    if len(found) > 1000 or any(not one or len(one) > 256 or one.count("*") > 8 or "/" not in one for one in found):
        raise ValueError("at most 1,000 patterns such as uni-a/*, separated by commas")
    return found


def hours(raw: object) -> str:
    """Return times of day, written like `22:00-06:00`, separated by commas; empty text for always."""
    said = "" if raw == "" else text(raw)
    try:
        parse_hours(said)
    except HanseError as error:
        raise ValueError(f"times such as 22:00-06:00 ({error.message})") from None
    return said


def repo_path(raw: str) -> str:
    """Return `namespace/name` as given, checked."""
    namespace, slash, name = raw.partition("/")
    if not slash:
        raise ValueError(f"{raw!r} is not namespace/name")
    return f"{parse_name(namespace, 'namespace')}/{parse_name(name)}"


def folded(raw: str) -> str:
    """Return a name without a namespace, in lower case."""
    return parse_name(raw).lower()


def origin(raw: object) -> Origin:
    """Return an origin."""
    try:
        return parse_origin(text(raw))
    except HanseError as error:
        raise ValueError(f"a host name such as models.example.org ({error.message})") from None


def token(raw: object) -> str:
    """Return text of 16 to 512 visible ASCII characters."""
    said = text(raw)
    if not 16 <= len(said) <= 512 or not said.isascii() or " " in said:
        raise ValueError("text of 16 to 512 visible ASCII characters")
    return said


def setting(default: Any, parse: Callable[[object], Any], doc: str, shown: str = "") -> Any:
    """Return a dataclass field that knows its parser and its line of documentation."""
    known = {"parse": parse, "doc": Doc(doc, shown or str(default))}
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=known)
    return field(default=default, metadata=known)
