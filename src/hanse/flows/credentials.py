"""Whose token is shown to which server: a token goes to the server that it is for, and to no other.

`hanse login` keeps tokens in `HANSE_HOME/credentials.json`, mode 0600, by scheme, host and port: one for https is not sent over
plain http. For a server without one, the token that Hugging Face clients would send there counts (`hub_token`).
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hanse.errors import InputError, PeerRefused, StorageError
from hanse.flows.named_servers import PUBLIC_HUB, hub_token, nodes_of
from hanse.flows.remembered import write_private
from hanse.peers.addresses import Zone, resolve, server_of, zone_of
from hanse.peers.client import parse_base
from hanse.peers.hub import Hub, origin_of
from hanse.store.durable import make_directory

MAX_TOKEN = 4096
_MAX_FILE = 1024 * 1024


class Credentials:
    """The tokens of the user whose HANSE_HOME is `home`. environ: where Hugging Face clients look for theirs."""

    def __init__(self, home: Path, environ: Mapping[str, str]) -> None:
        self._path = home / "credentials.json"
        self._environ = environ

    def token_for(self, place: str) -> str:
        """Return the token to show to a server, given its address or the name of its origin; empty if there is none.

        Raises InputError for neither, StorageError if the tokens are not this user's own.
        """
        kept = self._read()
        if "://" not in place:
            return next((token for url, token in sorted(kept.items(), reverse=True) if origin_of(url) == place), "")
        url = _key(place)
        return kept.get(url) or self._of_clients(url)

    def _of_clients(self, url: str) -> str:
        """Return what Hugging Face clients would send; without HF_ENDPOINT they talk to the public hub."""
        endpoint = self._environ.get("HF_ENDPOINT") or PUBLIC_HUB
        named = {"HF_ENDPOINT": endpoint, "HANSE_NODE": next(iter(nodes_of(self._environ)), "")}
        for name, address in named.items():
            try:
                same = bool(address) and _key(address) == url
            except InputError:
                continue
            if same:
                return hub_token({**self._environ, "HF_ENDPOINT": "", "HANSE_NODE": "", name: url}, url)
        return ""

    def kept(self) -> tuple[str, ...]:
        """Return the addresses for which a token is kept."""
        return tuple(sorted(self._read()))

    def store(self, place: str, token: str) -> str:
        """Keep a token for a server and return the address it is kept under; raises InputError or StorageError."""
        url, clean = _key(address_of(place)), token.strip()
        if not clean.isascii() or not clean.isprintable() or " " in clean or not 0 < len(clean) <= MAX_TOKEN:
            raise InputError("a token is one word of printable ASCII characters")
        with self._changed() as tokens:
            tokens[url] = clean
        return url

    def forget(self, place: str) -> bool:
        """Forget the token for a server; tell whether there was one."""
        url = _key(address_of(place))
        with self._changed() as tokens:
            return tokens.pop(url, None) is not None

    def _read(self) -> dict[str, str]:
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_uid != os.getuid() or status.st_mode & 0o077:
                    raise StorageError(
                        f"{self._path} is open to others than its owner: the tokens in it are not used",
                        hint=f"chmod 600 {self._path}, and log in with new tokens if somebody else could read it",
                    )
                found = json.loads(file.read(_MAX_FILE))["tokens"]
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise StorageError(f"{self._path} cannot be read: {error}", hint="remove it and log in again") from error
        if type(found) is not dict:
            raise StorageError(f"{self._path} is not what `hanse login` writes", hint="remove it and log in again")
        return {url: token for url, token in found.items() if type(token) is str}

    @contextmanager
    def _changed(self) -> Iterator[dict[str, str]]:
        """Give the tokens to change, and write them; one process at a time."""
        try:
            make_directory(self._path.parent, 0o700)
            lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise StorageError(f"{self._path} cannot be written: {error.strerror}", hint="set HANSE_HOME") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            tokens = self._read()
            yield tokens
            write_private(self._path, json.dumps({"v": 1, "tokens": tokens}, indent=1).encode())
        except OSError as error:
            raise StorageError(f"{self._path} cannot be written: {error.strerror}", hint="set HANSE_HOME") from error
        finally:
            os.close(lock)


def _key(url: str) -> str:
    return server_of(parse_base(url)).url


def address_of(place: str) -> str:
    """Return the address of a server given by address or by the name of its origin, which means https."""
    return parse_base(place if "://" in place else f"https://{place}")


def log_in(credentials: Credentials, place: str, token: str) -> tuple[str, str]:
    """Keep a token that the server at an address knows; return the address and the account that it is of.

    Raises PeerRefused if the server does not know it, InputError if it would go over the internet in the clear.
    """
    url = address_of(place)
    server = server_of(url)
    if server.scheme == "http" and Zone.PUBLIC in {zone_of(one) for one in resolve(server)}:
        raise InputError(f"a token for {server.name} would go over the internet in the clear", hint="use its https address")
    hub = Hub(url, token.strip())
    try:
        account = hub.whoami()
    except PeerRefused as error:
        error.hint = "is the token one of this server, and not expired?"
        raise
    finally:
        hub.close()
    return credentials.store(url, token), account
