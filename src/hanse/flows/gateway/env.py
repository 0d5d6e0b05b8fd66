"""What a program is given so that its Hugging Face client asks the gateway, and nothing it finds on the way was put there before.

The cache is one of its own per policy and upstream: clients keep trees and files for ever and ask no one about what they have,
and what one hub claimed of a commit id is not what another one claims.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hanse.policy.rules import Policy

PUBLIC_HUB = "https://huggingface.co"
BEHIND = "HANSE_BEHIND"
"""Holds HF_ENDPOINT as it was before, for a gateway that is started behind another one."""
GATEWAY, OWN_CACHE = ("HANSE_GATEWAY", "HANSE_GATEWAY_CACHE")
"""Tell what is loaded into programs (`hanse.guest`) its gateway, and the cache that needs no check, whatever else they set."""
DAY = "86400"
"""Seconds that a client waits for a silent answer: a file is held back until it is whole and judged."""
LOCAL = ("127.0.0.1", "localhost")
OLD_CACHES = ("TRANSFORMERS_CACHE", "PYTORCH_TRANSFORMERS_CACHE", "PYTORCH_PRETRAINED_BERT_CACHE")
"""Variables by which older libraries find a cache of their own; what lies there was judged by no policy."""
TABLE_CACHES = ("HF_DATASETS_DOWNLOADED_DATASETS_PATH", "HF_DATASETS_EXTRACTED_DATASETS_PATH")
"""Variables that take parts of the data sets' cache elsewhere, where programs under other policies find them."""
STAGING, LLAMA = ("HUGGINGFACE_CO_STAGING", "MODEL_ENDPOINT")
"""Variables that count more than HF_ENDPOINT: for Python's Hub client, which asks a hub for tests then, and for llama.cpp."""
GUEST = Path(__file__).resolve().parents[2] / "guest"
"""Folder of what programs load into themselves so that they ask the gateway."""
_NAME_CHARS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
_MAX_NAME = 60


def _plain(value: Any) -> Any:
    """Return a policy's values as JSON has them, sets sorted."""
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(map(_plain, value), key=repr)
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value if isinstance(value, str | int | bool) or value is None else repr(value)


def policy_key(policy: Policy) -> str:
    """Return a folder name for what belongs to one policy: its name, and 8 hex digits of what it says."""
    from hanse.model.canonical import canonical  # noqa: PLC0415 the keys of presets are known

    digest = hashlib.sha256(canonical(_plain(policy))).hexdigest()
    name = "".join(char if char in _NAME_CHARS else "-" for char in policy.name)[:_MAX_NAME].lstrip(".-") or "policy"
    return f"{name}-{digest[:8]}"


def hub_cache(home: Path, policy: Policy) -> Path:
    """Return the cache that programs under `policy` use."""
    return cache_of(home, policy_key(policy))


def cache_of(home: Path, key: str, upstream: str | None = None) -> Path:
    """Return the cache that programs use under the policy with this key (`policy_key`) for names that only `upstream` has.

    upstream: its address, None if no hub is asked, who can contradict nobody.
    """
    other = "" if upstream in (None, PUBLIC_HUB) else f"-{hashlib.sha256((upstream or '').encode()).hexdigest()[:8]}"
    return home / "hub-cache" / f"{key}{other}"


def repo_folder(cache: Path, plural: str, name: str) -> Path:
    """Return where clients keep a repository in a cache; `plural`: models or datasets."""
    return cache / "--".join([plural, *name.split("/")])


def node_options(given: str, preload: Path) -> str:
    """Return NODE_OPTIONS as `given`, with `preload` as the first file that Node loads before a program, once.

    First, so that other preloads wrap a `fetch` that asks the gateway already. Node splits at spaces, and knows double quotes and
    backslashes in them; before Node 12 it takes quotes for parts of a name, so a path that needs none gets none.
    """
    path = str(preload)
    if " " in path or '"' in path:
        escaped = path.replace("\\", "\\\\").replace('"', '\\"')
        path = f'"{escaped}"'
    option = f"--require {path}"
    if f" {option} " in f" {given} ":
        return given
    return f"{option} {given}" if given else option


def client_env(environ: Mapping[str, str], url: str, cache: Path) -> dict[str, str]:
    """Return the environment `environ` changed so that Hugging Face clients use the gateway at `url` and the cache `cache`.

    Xet is off: its clients would fetch around the gateway. What tells libraries of other caches, or of other hubs, tells them of
    these instead; nothing is taken out, since shells do not agree on how that is said.
    """
    more = cache.parent.parent
    tables = more / "datasets-cache" / cache.name
    found = dict(environ)
    found |= {name: str(cache) for name in OLD_CACHES if name in environ}
    found |= {name: str(tables / "downloads") for name in TABLE_CACHES if name in environ}
    found |= {name: value for name, value in ((STAGING, "0"), (LLAMA, url)) if name in environ}
    found |= {
        BEHIND: environ.get("HF_ENDPOINT", ""),
        GATEWAY: url,
        OWN_CACHE: str(cache),
        "PYTHONPATH": os.pathsep.join(_first(str(GUEST), environ.get("PYTHONPATH", ""))),
        "HF_ENDPOINT": url,
        "HF_HUB_CACHE": str(cache),
        "HUGGINGFACE_HUB_CACHE": str(cache),  # huggingface_hub up to 0.18, transformers up to 4.35
        "SENTENCE_TRANSFORMERS_HOME": str(cache),  # sentence-transformers up to 2.2 would use a folder of torch's
        "HF_DATASETS_CACHE": str(tables),
        "HF_MODULES_CACHE": str(more / "modules-cache" / cache.name),
        "HF_HUB_DOWNLOAD_TIMEOUT": DAY,
        "HF_HUB_ETAG_TIMEOUT": DAY,
        "HF_HUB_DISABLE_SHARED_BLOBS": "1",
        "HF_HUB_DISABLE_XET": "1",
        "NODE_OPTIONS": node_options(environ.get("NODE_OPTIONS", ""), GUEST / "hub.cjs"),
    }
    for name in ("NO_PROXY", "no_proxy"):
        hosts = [one.strip() for one in environ.get(name, "").split(",") if one.strip()]
        found[name] = ",".join([*hosts, *(one for one in LOCAL if one not in hosts)])
    return found


def _first(folder: str, path: str) -> list[str]:
    """Return the folders of a search path, with `folder` in front; an empty one would be the current one."""
    return [folder, *(one for one in path.split(os.pathsep) if one not in ("", folder))]


def exports(environ: Mapping[str, str], changed: Mapping[str, str]) -> str:
    """Return the lines that turn environment `environ` into `changed` in sh, bash, zsh and fish; nothing can be taken out."""
    import shlex  # noqa: PLC0415 `hanse run` does without

    lines = [f"export {name}={shlex.quote(value)}" for name, value in changed.items() if environ.get(name) != value]
    return "".join(f"{line}\n" for line in lines)
