"""`hanse serve`: start a node with the settings of flags, environment and file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from hanse.settings import documented, from_machine

_DOCS = documented()


def _flag(name: str) -> Parameter:
    """Return the flag of setting `name`, with its line of documentation and its default."""
    doc = _DOCS[name]
    return Parameter(help=f"{doc.text} Default: {doc.default}.", show_default=False)


def serve(
    *,
    config: Annotated[
        Path | None, Parameter(help="Settings file. Default: hanse.toml in HANSE_HOME.", show_default=False)
    ] = None,
    data: Annotated[Path | None, _flag("data")] = None,
    host: Annotated[str | None, _flag("host")] = None,
    port: Annotated[int | None, _flag("port")] = None,
    origin: Annotated[str | None, _flag("origin")] = None,
    public_url: Annotated[str | None, _flag("public_url")] = None,
    database: Annotated[str | None, _flag("database")] = None,
    workers: Annotated[int | None, _flag("workers")] = None,
    tls_cert: Annotated[Path | None, _flag("tls_cert")] = None,
    tls_key: Annotated[Path | None, _flag("tls_key")] = None,
    trusted_proxy: Annotated[list[str] | None, _flag("trusted_proxy")] = None,
    witness_only: Annotated[bool | None, _flag("witness_only")] = None,
    log_format: Annotated[str | None, _flag("log_format")] = None,
    log_level: Annotated[str | None, _flag("log_level")] = None,
) -> int:
    """Start a node; stops cleanly on SIGTERM.

    Every other setting is given as HANSE_NAME or in hanse.toml (docs/settings.md).
    """
    flags = {name: value for name, value in locals().items() if name != "config"}
    settings = from_machine(flags, config)
    if settings.witness_only:
        from hanse.app_witness import serve_witness

        return serve_witness(settings)
    from hanse.app import serve as serve_node

    return serve_node(settings)
