"""What a program's Hub client returns from a place that only the program names is shown to the gateway first.

A client takes what it finds in a folder of `local_dir`, or in a cache that the program names, without asking for it. The gateway
compares it with the revision that it is said to be of (`hanse.flows.gateway.places`). What lies in the session's own cache was
audited before the program started, and is not shown.

Runs in the program's own Python, of any version from 3.8 on, and takes nothing but the standard library.
"""

from __future__ import annotations

import functools
import http.client
import inspect
import json
import os
import sys
from urllib.parse import urlsplit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType
    from typing import Any

URL = os.environ.get("HANSE_GATEWAY", "")
OWN = os.path.abspath(os.environ.get("HANSE_GATEWAY_CACHE", "")) + os.sep
SECONDS = 86400
"""How long an answer is waited for: files may be many, and have to be hashed."""
MAX_ANSWER = 1 << 20
_SNAPSHOT = "huggingface_hub._snapshot_download"
_LOOK = "try_to_load_from_cache"
_parts: set[str] = set()
"""Files that were returned to a download of a whole repository, which is shown to the gateway when it ends."""


def watch(module: ModuleType) -> None:
    """Have what a module of the client returns to programs checked; what it does not have is passed over."""
    for name, watched in (("hf_hub_download", _checked), ("snapshot_download", _checked), (_LOOK, _looked_up)):
        function = getattr(module, name, None)
        if function is not None and function.__module__ == module.__name__:
            setattr(module, name, watched(function))


def _caller() -> str:
    """Return the name of the module that called the function that asks."""
    return str(sys._getframe(2).f_globals.get("__name__", ""))


def _checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a download that gives only what the gateway found right; what was altered is downloaded once more."""

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        found = function(*args, **kwargs)
        if not isinstance(found, str):
            return found
        if _caller() == _SNAPSHOT:
            _parts.add(os.path.abspath(found))
            return found
        told = _told(function, args, kwargs)
        if _altered(found, told):
            found = function(*args, **kwargs)
            again = _altered(found, told)
            if again:
                raise OSError(f"altered, and again after it was downloaded anew: {again}")
        return found

    return checked


def _looked_up(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the client's look into a cache, in which there is nothing that was altered."""

    @functools.wraps(function)
    def looked_up(*args: Any, **kwargs: Any) -> Any:
        found = function(*args, **kwargs)
        if not isinstance(found, str) or _caller().startswith("huggingface_hub."):
            return found
        return None if _altered(found, _told(function, args, kwargs)) else found

    return looked_up


def _told(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a function was told, by name; names that it no longer has are let pass, as the client lets them."""
    return {**dict(zip(inspect.signature(function).parameters, args)), **kwargs}


def _altered(found: str, told: Mapping[str, Any]) -> str:
    """Return what the gateway found altered, empty if all is as it must be; raises OSError for what must not be used."""
    path, folder = os.path.abspath(found), told.get("local_dir")
    parts = [one for one in list(_parts) if one.startswith(path + os.sep)]
    _parts.difference_update(parts)
    if folder is None and path.startswith(OWN) and (told.get("endpoint") or URL) == URL:
        return ""
    question = {
        "type": told.get("repo_type") or "model",
        "repo": told["repo_id"],
        "revision": told.get("revision"),
        "path": path,
        "folder": None if folder is None else os.path.abspath(str(folder)),
        "files": parts,
    }
    return str(_ask(question))


def _ask(question: Mapping[str, Any]) -> Any:
    """Return what the gateway found altered of what was returned; raises OSError, with its reason, if it refuses it."""
    url = urlsplit(URL)
    gateway = http.client.HTTPConnection(url.hostname or "", url.port, timeout=SECONDS)
    try:
        gateway.request("POST", f"{url.path}/-/given", json.dumps(question), {"Content-Type": "application/json"})
        answer = gateway.getresponse()
        told = json.loads(answer.read(MAX_ANSWER))
    except (OSError, ValueError, http.client.HTTPException) as error:
        path = question["path"]
        raise OSError(f"{path} is not given, because nobody can check it: the gateway of this session has ended") from error
    finally:
        gateway.close()
    if answer.status != 200:
        raise OSError(f"hanse: {told.get('error', answer.reason)}")
    return told["altered"]
