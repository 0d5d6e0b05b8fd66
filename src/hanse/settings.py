"""Every setting of a node: one field, its parser, its bounds and one line of documentation.

A value is taken from the flag, else from `HANSE_<NAME>`, else from `hanse.toml`, else it is the default. Unknown names in the
file and unknown `HANSE_*` variables are errors, since a mistyped protection must not be silently absent. docs/settings.md lists
every setting; a test compares it with this file.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hanse.errors import BadSetting
from hanse.home import home_folder
from hanse.model.limits import GIB, MIB, Limits
from hanse.model.repo import Origin, parse_origin
from hanse.settings_parsers import ACTION as _ACTION
from hanse.settings_parsers import TIMES as _TIMES
from hanse.settings_parsers import UNITS as _UNITS
from hanse.settings_parsers import Doc, Network
from hanse.settings_parsers import boolean as _bool
from hanse.settings_parsers import choice as _choice
from hanse.settings_parsers import clamd as _clamd
from hanse.settings_parsers import command as _command
from hanse.settings_parsers import database as _database
from hanse.settings_parsers import folded as _folded
from hanse.settings_parsers import hours as _hours
from hanse.settings_parsers import networks as _networks
from hanse.settings_parsers import origin as _origin
from hanse.settings_parsers import path as _path
from hanse.settings_parsers import patterns as _patterns
from hanse.settings_parsers import place as _place
from hanse.settings_parsers import repo_path as _repo_path
from hanse.settings_parsers import setting as _setting
from hanse.settings_parsers import table as _table
from hanse.settings_parsers import text as _text
from hanse.settings_parsers import token as _token
from hanse.settings_parsers import upstream as _upstream
from hanse.settings_parsers import url as _url
from hanse.settings_parsers import whole as _whole

_ENV_ONLY = ("HANSE_HOME", "HANSE_CONFIG", "HANSE_NODE", "HANSE_API_KEY", "HANSE_STORE", "HANSE_BEHIND")
_SECRET = ("admin_token", "key_passphrase")


def parse_size(text: str) -> int:
    """Return a number of bytes from text such as `500 GiB`; raises BadSetting."""
    try:
        return _SIZE_OR_NONE(text)
    except ValueError as error:
        raise BadSetting(f"a size must be {error}, got {text[:40]!r}") from None


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
    key_log: str | None = _setting(None, _place, "Key of the log, Ed25519: a PEM file, or `hv:NAME`.", "`keys/log.key`")
    key_witness: str | None = _setting(None, _place, "Key that cosigns other logs, as key_log.", "`keys/witness.key`")
    witness_ml_dsa: bool = _setting(
        False, _bool, "Cosign other logs with an ML-DSA-44 key as well, `keys/witness-ml-dsa.key`.", "false"
    )
    key_mirror: str | None = _setting(None, _place, "Key that cosigns logs replayed and held, as key_log.", "`keys/mirror.key`")
    key_attest: str | None = _setting(
        None,
        _place,
        "Key of statements, ECDSA P-256: a PEM file, `hsm:KEYID?label=TOKEN`, `awskms:`, `gcpkms:` or `azurekms:`.",
        "`keys/attest.key`",
    )
    key_ref: str | None = _setting(None, _place, "Key of ref positions, as key_attest.", "`keys/ref.key`")
    key_passphrase_file: Path | None = _setting(
        None, _path, "File of mode 0600 with the passphrase of encrypted key files, or the PIN of a token.", "none"
    )
    key_passphrase: str | None = _setting(
        None, _text, "The passphrase itself, where no file can hold it; best given as an environment variable.", "none"
    )
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
    witness_only: bool = _setting(False, _bool, "Serve cosignatures of other logs and nothing else.", "false")
    cosign_seconds: int = _setting(
        3600, _whole(60, 86400, _TIMES), "After what time cosignatures are renewed of a log that has not grown."
    )
    upstream: str | None = _setting(
        None, _upstream, "Hub whose repositories are pulled through: `huggingface`, or an address.", "none"
    )
    upstream_mirror_bytes: int = _setting(
        1024 * MIB,
        _whole(0, 1 << 60, _UNITS),
        "Up to what size a revision that was pulled through is mirrored by itself; 0: none is.",
        "1,073,741,824",
    )
    upstream_cache_bytes: int = _setting(
        0, _whole(0, 1 << 60, _UNITS), "What is kept of files pulled through, at most; 0 is unlimited.", "0"
    )
    follow_seconds: int = _setting(60, _whole(1, 86400, _TIMES), "After what time a log that is followed is read again.")
    audit_seconds: int = _setting(
        3600,
        _whole(0, 30 * 86400, _TIMES),
        "After what time each member is asked for random bytes of what it says it holds; 0: never.",
    )
    replicate: bool = _setting(
        True, _bool, "Hold copies of other members' revisions, as far as a federation lists capacity for this node.", "true"
    )
    replicate_rules: Path | None = _setting(
        None, _path, "How many copies there shall be, where no federation says it: a `copies.toml`.", "three copies of everything"
    )
    replicate_pins: tuple[str, ...] = _setting(
        (), _patterns, "Members' repositories that this node holds whatever the rules say: patterns such as `uni-a/*`.", "none"
    )
    replicate_capacity: int | None = _setting(
        None, _whole(0, 1 << 60, _UNITS), "Bytes held for others, at most.", "what the federation lists"
    )
    replicate_rate: int = _setting(
        0, _whole(0, 1 << 40, _UNITS), "Bytes a second at which copies are fetched; 0 is no limit.", "0"
    )
    replicate_hours: str = _setting(
        "", _hours, "Times of day (UTC) at which copies are fetched, such as `22:00-06:00,12:00-13:00`.", "always"
    )
    replicate_grace_seconds: int = _setting(
        86400, _whole(1, 365 * 86400, _TIMES), "How long a member has to fetch its copy before the next one does it.", "86400"
    )
    replicate_silent_seconds: int = _setting(
        30 * 86400,
        _whole(60, 10 * 365 * 86400, _TIMES),
        "How long a member may be silent before others hold its copies.",
        "2592000",
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
    "upload_ttl_seconds": (
        _TIME,
        "How long unfinished uploads are kept, and what came of files that mirrors lack the rest of.",
    ),
    "publish_timeout_seconds": (_whole(1, 3600, _TIMES), "How long a commit waits for its turn before 503."),
    "evaluation_seconds": (
        _whole(0, 30 * 86400, _TIMES),
        "Longest that an evaluation may run which was asked for over HTTP; 0: nobody may ask.",
    ),
    "rate_api": (_RATE, "Other requests per five minutes and caller; 0 is unlimited."),
    "rate_files": (_RATE, "Requests for files (`resolve`, `raw`, `/files`) per five minutes and caller; 0 is unlimited."),
    "rate_tokens": (_RATE, "Xet token requests per five minutes and caller; 0 is unlimited."),
}
"""Parser and documentation of each field of `Limits`; a test holds both to the same names."""


def documented() -> dict[str, Doc]:
    """Return every setting's name with its documentation, in the order of docs/settings.md."""
    rows = {item.name: item.metadata["doc"] for item in dataclasses.fields(Settings) if item.metadata}
    defaults = Limits()
    return rows | {name: Doc(text, f"{getattr(defaults, name):,}") for name, (_, text) in LIMIT_PARSERS.items()}


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
            shown = "a value that is not shown" if name in _SECRET else repr(raw)[:120]
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
    if settings.key_passphrase is not None and settings.key_passphrase_file is not None:
        raise BadSetting("key_passphrase and key_passphrase_file say the same, got both")
    prefix = settings.x_accel_prefix
    if not prefix.startswith("/") or not prefix.endswith("/"):
        raise BadSetting(f"x_accel_prefix must start and end with '/', got {prefix!r}")


def from_machine(flags: Mapping[str, object], config: Path | None = None) -> Settings:
    """Return the settings of this process: `flags`, `os.environ` and the file `config`.

    The file is `config`, else `HANSE_CONFIG`, else `HANSE_HOME/hanse.toml` if there is one. Raises BadSetting.
    """
    named = config or (Path(os.environ["HANSE_CONFIG"]) if os.environ.get("HANSE_CONFIG") else None)
    path = named or home_folder(os.environ) / "hanse.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        if named or not isinstance(error, FileNotFoundError):
            raise BadSetting(f"cannot read the settings file {path}: {error}") from error
        text = ""
    return load(flags, os.environ, text)
