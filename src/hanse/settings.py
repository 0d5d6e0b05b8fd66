"""Every setting of a node: one field, its parser, its bounds and one line of documentation.

A value is taken from the flag, else from `HANSE_<NAME>`, else from `hanse.toml`, else it is the default. Unknown names in the
file and unknown `HANSE_*` variables are errors, since a mistyped protection must not be silently absent. docs/settings.md lists
every setting; a test compares it with this file.
"""

from __future__ import annotations

import dataclasses
import difflib
import ipaddress
import os
import shlex
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from hanse.errors import BadSetting, HanseError
from hanse.model.limits import GIB, KIB, MIB, Limits
from hanse.model.repo import Origin, parse_name, parse_origin

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_UNITS = {"": 1, "b": 1, "kib": KIB, "mib": MIB, "gib": GIB, "tib": 1024 * GIB}
_TIMES = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_ENV_ONLY = ("HANSE_HOME", "HANSE_CONFIG")


class Doc(NamedTuple):
    """What `docs/settings.md` says about one setting; `default` is the text shown there."""

    text: str
    default: str = ""


def _text(raw: object) -> str:
    """Return `raw` as text of 1 to 4,096 printable characters."""
    if not isinstance(raw, str | Path) or not 1 <= len(str(raw)) <= 4096 or not str(raw).isprintable():
        raise ValueError("text of 1 to 4,096 printable characters")
    return str(raw)


def _bool(raw: object) -> bool:
    """Return `raw` as a truth value; text may be true, false, 1, 0, yes or no."""
    if isinstance(raw, bool):
        return raw
    known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if isinstance(raw, str) and raw.lower() in known:
        return known[raw.lower()]
    raise ValueError("true or false")


def _scaled(raw: object, units: Mapping[str, int]) -> int:
    """Return a whole number, or text such as `10 MiB` or `28d`, as a number of base units; raises ValueError."""
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    text = _text(raw).replace(" ", "").replace("_", "").lower()
    digits = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 18 or text[len(digits) :] not in units:
        raise ValueError("a number")
    return int(digits) * units[text[len(digits) :]]


def _whole(low: int, high: int, units: Mapping[str, int] | None = None) -> Callable[[object], int]:
    """Return a parser of whole numbers from `low` to `high`, with `units` as allowed suffixes."""

    def parse(raw: object) -> int:
        wanted = f"a whole number from {low:,} to {high:,}"
        if units:
            wanted += f", or one with a unit ({', '.join(unit for unit in units if unit)})"
        try:
            value = _scaled(raw, units or {"": 1})
        except ValueError:
            raise ValueError(wanted) from None
        if not low <= value <= high:
            raise ValueError(wanted)
        return value

    return parse


def _choice(*allowed: str) -> Callable[[object], str]:
    """Return a parser that accepts exactly the texts in `allowed`."""

    def parse(raw: object) -> str:
        if raw not in allowed:
            raise ValueError(f"one of {', '.join(allowed)}")
        return str(raw)

    return parse


