"""`hanse service`: a systemd unit that keeps a node running as the current user."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from hanse.errors import BadSetting, StorageError
from hanse.settings import from_machine

app = App(name="service", help="Keep a node running with systemd.", default_parameter=Parameter(negative=()))

# Only what the manager of an unprivileged user may grant: directives that change the capability bounding set would keep the
# unit from starting, and the file system rules need PrivateUsers.
_UNIT = """\
[Unit]
Description=Hanse node
Documentation=man:systemd.service(5)
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
ExecStart={command}
Restart=on-failure
RestartSec=2
TimeoutStopSec=90
LimitNOFILE=65536
UMask=0077
NoNewPrivileges=yes
PrivateUsers=yes
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths={data}
PrivateTmp=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native

[Install]
WantedBy=default.target
"""


def _quoted(value: str | Path) -> str:
    """Return `value` as one word of a unit file (systemd.syntax(7)): quoted, specifiers and variables escaped."""
    text = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"'


def unit_text(python: Path, data: Path, config: Path | None) -> str:
    """Return the unit that runs `hanse serve` with `python` on the folder `data`."""
    command = [_quoted(python), "-m", "hanse", "serve", "--data", _quoted(data)]
    if config:
        command += ["--config", _quoted(config)]
    return _UNIT.format(command=" ".join(command), data=_quoted(data))


def unit_path() -> Path:
    """Return where user units live: `systemd/user` in the XDG configuration folder."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "systemd" / "user" / "hanse.service"


def _write(path: Path, text: str, data: Path) -> None:
    """Write the unit (0644) and make the data folder (0700), which the unit's sandbox needs to exist."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error}") from error


@app.command
def install(
    *,
    user: Annotated[bool, Parameter(help="Install for the current user, under the XDG configuration folder.")] = False,
    show: Annotated[bool, Parameter(name="--print", help="Print the unit instead of writing it.")] = False,
    data: Annotated[Path | None, Parameter(help="Folder of everything the node keeps.")] = None,
    config: Annotated[Path | None, Parameter(help="Settings file the node reads.")] = None,
) -> int:
    """Write a hardened systemd unit for a node and print the commands that start it."""
    settings = from_machine({"data": data}, config)
    text = unit_text(Path(sys.executable), settings.data, config.absolute() if config else None)
    if show:
        print(text, end="")
        return 0
    if not user:
        raise BadSetting("only services of the current user are installed", hint="add --user, or --print to see the unit")
    _write(unit_path(), text, settings.data)
    print(f"wrote {unit_path()}\nstart it now and at every login:\n  systemctl --user daemon-reload")
    print("  systemctl --user enable --now hanse.service\nkeep it running while nobody is logged in:\n  loginctl enable-linger")
    return 0
