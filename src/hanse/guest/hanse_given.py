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
from pathlib import Path
from urllib.parse import urlsplit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType
    from typing import Any

URL = os.environ.get("HANSE_GATEWAY", "")
_own = os.environ.get("HANSE_GATEWAY_CACHE", "")
OWN = (os.path.abspath(_own), os.path.realpath(_own))
"""The session's cache, as it is named, and as some clients name it themselves: without links."""
SECONDS = 86400
"""How long an answer is waited for: files may be many, and have to be hashed."""
MAX_ANSWER = 1 << 20
MARK = "hanse-checked"
_ORIGIN = "HF_HUB_USER_AGENT_ORIGIN"
_SNAPSHOT = "huggingface_hub._snapshot_download"
_LOOK = "try_to_load_from_cache"
_parts: dict[tuple[str, ...], dict[str, None]] = {}
"""Files that downloads of whole repositories put into a folder, by folder and repository: there may be others beside them."""
_running: list[str] = []
"""Such downloads: what one of them put there may be what another one returns, so all is kept until the last one ends."""
_endpoints: set[str] = set()


def watch(module: ModuleType) -> None:
    """Have what a module of the client returns to programs checked; what it does not have is passed over."""
    for name, watched in (("hf_hub_download", _checked), ("snapshot_download", _checked), (_LOOK, _looked_up)):
        function = getattr(module, name, None)
        if function is not None and function.__module__ == module.__name__:
            setattr(module, name, watched(function))
            _tell(name)


def _tell(name: str) -> None:
    """Have the client's questions tell that its downloads are checked: the gateway says of others that theirs are not."""
    constants = sys.modules.get("huggingface_hub.constants")
    if name == "hf_hub_download" and constants is not None:
        before = getattr(constants, _ORIGIN, None)
        setattr(constants, _ORIGIN, f"{before}; {MARK}" if before else MARK)


def _caller() -> str:
    """Return the name of the module that called the function that asks."""
    return str(sys._getframe(2).f_globals.get("__name__", ""))


def _checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a download that asks the gateway, and gives only what that found right; what was altered is downloaded once more."""
    names = inspect.signature(function).parameters

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if "endpoint" in names:
            keep_endpoint(kwargs.get("endpoint"))
            kwargs["endpoint"] = URL
        told = {**dict(zip(names, args)), **kwargs}
        if _caller() == _SNAPSHOT:
            found = function(*args, **kwargs)
            _part(found, told)
            return found
        _running.append(function.__name__)
        try:
            return _right(lambda: function(*args, **kwargs), told)
        finally:
            _running.pop()
            if not _running:
                _parts.clear()

    return checked


def _right(download: Callable[[], Any], told: Mapping[str, Any]) -> Any:
    """Return what was downloaded, once more if it was altered; raises OSError if it is so again, or must not be used."""
    found = download()
    if not isinstance(found, str) or not _altered(found, told):
        return found
    found = download()
    again = _altered(found, told)
    if again:
        raise OSError(f"altered, and again after it was downloaded anew: {again}")
    return found


def _looked_up(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the client's look into a cache, in which there is nothing that was altered."""
    names = inspect.signature(function).parameters

    @functools.wraps(function)
    def looked_up(*args: Any, **kwargs: Any) -> Any:
        found = function(*args, **kwargs)
        if not isinstance(found, str) or _caller().startswith("huggingface_hub."):
            return found
        return None if _altered(found, {**dict(zip(names, args)), **kwargs}) else found

    return looked_up


def keep_endpoint(told: str | None) -> None:
    """Say once that a hub of the program's own is not asked: what it gives would lie unchecked in the same caches."""
    if told and told.rstrip("/") != URL and told not in _endpoints:
        _endpoints.add(told)
        shown = told.rpartition("@")[2]  # what is before it may be a password
        sys.stderr.write(f"hanse: this program names {shown!r} as its hub; its client asks the gateway all the same\n")


def _place(found: str, told: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the folder of a repository or snapshot in which something was returned, and which files of it that were."""
    if "filename" not in told:
        return os.path.join(os.getcwd(), found), []
    name = "/".join(one for one in f"{told.get('subfolder') or ''}/{told['filename']}".split("/") if one not in ("", "."))
    # Not `abspath`, which takes `..` from a link to where no client looks.
    return os.path.join(os.getcwd(), str(Path(found).parents[name.count("/")])), [name]


def _part(found: Any, told: Mapping[str, Any]) -> None:
    """Note a file of a folder that the client fills: it is shown to the gateway once all are there."""
    if isinstance(found, str) and told.get("local_dir") is not None:
        root, (name,) = _place(found, told)
        _parts.setdefault(_key(root, told), {})[name] = None


def _key(root: str, told: Mapping[str, Any]) -> tuple[str, ...]:
    return os.path.realpath(root), str(told.get("repo_type") or "model"), str(told["repo_id"])


def _altered(found: str, told: Mapping[str, Any]) -> str:
    """Return what the gateway found altered, empty if all is as it must be; raises OSError for what must not be used."""
    root, files = _place(found, told)
    local = told.get("local_dir") is not None
    if not local and _is_own(root):
        return ""
    question = {
        "type": told.get("repo_type") or "model",
        "repo": told["repo_id"],
        "revision": told.get("revision"),
        "root": root,
        "files": files or (list(_parts.get(_key(root, told), ())) if local else []),
        "local": local,
    }
    return str(_ask(question, _token(told)))


def _is_own(root: str) -> bool:
    """Tell whether a snapshot is one of the session's cache itself, not of a cache inside it, which nobody audited."""
    entry = os.path.dirname(os.path.dirname(root))
    return os.path.dirname(entry) in OWN and os.pardir not in root


def _token(told: Mapping[str, Any]) -> dict[str, str]:
    """Return the header by which the client showed whose it is: what not everybody may see is compared for those who may."""
    client = sys.modules.get("huggingface_hub.utils")
    sent = client.build_hf_headers(token=told.get("token")) if client else {}
    return {name: one for name, one in sent.items() if name.lower() == "authorization"}


def _ask(question: Mapping[str, Any], headers: dict[str, str]) -> Any:
    """Return what the gateway found altered of what was returned; raises OSError, with its reason, if it refuses it."""
    url = urlsplit(URL)
    gateway = http.client.HTTPConnection(url.hostname or "", url.port, timeout=SECONDS)
    try:
        gateway.request("POST", f"{url.path}/-/given", json.dumps(question), {"Content-Type": "application/json", **headers})
        answer = gateway.getresponse()
        told = json.loads(answer.read(MAX_ANSWER))
    except (OSError, ValueError, http.client.HTTPException) as error:
        root = question["root"]
        raise OSError(f"{root} is not given, because nobody can check it: the gateway of this session has ended") from error
    finally:
        gateway.close()
    if answer.status != 200:
        raise OSError(f"hanse: {told.get('error', answer.reason)}")
    return told["altered"]