def _clamd(raw: object) -> str:
    """Return the address of a clamd: `unix:/path` or `host:port`."""
    text = _text(raw)
    host, _, port = text.rpartition(":")
    if not text.startswith("unix:/") and not (host and port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
        raise ValueError("an address such as unix:/run/clamav/clamd.ctl or 127.0.0.1:3310")
    return text


def _command(raw: object) -> str:
    """Return a command line in which `{file}` stands for a file."""
    text = _text(raw)
    try:
        words = shlex.split(text)
    except ValueError:
        words = []
    if "{file}" in words[:1] or not any("{file}" in word for word in words):
        raise ValueError("a command with {file} in it, such as modelaudit scan --format json {file}")
    return text


_ACTION = _choice("refuse", "hold", "warn")


def _path(raw: object) -> Path:
    """Return an absolute path; `~` is the home folder."""
    return Path(_text(raw)).expanduser().absolute()


def _url(raw: object) -> str:
    """Return an http or https address without a trailing slash, query or credentials."""
    text = _text(raw).rstrip("/")
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("an address such as https://models.example.org")
    return text


def _database(raw: object) -> str:
    """Return a database address; `postgresql://` means the psycopg driver."""
    text = _text(raw)
    if text.startswith(("sqlite:///", "postgresql+psycopg://")):
        return text
    if text.startswith(("postgresql://", "postgres://")):
        return "postgresql+psycopg://" + text.partition("://")[2]
    raise ValueError("postgresql://USER@HOST/NAME or sqlite:///FILE")


def _networks(raw: object) -> tuple[Network, ...]:
    """Return networks from a list, or from text with commas."""
    parts = raw if isinstance(raw, list | tuple) else [part for part in _text(raw).split(",") if part.strip()]
    try:
        return tuple(ipaddress.ip_network(_text(part).strip()) for part in parts)
    except ValueError:
        raise ValueError("networks such as 127.0.0.1/32, 10.0.0.0/8 or ::1/128, separated by commas") from None


def _table(key: Callable[[str], str], value: Callable[[str], str], example: str) -> Callable[[object], dict[str, str]]:
    """Return a parser of tables: TOML tables, or text such as `a=b,c=d`; at most 10,000 rows."""

    def parse(raw: object) -> dict[str, str]:
        rows = raw
        if isinstance(raw, str):
            rows = dict(part.strip().partition("=")[::2] for part in raw.split(",") if part.strip())
        if not isinstance(rows, Mapping) or len(rows) > 10_000:
            raise ValueError(f"a table such as {example}")
        try:
            return {key(_text(left)): value(_text(right)) for left, right in rows.items()}
        except (HanseError, ValueError) as error:
            raise ValueError(f"a table such as {example} ({error})") from None

    return parse


def _repo_path(text: str) -> str:
    namespace, slash, name = text.partition("/")
    if not slash:
        raise ValueError(f"{text!r} is not namespace/name")
    return f"{parse_name(namespace, 'namespace')}/{parse_name(name)}"


def _folded(text: str) -> str:
    return parse_name(text).lower()


def _origin(raw: object) -> Origin:
    try:
        return parse_origin(_text(raw))
    except HanseError as error:
        raise ValueError(f"a host name such as models.example.org ({error.message})") from None


def _token(raw: object) -> str:
    text = _text(raw)
    if not 16 <= len(text) <= 512 or not text.isascii() or " " in text:
        raise ValueError("text of 16 to 512 visible ASCII characters")
    return text


def parse_size(text: str) -> int:
    """Return a number of bytes from text such as `500 GiB`; raises BadSetting."""
    try:
        return _SIZE_OR_NONE(text)
    except ValueError as error:
        raise BadSetting(f"a size must be {error}, got {text[:40]!r}") from None


def _setting(default: Any, parse: Callable[[object], Any], doc: str, shown: str = "") -> Any:
    """Return a dataclass field that knows its parser and its line of documentation."""
    known = {"parse": parse, "doc": Doc(doc, shown or str(default))}
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=known)
    return field(default=default, metadata=known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one node process is told; made by `load`."""

    home: Path = field(metadata={})
    data: Path = _setting(None, _path, "Folder of everything the node keeps.", "`HANSE_HOME/node`")
    host: str = _setting("127.0.0.1", _text, "Address to listen on.")
    port: int = _setting(8080, _whole(0, 65535), "Port to listen on; 0 takes a free one.")
    origin: Origin | None = _setting(
        None, _origin, "Name the node answers for, for ever; fixed by the first start.", "made from the node's key"
    )
    public_url: str | None = _setting(
        None, _url, "Address clients use, where it differs from host and port.", "the address of each request"
    )
    database: str | None = _setting(None, _database, "Catalogue: PostgreSQL, or SQLite.", "SQLite in the data folder")
    workers: int = _setting(1, _whole(1, 64), "Server processes; more than one needs PostgreSQL.")
    tls_cert: Path | None = _setting(None, _path, "Certificate chain, PEM; with `tls_key` the node speaks HTTPS.", "none")
    tls_key: Path | None = _setting(None, _path, "Private key of the certificate, PEM.", "none")
    trusted_proxy: tuple[Network, ...] = _setting(
        (), _networks, "Networks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.", "none"
    )
    admin_token: str | None = _setting(
        None, _token, "Token of the administrator, instead of a random one.", "made at first start"
    )
    require_auth_for_reads: bool = _setting(False, _bool, "Anonymous callers see nothing, not even public repositories.", "false")
    offload: str = _setting(
        "none", _choice("none", "x-accel"), "Who sends large bodies: this process, or nginx by `X-Accel-Redirect`."
    )
    x_accel_prefix: str = _setting("/_hanse_objects/", _text, "Internal nginx location that maps to the data folder's objects.")
    log_format: str = _setting("text", _choice("text", "json"), "Form of the log lines on standard error.")
    log_level: str = _setting("info", _choice("debug", "info", "warning", "error"), "Least important log line shown.")
    aliases: dict[str, str] = _setting(
        {}, _table(_folded, _repo_path, 'gpt2 = "openai-community/gpt2"'), "Names without a namespace that resolve here.", "none"
    )
    claimed: dict[str, str] = _setting(
        {}, _table(_folded, parse_origin, 'acme = "models.acme.example"'), "Namespaces that belong to an origin.", "none"
    )
    scan: str = _setting(
        "enforce",
        _choice("enforce", "report", "off"),
        "What verdicts on files do: what the policy says, warnings only, or nothing is scanned.",
    )
    scan_malicious: str = _setting("refuse", _ACTION, "What is done with malicious files.")
    scan_suspicious: str = _setting("hold", _ACTION, "What is done with suspicious files.")
    scan_inconclusive: str = _setting("hold", _ACTION, "What is done with files that loaders run and that were not read whole.")
    scan_error: str = _setting("hold", _ACTION, "What is done with files whose scan failed or ran out of time or memory.")
    scan_ruleset: Path | None = _setting(None, _path, "Ruleset: a TOML or JSON file, or a folder of TOML files.", "built in")
    scan_workers: int = _setting(2, _whole(1, 64), "Processes in which files are scanned, for each server process.")
    scan_seconds: int = _setting(60, _whole(1, 3600, _TIMES), "Time that scanning one file may take.")
    scan_memory_bytes: int = _setting(
        1024 * MIB, _whole(256 * MIB, 64 * GIB, _UNITS), "Address space of a scanning process.", "1,073,741,824"
    )
    settle_seconds: int = _setting(
        60, _whole(1, 86400, _TIMES), "How long a ref must not move before its newest revision is judged as a whole."
    )
    scan_picklescan: str = _setting(
        "auto", _choice("auto", "off"), "Whether picklescan, if installed, is asked about pickles; recorded, never the gate."
    )
    scan_also: str | None = _setting(
        None, _command, "Command of another scanner that prints JSON about `{file}`; recorded, never the gate.", "none"
    )
    clamd: str | None = _setting(
        None, _clamd, "ClamAV daemon asked about new files, `unix:/path` or `host:port`; recorded, never the gate.", "none"
    )
    limits: Limits = field(default_factory=Limits, metadata={})


_SIZE = _whole(1, 1 << 50, _UNITS)
_SIZE_OR_NONE = _whole(0, 1 << 60, _UNITS)
_TIME = _whole(1, 10 * 365 * 86400, _TIMES)
_RATE = _whole(0, 10_000_000)

LIMIT_PARSERS: dict[str, tuple[Callable[[object], int], str]] = {
    "max_json_bytes": (_SIZE, "Largest JSON request body."),
    "max_commit_bytes": (_SIZE, "Largest body of one commit, with the files inside it."),
    "max_commit_operations": (_whole(1, 1_000_000), "Most operations in one commit."),
    "max_regular_bytes": (_SIZE, "Largest file sent inside a commit."),
    "lfs_threshold_bytes": (_SIZE, "Files above this size are always uploaded as large files."),
    "max_file_bytes": (_SIZE, "Largest file of all."),
    "max_shard_bytes": (_SIZE, "Largest Xet shard accepted."),
    "default_quota_bytes": (_SIZE_OR_NONE, "Storage of a namespace without a quota of its own; 0 is unlimited."),
    "max_staged_bytes_per_account": (
        _SIZE_OR_NONE,
        "What one account may upload to repositories of others and not commit (for pull requests); 0 is unlimited.",
    ),
    "retention_seconds": (_TIME, "How long retired revisions of public repositories stay readable by id."),
    "garbage_seconds": (
        _whole(28 * 86400, 10 * 365 * 86400, _TIMES),
        "How long unreferenced bytes stay after a client last saw them.",
    ),
    "url_ttl_seconds": (_whole(60, 86400, _TIMES), "Life of signed byte addresses."),
    "token_ttl_seconds": (_whole(35, 86400, _TIMES), "Life of Xet tokens; clients renew them 30 seconds before they end."),
    "lfs_part_bytes": (_whole(5 * MIB, 5 * GIB, _UNITS), "Size of the parts of a multipart upload."),
    "upload_ttl_seconds": (_TIME, "How long unfinished uploads are kept."),
    "publish_timeout_seconds": (_whole(1, 3600, _TIMES), "How long a commit waits for its turn before 503."),
    "rate_api": (_RATE, "API requests per five minutes and caller; 0 is unlimited."),
    "rate_tokens": (_RATE, "Xet token requests per five minutes and caller; 0 is unlimited."),
}
"""Parser and documentation of each field of `Limits`; a test holds both to the same names."""


def documented() -> dict[str, Doc]:
    """Return every setting's name with its documentation, in the order of docs/settings.md."""
    rows = {item.name: item.metadata["doc"] for item in dataclasses.fields(Settings) if item.metadata}
    defaults = Limits()
    return rows | {name: Doc(text, f"{getattr(defaults, name):,}") for name, (_, text) in LIMIT_PARSERS.items()}


def home_folder(environ: Mapping[str, str]) -> Path:
    """Return `HANSE_HOME`, else `hanse` in the XDG data folder."""
    if environ.get("HANSE_HOME"):
        return _path(environ["HANSE_HOME"])
    base = environ.get("XDG_DATA_HOME") or str(Path(environ.get("HOME") or "~").expanduser() / ".local" / "share")
    return Path(base).absolute() / "hanse"


def load(flags: Mapping[str, object], environ: Mapping[str, str], toml_text: str = "") -> Settings:
    """Return the settings that flags, environment and file add up to; a flag of None is not given.

    Raises BadSetting for an unknown name or a value outside its bounds, naming where it came from.
    """
    parsers = {item.name: item.metadata["parse"] for item in dataclasses.fields(Settings) if item.metadata}
    parsers |= {name: parse for name, (parse, _) in LIMIT_PARSERS.items()}
    home = home_folder(environ)
    values: dict[str, Any] = {"data": home / "node"}
    for source, name, raw in _given(flags, environ, toml_text, tuple(parsers)):
        try:
            values[name] = parsers[name](raw)
        except ValueError as error:
            shown = "a value that is not shown" if name == "admin_token" else repr(raw)[:120]
            raise BadSetting(f"setting {name} ({source}) must be {error}, got {shown}", hint="docs/settings.md") from None
    limits = Limits(**{name: values.pop(name) for name in LIMIT_PARSERS if name in values})
    settings = Settings(home=home, limits=limits, **values)
    _check_together(settings)
    return settings


def _given(
    flags: Mapping[str, object], environ: Mapping[str, str], toml_text: str, known: tuple[str, ...]
) -> list[tuple[str, str, object]]:
    """Return (source, name, raw value) of every setting that is given, weakest source first."""
    try:
        table = tomllib.loads(toml_text)
    except tomllib.TOMLDecodeError as error:
        raise BadSetting(f"hanse.toml does not parse: {error}") from error
    rows: list[tuple[str, str, object]] = [("hanse.toml", name, raw) for name, raw in table.items()]
    rows += [
        (name, name.removeprefix("HANSE_").lower(), raw)
        for name, raw in environ.items()
        if name.startswith("HANSE_") and name not in _ENV_ONLY and raw
    ]
    rows += [(f"--{name.replace('_', '-')}", name, raw) for name, raw in flags.items() if raw is not None]
    for source, name, _ in rows:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise BadSetting(
                f"there is no setting {name!r} ({source})",
                hint=f"did you mean {near[0]}?" if near else "docs/settings.md lists all",
            )
    return rows


def _check_together(settings: Settings) -> None:
    """Raise BadSetting where two settings contradict each other."""
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise BadSetting("tls_cert and tls_key go together, got only one of them")
    if settings.workers > 1 and not (settings.database or "").startswith("postgresql"):
        raise BadSetting(
            f"{settings.workers} workers need PostgreSQL, got SQLite",
            hint="set database to postgresql://USER@HOST/NAME, or workers to 1",
        )
    prefix = settings.x_accel_prefix
    if not prefix.startswith("/") or not prefix.endswith("/"):
        raise BadSetting(f"x_accel_prefix must start and end with '/', got {prefix!r}")


def from_machine(flags: Mapping[str, object], config: Path | None = None) -> Settings:
    """Return the settings of this process: `flags`, `os.environ` and the file `config`.

    The file is `config`, else `HANSE_CONFIG`, else `HANSE_HOME/hanse.toml` if there is one. Raises BadSetting.
    """
    named = config or (Path(os.environ["HANSE_CONFIG"]) if os.environ.get("HANSE_CONFIG") else None)
    path = named or home_folder(os.environ) / "hanse.toml"
    text = ""
    if named or path.exists():
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadSetting(f"cannot read the settings file {path}: {error}") from error
    return load(flags, os.environ, text)
